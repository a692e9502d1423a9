"""Whether a message that somebody pasted leads to the code that prints it.

    python -m bench.messages FOLDER TREE... [--count 300] [--seed 1] [--json FILE]

Messages are drawn from the TREEs: texts that their code raises, logs or prints, with something in the place of each
placeholder, a third as they stand, a third behind the name of an exception, a third as a line of a log. Take trees
that judge nothing else. Each is asked of its own tree with `lowtide search --batch`; FOLDER gets the indexes. A hit
is right when it has the line where the text stands, or another with the same text. NDCG@10, recall and the mean over
messages, by form.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ENDINGS = frozenset(
    ".py .js .ts .tsx .go .rs .java .kt .c .h .cc .cpp .hpp .rb .php .cs .swift .scala .ex .lua .sh .pl".split()
)
_LEFT_OUT = re.compile(
    r"(^|/)(tests?|testing|specs?|fixtures?|examples?|docs?|vendor|third_party|node_modules|dist|\.git)/|test_|_test\.|\.(test|spec)\."
)
_REPORTS = re.compile(
    r"\b(?:raise|throw|panic!?|bail!|anyhow!|ensure!|die|fatal\w*|warn\w*|log(?:ger)?(?:\.|::|->)\w+|Log\w+|errors?\.New|Errorf|Wrapf?|error\w*"
    r"|printk|pr_\w+|perror|fprintf|report\w*|abort|reject|console\.(?:error|warn)|\w*(?:Error|Exception)|err\w*!?|expect|debug|info)\b[^\"'`]{0,60}"
    r"(?P<quote>[\"'`])(?P<text>(?:\\.|(?!(?P=quote))[^\\\n]){20,160})(?P=quote)\s*(?P<after>[),;%.]|$)",
)
_PLACEHOLDER = re.compile(
    r"%[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|z|j)?(?P<printf>[a-zA-Z])|%\(\w+\)(?P<named>[a-z])"
    r"|\$\{[^{}]*\}|#\{[^{}]*\}|\{[^{}\n]{0,40}\}"
)
_ESCAPES = re.compile(r"\\(?P<escaped>.)")
_WORDS = ("alpha", "user-42", "config.yaml", "main", "eth0", "session", "default", "node-7", "orders", "x86")
_PATHS = ("/var/lib/app/data.db", "/home/eve/project/src", "/tmp/build-3121/out.bin", "./conf/site.toml")
_EXCEPTIONS = ("ValueError", "RuntimeError", "java.lang.IllegalStateException", "Error", "TypeError", "fatal")
FORMS = ("as it stands", "exception", "log line")
FEWEST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Message:
    """A message as somebody would paste it, and the lines (from 1) where its text stands."""

    tree: str
    form: str
    query: str
    right: tuple[tuple[str, int], ...]


def texts(tree: Path) -> dict[str, list[tuple[str, int]]]:
    """The texts that the code of a tree reports, with their places."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), tree)
            if Path(name).suffix in ENDINGS and not _LEFT_OUT.search(path):
                for line, text in _of_file(tree / path):
                    found[text].append((path, line))
    return found


def _of_file(file: Path) -> Iterator[tuple[int, str]]:
    if file.is_symlink() or file.stat().st_size > 1 << 20:
        return
    for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
        if len(line) < 400 and (match := _REPORTS.search(line)) is not None:
            plain = _PLACEHOLDER.sub(" ", match["text"])
            if len(re.findall(r"[A-Za-z]{2,}", plain)) >= FEWEST_WORDS and plain.count(" ") >= FEWEST_WORDS - 1:
                yield number, match["text"]


def pasted(text: str, form: str, rng: random.Random) -> str:
    """The message that a program would have printed from `text`."""

    def fill(match: re.Match[str]) -> str:
        kind = match["printf"] or match["named"] or "?"
        if kind in "diuxXofFeEgGcp":
            return str(rng.randrange(2, 90_000))
        return rng.choice((rng.choice(_WORDS), rng.choice(_PATHS), str(rng.randrange(2, 9_000))))

    said = _PLACEHOLDER.sub(fill, text)
    said = " ".join(_ESCAPES.sub(lambda match: " " if match["escaped"] in "ntr" else match["escaped"], said).split())
    if form == "exception":
        return f"{rng.choice(_EXCEPTIONS)}: {said}"
    if form == "log line":
        day, hour, minute, ms = (
            rng.randrange(10, 29),
            rng.randrange(10, 24),
            rng.randrange(10, 59),
            rng.randrange(100, 999),
        )
        level = rng.choice(("ERROR", "WARNING", "INFO"))
        return f"2026-05-{day} {hour}:{minute}:07,{ms} {level} [worker-{rng.randrange(9)}] {said}"
    return said


def draw(trees: Sequence[Path], count: int, seed: int) -> list[Message]:
    """`count` messages, as many of each tree as there are, the same for a seed."""
    rng = random.Random(seed)
    by_tree = {tree: texts(tree) for tree in trees}
    orders = {tree: rng.sample(sorted(found), len(found)) for tree, found in by_tree.items()}
    drawn: list[Message] = []
    while len(drawn) < count and any(orders.values()):
        for tree, order in orders.items():
            if order and len(drawn) < count:
                text, form = order.pop(), FORMS[len(drawn) % len(FORMS)]
                drawn.append(Message(str(tree), form, pasted(text, form, rng), tuple(by_tree[tree][text])))
    return drawn


def rank_of(hits: Sequence[dict[str, object]], message: Message) -> int | None:
    """The place of the first right one of the first ten hits, from 1."""
    for rank, hit in enumerate(hits[:10], 1):
        for path, line in message.right:
            if hit["path"] == path and int(str(hit["start_line"])) <= line <= int(str(hit["end_line"])):
                return rank
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("trees", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="the messages, with their ranks")
    arguments = parser.parse_args()
    environment = {**os.environ, "LOWTIDE_HOME": str(arguments.folder / "home")}
    by_tree: dict[str, list[Message]] = defaultdict(list)
    for message in draw(arguments.trees, arguments.count, arguments.seed):
        by_tree[message.tree].append(message)
    ranks: dict[str, list[int | None]] = defaultdict(list)
    told = []
    for tree, messages in by_tree.items():
        lowtide = [sys.executable, "-m", "lowtide.cli"]
        subprocess.run([*lowtide, "index", "-q", "--embedded", tree], check=True, env=environment)
        asked = "".join(f"{message.query}\n" for message in messages)
        command = [*lowtide, "search", "--batch", "--embedded", tree]
        done = subprocess.run(command, input=asked, stdout=subprocess.PIPE, text=True, check=True, env=environment)
        for message, line in zip(messages, done.stdout.splitlines(), strict=True):
            rank = rank_of(json.loads(line)["hits"], message)
            told.append(
                {"tree": tree, "form": message.form, "query": message.query, "right": message.right, "rank": rank}
            )
            for key in ("all", message.form, Path(tree).name):
                ranks[key].append(rank)
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(row) + "\n" for row in told))
    for key, found in ranks.items():
        gain = sum(1 / math.log2(1 + rank) for rank in found if rank) / len(found)
        first = sum(rank == 1 for rank in found) / len(found)
        any_rank = sum(map(bool, found)) / len(found)
        print(f"{key:16} {len(found):4} messages  NDCG@10 {gain:.3f}  first {first:.3f}  found {any_rank:.3f}")


if __name__ == "__main__":
    main()
