"""Snapshots that are shared: whatever happens while one is opened, every connection is closed in the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.store.indexes import WORDS, absorb, make_index, put, vector_of

from lowtide.errors import CorruptIndex, StoreError
from lowtide.index.donors import Donors
from lowtide.index.upkeep import maintain
from lowtide.index.workspace import Workspace
from lowtide.read import readers as readers_module
from lowtide.read import snapshot as snapshot_module
from lowtide.read.answering import Answering
from lowtide.read.readers import Readers
from lowtide.read.snapshot import Snapshot
from lowtide.store.catalog import Catalog


class Gated(Workspace):
    """Counts the connections that are open, and holds back who opens one until `gate` is set."""

    def __init__(self, root: Path, folder: Path) -> None:
        super().__init__(root, folder)
        self.gate = threading.Event()
        self.gate.set()
        self.waits = threading.Event()
        self.open: list[Catalog] = []

    def reading(self) -> Catalog:
        self.waits.set()
        assert self.gate.wait(60)
        workspace = self

        class Counted(Catalog):
            def close(self) -> None:
                super().close()
                if self in workspace.open:
                    workspace.open.remove(self)

        self.open.append(Counted(self.catalog_path, writable=False))
        return self.open[-1]

    def hold(self) -> None:
        self.gate.clear()
        self.waits.clear()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Gated]:
    made = make_index(tmp_path, 3)
    gated = Gated(made.root, made.folder)
    yield gated
    assert gated.open == []


def commit(workspace: Workspace, name: str) -> None:
    with workspace.writing() as (catalog, _):
        put(workspace, catalog, name, "python", ["late words"])


async def until_it_opens(workspace: Gated) -> None:
    await anyio.to_thread.run_sync(workspace.waits.wait, 60)


@pytest.mark.parametrize("what", ["forgotten", "closed"])
def test_what_is_forgotten_while_it_is_opened_answers_and_ends(workspace: Gated, what: str) -> None:
    async def play() -> None:
        readers = Readers(Answering())
        answered: list[str] = []

        async def ask() -> None:
            async with readers.use(workspace) as snapshot:
                answered.extend(found.path for found in snapshot.symbols("", limit=1))

        workspace.hold()
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
            await until_it_opens(workspace)
            readers.forget(workspace) if what == "forgotten" else await readers.close()
            workspace.gate.set()
        assert len(answered) == 2
        assert workspace.open == []
        await readers.close()

    anyio.run(play)


def test_one_that_is_forgotten_while_it_is_looked_at_is_opened_anew(
    workspace: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, go = threading.Event(), threading.Event()

    def is_outdated(_: Snapshot) -> bool:
        looks.set()
        return not go.wait(60)

    async def play() -> None:
        readers = Readers(Answering())
        async with readers.use(workspace):
            pass
        monkeypatch.setattr(Snapshot, "is_outdated", property(is_outdated))
        async with anyio.create_task_group() as group:

            async def ask() -> None:
                async with readers.use(workspace) as snapshot:
                    assert snapshot.symbols("", limit=1)

            group.start_soon(ask)
            await anyio.to_thread.run_sync(looks.wait, 60)
            readers.forget(workspace)
            go.set()
        assert readers.opened_count == 2
        assert workspace.open == []
        await readers.close()

    anyio.run(play)


def test_closing_waits_for_what_is_renewed_and_closes_it(workspace: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers_module, "BUSY_AGE_S", 0.0)

    async def play() -> None:
        readers = Readers(Answering())
        async with readers.use(workspace):
            pass
        commit(workspace, "late.py")
        workspace.hold()
        async with readers.use(workspace, busy=True):
            pass  # answered from what is open, while it is renewed
        await until_it_opens(workspace)
        async with anyio.create_task_group() as group:
            group.start_soon(readers.close)
            await anyio.lowlevel.checkpoint()
            workspace.gate.set()
        assert workspace.open == []

    anyio.run(play)


def late_paths(snapshot: Snapshot) -> set[str]:
    """Of what `commit` wrote, as far as it was there when this was opened."""
    return {found.path for found in snapshot.symbols("late", limit=50)}


def test_one_of_an_index_that_held_nothing_does_not_answer_once_something_is_there(tmp_path: Path) -> None:
    empty = make_index(tmp_path, 0)
    workspace = Gated(empty.root, empty.folder)

    async def play() -> None:
        readers = Readers(Answering())
        async with readers.use(workspace, busy=True) as snapshot:
            assert snapshot.holds_nothing
        commit(workspace, "first.py")
        async with readers.use(workspace, busy=True) as snapshot:
            assert late_paths(snapshot) == {"first.py"}
        await readers.close()

    anyio.run(play)
    assert workspace.open == []


def test_after_a_pause_the_next_one_is_waited_for_and_opened_once(
    workspace: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        readers = Readers(Answering())
        async with readers.use(workspace, busy=True) as snapshot:
            assert not late_paths(snapshot)
        commit(workspace, "late.py")
        async with readers.use(workspace, busy=True) as snapshot:
            assert not late_paths(snapshot), "a moment old, and at once"
        entry = next(iter(readers._places.values())).open
        assert entry is not None
        entry.opened_s -= readers_module.OLD_S
        found: list[set[str]] = []

        async def ask() -> None:
            async with readers.use(workspace, busy=True) as snapshot:
                found.append(late_paths(snapshot))

        workspace.hold()
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
            await until_it_opens(workspace)
            commit(workspace, "later.py")  # is of the next moment, for both
            workspace.gate.set()
        assert len(found) == 2
        assert all("late.py" in each for each in found)
        assert readers.opened_count == 2
        await readers.close()

    monkeypatch.setattr(readers_module, "BUSY_AGE_S", 3600.0)
    monkeypatch.setattr(readers_module, "OLD_S", 3600.0)
    anyio.run(play)


def test_one_whose_caches_are_given_back_when_all_is_cancelled_is_closed(
    workspace: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrinks, go = threading.Event(), threading.Event()

    def shrink(_: Snapshot) -> None:
        shrinks.set()
        assert go.wait(60)

    monkeypatch.setattr(Snapshot, "shrink", shrink)

    async def play() -> None:
        readers = Readers(Answering())
        async with readers.use(workspace):
            pass
        async with anyio.create_task_group() as group:
            group.start_soon(readers.shrink)
            await anyio.to_thread.run_sync(shrinks.wait, 60)
            group.cancel_scope.cancel()
            go.set()
        await readers.close()
        assert workspace.open == []

    anyio.run(play)


def test_a_snapshot_that_cannot_be_opened_leaves_no_connection(
    workspace: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise CorruptIndex("damaged")

    monkeypatch.setattr(snapshot_module, "open_segments", fails)
    with pytest.raises(CorruptIndex):
        Snapshot(workspace).close()
    assert workspace.open == []


def test_a_donor_that_cannot_be_read_is_closed(workspace: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    def reading(path: Path, *, writable: bool) -> Catalog:
        assert path == workspace.catalog_path
        assert not writable
        return workspace.reading()

    def fails(_: Catalog, key: str) -> str:
        raise StoreError(f"cannot read {key}")

    monkeypatch.setattr("lowtide.index.donors.Catalog", reading)
    monkeypatch.setattr(Catalog, "get_meta", fails)
    donors = Donors(lambda: [workspace.catalog_path], "tests")
    donors.open()
    assert not donors
    assert workspace.open == []


def test_what_gives_back_while_it_is_to_be_closed_is_closed_right_after(
    workspace: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: Snapshot) -> None:
        begun.set()
        assert go_on.wait(60)

    monkeypatch.setattr(Snapshot, "shrink", slow)

    async def play() -> None:
        readers = Readers(Answering())
        async with readers.use(workspace):
            pass
        async with anyio.create_task_group() as group:
            group.start_soon(readers.shrink)
            await anyio.to_thread.run_sync(begun.wait, 60)
            readers.close_idle()
            go_on.set()
        assert len(readers) == 0
        await readers.close()

    anyio.run(play)


def test_giving_back_opens_nothing(workspace: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was closed between two looks stays closed."""

    async def play() -> None:
        readers = Readers(Answering())
        async with readers.use(workspace):
            pass
        renew = readers._renew

        async def closed_meanwhile(*given: Any, **named: Any) -> None:
            readers.close_idle()
            await renew(*given, **named)

        monkeypatch.setattr(readers, "_renew", closed_meanwhile)
        await readers.shrink()
        assert len(readers) == 0
        assert readers.opened_count == 1
        await readers.close()

    anyio.run(play)


def resident_bytes(folder: Path) -> int:
    """What this process has in memory of the files of a folder, as the kernel counts it."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name = line.partition(" ")[0]
        if not name.endswith(":"):
            inside = str(folder) in line and not line.endswith("-shm")  # SQLite's own, of open connections
        elif inside and name == "Rss:":
            total += int(line.split()[1]) << 10
    return total


@pytest.fixture
def settled(workspace: Gated) -> Gated:
    """With everything in segments and in the lexical index."""

    async def bring_in() -> None:
        with workspace.writing() as (catalog, _):
            absorb(workspace, catalog)
            await maintain(workspace, catalog)

    anyio.run(bring_in)
    return workspace


def look_for_everything(snapshot: Snapshot) -> None:
    segments = snapshot._segments
    assert segments.search_vectors(vector_of("x"), 5)
    assert segments.search_names("e", 5)
    assert segments.lexical.candidates(WORDS, None, 5)


def test_pages_are_given_back_some_seconds_after_the_last_question(settled: Gated) -> None:
    """Resident size is what `top` shows; the same snapshot answers on."""

    async def play() -> None:
        readers = Readers(Answering())
        for _ in range(2):
            async with readers.use(settled) as snapshot:
                look_for_everything(snapshot)
                readers.tidy(time.monotonic() + readers_module.PAGES_S)  # not while it is asked
                assert resident_bytes(settled.folder) > 0
            readers.tidy(time.monotonic())
            assert resident_bytes(settled.folder) > 0
            readers.tidy(time.monotonic() + readers_module.PAGES_S)
            assert resident_bytes(settled.folder) == 0
        assert readers.opened_count == 1
        await readers.close()

    anyio.run(play)


def test_no_more_pages_go_than_have_to_and_each_time_others(settled: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question maps in pages of every file: those that stay cost the next one nothing."""
    released: list[object] = []
    room = 0

    class Part:
        anonymous_bytes = 0

        def release(self) -> None:
            nonlocal room
            room += 1
            released.append(self)

    graphs, names = [Part(), Part(), Part()], Part()

    async def play() -> None:
        nonlocal room
        readers = Readers(Answering(), lambda: 1 << 40)
        async with readers.use(settled) as snapshot:
            segments = snapshot._segments
            assert segments._vectors is not None
            monkeypatch.setattr(segments._vectors, "segments", graphs)
            monkeypatch.setattr(segments, "_names", (names,))
            monkeypatch.setattr(segments.lexical, "release", lambda: released.append("words"))
        assert released == []
        monkeypatch.setattr(readers, "_fits", lambda: room >= 2)
        expected: list[object] = []
        for graph in (*graphs, graphs[0]):
            room = 0
            async with readers.use(settled):
                pass
            expected += [names, graph]
            assert released == expected
        monkeypatch.setattr(readers, "_fits", lambda: False)
        async with readers.use(settled):
            pass
        assert released == [*expected, names, graphs[1], graphs[2], graphs[0], "words"]
        monkeypatch.undo()
        await readers.close()

    anyio.run(play)


def test_pages_that_make_it_larger_than_the_budget_go_with_the_question(settled: Gated) -> None:
    async def play() -> None:
        readers = Readers(Answering(), lambda: 1 << 20)
        async with readers.use(settled) as snapshot:
            look_for_everything(snapshot)
            assert resident_bytes(settled.folder) > 0
        assert resident_bytes(settled.folder) == 0
        await readers.close()

    anyio.run(play)
