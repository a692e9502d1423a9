"""Watching one root, from when its watches stand until there is a reason to begin anew.

Invariant: a folder is hinted after it is watched, a rescan is hinted after all are: the scan that follows misses
nothing.
Invariant: putting the watches in order takes at most a sixth of the thread's time, whatever the events ask for.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable, Generator
from threading import Event

import msgspec

from lowtide.core.hints import GitActivity
from lowtide.system.watch.git_state import git_activity
from lowtide.system.watch.inotify import MOST_PLANNED, Batch, OutOfWatches, max_user_watches
from lowtide.system.watch.mounts import silent_mounts
from lowtide.system.watch.rounds import Pause
from lowtide.system.watch.user_rules import UserRules
from lowtide.system.watch.watch_state import Outbox, Source, Timing, WatchMode, WatchState

log = logging.getLogger(__name__)

_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Root(msgspec.Struct, frozen=True):
    """The folder that is watched: as it was named, where it really is, and which one it is."""

    named: bytes
    real: bytes
    identity: tuple[int, int]

    @classmethod
    def at(cls, named: bytes) -> Root | None:
        """None when there is no such folder."""
        try:
            info = os.stat(named)
            real = os.path.realpath(named)
        except (OSError, ValueError):
            return None
        return cls(named, real, (info.st_dev, info.st_ino)) if stat.S_ISDIR(info.st_mode) else None


class Session:
    """Watching, from when the watches stand until there is a reason to begin anew. Its steps are the loop's."""

    def __init__(
        self,
        root: Root,
        outbox: Outbox,
        source: Source | OutOfWatches,
        stopping: Event,
        timing: Timing,
    ) -> None:
        self._root = root
        self._outbox = outbox
        self._trouble = source if isinstance(source, OutOfWatches) else None
        self._source = None if isinstance(source, OutOfWatches) else source
        self._stopping = stopping
        self._timing = timing
        self._mounts = silent_mounts(root.real)
        self._limit = max_user_watches() if self._trouble else 0
        self._asleep_s = _asleep_s()
        now = time.monotonic()
        self._root_at = now + self._timing.root_s
        self._rules = UserRules(root.real)
        self._mounts_at = now + self._timing.mounts_s
        self._replan_at = now + self._timing.replan_s
        self._retry_at = now + self._timing.retry_s
        self._asked_s = now
        self._to_plan: set[bytes] = set()
        self._plan_at = now
        self._lost_s: float | None = None
        self._heard_s = now
        """When the last event was taken."""
        self._order_at = now
        self._git = GitActivity.IDLE

    def steps(self, reason: str, begun: Callable[[], None]) -> Generator[Pause, None, str]:
        """Hint a rescan for `reason`, call `begun`, and watch, step by step; why to begin anew."""
        self._look_at_git()
        self._outbox.enter(self._state())
        self._outbox.rescan(reason)
        self._outbox.settle(True)
        self._outbox.flush()
        begun()
        pause = self._rest()
        while not self._stopping.is_set():
            yield pause
            batch = self._source.take() if self._source is not None else Batch()
            now = time.monotonic()
            is_time_to_look = now >= self._root_at
            if why := self._begin_anew(now, batch):
                return why
            if is_time_to_look:
                self._heed_rules()
            if self._source is not None:
                self._gather(self._source, batch, now)
            self._poll(now)
            self._outbox.settle(not self._to_plan and self._lost_s is None)
            self._outbox.flush()
            # What comes during a nap is taken when it ends: nothing else would wake it for that.
            pause = Pause(self._timing.nap_s, deaf=True) if batch else self._rest()
        return "stopped"

    def _rest(self) -> Pause:
        return Pause(max(0.0, self._next_s() - time.monotonic()))

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

    def _next_s(self) -> float:
        """When there is something to do without an event."""
        times = [self._root_at, self._mounts_at]
        if self._source is not None:
            times.append(self._replan_at)
            if self._to_plan:
                times.append(self._plan_at)
            if self._lost_s is not None:
                times.append(max(self._order_at, self._heard_s + self._timing.settle_s))
            if self._git is not GitActivity.IDLE:
                times.append(time.monotonic() + self._timing.git_s)
        if self._trouble is not None:
            times.append(self._retry_at)
        if self._trouble is not None or self._mounts:
            times.append(self._outbox.poll_due_s(self._asked_s, self._timing))
        return min(times)

    def _begin_anew(self, now: float, batch: Batch) -> str:
        """Why, or nothing."""
        if now >= self._root_at or batch.root_went:
            self._root_at = now + self._timing.root_s
            if Root.at(self._root.named) != self._root:
                return "the folder is another"
            if _asleep_s() > self._asleep_s + self._timing.root_s:
                return "the machine slept"
            if self._trouble is not None and max_user_watches() != self._limit:
                return "the limit of file watches is another"
        if now >= self._mounts_at:
            self._mounts_at = now + self._timing.mounts_s
            if silent_mounts(self._root.real) != self._mounts:
                return "file systems were mounted"
        if self._trouble is not None and now >= self._retry_at:
            return "file watches are tried again"
        return ""

    def _heed_rules(self) -> None:
        if not self._rules.changed():
            return
        if self._source is None:
            self._outbox.rescan("the user's rules changed")
        else:
            self._to_plan.add(b"")  # other folders may be worth a watch

    def _gather(self, source: Source, batch: Batch, now: float) -> None:
        for path in batch.changed:
            self._outbox.look(path)
        self._to_plan |= batch.arrived
        if len(self._to_plan) > MOST_PLANNED:
            self._to_plan = {b""}
        if batch.git or self._git is not GitActivity.IDLE:
            self._look_at_git()
        if batch:
            self._heard_s = now
        if batch.overflow and self._lost_s is None:
            self._lost_s = now
            log.warning("event=events-lost root=%r", os.fsdecode(self._root.named))
        if self._lost_s is not None:
            # What is quiet for the length of a nap is not yet settled.
            settled_at = min(self._heard_s + self._timing.settle_s, self._lost_s + self._timing.settle_most_s)
            if now >= self._order_at and now >= settled_at:
                self._plan_all(source, "events were lost")
        elif self._to_plan and now >= self._plan_at:
            self._plan_some(source)
        elif now >= self._replan_at and self._plan_all(source, ""):
            self._outbox.rescan("folders were found that were not watched")

    def _plan_some(self, source: Source) -> None:
        paths, self._to_plan = self._to_plan, set()
        began_s = time.monotonic()
        source.plan(paths, self._stopping.is_set)
        now = time.monotonic()
        self._plan_at = now + max(self._timing.plan_gap_s, 5 * (now - began_s))
        if b"" in paths:
            self._outbox.rescan("the rules for the whole folder changed")
        for path in paths:
            if path:
                self._outbox.look(path)

    def _plan_all(self, source: Source, reason: str) -> int:
        self._to_plan.clear()
        self._lost_s = None
        began_s = time.monotonic()
        new_count = source.plan(None, self._stopping.is_set)
        now = time.monotonic()
        self._replan_at = now + self._timing.replan_s
        self._order_at = now + 10 * (now - began_s)
        if reason:
            self._outbox.rescan(reason)
        return new_count

    def _look_at_git(self) -> None:
        self._git = GitActivity.IDLE if self._source is None else git_activity(self._source.git_folders)
        self._outbox.git(self._git)

    def _poll(self, now: float) -> None:
        if (self._trouble is None and not self._mounts) or now < self._outbox.poll_due_s(self._asked_s, self._timing):
            return
        self._asked_s = now
        if self._trouble is not None or not self._mounts[0].path:
            self._outbox.rescan("no events come from here")
        else:
            for mount in self._mounts:
                self._outbox.look(mount.path)


def _asleep_s() -> float:
    """How long the machine has slept since it was started, where that is told."""
    if _BOOT_CLOCK is None:
        return 0.0
    return time.clock_gettime(_BOOT_CLOCK) - time.monotonic()
