"""The thread that watches one workspace: it reads events, keeps the watches in order, and looks by itself where none come.

Invariant: what is gathered is bounded, however late it is taken; the thread never waits for who takes it.
Invariant: a folder is hinted after it is watched, a rescan is hinted after all are: the scan that follows misses nothing.
Invariant: an error ends neither the thread nor the looking: it is said in `state`, and tried again.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from lowtide.core.hints import Gathered, GitActivity, Hints
from lowtide.system.git_state import git_activity
from lowtide.system.inotify import MOST_PLANNED, Batch, OutOfWatches, max_user_watches
from lowtide.system.mounts import silent_mounts

log = logging.getLogger(__name__)

_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class WatchMode(StrEnum):
    """How changes of a workspace are found."""

    STARTING = "starting"
    WATCHING = "watching"
    POLLING = "polling"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class WatchState:
    """How changes are found now; when not by events alone, why, and what to do about it."""

    mode: WatchMode
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """How often the watcher looks by itself, in seconds; tests make it hasty."""

    root_s: float = 2.0
    """Is the root still there, and the same folder?"""
    mounts_s: float = 15.0
    git_s: float = 0.25
    """Has git ended? Only asked while it works, in case the event was lost."""
    replan_s: float = 900.0
    """Do the watches still stand where they should?"""
    retry_s: float = 300.0
    """Are there file watches again?"""
    nap_s: float = 0.005
    """Between two reads: events that come in many are cheaper together."""
    plan_gap_s: float = 0.05
    settle_s: float = 0.1
    """After events were lost: the watches are put in order when it has been quiet so long,"""
    settle_most_s: float = 2.0
    """or so long after the loss."""
    poll_share: float = 0.02
    """Of the time of one core, at most, for looking through what delivers no events."""
    poll_least_s: float = 5.0
    poll_most_s: float = 600.0


class Source(Protocol):
    """Where events come from."""

    @property
    def git_folders(self) -> Collection[bytes]:
        """Those of the repositories in and around the workspace."""

    def plan(self, only: Iterable[bytes] | None, stopped: Callable[[], bool]) -> int:
        """Put the watches in order, everywhere or at and below `only`; how many folders are new. OutOfWatches."""

    def read(self, timeout_s: float) -> Batch:
        """The events there are; waits for some, up to `timeout_s`."""

    def caught_up(self) -> bool:
        """Whether all that happened before this call has been read and dealt with; from any thread."""

    def interrupt(self) -> None:
        """Make `read` return, now or the next time; from any thread."""

    def close(self) -> None:
        """Give everything back."""


class WatchLoop:
    """Watches `root` with the events of `open_source(the real root)`.

    `wake` is called from the loop's thread when there is something to take, or `state` is another: once, until `take`.
    """

    def __init__(
        self, root: Path, open_source: Callable[[bytes], Source], wake: Callable[[], None], timing: Timing | None = None
    ) -> None:
        self.root = os.fsencode(root)
        self.timing = timing or Timing()
        self._open_source = open_source
        self._wake = wake
        self._state = WatchState(WatchMode.STARTING)
        self._lock = threading.Lock()
        self._gathered = Gathered()
        self._news = False
        self._woken = False
        self._settled = False
        self._source: Source | None = None
        self._reason = "start"
        self._cost_s = 0.0
        self._rescanned_s = time.monotonic()
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lowtide-watch", daemon=True)

    # -- for any thread -----------------------------------------------------------------------------------------

    @property
    def state(self) -> WatchState:
        """How changes are found now."""
        return self._state

    def start(self) -> WatchState:
        """Begin to watch; returns when the watches stand, or when it is known why they do not."""
        self._thread.start()
        self._started.wait()
        return self._state

    def stop(self) -> None:
        """End the thread and give all watches back. What was gathered can still be taken."""
        self._stopping.set()
        source = self._source
        if source is not None:
            source.interrupt()
        if self._thread.ident is not None:
            self._thread.join()

    def take(self) -> Hints:
        """All that was gathered since it was last taken; empty when nothing was."""
        with self._lock:
            self._news = self._woken = False
            return self._gathered.take()

    def rescan_took(self, wall_s: float) -> None:
        """A scan of the workspace has ended; it took `wall_s`. Where no events come the next is asked for accordingly."""
        self._cost_s = wall_s
        self._rescanned_s = time.monotonic()

    def caught_up(self) -> bool:
        """Whether every change made before this call has been taken: nothing is unread, planned or gathered."""
        source = self._source
        if source is not None and not source.caught_up():
            return False
        return self._settled and not self._news

    # -- for the thread -----------------------------------------------------------------------------------------

    @property
    def stopping(self) -> threading.Event:
        """Set when the thread is to end."""
        return self._stopping

    def look(self, path: bytes) -> None:
        """Gather a hint."""
        with self._lock:
            self._gathered.add(path)
            self._news = True

    def rescan(self, reason: str) -> None:
        """Gather a rescan."""
        log.info("event=rescan-hinted root=%r why=%r", os.fsdecode(self.root), reason)
        with self._lock:
            self._gathered.rescan(reason)
            self._news = True

    def git(self, activity: GitActivity) -> None:
        """What git does now."""
        with self._lock:
            self._news |= self._gathered.git(activity)

    def enter(self, state: WatchState) -> None:
        """Changes are found in this way now."""
        if state != self._state:
            log.info("event=watch root=%r mode=%s why=%r", os.fsdecode(self.root), state.mode, state.reason)
            self._state = state
            self._news = True

    def settled(self, settled: bool) -> None:
        """Whether the watches are in order, as far as is known."""
        self._settled = settled

    def flush(self) -> None:
        """Wake who takes, if there is news and he was not woken for it."""
        with self._lock:
            if not self._news or self._woken:
                return
            self._woken = True
        self._wake()

    def poll_due_s(self, asked_s: float) -> float:
        """When what delivers no events is to be looked through again, if it was last asked for at `asked_s`."""
        timing = self.timing
        pause_s = min(max(self._cost_s / timing.poll_share, timing.poll_least_s), timing.poll_most_s)
        return max(asked_s, self._rescanned_s) + pause_s

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._watch()
            except Exception as error:
                log.exception("event=watch-failed root=%r", os.fsdecode(self.root))
                self._settled = False
                self.enter(WatchState(WatchMode.POLLING, f"watching failed: {error!r}", "see `lowtide daemon logs`"))
                self._begun(f"watching failed: {error!r}")
                self._stopping.wait(self.timing.poll_most_s)
        self._started.set()

    def _watch(self) -> None:
        """Watch the root until it is another folder, or there is a reason to begin anew."""
        self._settled = False
        identity = identity_of(self.root)
        if identity is None:
            if self._state.mode is not WatchMode.GONE:
                self.enter(
                    WatchState(WatchMode.GONE, "the folder is not there", "when it is back it is looked at again")
                )
                self._begun("the folder is gone")
            self._reason = "the folder is back"
            self._stopping.wait(self.timing.root_s)
            return
        real = os.path.realpath(self.root)
        try:
            with closing(self._open_source(real)) as source:
                self._source = source
                began_s = time.monotonic()
                source.plan(None, self._stopping.is_set)
                self._cost_s = self._cost_s or 2 * (time.monotonic() - began_s)
                self._reason = Session(self, source, None, real, identity).run(self._reason)
        except OutOfWatches as trouble:
            self._source = None
            self._reason = Session(self, None, trouble, real, identity).run(self._reason)
        finally:
            self._source = None

    def _begun(self, reason: str) -> None:
        self.rescan(reason)
        self._settled = True
        self.flush()
        self._started.set()

    def begin(self, state: WatchState, reason: str) -> None:
        """The watches stand, or will not: everything is to be scanned."""
        self.enter(state)
        self._begun(reason)


class Session:
    """Watching, from when the watches stand until there is a reason to begin anew. Lives in the loop's thread."""

    def __init__(
        self,
        loop: WatchLoop,
        source: Source | None,
        trouble: OutOfWatches | None,
        real: bytes,
        identity: tuple[int, int],
    ) -> None:
        self._loop = loop
        self._timing = loop.timing
        self._source = source
        self._trouble = trouble
        self._real = real
        self._identity = identity
        self._mounts = silent_mounts(real)
        self._limit = max_user_watches() if trouble else 0
        self._asleep_s = _asleep_s()
        now = time.monotonic()
        self._root_at = now + self._timing.root_s
        self._mounts_at = now + self._timing.mounts_s
        self._replan_at = now + self._timing.replan_s
        self._retry_at = now + self._timing.retry_s
        self._asked_s = now
        self._to_plan: set[bytes] = set()
        self._plan_at = now
        self._lost_s: float | None = None
        self._order_at = now
        self._git = GitActivity.IDLE

    def run(self, reason: str) -> str:
        """Watch; why to begin anew."""
        self._look_at_git()
        self._loop.begin(self._state(), reason)
        while not self._loop.stopping.is_set():
            batch = self._read(max(0.0, self._next_s() - time.monotonic()))
            now = time.monotonic()
            if why := self._begin_anew(now, batch):
                return why
            if self._source is not None:
                self._gather(self._source, batch, now)
            self._poll(now)
            self._loop.settled(not self._to_plan and self._lost_s is None)
            self._loop.flush()
            if batch:
                self._loop.stopping.wait(self._timing.nap_s)
        return "stopped"

    def _state(self) -> WatchState:
        if self._trouble is not None:
            return WatchState(WatchMode.POLLING, self._trouble.reason, self._trouble.remedy)
        if not self._mounts:
            return WatchState(WatchMode.WATCHING)
        where = ", ".join(f"{os.fsdecode(mount.path) or 'the folder'} ({mount.kind})" for mount in self._mounts[:3])
        mode = WatchMode.WATCHING if self._mounts[0].path else WatchMode.POLLING
        return WatchState(
            mode,
            f"what others change on a network drive or shared folder is not told, but looked for now and then: {where}",
        )

    def _read(self, timeout_s: float) -> Batch:
        if self._source is not None:
            return self._source.read(timeout_s)
        self._loop.stopping.wait(timeout_s)
        return Batch()

    def _next_s(self) -> float:
        """When there is something to do without an event."""
        times = [self._root_at, self._mounts_at]
        if self._source is not None:
            times.append(self._replan_at)
            if self._to_plan:
                times.append(self._plan_at)
            if self._lost_s is not None:
                times.append(max(self._order_at, time.monotonic() + self._timing.settle_s))
            if self._git is not GitActivity.IDLE:
                times.append(time.monotonic() + self._timing.git_s)
        if self._trouble is not None:
            times.append(self._retry_at)
        if self._trouble is not None or self._mounts:
            times.append(self._loop.poll_due_s(self._asked_s))
        return min(times)

    def _begin_anew(self, now: float, batch: Batch) -> str:
        """Why, or nothing."""
        if now >= self._root_at or batch.root_went:
            self._root_at = now + self._timing.root_s
            if identity_of(self._loop.root) != self._identity or os.path.realpath(self._loop.root) != self._real:
                return "the folder is another"
            if _asleep_s() > self._asleep_s + self._timing.root_s:
                return "the machine slept"
            if self._trouble is not None and max_user_watches() != self._limit:
                return "the limit of file watches is another"
        if now >= self._mounts_at:
            self._mounts_at = now + self._timing.mounts_s
            if silent_mounts(self._real) != self._mounts:
                return "file systems were mounted"
        if self._trouble is not None and now >= self._retry_at:
            return "file watches are tried again"
        return ""

    def _gather(self, source: Source, batch: Batch, now: float) -> None:
        for path in batch.changed:
            self._loop.look(path)
        self._to_plan |= batch.arrived
        if len(self._to_plan) > MOST_PLANNED:
            self._to_plan = {b""}
        if batch.git or self._git is not GitActivity.IDLE:
            self._look_at_git()
        if batch.overflow and self._lost_s is None:
            self._lost_s = now
            log.warning("event=events-lost root=%r", os.fsdecode(self._loop.root))
        if self._lost_s is not None:
            if now >= self._order_at and (not batch or now >= self._lost_s + self._timing.settle_most_s):
                self._plan_all(source, "events were lost")
        elif self._to_plan and now >= self._plan_at:
            self._plan_some(source)
        elif now >= self._replan_at and self._plan_all(source, ""):
            self._loop.rescan("folders were found that were not watched")

    def _plan_some(self, source: Source) -> None:
        paths, self._to_plan = self._to_plan, set()
        began_s = time.monotonic()
        source.plan(paths, self._loop.stopping.is_set)
        now = time.monotonic()
        self._plan_at = now + max(self._timing.plan_gap_s, 5 * (now - began_s))
        if b"" in paths:
            self._loop.rescan("the rules for the whole folder changed")
        for path in paths:
            if path:
                self._loop.look(path)

    def _plan_all(self, source: Source, reason: str) -> int:
        self._to_plan.clear()
        self._lost_s = None
        began_s = time.monotonic()
        new_count = source.plan(None, self._loop.stopping.is_set)
        now = time.monotonic()
        self._replan_at = now + self._timing.replan_s
        self._order_at = now + 10 * (now - began_s)
        if reason:
            self._loop.rescan(reason)
        return new_count

    def _look_at_git(self) -> None:
        self._git = GitActivity.IDLE if self._source is None else git_activity(self._source.git_folders)
        self._loop.git(self._git)

    def _poll(self, now: float) -> None:
        if (self._trouble is None and not self._mounts) or now < self._loop.poll_due_s(self._asked_s):
            return
        self._asked_s = now
        if self._trouble is not None or not self._mounts[0].path:
            self._loop.rescan("no events come from here")
        else:
            for mount in self._mounts:
                self._loop.look(mount.path)


def identity_of(root: bytes) -> tuple[int, int] | None:
    """What makes a folder the same folder; None when there is none."""
    try:
        info = os.stat(root)
    except (OSError, ValueError):
        return None
    return (info.st_dev, info.st_ino) if stat.S_ISDIR(info.st_mode) else None


def _asleep_s() -> float:
    """How long the machine has slept since it was started, where that is told."""
    if _BOOT_CLOCK is None:
        return 0.0
    return time.clock_gettime(_BOOT_CLOCK) - time.monotonic()
