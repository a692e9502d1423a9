"""Many small watches in a few threads: each is a generator that does one step and says how long it rests.

A thread for each would cost memory and wake the machine, however little there is to do; one for all would be held up by
the first folder on a drive that hangs. So steps are done by as many threads as are needed: one, and one more whenever a
step has waited for PATIENCE_S.

Invariant: the steps of one round never run at the same time; a round that was woken has its next step soon.
Threads: all methods from any thread. One thread keeps the time, which never does a step itself; both kinds end when
there is nothing left to do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

log = logging.getLogger(__name__)

PATIENCE_S = 0.1
MOST_THREADS = 32
IDLE_S = 10.0
"""A thread without anything to do ends after this long."""


class Pause(msgspec.Struct, frozen=True):
    """How long a round rests; `deaf`: to its end, though it was woken."""

    seconds: float
    deaf: bool = False


Steps = Iterator[Pause]


class Round:
    """One generator on its way; `ended` once it has come to its end."""

    def __init__(self, rounds: Rounds, steps: Steps) -> None:
        self._rounds = rounds
        self.steps = steps
        self.ended = threading.Event()
        self.due_s = 0.0
        self.rests = False
        self.is_deaf = False
        self.woken = False
        self.hurried = False

    def begin(self) -> None:
        """Do the first step now."""
        self._rounds.begin(self)

    def wake(self) -> None:
        """There is something to do, now or when it has rested."""
        self._rounds.wake(self, hurry=False)

    def hurry(self) -> None:
        """Do the next step now, whatever it was waiting for, and each one after without a rest."""
        self._rounds.wake(self, hurry=True)


class Rounds:
    """Does the steps of all rounds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._for_steps = threading.Condition(self._lock)
        self._for_time = threading.Condition(self._lock)
        self._all: set[Round] = set()
        self._ready: deque[Round] = deque()
        self._threads: set[threading.Thread] = set()
        """All of them; without the one that keeps the time:"""
        self._thread_count = 0
        self._free_count = 0
        self._keeps_time = False
        self._looks_s = 0.0
        """When the time is looked at next."""
        self._first: Round | None = None
        self._first_s = 0.0

    def begin(self, one: Round) -> None:
        """Take it in; its first step is done now."""
        with self._lock:
            self._all.add(one)
            self._make_ready(one)
            if not self._keeps_time:
                self._keeps_time = True
                self._start(self._keep_time)

    def wake(self, one: Round, *, hurry: bool) -> None:
        """See Round."""
        with self._lock:
            one.woken = True
            one.hurried |= hurry
            if one.rests and (hurry or not one.is_deaf):
                self._make_ready(one)

    def _make_ready(self, one: Round) -> None:
        one.rests = one.woken = False
        self._ready.append(one)
        if self._free_count >= len(self._ready):
            self._for_steps.notify()
        elif not self._thread_count:
            self._start_working()
        else:
            self._for_time.notify()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="lowtide-watch", daemon=True)
        thread.start()
        self._threads.add(thread)

    def _start_working(self) -> None:
        self._thread_count += 1
        self._start(self._work)

    def settle(self) -> None:
        """Wait until the threads that are not needed any more have ended, if that is all of them."""
        with self._lock:
            threads = [] if self._all else list(self._threads)
        for thread in threads:
            thread.join(1.0)

    def _work(self) -> None:
        while (one := self._next()) is not None:
            pause: Pause | None = None
            try:
                pause = next(one.steps, None)
            except Exception:
                log.exception("event=round-failed")
            with self._lock:
                if pause is None:
                    self._all.discard(one)
                    one.ended.set()
                    self._for_time.notify()
                else:
                    self._rest(one, pause)

    def _rest(self, one: Round, pause: Pause) -> None:
        one.due_s, one.is_deaf, one.rests = time.monotonic() + pause.seconds, pause.deaf, True
        if one.hurried or (one.woken and not pause.deaf):
            self._make_ready(one)
        elif one.due_s < self._looks_s:
            self._for_time.notify()

    def _next(self) -> Round | None:
        """What is to be done; None when this thread is not needed any more."""
        with self._lock:
            until_s = time.monotonic() + IDLE_S
            while not self._ready:
                left_s = until_s - time.monotonic()
                if left_s <= 0 or not self._all:
                    self._thread_count -= 1
                    self._threads.discard(threading.current_thread())
                    return None
                self._free_count += 1
                self._for_steps.wait(left_s)
                self._free_count -= 1
            return self._ready.popleft()

    def _keep_time(self) -> None:
        with self._lock:
            while self._all:
                now = time.monotonic()
                waits = [one.due_s for one in self._all if one.rests]
                for one in [one for one in self._all if one.rests and one.due_s <= now]:
                    self._make_ready(one)
                self._looks_s = min((due_s for due_s in waits if due_s > now), default=now + IDLE_S)
                if self._ready and not self._free_count:
                    self._look_at_first(now)
                self._for_time.wait(max(0.001, self._looks_s - now))
            self._keeps_time = False
            self._threads.discard(threading.current_thread())
            self._for_steps.notify_all()

    def _look_at_first(self, now_s: float) -> None:
        """All threads are at work: one more, if what is the next to be done has waited for long."""
        if self._ready[0] is not self._first:
            self._first, self._first_s = self._ready[0], now_s
        elif now_s - self._first_s >= PATIENCE_S and self._thread_count < MOST_THREADS:
            self._start_working()
            self._first_s = now_s
        self._looks_s = min(self._looks_s, self._first_s + PATIENCE_S)
