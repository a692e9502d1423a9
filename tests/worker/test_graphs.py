"""Graphs of an index's vectors: built one by one when nothing else works, and never in anybody's way."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import numpy.typing as npt
import pytest
from tests.e2e.contents import vector_data
from tests.store.indexes import make_index
from tests.worker.services import serving, until

from lowtide.core import merge
from lowtide.core.budget import MIB, Budget
from lowtide.core.ladder import Ladder
from lowtide.errors import WorkerRecycled
from lowtide.index import graphs as graphs_module
from lowtide.index import upkeep
from lowtide.index.graphs import Graphs
from lowtide.index.upkeep import maintain
from lowtide.index.workspace import Workspace
from lowtide.pool.pool import WorkerPool
from lowtide.pool.terms import Urgency
from lowtide.read.segment_set import open_segments
from lowtide.store.catalog import Catalog
from lowtide.store.segment_file import SegmentKind
from lowtide.store.vectors.scan import inverse_norms
from lowtide.store.vectors.vector_segments import open_segment
from lowtide.system.memory import own_anonymous_bytes

FILES = 220


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a small index passes."""
    monkeypatch.setattr(merge, "FLAT_COUNT", 0)
    monkeypatch.setattr(merge, "LEAST_FLAT_COUNT", 100)
    monkeypatch.setattr(merge, "MOST_GRAPH_COUNT", 250)
    monkeypatch.setattr(graphs_module, "LEAST_GRAPH_COUNT", 50)
    monkeypatch.setattr(graphs_module, "LOOK_S", 0.01)
    monkeypatch.setattr(graphs_module, "QUIET_S", 0.05)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_index(tmp_path, FILES)


@pytest.fixture
def catalog(workspace: Workspace) -> Iterator[Catalog]:
    with workspace.writing() as (opened, _):
        anyio.run(maintain, workspace, opened)
        yield opened


def with_pool(play: Callable[[WorkerPool], Awaitable[None]]) -> None:
    async def run() -> None:
        async with WorkerPool(Budget(256 * MIB + own_anonymous_bytes()), Ladder(2)) as pool:
            await play(pool)

    anyio.run(run)


def all_vectors(workspace: Workspace) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    known = vector_data(workspace.catalog_path)
    ids = sorted(known)
    return np.array(ids), np.frombuffer(b"".join(known[number] for number in ids), np.int8).reshape(len(ids), -1)


def assert_finds_all(workspace: Workspace) -> None:
    """The nearest of some vectors are what comparing all of them gives, each once."""
    with closing(workspace.reading()) as catalog:
        segments = open_segments(workspace, catalog)
        ids, matrix = all_vectors(workspace)
        for query in matrix[:: len(matrix) // 40]:
            cosines = (matrix.astype(np.int64) @ query.astype(np.int64)) * inverse_norms(matrix)
            best = ids[np.lexsort((ids, -cosines))[:10]]
            assert [number for number, _ in segments.search_vectors(query.tobytes(), 10)] == best.tolist()
        segments.close()


def files_of(workspace: Workspace) -> set[str]:
    return {name for name in os.listdir(workspace.folder) if name.endswith((".seg", ".tmp"))}


def named(catalog: Catalog) -> set[str]:
    return {row.name for row in catalog.segments()}


def test_graphs_come_one_by_one_and_each_is_one_step(workspace: Workspace, catalog: Catalog) -> None:
    steps: list[int] = []

    async def play(pool: WorkerPool) -> None:
        graphs = Graphs(workspace, catalog, pool, None)
        while await graphs.build_next():
            steps.append(catalog.graph_vectors())
            assert_finds_all(workspace)
            assert files_of(workspace) == named(catalog)
            assert len(steps) < 10

    with_pool(play)
    assert len(steps) >= 2
    assert steps == sorted(steps)
    total = catalog.count_rows("vectors")
    assert total - catalog.graph_vectors() <= 100
    assert_finds_all(workspace)


def test_flat_segments_lose_what_graphs_hold(
    workspace: Workspace, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "BESIDE_GRAPHS", 1)
    monkeypatch.setattr(merge, "MOST_GRAPH_COUNT", catalog.count_rows("vectors") * 2 // 3)
    monkeypatch.setattr(merge, "LEAST_FLAT_COUNT", catalog.count_rows("vectors") * 3 // 5)

    async def play(pool: WorkerPool) -> None:
        graphs = Graphs(workspace, catalog, pool, None)
        assert await graphs.build_next()
        assert_finds_all(workspace)
        rows = catalog.vector_segments()
        assert sum(row.count for row in rows) > catalog.count_rows("vectors"), "a flat one holds them still"
        assert not await graphs.build_next()
        rows = catalog.vector_segments()
        assert sum(row.count for row in rows) == catalog.count_rows("vectors")

    with_pool(play)
    assert_finds_all(workspace)
    assert files_of(workspace) == named(catalog)


@pytest.mark.parametrize("urgency", [Urgency.EDIT, Urgency.WORK])
def test_it_gives_way_and_only_one_graph_is_built_again(
    workspace: Workspace, catalog: Catalog, urgency: Urgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = named(catalog)
    builds = anyio.Event()

    async def play(pool: WorkerPool) -> None:
        pool.ladder.set_floor(pool.ladder.step.ONE_WORKER, "one place", 0.0)
        graphs = Graphs(workspace, catalog, pool, None)
        run = pool.run

        async def at_length(worker: Any, task: Any, **named: Any) -> Any:
            builds.set()
            while worker.alive:
                await anyio.sleep(0.01)
            return await run(worker, task, **named)

        async def work() -> None:
            await builds.wait()
            async with pool.lease(MIB, 0, "", urgency) as (worker, _):
                assert worker.alive

        monkeypatch.setattr(pool, "run", at_length)
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            with pytest.raises(WorkerRecycled):
                await graphs.build_next()
        assert named(catalog) == before
        assert files_of(workspace) == before
        monkeypatch.setattr(pool, "run", run)
        assert await graphs.build_next()

    with_pool(play)
    assert catalog.graph_vectors() > 0


def test_cancelling_leaves_nothing(workspace: Workspace, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    before = named(catalog)

    async def play(pool: WorkerPool) -> None:
        graphs = Graphs(workspace, catalog, pool, None)
        with anyio.CancelScope() as scope:
            run = pool.run

            async def cancelled(worker: Any, task: Any, **named: Any) -> Any:
                scope.cancel()
                return await run(worker, task, **named)

            monkeypatch.setattr(pool, "run", cancelled)
            await graphs.build_next()
        assert scope.cancelled_caught

    with_pool(play)
    assert files_of(workspace) == named(catalog) == before


def before_it_is_named(monkeypatch: pytest.MonkeyPatch, pool: WorkerPool, act: Callable[[], object]) -> None:
    """Do this whenever a worker has come to the end of its task."""
    run = pool.run

    async def then(worker: Any, task: Any, **named: Any) -> Any:
        outcome = await run(worker, task, **named)
        act()
        return outcome

    monkeypatch.setattr(pool, "run", then)


def test_what_changed_meanwhile_is_not_undone(
    workspace: Workspace, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Segments that left the manifest while a graph was made of them: the graph goes too."""

    async def play(pool: WorkerPool) -> None:
        graphs = Graphs(workspace, catalog, pool, None)
        before_it_is_named(monkeypatch, pool, catalog.forget_vectors)
        await graphs.build_next()

    with_pool(play)
    assert catalog.graph_vectors() == 0
    assert not any(name.startswith("graph") for name in files_of(workspace))


def test_flat_segments_that_are_written_anew_meanwhile_undo_nothing(
    workspace: Workspace, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends leaves out what an earlier graph holds: minutes of work on the next one are not lost by it."""

    async def play(pool: WorkerPool) -> None:
        graphs = Graphs(workspace, catalog, pool, None)
        assert await graphs.build_next()
        held = catalog.graph_vectors()

        def write_anew() -> None:
            before = named_flats()
            monkeypatch.setattr(merge, "_is_mostly_dead", lambda segment, _: segment.dead_count > 0)
            upkeep.tidy_vectors(workspace, catalog)
            assert not named_flats() & before, "each was written anew"

        def named_flats() -> set[str]:
            return {row.name for row in catalog.vector_segments() if row.kind != SegmentKind.GRAPH}

        before_it_is_named(monkeypatch, pool, write_anew)
        assert await graphs.build_next()
        assert catalog.graph_vectors() > held
        assert_finds_all(workspace)
        assert files_of(workspace) == named(catalog)

    with_pool(play)


def test_a_damaged_graph_is_noticed_and_what_it_held_is_embedded_again(workspace: Workspace, catalog: Catalog) -> None:
    """Nothing else holds it: until its files are indexed again what answers by meaning says that it lacks something."""

    async def play(pool: WorkerPool) -> None:
        while await Graphs(workspace, catalog, pool, None).build_next():
            pass

    with_pool(play)
    graph = next(row for row in catalog.vector_segments() if row.kind == "graph")
    held = set(open_segment(workspace.folder / graph.name, graph).rows.ids.tolist())
    path = workspace.folder / graph.name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with closing(workspace.reading()) as reading:
        segments = open_segments(workspace, reading)
        assert segments.lacks
        assert segments.search_vectors(bytes(range(1, 17)), 10)
        segments.close()
    assert workspace.has_damaged_segments
    before = set(catalog.vector_ids())
    assert anyio.run(maintain, workspace, catalog) == 1
    assert workspace.has_damaged_segments, "another run is to follow"
    left = set(catalog.vector_ids())
    assert before - left <= held
    assert before - left
    stale = [row for row in catalog.known_files() if row.mtime_ns == -1]
    assert stale
    assert_finds_all(workspace)
    assert files_of(workspace) == named(catalog)


def test_a_live_index_gets_graphs_at_rest_and_says_so(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            (live,) = service.workspaces
            await until(lambda: live.completed_runs)
            await until(lambda: live.graph_vectors and live.counts.vectors - live.graph_vectors <= 100)
            (entry,) = service.status().workspaces
            assert entry.graph_vectors == live.graph_vectors

    anyio.run(play)


def test_nothing_is_built_while_it_is_paused(modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "LEAST_FLAT_COUNT", 1 << 30)

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            (live,) = service.workspaces
            await until(lambda: live.completed_runs and live.quiescent)
            await service.pause()
            monkeypatch.setattr(merge, "LEAST_FLAT_COUNT", 100)
            asked: list[bool] = []
            monkeypatch.setattr(Graphs, "build_next", lambda self: asked.append(True))
            assert live._graphs is not None
            live._graphs.want()
            for _ in range(30):
                await anyio.sleep(0.01)
            assert not asked

    anyio.run(play)
