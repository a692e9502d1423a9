"""One workspace kept current: hints of changes lead to narrow runs, doubt leads to a whole one.

Invariant: the scan is the truth; an event only says where to look. At most one whole and one narrow run work at a time,
and both write through one writer, under the workspace's lock, which is held as long as the workspace is live.
Invariant: one that has nothing to do costs its watches and the descriptor of its lock, one task, and next to no memory:
what else it needs while it works (connections, tasks) ends with the work.
Invariant: whatever ends a run early (pause, cancel, a fault) leaves the index consistent, and the workspace remembers
that it is incomplete until a whole run has ended.
Threads: the event loop's. Its writer is used in threads under `Writing.limit`; each reader takes one of `_readers`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import TypeVar

import anyio
import anyio.abc
import anyio.to_thread
from msgspec.structs import replace

from lowtide.config.settings import WORKSPACE_FILE
from lowtide.core import merge
from lowtide.core.course import Event, Reopen, Will
from lowtide.core.hints import Hints
from lowtide.errors import CorruptIndex, CorruptSegment, IndexGone, LockHeld, LowtideError, StoreError
from lowtide.index.forecast import Forecaster
from lowtide.index.graphs import Graphs
from lowtide.index.indexing import Indexer
from lowtide.index.jobs import own_cpu_seconds
from lowtide.index.lexicon import Lexicon, mend_words, renew_words
from lowtide.index.live_control import ONE_FILE, LiveControl
from lowtide.index.resting import Resting
from lowtide.index.seeding import nothing_to_begin_with
from lowtide.index.shared import Stay
from lowtide.index.upkeep import maintain, mend_vectors, mended_segments, settle
from lowtide.index.watching import FIRST_HINT
from lowtide.index.workspace import CONVERTS, INDEX_GONE, REBUILT
from lowtide.index.writing import Writing
from lowtide.models import FileStat
from lowtide.pool.terms import Urgency
from lowtide.store.connections import Connections
from lowtide.system import memory
from lowtide.system.watch.watch import WatchQuota
from lowtide.tasks import task_group

log = logging.getLogger(__name__)
T = TypeVar("T")

MOST_NARROW_PATHS = 4_000
"""More hints than these cost more one by one than a whole scan."""
RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
COUNTS_S = 1.0
LEAST_TICK_S = 900.0
TICK_FACTOR = 200.0
"""A whole scan now and then, whatever the events said: at least this many times its own duration apart."""


class _Restart(Exception):
    """Begin again from opening the index; `anew` forgets it first."""

    def __init__(self, *, anew: bool) -> None:
        super().__init__(anew)
        self.anew = anew


class LiveWorkspace(LiveControl):
    """A root that is watched and indexed; `run()` in a task of its own."""

    # -- the life of it -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the index current until cancelled. Faults are shown in the status and tried again, ever more slowly."""
        anew, tries = False, 0
        while True:
            try:
                await self._open(anew)
            except _Restart as restart:
                anew, tries = restart.anew, 0
                continue
            except (CorruptIndex, IndexGone) as error:
                log.warning("event=index-damaged root=%r why=%r", str(self.root), str(error))
                anew = isinstance(error, CorruptIndex) and not isinstance(error, CorruptSegment)
                self._mended = () if isinstance(error, CorruptSegment) else (INDEX_GONE,) if not anew else (REBUILT,)
                self._go(Event.STALE)
                while self.course.reopen is Reopen.NO and not self._may_rebuild(now := time.monotonic(), error.why):
                    self._notify()
                    with anyio.move_on_after(self._rebuilds.due_s(now)):
                        await self._wake.wait()
                continue
            except LowtideError as error:
                anew = False
                self._fail(error)
                log.warning("event=workspace-failed root=%r why=%r", str(self.root), str(error))
            except Exception as error:
                # Whatever it is, it is this workspace's alone: the others, and the daemon, go on.
                if not isinstance(error, OSError):
                    log.exception("event=workspace-failed root=%r", str(self.root))
                anew = False
                why = getattr(error, "strerror", None) or str(error) or type(error).__name__
                self._fail(StoreError(f"cannot index {self.root}", why, "see `lowtide daemon logs`"))
            delay = RETRY_S[min(tries, len(RETRY_S) - 1)]
            tries += 1
            with anyio.move_on_after(0.3 if isinstance(self.error, LockHeld) and tries < 10 else delay):
                await self._wake.wait()
            self._go(Event.TRY_AGAIN)

    async def _open(self, anew: bool) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            self._go(Event.REOPENS)  # this is what was to follow
        with ExitStack() as stack:
            if anew and begun is None:
                beginning = nothing_to_begin_with()
            else:
                beginning = await self.host.beginning(self.workspace, begun)
            stack.callback(beginning.discard)
            async with self.host.opening:
                if await anyio.to_thread.run_sync(self.workspace.is_older):
                    self.messages = (CONVERTS,)
                catalog, messages = await anyio.to_thread.run_sync(
                    stack.enter_context,
                    self.workspace.writing(anew=anew or begun is not None, begin=beginning),
                )
                stack.callback(self._forget)
                self._go(Event.OPENED)
                self.messages = tuple(dict.fromkeys((*self._mended, *messages, *beginning.messages)))
                self._mended = ()
                settled = partial(settle, self.workspace, catalog)
                self._writing = writing = Writing(catalog, settled, self._is_read, self.host.budget)
                self._lexicon = Lexicon(
                    self.workspace,
                    catalog,
                    self.host.pool,
                    writing.limit,
                    lambda: writing.share,
                    self._is_read,
                    self._notify,
                )
                writing.lexicon = self._lexicon.wrote
                self._graphs = Graphs(
                    self.workspace, catalog, self.host.pool, writing.limit, self._is_quiet, self._built_graph
                )
                self._readers = stack.enter_context(closing(Connections(self.workspace.reading)))
                self.is_first = await self._in_writer(catalog.last_run) is None
                await self._prepare(check_words=True)
                await self._count()
                if beginning.is_copy:
                    self.file_count.take(self.counts.held)
                self._notify()
                self._resting = Resting(self._writing, self._readers, lambda: self.course.works)
                self.host.catalogs.add(self._resting)
                if self.host.turns.are_waited_for:
                    await self._resting.rest()
            assert self._settings is not None
            WatchQuota.of_machine().hold_to(self.host.budget.total_bytes)
            self._watcher = watcher = self.host.watch(self.root, self._settings.index, self._hear)
            try:
                async with task_group() as group:
                    group.start_soon(watcher.start)
                    self._want_graphs()
                    await self._schedule(group)
            finally:
                with anyio.CancelScope(shield=True):
                    await watcher.stop()

    def _want_graphs(self) -> None:
        """Have graphs built if there may be any to build: few vectors have none, and nothing is opened to see that."""
        few = self.counts.vectors <= merge.LEAST_FLAT_COUNT and not self.graph_vectors
        if self._graphs is not None and self.host.stay is Stay.LONG and not few:
            self._graphs.want()
            self._notify()

    def _is_quiet(self) -> bool:
        return self.state == "idle" and self.quiescent and self._narrow is None

    async def _built_graph(self) -> None:
        await self._count()
        self._notify()

    def _keep_up(self, group: anyio.abc.TaskGroup) -> None:
        """Have what is needed beside the runs: while one works it is counted, and its words are brought into the
        lexical index, as long as there are any; vectors get their graphs when all is done."""
        assert self._lexicon is not None
        assert self._graphs is not None
        works = self.course.works
        if works:
            self._begin(group, "counts", self._keep_counting)
        if self.course.will is not Will.GO:
            return
        if works or self._lexicon.has_work:
            self._begin(group, "words", partial(self._do, self._lexicon.run))
        elif "words" in self._beside:
            self._lexicon.end()
        if self._graphs.is_wanted:
            self._begin(group, "graphs", partial(self._do, self._graphs.run))

    def _begin(self, group: anyio.abc.TaskGroup, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do this beside the runs, unless it is being done; when it has ended, see whether there is more."""

        async def do() -> None:
            try:
                await work()
            finally:
                self._beside.discard(name)
            self._notify()

        if name not in self._beside:
            self._beside.add(name)
            group.start_soon(do)

    async def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until it ends, or work is paused or told to stop."""
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                await work()
            finally:
                self._scopes.discard(scope)

    def _forget(self) -> None:
        """What was open is closed, or about to be."""
        if self._resting is not None:
            self.host.catalogs.remove(self._resting)
        self._lexicon = self._graphs = None
        self._writing = self._watcher = self._resting = self._readers = None
        self._full = self._narrow = None
        self._go(Event.CLOSED)

    async def _prepare(self, *, check_words: bool) -> None:
        assert self._writing is not None
        writing = self._writing
        mended = await self._in_writer(partial(mend_words, self.workspace, writing.writer)) if check_words else []
        if self.workspace.has_damaged_segments:
            mended += await self._in_writer(partial(mend_vectors, self.workspace, writing.writer))
        self._settings, messages = await anyio.to_thread.run_sync(
            self.host.prepare, self.workspace, writing.writer, limiter=writing.limit
        )
        self.messages = (
            *self.messages,
            *(message for message in (*mended, *messages) if message not in self.messages),
        )[-10:]

    async def _schedule(self, group: anyio.abc.TaskGroup) -> None:
        while True:
            if self.course.closes:
                self._watcher = None  # from here on it is waiting for the next
                restart = _Restart(anew=self.course.reopen is Reopen.ANEW)
                self._go(Event.REOPENS)
                raise restart
            if self.course.reopen is not Reopen.NO:
                await self._wake.wait()
                continue
            wake, now = self._wake, time.monotonic()
            if self.course.is_paused:
                await wake.wait()
                continue
            self._start_due(group, now)
            self._keep_up(group)
            due = self._hints.due_s(now) if self._narrow is None else None
            tick = max(0.1, self._recheck_at_s - now) if self._recheck_at_s and self._full is None else None
            waits = [wait for wait in (due, tick) if wait is not None]
            with anyio.move_on_after(min(waits) if waits else None):
                await wake.wait()

    def _start_due(self, group: anyio.abc.TaskGroup, now_s: float) -> None:
        if not self.course.is_incomplete:
            self._shown.clear()
        elif self._narrow is None and self._shown:
            self._begin_narrow(group, self._shown.pop(0))
        if self._narrow is None and (due := self._hints.due_s(now_s)) is not None and due <= 0:
            hints = self._hints.take(now_s)
            if hints:
                self._accept(group, hints)
        if self._recheck_at_s and now_s >= self._recheck_at_s:
            self._go(Event.TICK)
            self._recheck_at_s = 0.0
        if self.course.begins_whole and self.host.turns.take(self, now_s, self._notify):
            self._go(Event.WHOLE_BEGINS)
            self._recheck_at_s = 0.0
            self._full = self._indexer(None)
            if self.is_first:
                group.start_soon(self.file_count.learn)  # how far it is, is told from its beginning on
            group.start_soon(self._run_full, self._full)

    def _accept(self, group: anyio.abc.TaskGroup, hints: Hints) -> None:
        assert self._writing is not None
        own = os.fsencode(WORKSPACE_FILE)
        if hints.rescan or len(hints.paths) > MOST_NARROW_PATHS or own in hints.paths or b"" in hints.paths:
            self._writing.generations.change([b""])
            self._go(Event.FIRST_DOUBT if hints.rescan and hints.reason == FIRST_HINT else Event.DOUBT)
            return
        self._begin_narrow(group, hints.paths)

    def _begin_narrow(self, group: anyio.abc.TaskGroup, paths: Collection[bytes]) -> None:
        assert self._writing is not None
        self._writing.generations.change(paths)
        only = tuple(sorted(paths))
        self._go(Event.NARROW_BEGINS)
        self._narrow, self._narrow_paths = self._indexer(only), only
        group.start_soon(self._run_narrow, self._narrow, only)

    def _indexer(
        self, only: tuple[bytes, ...] | None, on_planned: Callable[[FileStat], None] = lambda _: None
    ) -> Indexer:
        assert self._writing is not None
        assert self._readers is not None
        assert self._settings is not None
        return self.host.indexer(
            self.workspace,
            self._writing,
            self._readers,
            self._settings,
            only=only,
            urgency=Urgency.WORK if only is None else Urgency.EDIT,
            on_planned=on_planned,
        )

    # -- runs ---------------------------------------------------------------------------------------------------

    async def _run_narrow(self, indexer: Indexer, only: tuple[bytes, ...]) -> None:
        began = time.monotonic()
        done = False
        try:
            done = await self._run(indexer)
            if self._count_s < 0.05:
                await self._count()
        finally:
            self._narrow, self._narrow_paths = None, ()
            self._hints.finished(time.monotonic() - began)
            self._forget_generations()
            self._go(Event.NARROW_DONE if done else Event.NARROW_STOPPED)
        log.info(
            "event=updated root=%r hints=%d indexed=%d removed=%d wall_ms=%.0f",
            str(self.root),
            len(only),
            indexer.progress.indexed,
            indexer.progress.removed,
            (time.monotonic() - began) * 1e3,
        )

    async def _run_full(self, indexer: Indexer) -> None:
        began, cpu = time.monotonic(), own_cpu_seconds()
        try:
            before = self._settings
            await self._prepare(check_words=self.workspace.has_damaged_segments)
            if before != self._settings:
                self.restart(anew=False)  # other folders are to be watched
                return
            assert self._writing is not None
            forecaster = self.host.forecaster(await self._in_writer(self._writing.writer.runs))
            self._full = indexer = self._indexer(None, forecaster.add)
            if await self._run(indexer):
                self.is_first = False
                self._compared_s = time.monotonic()
                if self._lexicon is not None:
                    self._lexicon.want_all()  # a worker writes the last of the words while names are written here
                await self._in_writer(partial(self.workspace.remember_comparison, indexer.progress.compare_s))
                self._go(Event.WHOLE_SEEN)
                await self._settle()
                await anyio.to_thread.run_sync(memory.give_back)
                await self._count()
                self._go(Event.WHOLE_DONE)
                await self._record(indexer, forecaster, time.monotonic() - began, own_cpu_seconds() - cpu)
        finally:
            self._full = None
            seconds = time.monotonic() - began
            if self._watcher is not None:
                self._watcher.rescan_took(seconds)
            self._recheck_at_s = time.monotonic() + max(LEAST_TICK_S, TICK_FACTOR * seconds)
            self._forget_generations()
            if self._lexicon is not None:
                self._lexicon.want_all()
            self._want_graphs()
            self._go(Event.WHOLE_ENDS)
        log.info(
            "event=indexed root=%r indexed=%d unchanged=%d removed=%d wall_ms=%.0f complete=%s",
            str(self.root),
            indexer.progress.indexed,
            indexer.progress.unchanged,
            indexer.progress.removed,
            seconds * 1e3,
            not self.incomplete,
        )

    async def _record(self, indexer: Indexer, forecaster: Forecaster, wall_s: float, cpu_s: float) -> None:
        """Keep what the run came to, beside what was predicted."""
        progress = indexer.progress
        if self.host.stay is Stay.BRIEF and self._writing is not None:
            await self._in_writer(self._writing.writer.fold)
        report = self.host.report(self.workspace, self.counts, progress, list(self.messages), forecaster.result())
        self.report = replace(report, wall_s=round(wall_s, 3), cpu_s=round(cpu_s + progress.worker_cpu_s, 3))
        self.completed_runs += 1
        if (writing := self._writing) is not None:
            figures = self.report.as_json()
            await self._in_writer(partial(writing.writer.record_run, figures, has_changed=progress.has_changed))

    async def shrink(self) -> None:
        """Give back the page caches of its connections."""
        with suppress(LowtideError):
            if self._resting is not None:
                await self._resting.shrink()

    async def _in_writer(self, call: Callable[[], T]) -> T:
        """Run it in a thread, with the writer to itself."""
        assert self._writing is not None
        return await anyio.to_thread.run_sync(call, limiter=self._writing.limit)

    async def _run(self, indexer: Indexer) -> bool:
        """True when it came to its end, False when it was cancelled."""
        self.runs += 1
        self._notify()
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                await indexer.run()
            finally:
                self._scopes.discard(scope)
                self.files_indexed += indexer.progress.indexed
        if scope.cancelled_caught and self.course.will is Will.HELD:
            self.host.pool.end_idle()  # one that had just given its result was not idle yet when the rest were ended
        return not scope.cancelled_caught

    async def _settle(self) -> None:
        """Segments as the policy wants them; the first time each is read and checked."""
        assert self._writing is not None
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                damaged = await maintain(
                    self.workspace,
                    self._writing.writer,
                    limit=self._writing.limit,
                    check=self.runs <= 1 or self.workspace.has_damaged_segments,
                    may_collect=lambda: self._narrow is None,
                )
                self.messages = (*self.messages, *mended_segments(damaged))[-10:]
                if self.workspace.has_damaged_segments and self._may_rebuild(time.monotonic(), ONE_FILE):
                    self._go(Event.STALE)  # what only they held is indexed by the run that follows this one
                if await self._in_writer(partial(renew_words, self.workspace, self._writing.writer)):
                    self._go(Event.STALE)
                self.workspace.remember_root(self._writing.writer)
                self.host.save_costs(self._writing.writer)
            finally:
                self._scopes.discard(scope)

    def _forget_generations(self) -> None:
        if self._full is None and self._narrow is None and self._writing is not None:
            self._writing.generations.forget()

    # -- figures ------------------------------------------------------------------------------------------------

    async def _keep_counting(self) -> None:
        """While a run works."""
        seen = -1
        while self._full is not None or self._narrow is not None:
            await anyio.sleep(COUNTS_S)
            if self._writing is not None and self._writing.commits != seen and (self._full or self._narrow):
                seen = self._writing.commits
                began = time.monotonic()
                await self._count()
                self._changed()
                await anyio.sleep(20 * (time.monotonic() - began))

    async def _count(self) -> None:
        if (readers := self._readers) is None:
            return
        async with self._counting:
            began = time.monotonic()
            self.counts = await anyio.to_thread.run_sync(readers.read, lambda catalog: catalog.counts())
            self.graph_vectors = await anyio.to_thread.run_sync(readers.read, lambda catalog: catalog.graph_vectors())
            self._count_s = time.monotonic() - began
            self._is_counted = True
            self.disk_bytes = await anyio.to_thread.run_sync(self.workspace.disk_bytes)
