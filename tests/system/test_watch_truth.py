"""What is known of a workspace, kept by hints alone, equals what a fresh scan finds: after any edits in any order."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.system.watching import Watching, watched

from lowtide.config.settings import IndexSettings
from lowtide.core.debounce import Debounce
from lowtide.core.hints import Hints, folders_around
from lowtide.models import FileStat
from lowtide.system.tree.walk import walk

SETTINGS = IndexSettings()


class Known:
    """What an index would know: narrow scans where hints say, whole ones when they say that."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[bytes, FileStat] = {}
        self.debounce = Debounce()
        self.whole_scans = 0
        self._now_s = 0.0

    def hint(self, hints: Hints) -> None:
        self._now_s += 0.01
        self.debounce.add(hints, self._now_s)

    def take_due(self) -> None:
        """Let some time go by, and do what is due then."""
        self._now_s += 0.3
        self._look(self.debounce.take(self._now_s))

    def take_all(self) -> None:
        self._look(self.debounce.take_all())

    def _look(self, hints: Hints) -> None:
        if hints.rescan:
            self.whole_scans += 1
            self.files = scan(self.root)
        elif hints.paths:
            only = sorted(hints.paths)
            self.files = {path: stat for path, stat in self.files.items() if not concerns(path, hints.paths)}
            self.files |= scan(self.root, only)


def scan(root: Path, only: list[bytes] | None = None) -> dict[bytes, FileStat]:
    try:
        return {stat.path: stat for stat in walk(root, SETTINGS, only=only)}
    except FileNotFoundError:
        return {}


def concerns(path: bytes, hinted: frozenset[bytes]) -> bool:
    """Whether a scan of what is hinted would tell of `path`: itself, below, or left out whole with a hinted path in
    it."""
    place = path.rstrip(b"/")
    if place in hinted or any(around in hinted for around in folders_around(place)):
        return True
    return path.endswith(b"/") and any(hint.startswith(path) for hint in hinted)


NAMES = ["a", "b", "c.py", "C.py", "d.log", "node_modules", "build"]
PLACES = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)
RULES = st.sampled_from(["*.log\n", "build/\n", "a\n!a/b\n", "b/\n", ""])
STEPS = st.one_of(
    st.tuples(st.just("write"), PLACES, st.sampled_from(["1", "22", ""])),
    st.tuples(st.just("save"), PLACES, st.sampled_from(["1", "333"])),
    st.tuples(st.just("folder"), PLACES, st.just("")),
    st.tuples(st.just("remove"), PLACES, st.just("")),
    st.tuples(st.just("move"), PLACES, PLACES),
    st.tuples(st.just("out"), PLACES, st.just("")),
    st.tuples(st.just("in"), PLACES, st.just("")),
    st.tuples(st.just("link"), PLACES, PLACES),
    st.tuples(st.just("rules"), PLACES, RULES),
    st.tuples(st.just("own rules"), PLACES, RULES),
    st.tuples(st.just("root rules"), st.just(""), RULES),
    st.tuples(st.just("environment"), PLACES, st.just("")),
    st.tuples(st.just("repository"), PLACES, st.just("")),
    st.tuples(st.just("take"), st.just(""), st.just("")),
)


def do(root: Path, outside: Path, step: str, place: str, more: str) -> None:
    """One thing that users and their tools do; what cannot be done is not."""
    path = root / place
    try:
        if step == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(more)
        elif step == "save":
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name("saved.tmp")
            temporary.write_text(more)
            os.replace(temporary, path)
        elif step == "folder":
            path.mkdir(parents=True)
        elif step == "remove":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        elif step == "move":
            path.rename(root / more)
        elif step == "out":
            path.rename(outside / str(len(os.listdir(outside))))
        elif step == "in":
            (outside / sorted(os.listdir(outside))[0]).rename(path)
        elif step == "link":
            path.symlink_to(root / more)
        elif step in ("rules", "own rules", "root rules"):
            (path / (".lowtideignore" if step == "own rules" else ".gitignore")).write_text(more)
        elif step == "environment":
            mark = path / "pyvenv.cfg"
            mark.unlink() if mark.exists() else mark.write_text("")
        elif step == "repository":
            (path / ".git").mkdir()
            (path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    except (OSError, IndexError):
        pass


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], tuple[Path, Path]]]:
    made: list[Path] = []

    def make() -> tuple[Path, Path]:
        base = tmp_path_factory.mktemp("truth")
        made.append(base)
        for name in ("root", "outside", "outside/0", "root/a/b"):
            (base / name).mkdir(parents=True)
        (base / "outside/0/c.py").write_text("1")
        (base / "root/a/b/c.py").write_text("1")
        return base / "root", base / "outside"

    yield make
    for base in made:
        shutil.rmtree(base)


def deliver(watching: Watching, known: Known) -> None:
    """Hand on what was hinted since the last time."""
    hints = watching.drain()
    if hints:
        known.hint(hints)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=25))
def test_hints_alone_keep_the_truth(fresh: Callable[[], tuple[Path, Path]], steps: list[tuple[str, str, str]]) -> None:
    root, outside = fresh()
    known = Known(root)
    known.files = scan(root)
    with watched(root) as watching:
        for step, place, more in steps:
            if step == "take":
                deliver(watching, known)
                known.take_due()
            else:
                do(root, outside, step, place, more)
        watching.catch_up()
        deliver(watching, known)
        known.take_all()
    assert known.files == scan(root)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(STEPS, st.sampled_from(["told", "lost", "doubled"])), min_size=1, max_size=25))
def test_hints_lost_or_doubled_are_made_good_by_one_rescan(
    fresh: Callable[[], tuple[Path, Path]], steps: list[tuple[tuple[str, str, str], str]]
) -> None:
    root, outside = fresh()
    known = Known(root)
    with watched(root) as watching:
        for (step, place, more), fate in steps:
            do(root, outside, step, place, more)
            hints = watching.drain()
            for _ in range({"told": 1, "lost": 0, "doubled": 2}[fate]):
                known.hint(hints)
            if step == "take":
                known.take_due()
        watching.catch_up()
        known.hint(Hints(rescan=True, reason="doubt"))
        known.take_all()
    assert known.files == scan(root)
    assert not known.debounce
