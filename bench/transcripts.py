"""The sessions that docs/agents.md shows: each call is made, and what is there is replaced by what came back.

    python -m bench.transcripts TREE [--save]

TREE is Django's, indexed (`lowtide index TREE`), so that its names are found. A fenced block whose first line is a tool
and its arguments as JSON, on several lines as they like, is a session: what follows the first empty line is the answer.
Without --save it is said which differ. TREE's path is shown as SHOWN.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.agents import Session

PAGE = Path(__file__).parents[1] / "docs/agents.md"
SHOWN = "/home/me/django"
_BLOCK = re.compile(r"^```\n(?P<tool>[a-z]+) (?P<arguments>\{.*?\})\n\n(?P<answer>.*?)\n```$", re.MULTILINE | re.DOTALL)
Ask = Callable[[str, dict[str, Any]], str]


def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The tools and arguments of a page's sessions, in order."""
    return [(block["tool"], json.loads(block["arguments"])) for block in _BLOCK.finditer(text)]


def rewritten(text: str, ask: Ask) -> str:
    """A page whose sessions have the answers of `ask`."""

    def answered(block: re.Match[str]) -> str:
        answer = ask(block["tool"], json.loads(block["arguments"])).replace("```", "'''")
        return f"```\n{block['tool']} {block['arguments']}\n\n{answer.rstrip()}\n```"

    return _BLOCK.sub(answered, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    tree = arguments.tree.resolve()
    session = Session(tree, {**os.environ, "LOWTIDE_EMBEDDED": "0"})
    try:
        while "current: " not in session.call("status"):
            time.sleep(0.1)
        text = PAGE.read_text("utf-8")
        fresh = rewritten(text, lambda tool, given: session.call(tool, **given).replace(str(tree), SHOWN))
    finally:
        session.close()
    if arguments.save:
        PAGE.write_text(fresh, "utf-8")
    elif fresh != text:
        sys.exit("the page shows other answers: --save writes these")


if __name__ == "__main__":
    main()
