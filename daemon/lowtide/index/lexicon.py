"""Brings the words of files into the lexical index, a block at a time, in a leased worker.

What is not in it yet is answered from where it lies (`store/lexical/delta.py`), so that nothing waits for this, and a
failure costs time alone: it is tried again.

Invariant: a generation is complete and synced before the one transaction that names it; the one before goes after that.
Invariant: one block at a time is on its way, however many ask.
Threads: the event loop's; the catalog's writer is used in threads under its limiter.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
import msgspec
from msgspec.structs import astuple

from lowtide import wire
from lowtide.core.budget import LEXICAL_TASK_BYTES, LEXICAL_UNTOUCHED_BYTES, MIB
from lowtide.errors import CorruptSegment, StoreError, WorkerError, WorkerOverBudget, WorkerRecycled
from lowtide.index.spare_pages import give_back_pages
from lowtide.index.workspace import Workspace
from lowtide.pool.pool import WorkerPool
from lowtide.pool.terms import Urgency
from lowtide.pool.worker import Ended
from lowtide.store.catalog import Catalog
from lowtide.store.durable import remove_folder
from lowtide.store.lexical.generation import check, new_name, read_listing
from lowtide.store.pending_words import RENEWED
from lowtide.store.rows import PendingWords, Segment

log = logging.getLogger(__name__)
T = TypeVar("T")

BLOCK_BYTES = 4 * MIB
"""Of packed words, which are a quarter of their text: written in one task."""
READ_BYTES = MIB // 4
"""So much may be pending while somebody asks: a question looks through it, in 10 ms of CPU, 19 the first time."""
MOST_PENDING = 4
"""So many blocks may be pending before writing more waits for them."""
MOST_DEAD = 65_536
"""Files deleted in one task."""
TASK_FACTOR = 6
"""Bytes that a worker takes for each packed one on its way: its frame, what that is decoded to, texts in Tantivy's
queue."""
LEAST_SCALE = 1 / 64
LEAST_DEAD = 5_000
DEAD_SHARE = 0.5
"""Of the lexical index: when more than this part of its documents, and so many, answer nothing any more, the others are
made anew."""
CPU_S = 600.0
RETRY_S = 30.0
MOST_RETRY_S = 1800.0
"""After a failure it rests, twice as long each time: where no worker has room for it, none soon has."""
MOST_RECYCLED = 10


class _Block(msgspec.Struct, frozen=True):
    before: Segment | None
    taken: list[PendingWords]
    dead: list[int]

    @property
    def size_bytes(self) -> int:
        return sum(len(row.words) for row in self.taken)


class Lexicon:
    """Writes the lexical index of one workspace. `share`: how much of a full block may be held at once, up to 1."""

    def __init__(
        self,
        workspace: Workspace,
        catalog: Catalog,
        pool: WorkerPool,
        limit: anyio.CapacityLimiter | None,
        share: Callable[[], float] = lambda: 1.0,
        is_read: Callable[[], bool] = lambda: False,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._workspace = workspace
        self._catalog = catalog
        self._pool = pool
        self._limit = limit
        self._share = share
        self._is_read = is_read
        self._tell = changed
        self._lock = anyio.Lock()
        self._changed = anyio.Event()
        self._pending_bytes = 0
        self._rests_until_s = float("-inf")
        self._rest_s = RETRY_S
        self._runs = False
        self._wanted = False
        self._scale = 1.0
        """Of a block, once a whole one has had no room."""
        self._checked = ""
        """The generation that is known to be sound."""

    @property
    def _block_bytes(self) -> int:
        return int(BLOCK_BYTES * self._share() * self._scale)

    @property
    def is_busy(self) -> bool:
        """Whether it brings in all that there is, and has not come to the end of it."""
        return self._wanted and self._runs and not self._resting_s

    @property
    def has_work(self) -> bool:
        """Whether there is something to bring in, now or after a rest."""
        most = self._block_bytes if not self._is_read() else min(READ_BYTES, self._block_bytes)
        return self._wanted or self._pending_bytes >= most

    @property
    def _is_due(self) -> bool:
        return self.has_work and not self._resting_s

    @property
    def _resting_s(self) -> float:
        """How long it still rests."""
        return max(0.0, self._rests_until_s - time.monotonic())

    def _rest(self, error: WorkerError | StoreError) -> None:
        log.warning("event=lexical-waits root=%r why=%r", str(self._workspace.root), str(error))
        self._rests_until_s = time.monotonic() + self._rest_s
        self._rest_s = min(MOST_RETRY_S, 2 * self._rest_s)

    async def wrote(self, size_bytes: int) -> None:
        """So many bytes of packed words were committed. Waits while far too much is pending, and being brought in."""
        self._pending_bytes += size_bytes
        self._notify()
        while self._runs and self._is_due and self._pending_bytes >= MOST_PENDING * self._block_bytes:
            await self._changed.wait()

    def want_all(self) -> None:
        """Have `run` bring in everything that is pending by then: nothing more comes for now."""
        self._wanted = True
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def end(self) -> None:
        """Let `run` come to its end once what it writes now is written."""
        self._runs = False
        self._notify()

    async def run(self) -> None:
        """Bring in what is pending when it is much or wanted, until `end` or cancelled."""
        self._runs = True
        self._pending_bytes = await self._in_thread(self._catalog.pending_bytes)
        try:
            while self._runs:
                if not self._is_due:
                    with anyio.move_on_after(self._resting_s or None):
                        await self._changed.wait()
                    continue
                try:
                    async with self._lock:
                        if not await self._absorb():
                            await self._in_thread(self._catalog.found_words)
                            # What was pending has left its pages free: most of the file after a first run.
                            await give_back_pages(self._catalog, self._in_thread, lambda: not self._pending_bytes)
                            self._wanted = False
                            self._tell()
                except (WorkerError, StoreError) as error:
                    self._rest(error)
                    self._tell()
                self._notify()
        finally:
            self._runs = False
            self._notify()

    async def _absorb(self) -> bool:
        """Bring in a block, or make the next one smaller where there was no room for it; false when there is none."""
        block = await self._in_thread(self._next)
        if not block.taken and not block.dead:
            self._pending_bytes = 0
            return False
        target, is_named = new_name(), False
        try:
            made = await self._write(block, target)
            with anyio.CancelScope(shield=True):
                await self._in_thread(partial(self._catalog.absorbed, made, block.before, block.taken, block.dead))
                is_named = True
        except CorruptSegment:
            self._workspace.report_damaged_segments()
            raise
        except WorkerOverBudget:
            if len(block.taken) <= 1 or self._scale <= LEAST_SCALE:
                raise
            self._scale /= 4
            return True
        finally:
            if not is_named:
                self._sweep(target)
        self._checked = made.name
        self._rest_s = RETRY_S
        self._pending_bytes = max(0, self._pending_bytes - block.size_bytes)
        if block.before is not None:
            remove_folder(self._workspace.folder / block.before.name)
        return True

    def _next(self) -> _Block:
        catalog = self._catalog
        return _Block(
            catalog.lexical_segment(), catalog.pending_block(self._block_bytes), catalog.dead_words(MOST_DEAD)
        )

    async def _write(self, block: _Block, target: str) -> Segment:
        before = block.before
        source = astuple(before) if before else None
        must_check = before is not None and before.name != self._checked
        files = [(row.first_chunk_id, row.path, row.language, row.words) for row in block.taken]
        task = wire.LexicalTask(str(self._workspace.folder), source, target, must_check, files, block.dead)
        need = LEXICAL_TASK_BYTES + TASK_FACTOR * block.size_bytes
        for attempt in range(MOST_RECYCLED):
            try:
                async with self._pool.lease(
                    need,
                    3 * block.size_bytes,
                    wire.LEXICAL,
                    Urgency.WORK,
                    untouched_bytes=LEXICAL_UNTOUCHED_BYTES,
                ) as (worker, _):
                    done = (await self._pool.run(worker, task, file_deadline_s=lambda _: CPU_S)).done
                    # What it has freed lies in pieces: a fresh one is of a known size.
                    worker.kill(Ended.RECYCLED)
                assert done.segment is not None
                return Segment(*done.segment)
            except WorkerOverBudget:
                if need >= self._pool.budget.most_bytes or attempt == MOST_RECYCLED - 1:
                    raise
                need = self._pool.budget.most_bytes  # all the room there is
            except WorkerRecycled:
                if attempt == MOST_RECYCLED - 1:
                    raise
            self._sweep(target)
        raise AssertionError("unreachable")

    def _sweep(self, target: str) -> None:
        """What a worker left that did not come to its end."""
        for path in self._workspace.folder.glob(f"{target}*"):
            remove_folder(path)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(call, limiter=self._limit)


def mend_words(workspace: Workspace, catalog: Catalog) -> list[str]:
    """See whether the lexical index is sound; one that is not is dropped, and every file that it held is indexed again
    by the next run. What there is to tell of it. In the writer's thread."""
    row = catalog.lexical_segment()
    if row is None:
        return []
    try:
        check(workspace.folder / row.name, row)
    except CorruptSegment as error:
        log.warning("event=lexical-damaged root=%r why=%r", str(workspace.root), error.why)
        catalog.lose_words(row)
        remove_folder(workspace.folder / row.name)
        return ["the lexical index was damaged: it is made anew"]
    return []


def renew_words(workspace: Workspace, catalog: Catalog) -> bool:
    """When most of what the lexical index holds is dead, have its files indexed again by the next run; whether it is
    so.

    There is no other way to be rid of it: what is stored of a document does not make it again. Embedded is nothing, and
    it takes no more than what was changed since it was made. In the writer's thread.
    """
    row = catalog.lexical_segment()
    if row is None:
        return False
    with suppress(CorruptSegment):
        listing = read_listing(workspace.folder / row.name, row)
        # As many as are left must have been added since the last time, beside those that it added itself.
        fresh = listing.added - int(catalog.get_meta(RENEWED) or 0) >= 2 * (listing.held - listing.deleted)
        if fresh and listing.deleted > max(LEAST_DEAD, DEAD_SHARE * listing.held):
            log.info("event=words-renewed root=%r dead=%d", str(workspace.root), listing.deleted)
            catalog.renew_words(listing.added)
            return True
    return False
