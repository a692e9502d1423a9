"""Keeps the budget: looks at this process and its workers every 10 ms while they work, and ends what is over.

Invariant: a worker that holds more than its lease is ended; when all together are too many, idle ones go first, then
the largest.
Invariant: while it cannot look, workers that work are ended, and its `complaint` keeps others from beginning
(`vital.py`).
Threads: its own thread looks; the event loop looks, too, before it decides. One at a time, by a lock. Which worker is
idle or busy is changed by the event loop alone, and copied before it is looked through.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from lowtide.core.budget import MIB, Budget
from lowtide.pool.terms import Peak
from lowtide.pool.worker import Ended, Worker
from lowtide.system.memory import MemoryProbe
from lowtide.vital import Vital

log = logging.getLogger(__name__)

POLL_S = 0.010
IDLE_POLL_S = 1.0
FAILED_POLL_S = 0.25
"""After a look that failed, while nothing works."""
STALE_S = 10.0
"""A guard that has not looked for so long does not work; it looks once a second at the least, on a busy machine too."""
COMPLAIN_S = 1.0
"""At most so often the log tells that the budget is passed."""
DAEMON_GROWTH_BYTES = 2 * MIB
"""What this process may grow by between two looks, apart from the results that leases hold room for."""
GUARD_BYTES = 2 * MIB
"""So close to the budget a worker is ended, whoever has grown: what this process needs at once cannot be foreseen."""

_Held = list[tuple[int, Worker]]


class Crew(msgspec.Struct, frozen=True):
    """The workers there are, as they are now."""

    busy: Sequence[Worker]
    idle: Sequence[Worker]
    urgent: frozenset[int]
    """Processes of those whose answer somebody waits for: they go last."""


class WorkerFigure(msgspec.Struct, frozen=True):
    """One process in status and memory tree."""

    role: str
    pid: int
    anon_bytes: int


class MemoryGuard:
    """See the module. `start` and `stop` its thread; `wake` it when a worker begins."""

    def __init__(self, budget: Budget, probe: MemoryProbe, crew: Callable[[], Crew]) -> None:
        self.probe = probe
        self.vital = Vital("the memory guard", stale_s=STALE_S)
        self.own_bytes = 0
        """Anonymous bytes of this process, as last seen."""
        self.used_bytes = 0
        """Of all processes."""
        self.peak_bytes = 0
        self._peaks: weakref.WeakSet[Peak] = weakref.WeakSet()
        self.reserved_bytes = 0
        """What this process is about to grow by."""
        self._budget = budget
        self._crew = crew
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_complaint_s = 0.0

    def start(self) -> None:
        """Begin to look."""
        self.measure()
        self.vital.begin()
        self._thread = threading.Thread(target=self._watch, name="lowtide-memory", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait until it has ended."""
        self._stop.set()
        self._wake.set()
        if self._thread:
            self._thread.join()

    def wake(self) -> None:
        """Look now, and again and again as long as something works."""
        self._wake.set()

    def follow(self) -> Peak:
        """The highest from now on, for as long as somebody keeps it."""
        self.measure()
        peak = Peak(self.used_bytes)
        with self._lock:
            self._peaks.add(peak)
        return peak

    def processes(self) -> list[WorkerFigure]:
        """The daemon and its workers, with their anonymous bytes now."""
        own = self.own_bytes
        with suppress(OSError):  # then as it was last seen
            own = self.probe.anonymous_bytes(os.getpid()) or 0
        figures = [WorkerFigure("daemon", os.getpid(), own)]
        crew = self._crew()
        for worker in (*crew.busy, *crew.idle):
            held = self.held_bytes(worker)
            if held is not None:
                figures.append(WorkerFigure("worker", worker.pid, held))
        return figures

    def held_bytes(self, worker: Worker) -> int | None:
        """What it holds, or held when it could last be seen; None when it is gone."""
        try:
            return self.probe.anonymous_bytes(worker.pid)
        except OSError:
            return max(worker.base_bytes, worker.peak_bytes)

    def measure(self) -> int:
        """Look once at every process, end what is over its limit, and return the anonymous bytes of all together.

        What is ended because all together are too many is not to blame: its task is done again.
        """
        with suppress(OSError):  # the thread looks again, and tells
            self._look()
        return self.used_bytes

    def _look(self) -> None:
        """`measure`; OSError when not every process could be looked at. The others were."""
        with self._lock:
            unseen = self._look_at_all()
        if unseen:
            raise unseen[0]

    def _look_at_all(self) -> list[OSError]:
        unseen: list[OSError] = []

        def look(pid: int) -> int:
            try:
                return self.probe.anonymous_bytes(pid) or 0
            except OSError as error:
                unseen.append(error)
                return 0

        crew = self._crew()
        own = self.own_bytes = look(os.getpid()) or self.own_bytes
        busy: _Held = []
        for worker in crew.busy:
            held = look(worker.pid)
            busy.append((held, worker))
            worker.peak_bytes = max(worker.peak_bytes, held)
            if worker.limit_bytes is not None and held > worker.limit_bytes:
                worker.stop(Ended.OVER_LEASE)
        seen = {worker.pid for _, worker in busy}  # one whose task ended meanwhile is among the idle too
        idle = [(look(worker.pid), worker) for worker in crew.idle if worker.pid not in seen]
        self.used_bytes = own + sum(held for held, _ in (*busy, *idle))
        self.peak_bytes = max(self.peak_bytes, self.used_bytes)
        for peak in self._peaks:
            peak.size_bytes = max(peak.size_bytes, self.used_bytes)
        self._budget.daemon_bytes = own + DAEMON_GROWTH_BYTES + self.reserved_bytes
        self._keep_budget(busy, idle, crew.urgent)
        return unseen

    def _keep_budget(self, busy: _Held, idle: _Held, urgent: frozenset[int]) -> None:
        """End what there is no room for beside this process."""
        total = self.used_bytes
        if total > self._budget.total_bytes and time.monotonic() >= self._next_complaint_s:
            self._next_complaint_s = time.monotonic() + COMPLAIN_S
            log.warning(
                "event=over-budget total=%d budget=%d own=%d busy=%r idle=%r",
                total,
                self._budget.total_bytes,
                self.own_bytes,
                [(worker.pid, held, worker.limit_bytes) for held, worker in busy],
                [(worker.pid, held) for held, worker in idle],
            )
        idle = [(held, worker) for held, worker in idle if worker.killed_for is None]
        staying = [(held, worker) for held, worker in busy if worker.killed_for is None]
        room = self._budget.total_bytes - GUARD_BYTES - self.own_bytes - sum(held for held, _ in (*staying, *idle))
        for held, worker in (*idle, *sorted(staying, key=lambda entry: (entry[1].pid in urgent, -entry[0]))):
            if room >= 0:
                break
            worker.stop(Ended.RECYCLED)
            room += held

    def _watch(self) -> None:
        while not self._stop.is_set():
            with self.vital.look():
                self._look()
            busy = self._crew().busy
            if self.vital.complaint:
                for worker in busy:
                    worker.stop(Ended.RECYCLED)  # nobody sees how it grows
            if busy:
                time.sleep(POLL_S)
            else:
                self._wake.wait(FAILED_POLL_S if self.vital.is_failing else IDLE_POLL_S)
                self._wake.clear()
