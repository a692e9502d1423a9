"""Exact search beside ripgrep: the same lines, and how long each takes.

    python -m bench.exact TREE [--patterns 300] [--rare 30] [--seed 1] [--save]

TREE is indexed (`lowtide index TREE`). Patterns are drawn from its lines: parts of lines cut anywhere, whole
identifiers, and regular expressions made of them. ripgrep (`rg`, from the distribution) looks through all files with
its ignore rules off, and what it finds in files that are not indexed is left out. Times: Lowtide's answer in a warm
process, its command asking a daemon, and ripgrep on the whole tree with its rules on, as one would run it; medians.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from lowtide.answers import TextAnswer
from lowtide.errors import UsageError
from lowtide.index.workspace import Workspace
from lowtide.models import display_path
from lowtide.paths import Places, real_path
from lowtide.read.exact import MOST_LINES, TextRequest
from lowtide.read.snapshot import Snapshot

RESULTS = Path(__file__).parent / "results" / "exact.md"
RARE = 20
"""A text in at most so many lines is rare."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{3,}")
Lines = set[tuple[str, int]]


@dataclass(slots=True)
class Figures:
    """What came out for one tree."""

    asked: int = 0
    refused: int = 0
    different: list[str] = field(default_factory=list)
    answers_ms: list[float] = field(default_factory=list)
    rare: list[tuple[float, float, float]] = field(default_factory=list)
    """Of rare texts: answer, command, ripgrep; milliseconds."""


def patterns(files: Sequence[Path], count: int, chance: random.Random) -> Iterator[tuple[str, bool]]:
    """(what to look for, whether it is a regular expression), drawn from the lines of files."""
    while count:
        lines = chance.choice(files).read_bytes().decode("utf-8", "replace").splitlines()
        line = chance.choice(lines).strip() if lines else ""
        if len(line) < 4 or "\ufffd" in line or not line.isprintable():
            continue
        start = chance.randrange(len(line) - 3)
        part = line[start : start + chance.randrange(4, 40)]
        names = _NAME.findall(line)
        kind = chance.randrange(6)
        if kind < 2:
            yield part, False
        elif kind == 2 and names:
            yield chance.choice(names), False
        elif kind == 3 and names:
            yield rf"\b{chance.choice(names)}\b", True
        elif kind == 4:
            yield "".join(chance.choice([re.escape(c)] * 8 + [".", r"\w", r"\S"]) for c in part), True
        elif names:
            gap = chance.choice([".*", r"\s*", "[^a-z]+"])
            yield chance.choice(names) + gap + re.escape(part[-6:]), True
        else:
            continue
        count -= 1


def ripgrep(root: Path, text: str, is_regex: bool, *more: str) -> Lines | None:
    """The lines that it finds; None for a pattern that it refuses."""
    how = [] if is_regex else ["-F"]
    command = ["rg", "--no-config", "-n", "-0", "--no-heading", "-j2", *more, *how, "-e", text, "."]
    done = subprocess.run(command, cwd=root, capture_output=True)
    if done.returncode == 2 and not done.stdout:
        return None
    rows = re.findall(rb"(?m)^\./([^\0\n]+)\0(\d+):", done.stdout)
    return {(display_path(path), int(number)) for path, number in rows}


def ask(snapshot: Snapshot, text: str, is_regex: bool) -> TextAnswer:
    """Lowtide's answer, all of it."""
    return anyio.run(snapshot.find_text, TextRequest(text, is_regex, limit=MOST_LINES))


def measure(root: Path, count: int, rare: int, seed: int) -> Figures:
    """Compare `count` patterns, and time those that are rare."""
    chance = random.Random(seed)
    figures = Figures()
    workspace = Workspace(root, Places.from_environment().index_folder(root))
    with closing(workspace.reading()) as catalog:
        paths = [path for _, path, _ in catalog.file_places()]
    shown = {display_path(path) for path in paths}
    files = [root / path.decode("utf-8", "surrogateescape") for path in paths]
    with closing(Snapshot(workspace)) as snapshot:
        for text, is_regex in patterns(files, count, chance):
            theirs = ripgrep(root, text, is_regex, "--hidden", "--no-ignore")
            try:
                answer = ask(snapshot, text, is_regex)
            except UsageError:
                figures.refused += theirs is not None
                continue
            if theirs is None:
                continue
            figures.asked += 1
            figures.answers_ms.append(answer.took_ms)
            mine = {(hit.path, hit.line) for hit in answer.hits}
            wanted = {(path, line) for path, line in theirs if path in shown}
            if mine != wanted and not answer.truncated:
                example = sorted(mine ^ wanted)[:3]
                figures.different.append(
                    f"{text!r}: {len(wanted - mine)} missing, {len(mine - wanted)} more: {example}"
                )
            if not is_regex and 0 < len(wanted) <= RARE and len(figures.rare) < rare:
                figures.rare.append((ask(snapshot, text, is_regex).took_ms, *_timed(root, text)))
    return figures


def _timed(root: Path, text: str) -> tuple[float, float]:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "lowtide.cli", "search", "--exact", text, str(root)], capture_output=True, check=True
    )
    command_ms = (time.perf_counter() - started) * 1000
    started = time.perf_counter()
    ripgrep(root, text, False)
    return command_ms, (time.perf_counter() - started) * 1000


def row(root: Path, figures: Figures) -> str:
    """A line of the table."""
    same = figures.asked - len(figures.different)
    answer, command, theirs = (statistics.median(column) for column in zip(*figures.rare, strict=True))
    every = statistics.median(figures.answers_ms)
    times = f"{every:.0f} ms | {answer:.0f} ms | {command:.0f} ms | {theirs:.0f} ms"
    ratios = f"{theirs / answer:.1f} | {theirs / command:.1f}"
    return f"| {root.name} | {same} of {figures.asked} | {figures.refused} | {times} | {ratios} |"


HEAD = (
    "| tree | same lines as rg | refused | answer, all | answer, rare text | command, rare text | rg | rg ÷ answer "
    "| rg ÷ command |\n|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", nargs="+", type=Path)
    parser.add_argument("--patterns", type=int, default=300)
    parser.add_argument("--rare", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for tree in arguments.tree:
        figures = measure(real_path(tree), arguments.patterns, arguments.rare, arguments.seed)
        rows.append(row(tree, figures))
        print(HEAD if len(rows) == 1 else "", rows[-1], *figures.different, sep="\n", flush=True)
    if arguments.save:
        title = "# Exact search beside ripgrep\n\n`python -m bench.exact`; 2 cores, medians.\n\n"
        RESULTS.write_text(title + "\n".join([HEAD, *rows]) + "\n")


if __name__ == "__main__":
    main()
