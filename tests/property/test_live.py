"""However edits and their events interleave, get lost, or come twice: after it settles, the index equals a fresh
one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.e2e.contents import differences, read_contents

from lowtide.config.settings import Config
from lowtide.core.hints import Hints
from lowtide.index import watching
from lowtide.index.shared import Stay
from lowtide.paths import Places
from lowtide.serve.app import opened
from lowtide.system.memory import own_anonymous_bytes
from lowtide.system.watch.watch import WatchMode, WatchState

NAMES = ["a.py", "b.py", "sub/c.py", "sub/d.py", "sub/deep/e.txt", ".gitignore"]
BODIES = [
    "def alpha(x):\n    return x\n",
    "class Beta:\n    def gamma(self):\n        return 'delta'\n",
    "# only a comment\n" * 20,
    "sub/d.py\n",
    "",
]
EDITS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.sampled_from(BODIES)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.just("move"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("drop"), st.sampled_from(["sub", "sub/deep"]), st.just("")),
)
STEPS = st.lists(
    st.tuples(EDITS, st.sampled_from(["told", "lost", "twice", "late"]), st.sampled_from(["go on", "settle", "pause"])),
    max_size=8,
)


class SilentWatcher:
    """Stands in for the watcher: it tells nothing but the first rescan, so that the test decides what is heard."""

    def __init__(self, root: Path, folders: object, *, wake: Callable[[], None]) -> None:
        self.state = WatchState(WatchMode.WATCHING)
        self._hints = Hints(rescan=True, reason="start")

    def start(self) -> WatchState:
        return self.state

    def take(self) -> Hints:
        hints, self._hints = self._hints, Hints()
        return hints

    def caught_up(self) -> bool:
        return True

    def rescan_took(self, seconds: float) -> None:
        pass

    def stop(self) -> None:
        pass


def apply(root: Path, edit: tuple[str, str, str]) -> set[bytes]:
    """Do it; returns the paths that a watcher would name."""
    kind, name, more = edit
    path = root / name
    if kind == "write":
        if path.parent.is_file() or path.is_dir():
            return set()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(more)
    elif kind == "delete":
        path.unlink(missing_ok=True)
    elif kind == "move":
        target = root / more
        if not path.is_file():
            return set()
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
        return {name.encode(), more.encode()}
    else:
        shutil.rmtree(path, ignore_errors=True)
    return {name.encode()}


async def play(root: Path, home: Path, steps: list[Any]) -> None:
    async with opened(places_of(home), Config((256 << 20) + own_anonymous_bytes())) as service:
        await service.open_workspace(root, "test")
        live = service.live(root)
        assert live is not None
        late: set[bytes] = set()
        for edit, told, then in steps:
            changed = apply(root, edit)
            if told == "late":
                late |= changed
            elif told != "lost" and changed:
                for _ in range(2 if told == "twice" else 1):
                    live.look_at(Hints(frozenset(changed)))
            if then == "settle":
                with anyio.fail_after(60):
                    await service.wait_idle(root)
            elif then == "pause":
                await service.pause()
                await service.resume()
            else:
                await anyio.lowlevel.checkpoint()
        if late:
            live.look_at(Hints(frozenset(late)))
        live.look_at(Hints(rescan=True, reason="events were lost"))
        with anyio.fail_after(60):
            await service.wait_idle(root)
        assert live.error is None
        await service.close_workspace(root, "test")


@settings(
    max_examples=int(os.environ.get("LOWTIDE_EXAMPLES", "12")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(steps=STEPS)
def test_any_interleaving_equals_a_fresh_index(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, steps: list[Any]
) -> None:
    monkeypatch.setattr(watching, "Watcher", SilentWatcher)
    root, home = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("home")
    (root / "a.py").write_text(BODIES[0])
    anyio.run(play, root, home, steps)
    (catalog,) = home.glob("**/catalog.sqlite")
    fresh = tmp_path_factory.mktemp("fresh")
    anyio.run(index_once, root, fresh)
    (other,) = fresh.glob("**/catalog.sqlite")
    assert differences(read_contents(catalog), read_contents(other)) == []


async def index_once(root: Path, home: Path) -> None:
    async with opened(places_of(home), Config((256 << 20) + own_anonymous_bytes()), Stay.BRIEF) as service:
        await service.index(root, "test")


def places_of(home: Path) -> Places:
    return Places(home / "config", home / "cache", home / "run")
