"""Builds graphs of an index's vectors when nothing else is to be done, one after the other, in a leased worker.

Until a graph is there flat segments answer: nothing waits for this, and what interrupts it costs the building of one
graph, which begins again when it is quiet.

Invariant: a graph is complete, synced and read back before the one transaction that names it.
Invariant: none is built while anything works, and a worker that builds one gives way to whatever wants its place.
Threads: the event loop's; the catalog's writer is used in threads under its limiter.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
import msgspec
from msgspec.structs import astuple

from lowtide import wire
from lowtide.core import merge
from lowtide.core.budget import MIB, WORKER_BYTES
from lowtide.errors import CorruptSegment, StoreError, WorkerError, WorkerRecycled
from lowtide.index.upkeep import new_name, tidy_vectors, vector_state
from lowtide.index.workspace import Workspace
from lowtide.pool.pool import WorkerPool
from lowtide.pool.terms import Urgency
from lowtide.pool.worker import Ended
from lowtide.store.catalog import Catalog
from lowtide.store.rows import Segment
from lowtide.store.segment_file import SegmentKind
from lowtide.store.vectors.vector_segments import last_in_graphs
from lowtide.store.vectors.vectors import predict_graph_bytes, untouched_graph_bytes

log = logging.getLogger(__name__)
T = TypeVar("T")

QUIET_S = 10.0
"""So long nothing has worked and nobody has asked before one is built."""
LOOK_S = 1.0
RETRY_S = 300.0
MOST_RETRY_S = 86_400.0
"""After a failure it rests, twice as long each time: what failed for minutes of CPU is likely to fail again."""
LIBRARY_BYTES = 16 * MIB
"""What a worker takes for usearch beside the graph."""
LEAST_GRAPH_COUNT = 20_000
"""Where the budget has no room for so many, vectors stay flat: very small graphs together cost more than a scan."""


class _Plan(msgspec.Struct, frozen=True):
    sources: list[Segment]
    task: wire.GraphTask
    count: int
    """Of vectors, about."""


class Graphs:
    """Those of one workspace. `is_quiet`: whether nothing works there, or is about to."""

    def __init__(
        self,
        workspace: Workspace,
        catalog: Catalog,
        pool: WorkerPool,
        limit: anyio.CapacityLimiter | None,
        is_quiet: Callable[[], bool] = lambda: True,
        changed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._workspace = workspace
        self._catalog = catalog
        self._pool = pool
        self._limit = limit
        self._is_quiet = is_quiet
        self._changed = changed
        self.is_wanted = False
        """Whether there may be something to build."""
        self._dims = 0
        self._rest_s = RETRY_S
        self.built = 0
        """Graphs that were made since it was opened."""

    def want(self) -> None:
        """There may be something to build: a run has come to its end."""
        self.is_wanted = True

    async def run(self) -> None:
        """Build what there is to build whenever it is quiet, until there is nothing more. Cancelled, it is still
        wanted."""
        while self.is_wanted:
            await self._wait_until_quiet()
            # What is wanted while it builds is not forgotten.
            self.is_wanted, is_more = False, True
            try:
                is_more = await self.build_next()
            except WorkerRecycled:
                log.info("event=graph-gave-way root=%r", str(self._workspace.root))
            except CorruptSegment as error:
                log.warning("event=graph-failed root=%r why=%r", str(self._workspace.root), str(error))
                self._workspace.report_damaged_segments()
                await self._rest()
            except (WorkerError, StoreError) as error:
                log.warning("event=graph-failed root=%r why=%r", str(self._workspace.root), str(error))
                await self._rest()
            else:
                self._rest_s = RETRY_S
            finally:
                self.is_wanted = self.is_wanted or is_more

    async def _rest(self) -> None:
        rest_s, self._rest_s = self._rest_s, min(MOST_RETRY_S, 2 * self._rest_s)
        await anyio.sleep(rest_s)

    async def _wait_until_quiet(self) -> None:
        quiet_s = 0.0
        while quiet_s < QUIET_S:
            await anyio.sleep(LOOK_S)
            asked_s = time.monotonic() - self._pool.asked_s
            quiet_s = min(quiet_s + LOOK_S, asked_s) if self._is_quiet() and not self._pool.is_busy else 0.0

    async def build_next(self) -> bool:
        """Build the next graph and name it in the manifest; false when there is none to build.

        Errors: WorkerRecycled when something else wanted the place; WorkerError; CorruptSegment; StoreError.
        """
        plan = await self._in_thread(self._plan)
        if plan is None:
            return False
        began_s, is_named = time.monotonic(), False
        path = self._workspace.folder / plan.task.target
        try:
            need = predict_graph_bytes(plan.count, self._dims) + LIBRARY_BYTES
            deadline_s = 120.0 + plan.count / 500
            untouched = untouched_graph_bytes(plan.count, self._dims)
            async with self._pool.lease(need, 0, "", Urgency.SPARE, untouched_bytes=untouched) as (worker, _):
                done = (await self._pool.run(worker, plan.task, file_deadline_s=lambda _: deadline_s)).done
                # A process that has used a graph cannot run a model any more.
                worker.kill(Ended.RECYCLED)
            made = Segment(*done.segment) if done.segment else None
            with anyio.CancelScope(shield=True):
                is_named = await self._in_thread(partial(self._name, plan, made))
        finally:
            if not is_named:
                self._sweep(path.name)
        if is_named:
            self.built += 1
            if self._changed is not None:
                await self._changed()
            took_s = time.monotonic() - began_s
            log.info("event=graph root=%r vectors=%d s=%.1f", str(self._workspace.root), plan.count, took_s)
        else:
            log.info("event=graph-outlived root=%r", str(self._workspace.root))
        return True

    def _plan(self) -> _Plan | None:
        self._dims = dims = self._catalog.vector_dims()
        rows = self._catalog.vector_segments()
        flats = [row for row in rows if row.kind != SegmentKind.GRAPH]
        if not dims or (len(flats) == len(rows) and sum(row.count for row in flats) <= merge.flat_limit(dims)):
            return None
        state = vector_state(self._workspace, self._catalog)
        # Beside it a worker has room for what may come: an edit, a question.
        room = self._pool.budget.most_bytes - 2 * WORKER_BYTES - LIBRARY_BYTES
        count = min(merge.MOST_GRAPH_COUNT, room // max(1, predict_graph_bytes(1_000_000, dims) // 1_000_000))
        limits = merge.Limits(flat_count=merge.flat_limit(dims), graph_count=count if count >= LEAST_GRAPH_COUNT else 0)
        action = merge.plan_graph(state.states, limits)
        if action is None:
            tidy_vectors(self._workspace, self._catalog)
            return None
        sources = [row for row in rows if row.name in action.names]
        after = 0 if sources[0].kind == SegmentKind.GRAPH else state.covered
        live = sum(each.live_count for each in state.states if each.name in action.names)
        task = wire.GraphTask(
            str(self._workspace.folder),
            [astuple(row) for row in sources],
            new_name("graph"),
            state.dead.tobytes(),
            action.pieces,
            after,
        )
        return _Plan(sources, task, -(-live // action.pieces))

    def _name(self, plan: _Plan, made: Segment | None) -> bool:
        """The step of the manifest, if all that it was made of is still there. What a graph now holds leaves.

        Flat segments may have been written anew meanwhile, without what is dead: they hold the same vectors by id.
        """
        rows = self._catalog.vector_segments()
        flats = [row for row in rows if row.kind != SegmentKind.GRAPH]
        if plan.sources[0].kind == SegmentKind.GRAPH or made is None:
            gone = plan.sources
            if not {row.name for row in gone} <= {row.name for row in rows}:
                return False
        else:
            gone = [row for row in flats if row.last_id <= made.last_id]
            is_there = any(row.first_id <= made.last_id for row in flats)
            if not is_there or last_in_graphs(rows) != plan.task.after_id:
                return False
        self._catalog.swap_segments([made] if made else [], [row.name for row in gone])
        for row in gone:
            (self._workspace.folder / row.name).unlink(missing_ok=True)
        return True

    def _sweep(self, target: str) -> None:
        """What a worker left that did not come to its end."""
        for path in self._workspace.folder.glob(f"{target}*"):
            path.unlink(missing_ok=True)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(call, limiter=self._limit)
