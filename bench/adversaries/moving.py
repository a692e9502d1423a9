"""Adversaries in time: files that change, grow, shrink, vanish, or become something else while they are read."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench.adversaries.case import Case, Scale
from tests.e2e.harness import python_module

_LARGE = (python_module(7) * 300).encode()[: 2 << 20]


def _modules(count: int) -> Callable[[Path, Scale], None]:
    def build(root: Path, scale: Scale) -> None:
        (root / "moving").mkdir(parents=True)
        for number in range(count):
            (root / "moving" / f"m{number}.py").write_text(python_module(number, 20))
        for number in range(6):
            (root / "moving" / f"large{number}.py").write_bytes(_LARGE)

    return build


def _again(change: Callable[[Path, random.Random, int], None]) -> Callable[[Path, threading.Event], None]:
    def play(root: Path, done: threading.Event) -> None:
        chance = random.Random(11)
        turn = 0
        while not done.is_set():
            turn += 1
            paths = sorted((root / "moving").iterdir())
            for path in chance.sample(paths, min(20, len(paths))):
                with suppress(OSError):
                    change(path, chance, turn)
            done.wait(0.002)

    return play


def _rewrite(path: Path, chance: random.Random, turn: int) -> None:
    path.write_text(python_module(turn % 500, chance.randrange(1, 40)))


def _grow_and_shrink(path: Path, chance: random.Random, turn: int) -> None:
    if chance.random() < 0.5:
        with path.open("ab") as file:
            file.write(_LARGE[: chance.randrange(1 << 20)])
    else:
        os.truncate(path, chance.randrange(4_000))


def _vanish(path: Path, chance: random.Random, turn: int) -> None:
    path.unlink()
    for number in chance.sample(range(500), 2):
        path.with_name(f"m{number}.py").write_text(python_module(turn % 500))


def _become(path: Path, chance: random.Random, turn: int) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    kind = chance.randrange(5)
    if kind == 0:
        path.mkdir()
        (path / "inner.py").write_text("def inner():\n    pass\n")
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.symlink_to("/dev/zero")
    elif kind == 3:
        with path.open("wb") as file:
            file.truncate(1 << 34)
    else:
        path.write_text(python_module(turn % 500))


def _swap_folders(root: Path, done: threading.Event) -> None:
    """Whole folders are renamed, removed and made anew under the walk."""
    turn = 0
    while not done.is_set():
        turn += 1
        with suppress(OSError):
            (root / "moving").rename(root / "moved")
            (root / "moved").rename(root / "moving")
        side = root / f"side{turn % 5}"
        with suppress(OSError):
            shutil.rmtree(side, ignore_errors=True)
            (side / "a" / "b").mkdir(parents=True)
            (side / "a" / "b" / "c.py").write_text(f"def c{turn}():\n    pass\n")
        done.wait(0.002)


CASES = [
    Case("rewritten", "files rewritten while they are read", _modules(400), _again(_rewrite), moving=True),
    Case(
        "growing",
        "files that grow by megabytes and shrink while they are read",
        _modules(400),
        _again(_grow_and_shrink),
        moving=True,
    ),
    Case("vanishing", "files that vanish and come back", _modules(400), _again(_vanish), moving=True),
    Case(
        "becoming",
        "files that become folders, pipes, links to /dev/zero, sparse files of 16 GB",
        _modules(400),
        _again(_become),
        moving=True,
    ),
    Case("swapped", "folders renamed and removed under the walk", _modules(400), _swap_folders, moving=True),
]
