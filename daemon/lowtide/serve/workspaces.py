"""The workspaces that are open: for editors, which say when they are done, and for those who only ask, for a while.

Invariant: a workspace is open once, however many want it; the last one to go ends its watching, and the index stays.
Threads: the event loop's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread

from lowtide.core.freshness import Freshness, FreshState
from lowtide.core.lru import ByteCache
from lowtide.core.visits import Visits
from lowtide.errors import LowtideError, PathError, RefusedError
from lowtide.index.attending import Patience, begin_with, catch_up, freshness_of, wait_fresh
from lowtide.index.bundles import staged_as
from lowtide.index.comparing import compare_quickly, freshness_closed
from lowtide.index.live import LiveWorkspace
from lowtide.index.shared import Stay
from lowtide.index.sharing import Begun
from lowtide.index.watching import neighbours
from lowtide.paths import real_path
from lowtide.pool.rooms import Rooms
from lowtide.read.answering import Answering
from lowtide.read.readers import Readers
from lowtide.read.unsaved.documents import DocumentReader
from lowtide.serve.config_watch import ConfigWatch
from lowtide.serve.host import Host
from lowtide.serve.intake import Intake
from lowtide.serve.monitor import Monitor
from lowtide.serve.team import Team
from lowtide.system.tree.walk import refuse_reason

VECTOR_CACHE_BYTES = 256 << 10
MOST_QUESTIONS = 8
"""At work at once; others wait in order. Each takes two threads at most of the forty that everything else shares."""
VISITOR = "questions"
"""The client that holds a workspace for those who only ask, and hold no connection."""


class Consent(Enum):
    """Whether the user has said that a home or system folder is to be indexed all the same."""

    NOT_ASKED = auto()
    GIVEN = auto()


class Workspaces:
    """The first part of `Service`: its parts, and what is open."""

    monitor: Monitor

    def __init__(self, host: Host, config_watch: ConfigWatch | None = None) -> None:
        self.host = host
        self.rooms = Rooms(host.pool)
        """What questions and messages may take of the budget."""
        self.intake = Intake(self.rooms)
        self.answering = Answering(self.rooms.lent, most_bytes=lambda: host.pool.budget.most_bytes)
        self.readers = Readers(self.answering, lambda: host.budget.total_bytes)
        self.vectors = ByteCache(VECTOR_CACHE_BYTES)
        self.documents = DocumentReader(host.pool)
        """Reads what editors have open."""
        self.config_watch = config_watch
        self.visits = Visits()
        self._looked_at: dict[Path, Freshness] = {}
        """How those that are asked about stand to the disk, where nobody stays."""
        self.team = Team(host.places)
        """The index of those repositories that are not checked out here."""
        self._live: dict[Path, LiveWorkspace] = {}
        self._tasks: dict[Path, anyio.CancelScope] = {}
        self._ended: dict[Path, anyio.Event] = {}
        self._coming = 0
        """Clients that are about to open folders."""
        self._open_files: dict[str, tuple[Path, ...]] = {}
        self._paused = False
        self._turns = anyio.Semaphore(MOST_QUESTIONS)
        self._stack = AsyncExitStack()
        self._group: anyio.abc.TaskGroup

    async def open_workspace(self, root: Path, client: str, consent: Consent = Consent.NOT_ASKED) -> None:
        """Watch `root` and keep its index current, as long as some client wants it. RefusedError, PathError,
        StoreError.

        Returns at once; `wait_idle` waits until it is indexed. A home or system folder needs the user's consent.
        """
        root = real_path(root)
        live = self._live.get(root)
        if live is None:
            await self._check(root, consent)
            if not root.is_dir():
                raise PathError(f"{root} is not a folder", "", "name a folder that exists")
            # Another who asked at the same time may have begun it; only one that is being closed is waited for.
            while (live := self._live.get(root)) is None:
                ended = self._ended.get(root)
                if ended is None:
                    live = self._begin(root)
                    break
                await ended.wait()
        live.clients.add(client)

    async def take_over(self, root: Path, staged: str, client: str, consent: Consent = Consent.NOT_ASKED) -> None:
        """Make what `lowtide import` has staged under this name the index of `root`, in place of what it has. Errors:
        as `open_workspace`; UsageError."""
        begun = Begun(staged_as(self.host.places, staged))
        await self.open_workspace(root, client, consent)
        live = self._need(root)
        self.readers.forget(live.workspace)
        live.take_over(begun)

    @contextmanager
    def coming(self) -> Iterator[None]:
        """A client has named folders and opens them now: until it has, nothing is quiescent."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            self.monitor.touch()

    @property
    def awaits_folders(self) -> bool:
        """Whether somebody is about to open folders."""
        return self._coming > 0

    async def _check(self, root: Path, consent: Consent) -> None:
        if consent is Consent.GIVEN:
            return
        if why := await anyio.to_thread.run_sync(refuse_reason, root):
            remedy = "name a project's folder, or run `lowtide index --yes` to do it all the same"
            raise RefusedError(f"will not index {root}", why, remedy)

    async def plan(self, root: Path, consent: Consent = Consent.NOT_ASKED) -> dict[str, Any]:
        """What indexing `root` would take. RefusedError as `open_workspace`."""
        await self._check(real_path(root), consent)
        return await self.host.plan(root)

    def _begin(self, root: Path) -> LiveWorkspace:
        live = LiveWorkspace(self.host, root, self.monitor.touch, self.readers.is_reading)
        if self._paused:
            live.pause()
        self._live[root] = live
        self._show(live, [path for paths in self._open_files.values() for path in paths])
        scope = self._tasks[root] = anyio.CancelScope()
        ended = self._ended[root] = anyio.Event()

        async def keep() -> None:
            try:
                with scope:
                    await live.run()
            finally:
                ended.set()
                self._ended.pop(root, None)

        self._group.start_soon(keep)
        self.monitor.touch()
        return live

    async def attend(
        self, root: Path, patience: Patience, told: Callable[[LiveWorkspace], None] = lambda _: None
    ) -> Freshness:
        """A question is coming: open its indexed workspace, wait as long as `patience` says, and tell how the answer
        will stand to the disk. `told` is called now and then while it waits for all.

        It refuses nothing: an index that cannot be opened is answered from as it is. Errors: only with Patience.FULL,
        why it cannot be brought up to date.
        """
        began_s = time.monotonic()
        root = real_path(root)
        if self.host.stay is Stay.BRIEF:
            return await self._look_at(root, patience, told)
        workspace = self.host.workspace(root)
        if patience is Patience.NONE and root in self._live:
            pass  # an editor holds it, and asks with every key
        elif root in self._live or workspace.has_index:
            for other in self.visits.ask(root, began_s):
                await self.close_workspace(other, VISITOR)
            try:
                await self.open_workspace(root, VISITOR)
            except LowtideError as error:
                if patience is Patience.FULL:
                    raise
                return await anyio.to_thread.run_sync(freshness_closed, workspace, error.message)
        live = self._live.get(root)
        if live is None:
            return Freshness(FreshState.UNWATCHED, 0, 0, None, "no index")
        self.host.turns.ask(live)
        if patience is Patience.FULL:
            await wait_fresh(live, partial(told, live))
        elif patience is Patience.BRIEF:
            await catch_up(live, began_s)
        return freshness_of(live)

    async def _look_at(self, root: Path, patience: Patience, told: Callable[[LiveWorkspace], None]) -> Freshness:
        """What `attend` does where nobody stays: once for each root."""
        if (known := self._looked_at.get(root)) is None:
            if patience is Patience.FULL:
                await self.open_workspace(root, VISITOR)
                live = self._need(root)
                await wait_fresh(live, partial(told, live))
                await self.close_workspace(root, VISITOR)
            workspace, config = self.host.workspace(root), self.host.config
            known = self._looked_at[root] = await anyio.to_thread.run_sync(compare_quickly, workspace, config)
        return known

    def has_index(self, root: Path) -> bool:
        """Whether a root has an index, if only a beginning. Blocking."""
        root = real_path(root)
        return root in self._live or self.host.workspace(root).has_index

    async def begin(self, root: Path, told: Callable[[LiveWorkspace], None]) -> Freshness:
        """A question about a folder that has no index: begin one, and wait a moment for what there is then.

        It is let go as any other that is only asked. Errors: as `open_workspace`, and why it cannot be indexed.
        """
        root = real_path(root)
        await self.open_workspace(root, VISITOR)
        for other in self.visits.ask(root, time.monotonic()):
            await self.close_workspace(other, VISITOR)
        live = self._need(root)
        await begin_with(live, partial(told, live))
        return freshness_of(live)

    def end_visits(self, now_s: float) -> None:
        """Close what was opened for questions, and nobody has asked for `idle_minutes`; not in the middle of work."""
        for root in self.visits.expired(now_s, self.host.config.idle_minutes * 60):
            live = self._live.get(root)
            if live is None or live.quiescent or live.error is not None:
                self.visits.forget(root)
                self._group.start_soon(self._end_visit, root)

    async def _end_visit(self, root: Path) -> None:
        if root not in self.visits:  # nobody has asked meanwhile
            await self.close_workspace(root, VISITOR)

    async def close_workspace(self, root: Path, client: str) -> None:
        """This client needs it no more; the last one ends the watching, and the index stays on the disk."""
        root = real_path(root)
        live = self._live.get(root)
        if live is None:
            return
        live.clients.discard(client)
        if not live.clients:
            await self._end(root)

    async def _end(self, root: Path) -> None:
        live = self._live.pop(root)
        ended = self._ended.get(root)
        self._tasks.pop(root).cancel()
        if ended is not None:
            with anyio.CancelScope(shield=True):
                await ended.wait()
        self.readers.forget(live.workspace)
        self.monitor.closed()

    async def drop_client(self, client: str) -> None:
        """Its connection has ended."""
        self._open_files.pop(client, None)
        for root, live in list(self._live.items()):
            if client in live.clients:
                await self.close_workspace(root, client)

    def set_open_files(self, client: str, paths: Sequence[Path]) -> None:
        """Files that a client shows: they and the files beside them are indexed before all others."""
        known = set(self._open_files.get(client, ()))
        self._open_files[client] = tuple(paths)
        fresh = [path for path in paths if path not in known]
        for live in self._live.values():
            if live.incomplete:
                self._show(live, fresh)

    def _show(self, live: LiveWorkspace, paths: Sequence[Path]) -> None:
        shown, beside = neighbours(live.root, paths)
        for near in (shown, beside):
            if near:
                self.host.turns.ask(live)
                live.look_first(near)

    @property
    def workspaces(self) -> Sequence[LiveWorkspace]:
        """Those that are open now."""
        return tuple(self._live.values())

    def is_open(self, root: Path) -> bool:
        """Whether somebody holds this workspace. Any thread."""
        return root in self._live

    def live(self, root: Path) -> LiveWorkspace | None:
        """The open workspace of this root."""
        return self._live.get(real_path(root))

    def look_after(self) -> None:
        """Have every open workspace see whether its index is still there and sound."""
        for live in self.workspaces:
            self._look_after(live)

    def _look_after(self, live: LiveWorkspace) -> None:
        if live.look_after(time.monotonic()):
            self.readers.forget(live.workspace)

    def _need(self, root: Path) -> LiveWorkspace:
        live = self.live(root)
        if live is None:
            remedy = self.host.workspace(real_path(root)).how_to_begin()
            raise PathError(f"{root} is not open", "no client has asked for it", remedy)
        return live
