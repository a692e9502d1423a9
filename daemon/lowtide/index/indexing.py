"""Bringing one index up to date: scan -> queue -> batches under leases -> commit, in bounded stages.

Code is queued; what `core/order.py` puts behind it is held, packed, until no code waits.

Invariant: every stage is bounded in bytes; a slow disk slows the workers, it does not fill memory.
Invariant: a file that breaks its worker is tried once more alone, then indexed by lines without its syntax, and then
given up as quarantined with the reason; every other file is indexed whole.
Threads: the event loop calls everything but `_scan` and what asks the catalog, which run in threads; each of those
takes a connection of its own.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

import lowtide
from lowtide import languages, wire
from lowtide.core.budget import MIB, CostModel
from lowtide.core.ladder import Ladder
from lowtide.core.plan import Act, Action, Retrying
from lowtide.core.queue import Queue
from lowtide.errors import (
    FileChanged,
    LeaseWithdrawn,
    ModuleMissing,
    ResultTooLarge,
    WorkerError,
    WorkerOverBudget,
    WorkerRecycled,
    WorkerStalled,
    WorkersUnavailable,
)
from lowtide.index.comparing import compared
from lowtide.index.donors import Donors
from lowtide.index.held import JOB_BYTES, Held
from lowtide.index.jobs import (
    GIVEN_UP,
    Broken,
    IndexOptions,
    Job,
    Progress,
    job_of,
    recycled_job,
    replaced,
    sized,
    spans_and_names,
    tried_again,
    why_of,
)
from lowtide.index.waiting import Waiting
from lowtide.index.writing import Group, Writing, grouped
from lowtide.models import FileStat, FileStatus, Reason
from lowtide.pool.pool import WorkerPool
from lowtide.store.catalog import Catalog
from lowtide.store.connections import Connections
from lowtide.store.rows import Commit, NewVectors
from lowtide.tasks import task_group

HAND_OVER_S = 0.05
"""The walk hands over what it has found by then, and does not fill the block."""
BATCH_FILES = 48
QUEUE_LENGTH = 1024
"""Files planned ahead of the workers."""
RESULT_FACTOR = 4.0
"""Bytes that a result takes on its way through the daemon, for each byte of its file (measured: 2.5 to 4)."""
RESULT_SLACK_BYTES = 2 * MIB
"""A result may take so much more than was kept for it, out of the budget's margin, before its file is done again."""
EMBED_BLOCK = 512
"""Documents of a large file embedded in one task."""
EMBED_BYTES = 12 * MIB
"""What embedding adds to a worker at most, beside the file (measured: 9)."""


class Indexer:
    """One run over one workspace; `run()` once."""

    def __init__(
        self,
        writing: Writing,
        readers: Connections,
        pool: WorkerPool,
        ladder: Ladder,
        costs: CostModel,
        options: IndexOptions,
        walk: Callable[[], Iterable[FileStat]],
        on_planned: Callable[[FileStat], None] = lambda _: None,
        find_donors: Callable[[], Sequence[Path]] = list,
        check_root: Callable[[Catalog], None] = lambda _: None,
    ) -> None:
        self._check_root = check_root
        self._donors = Donors(find_donors if options.embed else list, options.recipe)
        self._on_planned = on_planned
        self._writing = writing
        self._began = writing.generations.now
        self._readers = readers
        self._pool = pool
        self._ladder = ladder
        self._costs = costs
        self._options = options
        self._walk = walk
        self.progress = Progress(peak=pool.guard.follow())
        self._queue: Queue[Job] = Queue()
        self._held = Held()
        self._queued = anyio.Condition()
        self._waiting = Waiting(self._queued)
        self._open_jobs = 0
        self._scan_done = False
        self._stopping = False
        self._dedupe = False
        self._reader_limit = anyio.CapacityLimiter(1)

    @property
    def queued_bytes(self) -> int:
        """What files take that are planned and not begun, about."""
        return JOB_BYTES * len(self._queue) + self._held.size_bytes

    async def run(self) -> Progress:
        """Bring the index up to date. Cancelling keeps what was committed; StoreError when it cannot be written."""
        try:
            await anyio.to_thread.run_sync(self._donors.open, limiter=self._reader_limit)
            self._dedupe = bool(self._donors) or await anyio.to_thread.run_sync(
                self._has_vectors, limiter=self._reader_limit
            )
            send, receive = anyio.create_memory_object_stream[Group](4 if self._writing.share == 1.0 else 1)
            async with task_group() as group:
                group.start_soon(self._commit_stage, receive)
                async with send, task_group() as producers:
                    producers.start_soon(self._scan_stage, send.clone())
                    for number in range(self._ladder.footing().worker_count):
                        producers.start_soon(self._work_stage, number, send.clone())
        finally:
            self._stopping = True
            self._donors.close()
        return self.progress

    def _has_vectors(self) -> bool:
        with self._readers.lend() as catalog:
            return catalog.has_vectors()

    # -- scan ---------------------------------------------------------------------------------------------------

    async def _scan_stage(self, send: MemoryObjectSendStream[Group]) -> None:
        async with send:
            await anyio.to_thread.run_sync(partial(self._scan, send), abandon_on_cancel=True)
        async with self._queued:
            self._scan_done = True
            self.progress.scanning = False
            self._queued.notify_all()

    def _scan(self, send: MemoryObjectSendStream[Group]) -> None:
        """In a thread: walk, compare, hand over in blocks."""
        progress = self.progress
        jobs: list[Job] = []
        group = Group()
        began_s, waited_s = time.monotonic(), 0.0
        handed_s = began_s

        def hand_over(call: Callable[[], Coroutine[Any, Any, None]]) -> None:
            nonlocal waited_s
            waits_s = time.monotonic()
            anyio.from_thread.run(call)
            waited_s += time.monotonic() - waits_s

        with self._readers.lend_moving() as catalog:
            self._check_root(catalog)
            retrying = Retrying(time.time_ns(), lowtide.__version__) if self._options.only is None else None
            for action in compared(catalog, self._walk(), self._options.root, self._options.only, retrying):
                if self._stopping:
                    return
                self._sort_action(action, jobs, group)
                left_out = len(group.skipped) + len(group.removed)
                # A single change does not wait for a block to be full: that is the end of the walk.
                if not (jobs or left_out):
                    continue
                late = time.monotonic() - handed_s > HAND_OVER_S
                if jobs and (late or len(jobs) >= 64):
                    hand_over(partial(self._enqueue, jobs))
                    jobs, handed_s = [], time.monotonic()
                if left_out and (late or left_out >= 256):
                    hand_over(partial(send.send, group))
                    group, handed_s = Group(), time.monotonic()
            if jobs:
                hand_over(partial(self._enqueue, jobs))
            if group.skipped or group.removed:
                hand_over(partial(send.send, group))
        progress.compare_s = time.monotonic() - began_s - waited_s
        progress.scanning = False

    def _sort_action(self, action: Action, jobs: list[Job], group: Group) -> None:
        progress, stat, known = self.progress, action.observed, action.known
        if action.act is Act.REMOVE:
            assert known is not None
            group.removed.append(known.path)
            progress.removed += known.status is not FileStatus.SKIPPED
            return
        assert stat is not None
        progress.seen += 1
        if stat.reason is not None:
            progress.skipped += 1
            progress.skip_reasons[stat.reason] += 1
            if action.act is Act.SKIP:
                group.skipped.append(stat)
            return
        progress.candidates += action.is_candidate
        if action.act is Act.KEEP:
            assert known is not None
            self._count_kept(known.status, known.reason)
        else:
            jobs.append(job_of(action, stat))
            progress.total += 1
            self._on_planned(stat)

    def _count_kept(self, status: FileStatus, reason: str) -> None:
        progress = self.progress
        if status is FileStatus.INDEXED:
            progress.unchanged += 1
        elif status is FileStatus.SKIPPED:
            progress.skipped += 1
            progress.skip_reasons[reason] += 1
        else:
            progress.quarantined += 1

    async def _enqueue(self, jobs: list[Job]) -> None:
        async with self._queued:
            while len(self._queue) >= QUEUE_LENGTH or self._held.is_full:
                await self._queued.wait()
            for job in jobs:
                self._waiting.came(job)
                if not self._held.keep(job):
                    self._queue.push(job.path, job)
                self._open_jobs += 1
            self._queued.notify_all()

    # -- work ---------------------------------------------------------------------------------------------------

    async def _take(self) -> list[Job]:
        """The next batch; empty when there is nothing more to come."""
        async with self._queued:
            while True:
                batch = self._fill_batch()
                if batch:
                    self._queued.notify_all()
                    return batch
                if self._scan_done and self._open_jobs == 0:
                    self._queued.notify_all()
                    return []
                await self._queued.wait()

    def _fill_batch(self) -> list[Job]:
        footing = self._ladder.footing()
        batch: list[Job] = []
        size = 0
        while len(batch) < BATCH_FILES:
            waiting = self._queue if len(self._queue) else self._held
            head = waiting.peek()
            if head is None:
                break
            alone = head.attempt > 0 or head.size_bytes > footing.batch_bytes // 2
            if batch and (alone or size + head.size_bytes > footing.batch_bytes):
                break
            waiting.pop()
            self._waiting.went(head)
            batch.append(head)
            size += head.size_bytes
            if alone:
                break
        return batch

    async def _work_stage(self, number: int, send: MemoryObjectSendStream[Group]) -> None:
        async with send:
            if self._dedupe:  # what is indexed for the first time has all workers at once
                await self._waiting.enough_beside(number, lambda: self._scan_done and not self._open_jobs)
            while batch := await self._take():
                began = self._writing.generations.now
                try:
                    group = await self._run_batch(batch)
                except Broken as broken:
                    await self._requeue(batch, broken)
                    continue
                except WorkerRecycled as ended:
                    await self._requeue(batch, ended)
                    continue
                group.file_count = len(batch)
                group.began = [began] * len(group.commits)
                await send.send(group)

    async def _requeue(self, batch: list[Job], broken: Broken | WorkerRecycled) -> None:
        """Put a batch back: the one that broke it, if any, alone with one more attempt, the others as they were."""
        async with self._queued:
            for index, job in enumerate(batch):
                again = job
                if isinstance(broken, WorkerRecycled):
                    begun = len(batch) == 1 and not isinstance(broken, LeaseWithdrawn)
                    again = recycled_job(job, why_of(broken)) if begun else job
                elif index == broken.index:
                    again = tried_again(job, broken)
                self._queue.push(job.path, again)
                self._waiting.came(again)
            self._queued.notify_all()

    async def _run_batch(self, jobs: list[Job]) -> Group:
        size = sum(job.size_bytes for job in jobs)
        if len(jobs) == 1 and jobs[0].attempt >= GIVEN_UP:
            return self._give_up(jobs[0])
        lines_only = len(jobs) == 1 and jobs[0].attempt == 2
        names = [languages.language_for(job.path, b"") for job in jobs]
        needs = [
            self._costs.predict_lines_bytes(job.size_bytes)
            if lines_only
            else self._costs.predict_bytes(name.name if name else "", job.size_bytes)
            for job, name in zip(jobs, names, strict=True)
        ]
        need = max(needs) + 2 * size
        if jobs[0].attempt == 1 and jobs[0].reason is Reason.MEMORY:
            need = max(need, self._pool.budget.most_bytes)  # all the room there is: others wait, or it waits for them
        footing = self._ladder.footing()
        embed = self._options.embed and footing.embed
        result_bytes = max(int(RESULT_FACTOR * size) + MIB, jobs[0].result_bytes)
        # A large file is parsed in a worker without the model, for its tree needs the room, and embedded after.
        apart = embed and len(jobs) == 1 and (jobs[0].attempt > 0 or size > 4 * footing.batch_bytes)
        model = self._options.model if embed and not apart else ""
        current = 0

        def started(index: int) -> None:
            nonlocal current
            current = index
            self.progress.current = jobs[index].path.decode("utf-8", "replace")

        task = wire.IndexTask(
            self._options.root,
            [job.path for job in jobs],
            [job.known_hash for job in jobs],
            {**self._options.settings, "result_bytes": result_bytes + RESULT_SLACK_BYTES},
            self._options.query_deadline_s,
            bool(model),
            bool(model) and self._dedupe,
            lines_only,
            footing.batch_size,
            self._options.model,
            self._options.recipe,
            [job.size_bytes for job in jobs],
        )
        try:
            async with self._pool.lease(need, result_bytes, model, self._options.urgency) as (worker, _):
                outcome = await self._pool.run(
                    worker,
                    task,
                    on_started=started,
                    on_ask=self._missing,
                    file_deadline_s=lambda index: (
                        5.0 + 1.5 * self._options.query_deadline_s + 4.0 * jobs[index].size_bytes / MIB
                    ),
                )
            if len(jobs) == 1 and not lines_only and names[0]:
                self._costs.learn(names[0].name, size, outcome.grown_bytes)
            done = outcome.done
            self.progress.worker_cpu_s += done.cpu_s
            if apart:
                done = await self._embed_apart(jobs[0], done, footing.batch_size)
        except (WorkerRecycled, WorkersUnavailable):
            raise  # no file is to blame
        except ResultTooLarge as error:
            raise Broken(error.index, Reason.MEMORY, why_of(error), error.size_bytes) from error
        except WorkerOverBudget as error:
            raise Broken(current, Reason.MEMORY, why_of(error)) from error
        except WorkerStalled as error:
            raise Broken(current, Reason.DEADLINE, why_of(error)) from error
        except FileChanged as error:
            raise Broken(0, Reason.CHANGED, why_of(error)) from error
        except ModuleMissing as error:
            raise Broken(current, Reason.GRAMMAR, why_of(error)) from error
        except WorkerError as error:
            raise Broken(current, Reason.CRASH, why_of(error)) from error
        return self._collect(jobs, done)

    async def _missing(self, hashes: bytes) -> list[int]:
        """Chunks that must be embedded: in no vector here, nor in another index of the same repository."""
        missing = await anyio.to_thread.run_sync(self._missing_here, hashes, limiter=self._reader_limit)
        return await self._donors.fill(hashes, missing, self._writing)

    def _missing_here(self, hashes: bytes) -> list[int]:
        with self._readers.lend() as catalog:
            return catalog.missing_vectors(hashes)

    async def _embed_apart(self, job: Job, done: wire.Done, batch_size: int) -> wire.Done:
        (file,) = done.files
        count = file.chunk_count
        rows = await self._missing(file.hashes) if self._dedupe and count else list(range(count))
        vectors, dims = bytearray(), 0
        for start in range(0, len(rows), EMBED_BLOCK):
            spans, names = spans_and_names(file, rows[start : start + EMBED_BLOCK])
            task = wire.EmbedTask(
                self._options.root,
                job.path,
                file.size_bytes,
                file.content_hash,
                spans,
                names,
                self._options.settings,
                batch_size,
                self._options.model,
            )
            async with self._pool.lease(
                EMBED_BYTES + 4 * file.size_bytes, 2 * MIB, self._options.model, self._options.urgency
            ) as (worker, _):
                part = (await self._pool.run(worker, task)).done
            vectors += part.vectors
            dims = part.dims
        return wire.Done(done.files, bytes(vectors), rows, dims, done.cpu_s)

    def _collect(self, jobs: list[Job], done: wire.Done) -> Group:
        """Pair each file's chunks with their vectors."""
        group = Group()
        first = at = 0
        for job, file in zip(jobs, done.files, strict=True):
            count = file.chunk_count
            until = bisect_left(done.vector_rows, first + count, at)
            rows = range(count) if until - at == count else [row - first for row in done.vector_rows[at:until]]
            vectors = NewVectors(count, rows, done.vectors[at * done.dims : until * done.dims])
            first, at = first + count, until
            if job.attempt == 2 and file.status == FileStatus.INDEXED:
                file = replaced(file, FileStatus.QUARANTINED, job.reason or Reason.CRASH, job.rule)
            elif file.status == FileStatus.SKIPPED and not file.content_hash:
                file = sized(file, job)
            still_fails = file.reason == job.failed_before != ""
            group.commits.append(Commit(job.path, file, vectors, still_fails, job.known_status, job.known_reason))
            group.size_bytes += max(int(2.5 * job.size_bytes), job.result_bytes)
        return group

    def _give_up(self, job: Job) -> Group:
        # As the walk saw it: it is left alone until it changes. One that kept changing is tried by the next run.
        status, mtime_ns = FileStatus.QUARANTINED, job.mtime_ns
        if job.reason is Reason.CHANGED:
            status, mtime_ns = FileStatus.SKIPPED, -1
        result = wire.FileResult(
            job.size_bytes,
            mtime_ns,
            job.inode,
            job.ctime_ns,
            b"",
            "",
            "",
            0,
            status,
            job.reason or Reason.CRASH,
            job.rule,
        )
        return Group(commits=[Commit(job.path, result, NewVectors())])

    # -- commit -------------------------------------------------------------------------------------------------

    async def _commit_stage(self, receive: MemoryObjectReceiveStream[Group]) -> None:
        async with receive:
            async for merged in grouped(receive, self._writing.group_bytes):
                self._drop_outdated(merged)
                new = await self._writing.write(merged)
                await self._committed(merged, new)

    def _drop_outdated(self, group: Group) -> None:
        """What changed since its work began is left to the run that its change began."""
        current = self._writing.generations.is_current
        group.commits = [
            commit for commit, began in zip(group.commits, group.began, strict=True) if current(commit.path, began)
        ]
        group.skipped = [stat for stat in group.skipped if current(stat.path, self._began)]
        group.removed = [path for path in group.removed if current(path, self._began)]

    async def _committed(self, group: Group, new_vectors: int) -> None:
        progress = self.progress
        progress.new_vectors += new_vectors
        for commit in group.commits:
            result = commit.result
            progress.done += 1
            progress.bytes_done += result.size_bytes
            if result.status == FileStatus.SKIPPED:
                progress.skipped += 1
                progress.skip_reasons[result.reason] += 1
            elif result.status == FileStatus.QUARANTINED:
                progress.quarantined += 1
            elif result.reason == wire.UNCHANGED:
                self._count_kept(commit.known_status, commit.known_reason)
            elif commit.still_fails:
                progress.unchanged += 1
            else:
                progress.indexed += 1
            progress.chunks += result.chunk_count
            progress.symbols += result.symbol_count
        async with self._queued:
            self._open_jobs -= group.file_count
            self._queued.notify_all()
