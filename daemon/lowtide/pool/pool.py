"""The workers of one daemon, under one budget.

Every task needs a lease. The lease becomes the worker's limit twice: RLIMIT_DATA makes an allocation past it fail
inside the worker, and a thread that looks every 10 ms (`guard.py`) kills a worker that holds more all the same.

Invariant: a worker without a lease is idle; its memory counts as the pool's idle bytes and is taken back first.
Invariant: a lease ends with its task, whatever ends the task, cancellation too.
Invariant: a lease waits only for what can still be had. When there is no room for its model any more it is told at once
(LeaseWithdrawn), and asks again for what the ladder then allows.
Invariant: nothing is admitted while nobody can look at memory (`vitals`), and what runs then is ended.
Threads: the event loop alone, but for `_crew`, which the guard's thread calls: what it reads is copied in one step.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio

from lowtide import wire
from lowtide.core.budget import (
    LEAST_TASK_BYTES,
    LEXICAL_WORKER_BYTES,
    MIB,
    MODEL_BYTES,
    WORKER_BYTES,
    Budget,
    Decision,
    Lease,
)
from lowtide.core.ladder import Ladder, Step
from lowtide.core.outage import Outage
from lowtide.core.shortage import Shortage
from lowtide.errors import LeaseWithdrawn, WorkerError, WorkerOverBudget, WorkersUnavailable
from lowtide.pool.guard import Crew, MemoryGuard, WorkerFigure
from lowtide.pool.idle import IdleWorkers
from lowtide.pool.terms import Outcome, StartWorker, Urgency
from lowtide.pool.worker import Ended, Worker
from lowtide.system.installation import Installation, Installed
from lowtide.system.memory import KernelProbe, MemoryProbe, yield_disk
from lowtide.work.model.encoder import Side

log = logging.getLogger(__name__)

ASKED_S = 1.0
"""So long after a question one worker fewer begins on what nobody waits for: answering takes a core, too."""
BLIND_WAIT_S = 0.25
"""Between two looks whether memory can be looked at again."""
BLIND_S = 1.0
"""So long a task that somebody waits for is held back by that, before it fails."""
BLOAT_BYTES = 16 * MIB
"""An idle worker that holds this much more than a fresh one is ended: that is how memory really returns."""
TREES_BYTES = 96 * MIB
"""The same for the worker that keeps the trees of open texts, on purpose; they go first when the room is needed."""


class WorkerPool:
    """Runs tasks in worker processes; see the module. Use as an asynchronous context manager."""

    def __init__(
        self,
        budget: Budget,
        ladder: Ladder,
        *,
        probe: MemoryProbe | None = None,
        niceness: int = 0,
        model_bytes: int = MODEL_BYTES,
        start_worker: StartWorker = Worker.start,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start_worker = start_worker
        self._clock = clock
        self.budget = budget
        self.ladder = ladder
        self.niceness = niceness
        self._model_bytes = model_bytes
        self._idle = IdleWorkers()
        self._busy: dict[int, Worker] = {}
        self._starting = 0
        self._urgent: set[int] = set()
        self._prompt_s = float("-inf")
        self._asked_s = float("-inf")
        self._spare: Worker | None = None
        self._waiting: list[Urgency] = []
        self._changed = anyio.Event()
        self.guard = MemoryGuard(budget, probe or KernelProbe(), self._crew)
        self.vitals = [self.guard.vital]
        """Who must be able to look, or no worker may work."""
        self.on_refused: Callable[[], None] = lambda: None
        """Told when not even the smallest task fits: this process has grown. It may step the ladder down."""
        self.patience_s = 10.0
        """How long work may wait for this process to give something back, or for a worker to start, before it fails."""
        self.outage = Outage()
        """Whether workers can be started at all."""
        self.installation = Installation.of_this_process()

        self._shortage = Shortage()

    async def __aenter__(self) -> WorkerPool:
        self.guard.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill_all()
        self.guard.stop()

    def someone_asks(self) -> None:
        """A person waits for an answer: one core is left to it for a moment."""
        self._asked_s = time.monotonic()

    @property
    def asked_s(self) -> float:
        """When somebody last asked, by the monotonic clock."""
        return self._asked_s

    @property
    def is_busy(self) -> bool:
        """Whether a worker has a task; memory is then sampled every 10 ms."""
        return bool(self._busy)

    def kill_all(self) -> None:
        """End every worker now. Running tasks fail with WorkerRecycled."""
        for worker in [*self._busy.values(), *self._idle.workers]:
            worker.kill(Ended.STOPPED)
        self._idle.clear()

    def base_bytes(self, model: str) -> int:
        """What a fresh worker holds before its first task."""
        if model == wire.LEXICAL:
            return LEXICAL_WORKER_BYTES
        return WORKER_BYTES + (0 if model in wire.NO_MODELS else self._model_bytes)

    # -- leases -------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def lease(
        self,
        task_bytes: int,
        result_bytes: int,
        model: str,
        urgency: Urgency = Urgency.WORK,
        *,
        untouched_bytes: int = 0,
    ) -> AsyncIterator[tuple[Worker, Lease]]:
        """A worker with room for a task that adds `task_bytes` to it, and room in the daemon for `result_bytes`.

        `untouched_bytes`: what it maps besides and never writes to. That is no anonymous memory, and counts in
        RLIMIT_DATA all the same: only the guard then holds it to its lease to the byte.
        Waits until there is room, the more urgent first. WorkerOverBudget when the task cannot fit, not even alone;
        LeaseWithdrawn when the ladder fell meanwhile and gives no such worker any more; WorkersUnavailable when none
        can be started: work waits for that as long as `patience_s`, a question not at all.
        """
        self._waiting.append(urgency)
        try:
            worker, lease = await self._acquire(task_bytes, result_bytes, model, urgency)
        finally:
            self._waiting.remove(urgency)
            if self._waiting:
                self._notify()
        if urgency < Urgency.WORK:
            self._prompt_s = time.monotonic()
        if urgency is Urgency.INTERACTIVE:
            self.someone_asks()
            self._urgent.add(worker.pid)
        self._spare = worker if urgency is Urgency.SPARE else self._spare
        if untouched_bytes:
            worker.allow(untouched_bytes)
        try:
            yield worker, lease
        finally:
            self._urgent.discard(worker.pid)
            self._spare = None if self._spare is worker else self._spare
            self._give_back(worker, lease)

    async def _acquire(self, task_bytes: int, result_bytes: int, model: str, urgency: Urgency) -> tuple[Worker, Lease]:
        first_step, starved_s, down_s, blind_s = self.ladder.step, None, None, 0.0
        while True:
            if complaint := self.complaint:
                blind_s = blind_s or self._clock()
                await self._wait_blind(complaint, urgency, blind_s)
                continue
            blind_s = 0.0
            footing = self.ladder.footing()
            if urgency is not Urgency.INTERACTIVE and model not in wire.NO_MODELS and not footing.embed:
                raise LeaseWithdrawn("there is no room for the model", self.ladder.reason)
            busy = len(self._busy) + self._starting - len(self._urgent)
            most = footing.worker_count
            if urgency >= Urgency.WORK and time.monotonic() - self._asked_s < ASKED_S:
                most = max(1, most - 1)
            if urgency is Urgency.SPARE:
                most = min(most, 1)
            if min(self._waiting) < urgency or (urgency is not Urgency.INTERACTIVE and busy >= most):
                await self._wait_for_place(urgency)
                continue
            worker = self._idle.pick(model)
            if worker is None and (wait_s := self.outage.wait_s(self._clock())):
                down_s = self._clock() if down_s is None else down_s
                await self._sit_out(urgency, wait_s, down_s)
                continue
            base = max(self.base_bytes(model), worker.base_bytes if worker else 0)
            self.budget.idle_bytes = self._idle.bytes_beside(worker)
            need = base + task_bytes + result_bytes
            if need > self.budget.most_bytes >= base + LEAST_TASK_BYTES:
                # A prediction is no certainty: the task may try with all the room there is, and its limit is that.
                need = self.budget.most_bytes
            share = self.budget.share_bytes(footing.worker_count)
            decision, lease = self.budget.request(need, max(need, share))
            if decision is Decision.REFUSE:
                if base + LEAST_TASK_BYTES > self.budget.most_bytes:
                    # Not even the smallest task: this process holds too much, and that is not the task's fault.
                    starved_s = self._clock() if starved_s is None else starved_s
                    await self._make_room(base, urgency, first_step, starved_s)
                    continue
                raise WorkerOverBudget(
                    "a task does not fit the budget", f"it needs {need} bytes, {self.budget.most_bytes} are to be had"
                )
            if decision is Decision.WAIT:
                await self._wait_for_place(urgency)
                continue
            if decision is Decision.RECYCLE:
                self._idle.make_room(keep=worker)
                continue
            assert lease is not None
            self._shortage.over()
            if worker is not None:
                self._idle.remove(worker)
                return self._arm(worker, lease, result_bytes), lease
            try:
                return await self._start(lease, model, result_bytes), lease
            except WorkersUnavailable as error:
                self._report_outage(error)

    async def _wait_for_place(self, urgency: Urgency) -> None:
        if urgency is not Urgency.SPARE:
            self.end_spare()
        await self._wait()

    def end_spare(self) -> None:
        """End the worker whose task nobody misses."""
        if self._spare is not None:
            self._spare.stop(Ended.RECYCLED)

    def _report_outage(self, error: WorkersUnavailable) -> None:
        installed = self.installation.look()
        what = {
            Installed.SAME: error.why,
            Installed.GONE: f"{self.installation.package} is away",
            Installed.REPLACED: "the installation has changed",
        }[installed]
        if self.outage.failed(what, self._clock()):
            log.warning("event=workers-unavailable installation=%s why=%r", installed.value, error.why)

    async def _sit_out(self, urgency: Urgency, wait_s: float, since_s: float) -> None:
        """Wait until another try to start a worker may be made. WorkersUnavailable when that is too long for the
        task."""
        if urgency is Urgency.INTERACTIVE or self._clock() - since_s > self.patience_s:
            raise WorkersUnavailable(
                "workers cannot start",
                self.outage.why,
                "if it stays so, install Lowtide again, and `lowtide daemon stop`",
            )
        await anyio.sleep(wait_s)

    @property
    def complaint(self) -> str:
        """Why no worker may work: who keeps the budget cannot look. Empty when all is well."""
        return next(filter(None, (vital.complaint for vital in self.vitals)), "")

    async def _wait_blind(self, complaint: str, urgency: Urgency, since_s: float) -> None:
        if urgency is Urgency.INTERACTIVE and self._clock() - since_s > BLIND_S:
            raise WorkerError("no worker may start", complaint, "try again in a moment, or see `lowtide doctor`")
        self.guard.wake()
        with anyio.move_on_after(BLIND_WAIT_S):
            await self._wait()

    async def _make_room(self, base_bytes: int, urgency: Urgency, first_step: Step, since_s: float) -> None:
        """Have this process give back what it can, or the ladder step down; else wait a while.

        One lease does it for all that starve, the others wait for what comes of it. `first_step`: where the ladder
        stood when the lease was first asked for.
        """
        if self._shortage.is_due(self._clock()):
            self._shortage.tried(self._clock())
            before = self.ladder.step
            self.on_refused()
            if self.ladder.step != before:
                self._notify()
        if self.ladder.step > first_step:
            raise LeaseWithdrawn("there is no longer room for this work", self.ladder.reason)
        if base_bytes + LEAST_TASK_BYTES <= self.budget.most_bytes:
            return
        now = self._clock()
        if urgency is Urgency.INTERACTIVE or now - since_s > self.patience_s:
            raise WorkerOverBudget(
                "there is no room for a worker", f"{self.budget.most_bytes >> 20} MiB are left beside this process"
            )
        with anyio.move_on_after(self._shortage.wait_s(now)):
            await self._wait()

    async def _start(self, lease: Lease, model: str, result_bytes: int) -> Worker:
        worker = None
        try:
            # Somebody looks at what is open: only the others give way.
            self._starting += 1
            try:
                worker = await self._start_worker(model, niceness=0 if model == wire.DOCUMENTS else self.niceness)
            finally:
                self._starting -= 1  # from here on it counts as busy
            self._busy[worker.pid] = worker
            self.guard.wake()
            if self.niceness and model != wire.DOCUMENTS:
                yield_disk(worker.pid)
            await worker.ready()
            if self.outage.ended():
                log.info("event=workers-available")
                self._notify()
            return self._arm(worker, lease, result_bytes)
        except BaseException:
            if worker:
                worker.kill(Ended.CANCELLED)
                self._busy.pop(worker.pid, None)
            self.budget.release(lease)
            self._notify()
            raise

    def _arm(self, worker: Worker, lease: Lease, result_bytes: int) -> Worker:
        worker.arm(self.guard.held_bytes(worker) or 0, lease.total_bytes - result_bytes)
        self._busy[worker.pid] = worker
        self.guard.wake()
        return worker

    def _give_back(self, worker: Worker, lease: Lease) -> None:
        self._busy.pop(worker.pid, None)
        worker.limit_bytes = None
        held = self.guard.held_bytes(worker) if worker.alive else None
        if held is None or worker.killed_for:
            worker.kill()
        elif held > self.base_bytes(worker.model) + (TREES_BYTES if worker.model == wire.DOCUMENTS else BLOAT_BYTES):
            worker.kill(Ended.RECYCLED)
        else:
            worker.base_bytes = held
            self._idle.add(worker, time.monotonic())
        self.budget.release(lease)
        self._notify()

    def tidy(self) -> None:
        """End idle workers that have waited long enough; call it now and then."""
        if self._idle.tidy(time.monotonic(), self._prompt_s, self.is_busy):
            self._notify()

    def end_idle(self, after_s: float = 0.0) -> None:
        """End the workers that have been idle for `after_s`."""
        self._idle.end(time.monotonic(), after_s)
        self._notify()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Somebody waits for room in this process: work that nobody waits for is not admitted meanwhile."""
        self._waiting.append(Urgency.INTERACTIVE)
        try:
            yield
        finally:
            self._waiting.remove(Urgency.INTERACTIVE)
            self._notify()

    @property
    def idle_bytes(self) -> int:
        """What workers without a task hold."""
        return self._idle.bytes_beside(None)

    def end_largest(self) -> None:
        """End the worker with the largest lease whose task nobody waits for: it is done again later."""
        others = [worker for worker in self._busy.values() if worker.pid not in self._urgent and not worker.killed_for]
        if others:
            max(others, key=lambda worker: worker.limit_bytes or 0).stop(Ended.RECYCLED)

    async def changed(self, wait_s: float) -> None:
        """Until room may have come free, or `wait_s` have passed."""
        with anyio.move_on_after(wait_s):
            await self._wait()

    async def _wait(self) -> None:
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def recycle(self) -> None:
        """End every worker that works, for its room is needed: their tasks fail with WorkerRecycled and are done
        again."""
        self.end_idle()
        for worker in list(self._busy.values()):
            if worker.pid not in self._urgent:
                worker.stop(Ended.RECYCLED)

    def wake(self) -> None:
        """Have waiting tasks look again: the budget or the ladder has changed."""
        self._notify()

    # -- running ------------------------------------------------------------------------------------------------

    async def run(
        self,
        worker: Worker,
        task: wire.Request,
        *,
        file_deadline_s: Callable[[int], float] = lambda _: 60.0,
        embed_deadline_s: Callable[[int], float] = lambda count: 60.0 + count * 1.0,
        on_started: Callable[[int], None] = lambda _: None,
        on_ask: Callable[[bytes], Awaitable[Sequence[int]]] | None = None,
    ) -> Outcome:
        """Run `task` in a leased worker. Errors as Worker.run's."""
        before = worker.base_bytes
        peak = 0

        def started(index: int) -> None:
            nonlocal peak
            peak = max(peak, worker.peak_bytes)
            on_started(index)

        done = await worker.run(
            task,
            file_deadline_s=file_deadline_s,
            embed_deadline_s=embed_deadline_s,
            on_started=started,
            on_ask=on_ask or _ask_all,
        )
        return Outcome(done, max(0, max(peak, worker.peak_bytes) - before))

    async def encode(self, texts: Sequence[str], model: str, *, side: Side = Side.QUERY) -> list[bytes]:
        """Embed queries, or code to find its like; int8 vectors, one a text."""
        async with self.lease(2 * MIB, 0, model, Urgency.INTERACTIVE) as (worker, _):
            done = (await self.run(worker, wire.EncodeTask(list(texts), model, side is Side.DOCUMENT))).done
        size = done.dims
        return [done.vectors[index * size : (index + 1) * size] for index in range(len(texts))]

    # -- measuring ----------------------------------------------------------------------------------------------

    def _crew(self) -> Crew:
        return Crew(list(self._busy.values()), self._idle.workers, frozenset(self._urgent.copy()))

    def processes(self) -> list[WorkerFigure]:
        """The daemon and its workers, with their anonymous bytes now."""
        return self.guard.processes()

    def measure(self) -> int:
        """`MemoryGuard.measure`."""
        return self.guard.measure()

    @property
    def used_bytes(self) -> int:
        """Anonymous bytes of the daemon and its workers together, as last sampled."""
        return self.guard.used_bytes

    @property
    def peak_bytes(self) -> int:
        """The highest of these."""
        return self.guard.peak_bytes

    @property
    def own_bytes(self) -> int:
        """Anonymous bytes of this process, as last sampled."""
        return self.guard.own_bytes

    @contextmanager
    def reserve(self, size_bytes: int) -> Iterator[None]:
        """This process is about to grow by `size_bytes`: what stands in the way ends now, and is done again later."""
        self.guard.reserved_bytes += size_bytes
        try:
            self.measure()
            over = self.budget.daemon_bytes + self.budget.leased_bytes - self.budget.total_bytes
            if over + self._idle.bytes_beside(None) > 0:
                self.end_idle()
            for worker in sorted(self._busy.values(), key=lambda worker: -(worker.limit_bytes or 0)):
                if over <= 0:
                    break
                worker.stop(Ended.RECYCLED)
                over -= worker.limit_bytes or 0
            yield
        finally:
            self.guard.reserved_bytes -= size_bytes
            self.measure()
            self._notify()


async def _ask_all(hashes: bytes) -> Sequence[int]:
    return range(len(hashes) // 16)


__all__ = ["Outcome", "Urgency", "WorkerError", "WorkerFigure", "WorkerPool"]
