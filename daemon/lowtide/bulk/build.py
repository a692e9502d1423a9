"""Very many vectors from a stream: a folder of list segments, built piece by piece by workers under one budget.

    store = BulkStore(folder, source, Element.INT8)
    plan = store.plan(pool, worker_count)          # refused here, before anything is written
    await store.build(pool, plan)                  # goes on where it was stopped
    ids, cosines = store.open().search(query, 10)

Invariant: a piece counts from the moment the manifest names it; what is unfinished then is made again, whatever ended
it.
Invariant: every piece is opened, checksum and all, before it is used; a damaged one is made anew from the source.
Invariant: only one process builds in a folder (LockHeld), and floats are never in this one.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec
from msgspec.structs import replace

from lowtide import wire
from lowtide.bulk.manifest import Manifest, Piece
from lowtide.bulk.sources import VectorSource
from lowtide.config.settings import format_size
from lowtide.core.budget import MARGIN_BYTES, MIB, WORKER_BYTES
from lowtide.errors import BudgetError, CorruptIndex, RefusedError, StoreError, WorkerCrashed, WorkerRecycled
from lowtide.pool.pool import WorkerPool
from lowtide.store.durable import TEMPORARY_SUFFIX
from lowtide.store.rows import Segment
from lowtide.store.vectors.list_builder import list_file_bytes, predict_list_bytes
from lowtide.store.vectors.list_segment import Element
from lowtide.store.vectors.vector_index import VectorIndex
from lowtide.store.vectors.vector_segments import open_segment
from lowtide.system.lock import WriterLock
from lowtide.tasks import task_group

MOST_PIECE_ROWS = 65_536
"""What a kill can undo, for each worker: a few seconds of work."""
LEAST_PIECE_ROWS = 4_096
LOCK = "lock"
HEADROOM_BYTES = 48 * MIB
"""A lease is larger than what its piece is predicted to take: the limit counts reserved addresses too, as BLAS takes
them."""
SEARCH_BYTES = 20 * MIB
"""What searching adds to this process: buffers, the centres' products, and the numbers of the lists."""
_BUDGET_STEP_BYTES = 16 * MIB
_ATTEMPTS = 3
_PIECE_DEADLINE_S = 300.0


class BulkPlan(msgspec.Struct, frozen=True):
    """What building will take."""

    piece_rows: int
    pieces: int
    workers: int
    predicted_peak_anon_bytes: int
    predicted_disk_bytes: int
    lease_bytes: int
    """What a worker may grow by while it builds a piece."""


class BulkProgress(msgspec.Struct):
    """A build as others see it while it goes on."""

    rows_done: int = 0
    kept_pieces: int = 0
    """Found complete from an earlier run."""
    damaged_pieces: int = 0
    made_pieces: int = 0
    total_pieces: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    figures: dict[str, float] = msgspec.field(default_factory=dict)
    """Seconds of CPU by stage, and of the clock for writing, of all pieces made."""
    _running: dict[int, int] = msgspec.field(default_factory=dict)

    @property
    def rows_seen(self) -> int:
        """Rows of the pieces that are done, and those that were read of the ones at work."""
        return self.rows_done + sum(self._running.values())

    def saw(self, number: int, rows: int) -> None:
        """A worker has read so many rows of a piece."""
        self._running[number] = rows

    def finish(self, number: int, rows: int, done: wire.Done) -> None:
        """A piece is named by the manifest."""
        self._running.pop(number, None)
        self.rows_done += rows
        self.made_pieces += 1
        self.cpu_s += done.cpu_s
        for name, seconds in done.figures.items():
            self.figures[name] = self.figures.get(name, 0.0) + seconds


class BulkStore:
    """The vectors of `source` in `folder`; ids are the source's row numbers."""

    def __init__(self, folder: Path, source: VectorSource, element: Element = Element.INT8) -> None:
        self.folder = folder
        self.source = source
        self.element = element
        self._manifest = Manifest.read(folder, source.spec(), element)

    def plan(self, pool: WorkerPool, worker_count: int, piece_rows: int | None = None) -> BulkPlan:
        """How it will be built under the pool's budget, with pieces as large as that allows, or of `piece_rows`.

        A build that was begun goes on with its own pieces. Errors: BudgetError when the budget is too small, with the
        one that would do; RefusedError when the disk is.
        """
        pool.measure()
        budget, count = pool.budget, self.source.count
        wanted = self._manifest.piece_rows if self._manifest else piece_rows
        rows = workers = 0
        for workers in range(min(worker_count, -(-count // LEAST_PIECE_ROWS)), 0, -1):
            room = budget.most_bytes // workers - WORKER_BYTES
            rows = self._largest_piece(room)
            if rows >= min(count, wanted or LEAST_PIECE_ROWS):
                break
        else:
            least = self._least_budget(min(count, wanted or LEAST_PIECE_ROWS), budget.daemon_bytes)
            raise BudgetError(
                f"{count:,} vectors of {self.source.dims} cannot be built in {format_size(budget.total_bytes)}",
                f"{format_size(budget.daemon_bytes + MARGIN_BYTES)} are this process's own, and a worker needs "
                f"{format_size(self._lease_bytes(min(count, wanted or LEAST_PIECE_ROWS)) + WORKER_BYTES)} for the "
                f"smallest piece",
                f"give --budget {least >> 20}MiB or more",
            )
        if wanted is None:  # pieces of about equal size, so that no worker ends long after the others
            number = -(-count // min(rows, MOST_PIECE_ROWS))
            number = min(-(-number // workers) * workers, max(1, count // LEAST_PIECE_ROWS))
            wanted = -(-count // number)
        pieces = -(-count // wanted)
        workers = min(workers, pieces)
        own = budget.daemon_bytes
        largest = min(wanted, count)
        plan = BulkPlan(
            wanted,
            pieces,
            workers,
            own + max(SEARCH_BYTES, workers * (WORKER_BYTES + self._piece_bytes(largest))),
            sum(list_file_bytes(stop - first, self.source.dims, self.element) for first, stop in _cut(count, wanted)),
            self._lease_bytes(largest),
        )
        self._check_disk(plan)
        return plan

    def _piece_bytes(self, rows: int) -> int:
        source = self.source
        return predict_list_bytes(rows, source.dims, self.element, source.held_bytes, source.block_bytes)

    def _lease_bytes(self, rows: int) -> int:
        return self._piece_bytes(rows) * 9 // 8 + HEADROOM_BYTES

    def _largest_piece(self, room_bytes: int) -> int:
        """The most rows whose lease fits; 0 when none does."""
        low, high = 0, min(MOST_PIECE_ROWS, self.source.count)
        if self._manifest:
            high = self._manifest.piece_rows
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._lease_bytes(middle) <= room_bytes else (low, middle - 1)
        return low

    def _least_budget(self, rows: int, own_bytes: int) -> int:
        need = own_bytes + MARGIN_BYTES + WORKER_BYTES + self._lease_bytes(rows)
        return -(-need // _BUDGET_STEP_BYTES) * _BUDGET_STEP_BYTES

    def _check_disk(self, plan: BulkPlan) -> None:
        folder = self.folder
        while not folder.exists():
            folder = folder.parent
        have = sum(piece.segment.size_bytes for piece in self._manifest.pieces) if self._manifest else 0
        free = shutil.disk_usage(folder).free
        if free < (plan.predicted_disk_bytes - have) * 21 // 20:
            raise RefusedError(
                f"{format_size(plan.predicted_disk_bytes - have)} of disk are needed",
                f"{format_size(free)} are free at {folder}",
                "free some space, or name another folder",
            )

    # -- building -----------------------------------------------------------------------------------------------

    async def build(self, pool: WorkerPool, plan: BulkPlan, progress: BulkProgress | None = None) -> BulkProgress:
        """Make the pieces that are missing. Cancelling ends the workers at once; the pieces that are named stay.

        Errors: LockHeld; StoreError for the disk and for vectors that are no numbers; WorkerError.
        """
        progress = progress or BulkProgress()
        began = time.monotonic()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with WriterLock(self.folder / LOCK):
            self._manifest = Manifest.read(self.folder, self.source.spec(), self.element)
            if self._manifest is None or self._manifest.piece_rows != plan.piece_rows:
                self._manifest = Manifest(self.source.spec(), self.element, self.source.count, plan.piece_rows)
            await anyio.to_thread.run_sync(partial(self._drop_unsound, progress))
            spans = _cut(self.source.count, plan.piece_rows)
            have = {piece.number: piece for piece in self._manifest.pieces}
            progress.total_pieces, progress.kept_pieces = len(spans), len(have)
            progress.rows_done = sum(piece.segment.count for piece in have.values())
            missing = [number for number in range(len(spans)) if number not in have]
            numbers = iter(missing)

            async def work() -> None:
                for number in numbers:  # shared: each worker takes the next
                    await self._make(pool, plan, number, spans[number], progress)

            async with task_group() as group:
                for _ in range(min(plan.workers, len(missing))):
                    group.start_soon(work)
        pool.end_idle()
        progress.wall_s = time.monotonic() - began
        return progress

    def _drop_unsound(self, progress: BulkProgress) -> None:
        """Read every named piece; what is not sound leaves the manifest. Then sweep what no manifest names."""
        assert self._manifest is not None
        kept = []
        for piece in self._manifest.pieces:
            try:
                open_segment(self.folder / piece.segment.name, piece.segment).release()
            except CorruptIndex:
                progress.damaged_pieces += 1
            else:
                kept.append(piece)
        self._manifest = replace(self._manifest, pieces=tuple(kept))
        self._manifest.write(self.folder)
        named = {piece.segment.name for piece in kept}
        for path in self.folder.iterdir():
            if path.name not in named and (path.name.endswith(TEMPORARY_SUFFIX) or path.name.startswith("piece-")):
                with suppress(OSError):
                    path.unlink()

    async def _make(
        self, pool: WorkerPool, plan: BulkPlan, number: int, span: tuple[int, int], progress: BulkProgress
    ) -> None:
        """One piece, in a worker; tried again when the worker was ended through no fault of the piece."""
        for attempt in range(_ATTEMPTS):
            task = wire.PieceTask(
                str(self.folder), Piece.new_name(number), self.source.spec(), *span, str(self.element)
            )
            try:
                async with pool.lease(plan.lease_bytes, 0, "", untouched_bytes=plan.lease_bytes) as (worker, _):
                    done = (
                        await pool.run(
                            worker,
                            task,
                            file_deadline_s=lambda _: _PIECE_DEADLINE_S,
                            on_started=partial(progress.saw, number),
                        )
                    ).done
                break
            except (WorkerRecycled, WorkerCrashed):
                progress.saw(number, 0)
                if attempt == _ATTEMPTS - 1:
                    raise
        assert done.segment is not None
        assert self._manifest is not None
        # In the event loop: one piece after the other, and a piece that was built is not lost to a cancellation.
        self._manifest = self._manifest.with_piece(Piece(number, Segment(*done.segment)))
        self._manifest.write(self.folder)
        progress.finish(number, span[1] - span[0], done)

    # -- reading ------------------------------------------------------------------------------------------------

    def open(self) -> VectorIndex:
        """Open everything for searching. CorruptIndex when a piece is damaged: `build` makes it anew.

        StoreError when it is not complete.
        """
        manifest = Manifest.read(self.folder, self.source.spec(), self.element)
        if manifest is None or sum(piece.segment.count for piece in manifest.pieces) != self.source.count:
            raise StoreError(f"the vectors in {self.folder} are not complete", "", "build them first")
        return VectorIndex([open_segment(self.folder / piece.segment.name, piece.segment) for piece in manifest.pieces])

    @property
    def disk_bytes(self) -> int:
        """The bytes of all pieces."""
        manifest = Manifest.read(self.folder, self.source.spec(), self.element)
        return sum(piece.segment.size_bytes for piece in manifest.pieces) if manifest else 0

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


async def spread(
    pool: WorkerPool, workers: int, lease_bytes: int, tasks: Iterable[wire.Request], saw: Callable[[int, int], None]
) -> float:
    """Run tasks in workers of one lease size, some at a time; returns their CPU seconds. `saw`: (task, rows) as they
    go."""
    numbered = iter(list(enumerate(tasks)))
    seconds = 0.0

    async def work() -> None:
        nonlocal seconds
        for number, task in numbered:
            async with pool.lease(lease_bytes, 0, "", untouched_bytes=lease_bytes) as (worker, _):
                done = await pool.run(
                    worker, task, file_deadline_s=lambda _: _PIECE_DEADLINE_S, on_started=partial(saw, number)
                )
                seconds += done.done.cpu_s

    async with task_group() as group:
        for _ in range(workers):
            group.start_soon(work)
    return seconds


def _cut(count: int, rows: int) -> list[tuple[int, int]]:
    return [(first, min(count, first + rows)) for first in range(0, count, rows)]
