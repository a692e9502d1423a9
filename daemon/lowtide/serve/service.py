"""Everything that clients can ask for: what the language server and the command line both talk to.

Invariant: one event loop, one budget, whatever the number of clients and workspaces.
Invariant: `status` and `memory` answer from what is known already, and wait for no question; questions take turns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import anyio.abc
import anyio.to_thread
import msgspec

from lowtide.errors import LowtideError
from lowtide.index.attending import TELL_S
from lowtide.index.live import LiveWorkspace
from lowtide.index.removal import limit_of, remove_leaving
from lowtide.index.shared import Stay
from lowtide.paths import real_path
from lowtide.serve.config_watch import ConfigWatch
from lowtide.serve.host import Host
from lowtide.serve.monitor import Monitor
from lowtide.serve.questions import Questions
from lowtide.serve.status import memory_tree, status_of
from lowtide.serve.workspaces import VISITOR, Consent
from lowtide.status import IndexReport, MemoryNode, Status
from lowtide.system.memory import give_back
from lowtide.tasks import task_group

log = logging.getLogger(__name__)

FIRST_DISK_LOOK_S = 300.0
DISK_LOOK_S = 3600.0


class Wish(msgspec.Struct, frozen=True):
    """How an index is to be brought up to date: `anew` from nothing, or beginning with the bundle that `lowtide import`
    has staged under this name."""

    anew: bool = False
    staged: str = ""
    consent: Consent = Consent.NOT_ASKED


NO_WISH = Wish()


class Cleared(msgspec.Struct, frozen=True):
    """An index that was removed; `begins_anew` when somebody has its folder open, so that it is made again."""

    freed_bytes: int
    begins_anew: bool = False


class Service(Questions):
    """All workspaces of a user, as clients see them; an asynchronous context manager."""

    def __init__(self, host: Host, config_watch: ConfigWatch | None = None) -> None:
        super().__init__(host, config_watch)
        self._heeding = anyio.Lock()
        self.monitor = Monitor(self)

    async def __aenter__(self) -> Service:
        await self._stack.enter_async_context(self.host)
        self._group = await self._stack.enter_async_context(task_group())
        self._group.start_soon(self.monitor.run)
        self._group.start_soon(self._keep_disk)
        self._group.start_soon(self.host.catalogs.run)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._group.cancel_scope.cancel()
        self.host.pool.kill_all()
        try:
            await self._stack.aclose()
        finally:
            await self.readers.close()
            self.team.close()

    async def _keep_disk(self) -> None:
        """Now and then, have indexes leave that nobody needs."""
        wait_s = FIRST_DISK_LOOK_S
        while True:
            await anyio.sleep(wait_s)
            wait_s = DISK_LOOK_S
            try:
                limit_bytes = limit_of(self.host.places, self.host.config.disk_limit_bytes)
                await anyio.to_thread.run_sync(remove_leaving, self.host.places, limit_bytes, self.is_open)
            except Exception:
                log.exception("event=disk-look-failed")

    @property
    def complaint(self) -> str:
        """Why the configuration is not obeyed as its file is now; empty when it is."""
        return (self.config_watch.complaint if self.config_watch is not None else "") or self.host.budget_note

    async def heed_configuration(self) -> None:
        """Obey the user's configuration as its file is now; what is wrong with that `config_watch` tells."""
        if (watch := self.config_watch) is None:
            return
        async with self._heeding:  # who comes second finds it obeyed
            if await anyio.to_thread.run_sync(watch.look):
                log.info("event=rescan why='the configuration has changed'")
                for live in self.workspaces:
                    live.rescan()

    # -- control ------------------------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether a person has paused the work."""
        return self._paused

    async def pause(self) -> None:
        """Stop all work at once; searching goes on, from what is indexed."""
        self._paused = True
        self.host.ladder.pause("you paused it", anyio.current_time())
        for live in self._live.values():
            live.pause()
        self.host.pool.end_idle()
        self.monitor.touch()

    async def resume(self) -> None:
        """Go on."""
        self._paused = False
        self.monitor.unpause()
        for live in self._live.values():
            live.resume()
        self.monitor.touch()

    async def cancel(self) -> None:
        """Stop what is being done, and do not go on until something changes, or `reindex`, or `resume`."""
        for live in self._live.values():
            live.cancel()
        self.host.pool.end_idle()
        self.monitor.touch()

    async def reindex(self, root: Path | None = None, *, force: bool = False) -> None:
        """Look at everything again; with `force`, forget the index and begin anew. PathError for a root that is not
        open."""
        chosen = [self._need(root)] if root is not None else list(self._live.values())
        for live in chosen:
            if force:
                self.readers.forget(live.workspace)
                live.restart(anew=True)
            else:
                live.rescan()
        self.monitor.touch()

    @property
    def budget_from(self) -> str:
        """Who has said how large the budget is: `default` when nobody has."""
        return self.host.budget_from

    async def index(
        self,
        root: Path,
        client: str,
        wish: Wish = NO_WISH,
        told: Callable[[LiveWorkspace], None] = lambda _: None,
    ) -> IndexReport:
        """Bring the index of `root` up to date; `told` is called now and then meanwhile.

        Errors: as `open_workspace`; why it cannot be indexed, LockHeld among them; LowtideError while work is paused.
        Cancelling stops the work, and keeps what was committed.
        """
        if wish.staged:
            await self.take_over(root, wish.staged, client, wish.consent)
        else:
            await self.open_workspace(root, client, wish.consent)
        live = self._need(root)
        before = live.completed_runs
        if wish.staged:
            pass  # it begins anew as it is
        elif wish.anew or live.report is not None or live.error is not None or live.state == "idle":
            await self.reindex(root, force=wish.anew)  # it is open already: make sure that it is up to date
        try:
            while live.error is None and (live.completed_runs == before or not live.quiescent):
                if self.host.ladder.footing().worker_count == 0 or live.state == "paused":
                    why = "by you" if self._paused else self.host.ladder.reason
                    raise LowtideError("indexing is paused", why, "`lowtide daemon resume` goes on")
                told(live)
                with anyio.move_on_after(TELL_S):
                    await live.settled.wait()
            if live.error is not None:
                raise live.error
            return live.tell_report()
        except anyio.get_cancelled_exc_class():
            live.cancel()
            raise
        finally:
            if self.host.stay is Stay.BRIEF:
                with anyio.CancelScope(shield=True):
                    await self.close_workspace(root, client)

    async def set_budget(self, size_bytes: int, by: str) -> None:
        """Give Lowtide more memory or less, from now on; `by` says who wants that. ConfigError under the least,
        RefusedError when it cannot hold."""
        self.host.set_budget(size_bytes, by)
        self.readers.release()
        self.monitor.touch()

    async def wait_idle(self, root: Path | None = None) -> None:
        """Until everything known of is indexed, or nothing more will be done about it."""
        for live in [self._need(root)] if root is not None else list(self._live.values()):
            await live.wait_idle()

    async def clear(self, root: Path) -> Cleared:
        """Remove an index. A workspace that somebody has open, or is indexing, is begun anew. NoIndex; LockHeld while
        another process writes to it."""
        root = real_path(root)
        live = self._live.get(root)
        if live is not None and live.clients <= {VISITOR}:
            self.visits.forget(root)
            await self.close_workspace(root, VISITOR)
        elif live is not None:
            freed = live.workspace.disk_bytes()
            self.readers.forget(live.workspace)
            live.restart(anew=True)
            return Cleared(freed, begins_anew=True)
        workspace = self.host.workspace(root)
        self.readers.forget(workspace)
        return Cleared(await anyio.to_thread.run_sync(workspace.clear))

    # -- truth --------------------------------------------------------------------------------------------------

    def status(self, roots: Sequence[Path] = ()) -> Status:
        """The Status of what is known now."""
        wanted = {real_path(root) for root in roots}
        live = [entry for root, entry in self._live.items() if not wanted or root in wanted]
        return status_of(self, live)

    def memory(self) -> MemoryNode:
        """The memory tree."""
        return memory_tree(self)

    async def shrink(self) -> None:
        """Give back what a spell of work has left in caches and in the allocator."""
        self.host.release()
        await self.readers.shrink()
        for live in list(self._live.values()):
            await live.shrink()
        await anyio.to_thread.run_sync(give_back)

    def subscribe(self, listener: Callable[[Status], None]) -> Callable[[], None]:
        """Have `listener` told the Status when it changes, at most twice a second; returns how to end it."""
        return self.monitor.subscribe(listener)
