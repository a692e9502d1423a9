"""Looks after the daemon as time goes by: idle workers, pressure on the machine, the ladder, and who wants to know.

Invariant: one tick does little and waits for nothing, so that a daemon with nothing to do costs next to no CPU time.
Invariant: no failed tick is the last; while one after the other fails, no worker may work (`vital.py`).
"""

from __future__ import annotations

import logging
import time
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.to_thread
import msgspec

from lowtide.core.budget import MIB
from lowtide.core.ladder import Step
from lowtide.status import History, Memory, Process, Status
from lowtide.system import memory
from lowtide.vital import Vital

if TYPE_CHECKING:
    from lowtide.index.live import LiveWorkspace
    from lowtide.read.readers import Readers
    from lowtide.serve.host import Host


class Watched(Protocol):
    """What the monitor looks after: a daemon's parts, and what it has them do."""

    host: Host
    readers: Readers

    async def heed_configuration(self) -> None:
        """Obey the configuration as its file is now."""

    @property
    def workspaces(self) -> Sequence[LiveWorkspace]:
        """Those that are open now."""

    @property
    def paused(self) -> bool:
        """Whether a person has paused the work."""

    def look_after(self) -> None:
        """See whether each open index is still there and sound."""

    def end_visits(self, now_s: float) -> None:
        """Close what nobody has asked for a long time."""

    def status(self) -> Status:
        """What listeners are told."""

    async def shrink(self) -> None:
        """Give back what a spell of work has left."""


log = logging.getLogger(__name__)

TICK_S = 0.5
PRESSURE_S = 2.0
BATTERY_S = 20.0
LOOK_S = 1.0
"""How often the open indexes are looked at: four names each."""
SAMPLE_S = 10.0
SAMPLE_COUNT = 4320
"""Twelve hours of memory samples, 17 bytes each."""
SLEPT_S = 60.0
"""A tick that comes so late: the machine has slept, and events may be lost."""
PUBLISH_S = 0.5
REGAIN_S = 30.0
"""Embedding that was given up for want of room is taken up again at most so often."""
QUIET_S = 1.0
"""So long after the work has ended its caches are given back."""
SILENT_S = 3.0
"""So long after the last question what it has filled is given back: who types asks again sooner."""
TRIM_S = 5.0
GROWN_BYTES = 4 * MIB
"""This process has grown by so much: the allocator is asked for what is free, at most every TRIM_S."""

NOBODY = Process("", 0, 0)
Listener = Callable[[Status], None]


class Monitor:
    """The service's clockwork; `run()` in a task of its own."""

    def __init__(self, service: Watched) -> None:
        self._service = service
        self.vital = Vital("the monitor")
        service.host.pool.vitals.append(self.vital)
        self._others = Vital("the monitor's look at battery and configuration")
        """What nothing depends on."""
        self._listeners: list[Listener] = []
        self._wake = anyio.Event()
        self._told: Status | None = None
        self._pressure = ""
        """Why the ladder is paused by the machine's state, if it is."""
        self._next_pressure_s = 0.0
        self._next_battery_s = 0.0
        self._next_configuration_s = 0.0
        self._next_look_s = 0.0
        self._next_sample_s = 0.0
        self._worked = False
        """Whether there was work since memory was last given back."""
        self._quiet_s = 0.0
        self._heard_s = 0.0
        """When the last question came of those whose caches have been given back."""
        self._next_trim_s = 0.0
        self._next_regain_s = 0.0
        self._settled_bytes = 0
        self.history_times = array("d")
        self.history_bytes = array("q")
        self.history_steps = array("b")

    def touch(self) -> None:
        """Something has changed that a Status tells of."""
        self._wake.set()

    def closed(self) -> None:
        """A workspace was closed: what it held is given back to the system, as after a spell of work."""
        self._worked = True
        self._quiet_s = time.monotonic()
        self._wake.set()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` the Status when it changes; returns how to end that."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    async def run(self) -> None:
        """Until cancelled."""
        last_s, last_wall_s = time.monotonic(), time.time()
        while True:
            with anyio.move_on_after(TICK_S):
                await self._wake.wait()
            self._wake = anyio.Event()
            now, wall = time.monotonic(), time.time()
            if now - last_s > SLEPT_S or abs((wall - last_wall_s) - (now - last_s)) > SLEPT_S:
                self._rescan("the clock has jumped")
            last_s, last_wall_s = now, wall
            with self.vital.look():
                await self._tick(now)
            with self._others.look():
                await self._look_around(now, wall)
            told_s = time.monotonic()  # not `now`: a slow tick would bring two Statuses close together
            with self._others.look():
                self._publish()
            await anyio.sleep(max(0.0, PUBLISH_S - (time.monotonic() - told_s)))

    async def _tick(self, now_s: float) -> None:
        host, readers = self._service.host, self._service.readers
        self._settle_pause("blind", host.pool.complaint)
        host.pool.tidy()
        host.turns.look(now_s)
        readers.tidy(now_s)
        self._service.end_visits(now_s)
        if not host.pool.is_busy:
            host.pool.measure()
        await self._settle_memory(now_s)
        if now_s >= self._next_pressure_s:
            self._next_pressure_s = now_s + PRESSURE_S
            self._weigh(memory.read_pressure(), now_s)

    async def _look_around(self, now_s: float, wall_s: float) -> None:
        host = self._service.host
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + LOOK_S
            self._service.look_after()
        if now_s >= self._next_battery_s:
            self._next_battery_s = now_s + BATTERY_S
            on_battery = host.config.pause_on_battery and await anyio.to_thread.run_sync(memory.on_battery)
            self._settle_pause("battery", "the machine runs on its battery" if on_battery else "")
        if now_s >= self._next_configuration_s:
            self._next_configuration_s = now_s + PRESSURE_S
            await self._service.heed_configuration()
        if now_s >= self._next_sample_s:
            self._next_sample_s = now_s + SAMPLE_S
            self._sample(wall_s)

    async def _settle_memory(self, now_s: float) -> None:
        """Once a spell of work or of questions is over, give back what it left; in the middle of it, what the allocator
        alone holds."""
        service, own_bytes = self._service, self._service.host.pool.own_bytes
        working = service.host.pool.is_busy or not all(live.quiescent for live in service.workspaces)
        if working:
            self._worked = True
            self._quiet_s = now_s
        if own_bytes > self._settled_bytes + GROWN_BYTES and now_s >= self._next_trim_s:
            self._next_trim_s = now_s + TRIM_S
            await anyio.to_thread.run_sync(memory.give_back)
            self._settled_bytes = min(own_bytes, memory.own_anonymous_bytes())
        asked_s = service.host.pool.asked_s
        silent = asked_s > self._heard_s and now_s - asked_s >= SILENT_S and not working
        if silent or (self._worked and now_s - self._quiet_s >= QUIET_S):
            self._worked = False
            if silent:
                self._heard_s = asked_s
            await service.shrink()
            self._settled_bytes = memory.own_anonymous_bytes()
            service.host.pool.measure()
            if now_s >= self._next_regain_s and service.host.regain():
                self._next_regain_s = now_s + REGAIN_S
                self._rescan("embedding goes on")

    # -- the ladder ---------------------------------------------------------------------------------------------

    def _weigh(self, pressure: memory.Pressure, now_s: float) -> None:
        """Step down when the machine runs short of memory, pause when it is critical, climb back when it has room."""
        service, ladder = self._service, self._service.host.ladder
        if service.paused or self._pressure in ("battery", "blind"):
            return
        if pressure.is_critical and ladder.step < Step.PAUSED:
            self._pressure = "memory"
            ladder.pause(pressure.text, now_s)
            self._stepped_down()
            for live in service.workspaces:
                live.pause()
        elif pressure.is_short and ladder.step < Step.LEXICAL_ONLY and ladder.down(pressure.text, now_s):
            self._stepped_down()
        elif ladder.climb(not pressure.is_short, now_s):
            self._climbed()

    def _stepped_down(self) -> None:
        service = self._service
        log.warning("event=ladder step=%s why=%r", service.host.ladder.step.label, service.host.ladder.reason)
        service.host.pool.recycle()
        service.host.pool.wake()
        service.readers.release()
        memory.give_back()

    def _climbed(self) -> None:
        service, ladder = self._service, self._service.host.ladder
        log.info("event=ladder step=%s why=%r", ladder.step.label, "there is room again")
        service.host.pool.wake()
        if self._pressure == "memory" and ladder.step < Step.PAUSED:
            self._pressure = ""
            for live in service.workspaces:
                live.resume()
        if ladder.step == Step.ONE_WORKER:
            self._rescan("embedding goes on")  # what was indexed by words alone gets its vectors

    def _settle_pause(self, cause: str, why: str) -> None:
        service, ladder = self._service, self._service.host.ladder
        if service.paused:
            return
        if why and not self._pressure:
            self._pressure = cause
            ladder.pause(why, time.monotonic())
            for live in service.workspaces:
                live.pause()
        elif not why and self._pressure == cause:
            self.unpause()
            for live in service.workspaces:
                live.resume()

    def unpause(self) -> None:
        """Leave the last step of the ladder for the one that the budget allows."""
        self._pressure = ""
        self._service.host.ladder.unpause(time.monotonic())
        self._service.host.pool.wake()

    def _rescan(self, why: str) -> None:
        log.info("event=rescan why=%r", why)
        for live in self._service.workspaces:
            live.rescan()

    # -- telling ------------------------------------------------------------------------------------------------

    def _publish(self) -> None:
        if not self._listeners:
            return
        status = self._service.status()
        key = _essence(status)
        if key == self._told:
            return
        self._told = key
        for listener in list(self._listeners):
            try:
                listener(status)
            except Exception:
                log.exception("event=listener-failed")

    def _sample(self, wall_s: float) -> None:
        self.history_times.append(wall_s)
        self.history_bytes.append(self._service.host.pool.used_bytes)
        self.history_steps.append(int(self._service.host.ladder.step))
        if len(self.history_times) > SAMPLE_COUNT:
            for samples in (self.history_times, self.history_bytes, self.history_steps):
                del samples[: SAMPLE_COUNT // 8]

    def history(self) -> History:
        """Samples since the start, the last twelve hours at most."""
        return History(
            self._service.host.budget.total_bytes,
            list(self.history_times),
            list(self.history_bytes),
            list(self.history_steps),
        )


def _essence(status: Status) -> Status:
    """What makes a Status a new one: memory counts in whole MiB, processes by their number."""
    figures = status.memory
    coarse = Memory(
        figures.budget_bytes, figures.budget_from, figures.used_bytes // MIB, 0, 0, [NOBODY] * len(figures.processes)
    )
    return msgspec.structs.replace(status, memory=coarse)
