"""What an adversary is: a tree made to break an indexer, what happens to it meanwhile, and what must be true after.

Invariant: every tree also holds bystanders, ordinary files that must be indexed as if nothing else were there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.harness import python_module

BUDGET_BYTES = 128 << 20
LIMIT_BYTES = 160 << 20
"""The memory cgroup around it."""
BYSTANDERS = 24


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the adversaries are: the long form, or a quick one that keeps each idea."""

    quick: bool

    def pick(self, whole: int, quick: int) -> int:
        """`whole`, or `quick` in the quick form."""
        return quick if self.quick else whole


Build = Callable[[Path, Scale], None]
Meanwhile = Callable[[Path, threading.Event], None]


def _nothing(_: Path) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Case:
    """One adversary. `meanwhile` runs in a thread until its event is set, while the tree is indexed."""

    name: str
    idea: str
    build: Build
    meanwhile: Meanwhile | None = None
    clean: Callable[[Path], None] = _nothing
    """Undoes what removing the tree would not."""
    exit_codes: tuple[int, ...] = (0,)
    limit_s: float = 300.0
    """How long it may take in the long form."""
    bound: bool = False
    """Run without root's right to read everything."""
    refused: bool = False
    """The command is to refuse it with its error: nothing is indexed."""
    moving: bool = False
    """The tree still changes: its files are compared with the index only after a second run in peace."""
    interrupted: bool = False
    """It cannot end by itself (a mount that never answers): Ctrl-C must end it within a second."""


def add_bystanders(root: Path) -> list[str]:
    """Write the ordinary files, before and after everything else in the order of names; returns their paths."""
    paths = []
    for number in range(BYSTANDERS):
        folder = ("0-first", "mm", "zz-last")[number % 3]
        path = f"{folder}/bystander{number}.py"
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / path).write_text(python_module(9000 + number))
        paths.append(path)
    return paths


def put(root: Path, files: dict[str, str | bytes]) -> None:
    """Write files below `root`."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))


def lines(text: str, width: int = 200) -> str:
    """`text` broken into lines, so that it does not count as minified."""
    return "\n".join(text[at : at + width] for at in range(0, len(text), width)) + "\n"
