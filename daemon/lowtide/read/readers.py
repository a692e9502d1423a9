"""The open snapshots of all workspaces, shared by everyone who searches.

Invariant: few are open that nobody asks: what they hold is bounded, and so is their number, the last used stay.
Invariant: one snapshot a workspace is current; an older one ends with its last user. A new one takes over what the one
before has open, so that only what was committed since is read.
Invariant: while much is being indexed, none answers that is older than OLD_S, nor one that was opened on an index that
held nothing: whoever asks waits for the next one.
Invariant: what questions have mapped in is given back soon after the last one, and at once when this process has become
larger by it than the budget: what others see of it is what it holds.
Invariant: every snapshot is closed, also one whose opening ends when nobody can want it any more.
Threads: the event loop alone calls what is here; opening, `is_outdated` and `shrink` run in a thread under the place's
lock, one at a time; questions in threads of their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress

import anyio
import anyio.to_thread
import msgspec

from lowtide.errors import LowtideError
from lowtide.index.workspace import Workspace
from lowtide.read.answering import Answering
from lowtide.read.snapshot import Snapshot
from lowtide.system import memory

BUSY_AGE_S = 1.0
"""While a workspace is indexed from nothing, a snapshot of this age is renewed in the background, and answers
meanwhile."""
OLD_S = 2.0
"""One of this age no longer answers: after a pause it would lack most of what is there by now."""
READING_S = 30.0
PAGES_S = 5.0
"""So long after the last question its mapped pages are given back: whoever types asks again sooner, and the system's
page cache has them still."""
IDLE_S = 300.0
"""A snapshot that nobody has asked for this long is closed."""
SNAPSHOT_BYTES = 300 << 10
"""What an open one takes beside what it tells of: its connection and what that has read."""
BUDGET_PART = 32
"""All that nobody asks now take at most this part of the budget, but one is kept."""
MOST_OPEN = 32
"""And are at most so many: each takes a few descriptors."""


class _Open(msgspec.Struct):
    snapshot: Snapshot
    opened_s: float
    users: int = 0
    retired: bool = False

    @contextmanager
    def used(self) -> Iterator[Snapshot]:
        """Not closed meanwhile; a retired one ends with its last user."""
        self.users += 1
        try:
            yield self.snapshot
        finally:
            self.users -= 1
            self._close_unused()

    def retire(self) -> None:
        """Nobody new is to use it."""
        self.retired = True
        self._close_unused()

    def _close_unused(self) -> None:
        if self.retired and self.users == 0:
            with suppress(LowtideError):
                self.snapshot.close()


class _Place(msgspec.Struct):
    lock: anyio.Lock = msgspec.field(default_factory=anyio.Lock)
    open: _Open | None = None
    used_s: float = 0.0
    has_pages: bool = False
    """Whether questions have mapped pages in since they were last given back."""
    forgotten: bool = False
    """Nobody finds it any more: what is opened here from now on ends with who asked for it."""
    unwanted: bool = False
    """It was to be closed while something other than a question held it: it is closed once that lets go."""

    def answers(self, since_s: float) -> bool:
        """Whether what is open was current at that time or later, and holds something."""
        return self.open is not None and self.open.opened_s >= since_s and not self.open.snapshot.holds_nothing

    def put(self, snapshot: Snapshot) -> None:
        """The current one from now on."""
        self.close()
        self.open = _Open(snapshot, time.monotonic(), retired=self.forgotten)

    def close(self) -> None:
        """Close what is open, once nobody uses it."""
        entry, self.open = self.open, None
        if entry is not None:
            entry.retire()

    def release(self) -> None:
        """Give mapped pages back to the system; who asks now goes on, and reads them again."""
        if self.open is not None:
            self.open.snapshot.release()
            self.has_pages = self.open.users > 0

    def forget(self) -> None:
        """Close it for good."""
        self.forgotten = True
        self.close()


class Readers:
    """Snapshots by workspace."""

    def __init__(self, answering: Answering, budget_bytes: Callable[[], int] = lambda: 1 << 40) -> None:
        self._answering = answering
        self._budget_bytes = budget_bytes
        self._places: dict[str, _Place] = {}
        self._renewals: set[asyncio.Task[None]] = set()
        self.opened_count = 0

    @asynccontextmanager
    async def use(self, workspace: Workspace, *, busy: bool = False) -> AsyncIterator[Snapshot]:
        """A snapshot of what is committed now; with `busy`, one that may be a moment old, at once.

        Errors: PathError when there is no index, StoreError and its kinds.
        """
        place = self._places.setdefault(str(workspace.folder), _Place())
        place.used_s = time.monotonic()
        place.unwanted = False
        place.has_pages = True
        if busy and place.answers(place.used_s - OLD_S):
            if not place.answers(place.used_s - BUSY_AGE_S) and not place.lock.locked():
                task = asyncio.get_running_loop().create_task(self._renew(place, workspace))
                self._renewals.add(task)
                task.add_done_callback(self._renewals.discard)
        else:
            await self._refresh(place, workspace, since_s=place.used_s if busy else None)
        entry = place.open
        assert entry is not None
        try:
            with entry.used() as snapshot:
                yield snapshot
        finally:
            place.used_s = time.monotonic()
            self._bound()
            self._fit()

    def _fit(self) -> None:
        """Give mapped pages back until this process is no larger than the budget; those of what was asked longest ago
        first."""
        for place in sorted(self._places.values(), key=lambda place: place.used_s):
            if self._fits():
                return
            if place.open is not None and place.has_pages:
                place.open.snapshot.release(self._fits)

    def _fits(self) -> bool:
        return memory.own_resident_bytes() <= self._budget_bytes()

    def _bound(self) -> None:
        """Close those that were used longest ago, as far as they are too much together."""
        unused = sorted(
            (place for place in self._places.values() if place.open is not None and not place.open.users),
            key=lambda place: -place.used_s,
        )
        held_bytes = 0
        for number, place in enumerate(unused):
            assert place.open is not None
            held_bytes += SNAPSHOT_BYTES + sum(place.open.snapshot.memory().values())
            too_many = number >= MOST_OPEN or held_bytes > self._budget_bytes() // BUDGET_PART
            if number and too_many and not place.lock.locked():
                place.close()

    async def _renew(self, place: _Place, workspace: Workspace, *, only_open: bool = False) -> None:
        with suppress(LowtideError):
            await self._refresh(place, workspace, only_open=only_open)
        if place.forgotten:
            place.close()

    async def _refresh(
        self, place: _Place, workspace: Workspace, *, only_open: bool = False, since_s: float | None = None
    ) -> None:
        """`only_open`: what was closed meanwhile stays so. `since_s`: one that somebody else has opened since then will
        do, whatever was committed after it."""
        async with place.lock:
            if only_open and place.open is None:
                return
            if place.open is not None and place.open.retired:
                place.open = None  # of who asked before it was forgotten
            if since_s is not None and place.answers(since_s):
                return
            entry = place.open
            with entry.used() if entry is not None else nullcontext() as before:
                outdated = before is None or await anyio.to_thread.run_sync(lambda: before.is_outdated)
                if entry is not None and entry is place.open and not outdated:
                    entry.opened_s = time.monotonic()
                    return
                # One that was forgotten meanwhile is of an index that was made anew.
                taken_over = before if entry is place.open else None
                fresh = await anyio.to_thread.run_sync(Snapshot, workspace, taken_over, self._answering)
                place.put(fresh)
                self.opened_count += 1

    def is_reading(self, workspace: Workspace) -> bool:
        """Whether somebody has asked lately."""
        place = self._places.get(str(workspace.folder))
        return place is not None and time.monotonic() - place.used_s < READING_S

    def forget(self, workspace: Workspace) -> None:
        """The index is gone or made anew: the next user opens it from nothing."""
        if (place := self._places.pop(str(workspace.folder), None)) is not None:
            place.forget()

    def tidy(self, now_s: float) -> None:
        """Close what nobody has used for IDLE_S; give back the pages of what nobody has asked for PAGES_S."""
        for key, place in list(self._places.items()):
            if now_s - place.used_s > IDLE_S and not place.lock.locked() and not (place.open and place.open.users):
                del self._places[key]
                place.forget()
            elif place.has_pages and now_s - place.used_s >= PAGES_S and not (place.open and place.open.users):
                place.release()

    def release(self) -> None:
        """Give every mapped page back to the system: the machine is short of memory, or they are too many."""
        for place in self._places.values():
            place.release()

    async def shrink(self) -> None:
        """Renew snapshots that are outdated, for they hold what segments have by now; give back the others' page
        caches."""
        for place in list(self._places.values()):
            if place.open is None or place.lock.locked():
                continue
            await self._renew(place, place.open.snapshot.workspace, only_open=True)
            async with place.lock:
                entry = place.open
                if entry is not None and not entry.users:
                    with suppress(LowtideError), entry.used() as snapshot:
                        await anyio.to_thread.run_sync(snapshot.shrink)
            if place.unwanted and place.open is not None and not place.open.users:
                place.close()

    def close_idle(self) -> None:
        """Close every snapshot that nobody asks now; the next question opens it again. One that is being given back
        what it holds is closed right after."""
        for place in self._places.values():
            if place.open is None:
                continue
            if place.open.users or place.lock.locked():
                place.unwanted = True
            else:
                place.close()

    async def close(self) -> None:
        """Close everything; what is being opened ends at once."""
        while self._places:
            self._places.popitem()[1].forget()
        with anyio.CancelScope(shield=True):
            while self._renewals:
                await asyncio.wait(self._renewals)

    def memory(self) -> dict[str, int]:
        """Anonymous bytes by part, over all snapshots."""
        parts: dict[str, int] = {}
        for place in self._places.values():
            if place.open is not None:
                for name, size in place.open.snapshot.memory().items():
                    parts[name] = parts.get(name, 0) + size
        return parts

    @property
    def mapped_bytes(self) -> int:
        """The size of all mapped segments; only what was read lately is in memory."""
        return sum(place.open.snapshot.mapped_bytes for place in self._places.values() if place.open)

    def __len__(self) -> int:
        return sum(place.open is not None for place in self._places.values())
