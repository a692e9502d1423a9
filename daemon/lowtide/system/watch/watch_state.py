"""What a watcher's thread shares with those who take its hints: how it finds changes, and an outbox.

Invariant: what waits in the outbox is bounded, however late it is taken; who fills it never waits for who takes.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from typing import Protocol

import msgspec

from lowtide.core.hints import Gathered, GitActivity, Hints
from lowtide.system.watch.inotify import Batch

log = logging.getLogger(__name__)


class WatchMode(StrEnum):
    """How changes of a workspace are found."""

    STARTING = "starting"
    WATCHING = "watching"
    POLLING = "polling"
    GONE = "gone"


class WatchState(msgspec.Struct, frozen=True):
    """How changes are found now; when not by events alone, why, and what to do about it."""

    mode: WatchMode
    reason: str = ""
    remedy: str = ""


class Timing(msgspec.Struct, frozen=True):
    """How often the watcher looks by itself, in seconds; tests make it hasty."""

    root_s: float = 2.0
    """Is the root still there, and the same folder? Are the rules that stand outside of it the same?"""
    mounts_s: float = 15.0
    git_s: float = 0.25
    """Has git ended? Only asked while it works, in case the event was lost."""
    replan_s: float = 900.0
    """Do the watches still stand where they should?"""
    retry_s: float = 300.0
    """Are there file watches again?"""
    nap_s: float = 0.005
    """After something was told: what follows at once is dealt with together."""
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

    def take(self) -> Batch:
        """What was told since it was last asked; whoever opened it is woken when there is something."""

    def caught_up(self) -> bool:
        """Whether all that happened before this call has been taken and dealt with; from any thread."""

    def close(self) -> None:
        """Give everything back."""


class Outbox:
    """Hints that wait to be taken, and the state: filled by the watcher's thread, taken by any.

    `wake` is called, in the watcher's thread, when there is something to take or the state is another: once, until
    `take`.
    """

    def __init__(self, root: bytes, wake: Callable[[], None]) -> None:
        self._root = os.fsdecode(root)
        self._wake = wake
        self._lock = threading.Lock()
        self._gathered = Gathered()
        self._state = WatchState(WatchMode.STARTING)
        self._news = False
        self._woken = False
        self._settled = False
        self._cost_s = 0.0
        self._rescanned_s = time.monotonic()

    @property
    def state(self) -> WatchState:
        """How changes are found now."""
        return self._state

    def take(self) -> Hints:
        """All that was gathered since it was last taken; empty when nothing was."""
        with self._lock:
            self._news = self._woken = False
            return self._gathered.take()

    def look(self, path: bytes) -> None:
        """Gather a hint."""
        with self._lock:
            self._gathered.add(path)
            self._news = True

    def rescan(self, reason: str) -> None:
        """Gather a rescan."""
        log.info("event=rescan-hinted root=%r why=%r", self._root, reason)
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
            log.info("event=watch root=%r mode=%s why=%r", self._root, state.mode, state.reason)
            with self._lock:
                self._state = state
                self._news = True

    def settle(self, settled: bool) -> None:
        """Whether the watches are in order, as far as is known."""
        self._settled = settled

    @property
    def empty(self) -> bool:
        """Whether the watches are in order and nothing waits."""
        return self._settled and not self._news

    def flush(self) -> None:
        """Wake who takes, if there is news and he was not woken for it."""
        with self._lock:
            if not self._news or self._woken:
                return
            self._woken = True
        self._wake()

    def rescan_took(self, wall_s: float) -> None:
        """A scan of the workspace has ended; it took `wall_s`."""
        self._cost_s = wall_s
        self._rescanned_s = time.monotonic()

    def suppose_rescan_takes(self, wall_s: float) -> None:
        """Until one has been measured."""
        self._cost_s = self._cost_s or wall_s

    def poll_due_s(self, asked_s: float, timing: Timing) -> float:
        """When what delivers no events is to be looked through again, if that was last asked for at `asked_s`."""
        pause_s = min(max(self._cost_s / timing.poll_share, timing.poll_least_s), timing.poll_most_s)
        return max(asked_s, self._rescanned_s) + pause_s
