"""One inotify instance for all workspaces: a user may have 128, and other programs need theirs.

One thread reads the instance and hands each event to every inbox that has asked for its folder; folders that lie in
several workspaces are watched once and told to each. The instance is there while somebody has an inbox.

Invariant: what waits in an inbox is bounded; beyond, its owner is told that events were lost, and the others are not.
Invariant: no lock is held while the kernel looks up a path, for a drive that hangs must not hold up the others' events.
Invariant: numbers of watches are never used twice, so one that was removed cannot come to mean another folder.
Threads: `join`, and an inbox's methods, from any thread; `wake` of an inbox is called in the reading thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from lowtide.system.watch.inotify import IN_IGNORED, IN_MASK_ADD, IN_Q_OVERFLOW, Event

log = logging.getLogger(__name__)

MOST_EVENTS = 16_384
"""In one inbox, as in the kernel's own queue."""
NAP_S = 0.005
"""Between two reads: the kernel merges events that are alike, and many are cheaper together;"""
NAP_MOST_S = 0.03
"""doubled as long as they come without a rest."""
LOST = Event(-1, IN_Q_OVERFLOW, b"")


class Instance(Protocol):
    """One inotify instance."""

    def add(self, path: bytes, mask: int) -> int:
        """Watch a folder; the watch's number, the same for the same folder. OSError."""

    def remove(self, watch: int) -> None:
        """Watch no longer; a number that is not known any more is passed over."""

    def read(self) -> list[Event]:
        """The events there are; waits for the first, or until it is interrupted."""

    def unread(self) -> bool:
        """Whether events wait to be read, or were just read and are not dealt with; from any thread."""

    def dealt_with(self) -> None:
        """What was read last is."""

    def interrupt(self) -> None:
        """Make `read` return, now or the next time; from any thread."""

    def release(self) -> None:
        """Close it; the kernel removes all its watches."""


class Inbox:
    """The folders of one workspace, and what was told of them since it was last taken."""

    def __init__(self, instance: _Shared, wake: Callable[[], None]) -> None:
        self._instance = instance
        self.wake = wake
        self.events: list[Event] = []
        self.has_lost = False
        self._is_handling = False

    def add(self, path: bytes, mask: int) -> int:
        """Watch a folder; the watch's number. OSError."""
        return self._instance.add(self, path, mask)

    def remove(self, watch: int) -> None:
        """Watch it no longer."""
        self._instance.remove(self, watch)

    def take(self) -> list[Event]:
        """What was told, in the kernel's order; until the next call it is being dealt with."""
        with self._instance.lock:
            events, self.events = self.events, []
            if self.has_lost:
                self.has_lost = False
                events.append(LOST)
            self._is_handling = bool(events)
        return events

    def put(self, event: Event) -> None:
        """Called with the lock held."""
        if self.has_lost:
            return
        self.events.append(event)
        if len(self.events) > MOST_EVENTS:
            self.lose()

    def lose(self) -> None:
        """Some events are lost, so the rest is worth nothing. Called with the lock held."""
        self.events.clear()
        self.has_lost = True

    def caught_up(self) -> bool:
        """Whether all that happened before this call has been taken and dealt with."""
        return not self._instance.unread() and not (self.events or self.has_lost or self._is_handling)

    def close(self) -> None:
        """Give everything back; who closes has removed its watches."""
        self._instance.leave(self)


class Hub:
    """Lends inboxes of one instance, which `open_instance` makes when the first is asked for."""

    def __init__(self, open_instance: Callable[[], Instance]) -> None:
        self._open_instance = open_instance
        self._lock = threading.Lock()
        self._shared: _Shared | None = None

    def join(self, wake: Callable[[], None]) -> Inbox:
        """An inbox; `wake` is called when there is something to take. OSError when the system gives no instance."""
        with self._lock:
            inbox = self._shared.join(wake) if self._shared is not None else None
            if inbox is None:
                self._shared = _Shared(self._open_instance())
                inbox = self._shared.join(wake)
            assert inbox is not None
            return inbox


class _Shared:
    """One instance from its first inbox to its last, with the thread that reads it."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.lock = threading.Lock()
        self.is_open = True
        self._inboxes: list[Inbox] = []
        self._owners: dict[int, Inbox | tuple[Inbox, ...]] = {}
        self._adding_count = 0
        self._unclaimed: list[Event] = []
        """Told of watches that nobody has yet, while some are being added."""
        self._removed: set[int] = set()
        """Ended while others were being added, which may have been given the same."""
        self._thread = threading.Thread(target=self._read, name="lowtide-inotify", daemon=True)
        self._thread.start()

    def join(self, wake: Callable[[], None]) -> Inbox | None:
        """None when its last inbox has been closed."""
        inbox = Inbox(self, wake)
        with self.lock:
            if not self.is_open:
                return None
            self._inboxes.append(inbox)
        return inbox

    def leave(self, inbox: Inbox) -> None:
        with self.lock:
            self._inboxes.remove(inbox)
            if self._inboxes:
                return
            self.is_open = False
        self._instance.interrupt()
        self._thread.join(1.0)

    def add(self, inbox: Inbox, path: bytes, mask: int) -> int:
        with self.lock:
            self._adding_count += 1
        try:
            while True:
                watch = self._instance.add(path, mask | IN_MASK_ADD)  # what another asked for stays
                with self.lock:
                    if watch not in self._removed:
                        self._claim(watch, inbox)
                        return watch
        finally:
            with self.lock:
                self._adding_count -= 1
                if not self._adding_count:
                    self._removed.clear()
                    self._unclaimed.clear()

    def _claim(self, watch: int, inbox: Inbox) -> None:
        owners = self._of(watch)
        if inbox in owners:
            return
        self._owners[watch] = (*owners, inbox) if owners else inbox
        early = [event for event in self._unclaimed if event.watch == watch]
        for event in early:
            inbox.put(event)
        if early:
            inbox.wake()
        if any(event.mask & IN_IGNORED for event in early):
            self._owners.pop(watch, None)

    def _of(self, watch: int) -> tuple[Inbox, ...]:
        owners = self._owners.get(watch, ())
        return (owners,) if isinstance(owners, Inbox) else owners

    def remove(self, inbox: Inbox, watch: int) -> None:
        with self.lock:
            others = tuple(owner for owner in self._of(watch) if owner is not inbox)
            if others:
                self._owners[watch] = others if len(others) > 1 else others[0]
            elif self._owners.pop(watch, None) is not None:
                if self._adding_count:
                    self._removed.add(watch)
                self._instance.remove(watch)

    def unread(self) -> bool:
        return self._instance.unread()

    def _read(self) -> None:
        nap_s = NAP_S
        while self.is_open:
            began_s = time.monotonic()
            try:
                self._hand_out(self._instance.read())
            except Exception:
                log.exception("event=reading-events-failed")
                self._hand_out([LOST])
                time.sleep(1.0)
            self._instance.dealt_with()
            nap_s = NAP_S if time.monotonic() - began_s > nap_s else min(2 * nap_s, NAP_MOST_S)
            if self.is_open:
                time.sleep(nap_s)
        self._instance.release()

    def _hand_out(self, events: list[Event]) -> None:
        told: dict[Inbox, None] = {}
        with self.lock:
            for event in events:
                if event.mask & IN_Q_OVERFLOW:
                    for inbox in self._inboxes:
                        inbox.lose()
                        told[inbox] = None
                    continue
                owners = self._of(event.watch)
                for inbox in owners:
                    inbox.put(event)
                    told[inbox] = None
                if not owners and self._adding_count and len(self._unclaimed) < MOST_EVENTS:
                    self._unclaimed.append(event)
                if event.mask & IN_IGNORED:
                    self._owners.pop(event.watch, None)
        for inbox in told:
            inbox.wake()
