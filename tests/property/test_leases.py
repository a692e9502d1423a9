"""Whatever leases are asked for over a small budget, and however this process grows meanwhile: each comes to its
end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.virtual_clock import run_virtually

from lowtide.core.budget import LEAST_TASK_BYTES, MIB, MODEL_BYTES, WORKER_BYTES, Budget
from lowtide.core.ladder import Ladder, Step
from lowtide.errors import LeaseWithdrawn, WorkerOverBudget
from lowtide.pool.pool import WorkerPool
from lowtide.pool.terms import Urgency
from lowtide.pool.worker import Worker

MODEL = "model"
LONGEST_S = 600.0
LOOK_S = 0.5


@dataclass
class FakeWorker:
    """As much of a Worker as a lease meets."""

    pid: int
    model: str
    limit_bytes: int | None = None
    base_bytes: int = 0
    peak_bytes: int = 0
    killed_for: str | None = None

    @property
    def alive(self) -> bool:
        return self.killed_for is None

    async def ready(self) -> None:
        await anyio.sleep(0.1)

    def arm(self, held_bytes: int, limit_bytes: int) -> None:
        self.base_bytes = self.peak_bytes = held_bytes
        self.limit_bytes = limit_bytes

    def kill(self, reason: str | None = None) -> int:
        self.killed_for = self.killed_for or reason or "ended"
        return 0

    stop = kill


@dataclass
class Machine:
    """A budget, and a process that holds `own_bytes`, of which giving back frees `loose_bytes`."""

    total_bytes: int
    own_bytes: int
    loose_bytes: int = 0
    gave_back: list[float] = field(default_factory=list)
    next_pid: int = 1 << 30

    def __post_init__(self) -> None:
        self.ladder = Ladder(2)
        self.pool = WorkerPool(
            Budget(self.total_bytes), self.ladder, probe=self, start_worker=self.start, clock=anyio.current_time
        )
        self.pool.on_refused = self.give_back
        self.pool.patience_s = float("inf")

    def anonymous_bytes(self, pid: int) -> int | None:
        return self.own_bytes + self.loose_bytes if pid == os.getpid() else WORKER_BYTES

    async def start(self, model: str = "", *, niceness: int = 0) -> Worker:
        self.next_pid += 1
        return cast(Worker, FakeWorker(self.next_pid, model))

    def settle(self) -> None:
        room, embedder = self.pool.budget.most_bytes, WORKER_BYTES + MODEL_BYTES + LEAST_TASK_BYTES
        step = Step.FULL if room >= 2 * embedder else Step.ONE_WORKER if room >= embedder else Step.LEXICAL_ONLY
        if room < WORKER_BYTES + LEAST_TASK_BYTES:
            step = Step.PAUSED
        self.ladder.set_floor(step, "", anyio.current_time())

    def give_back(self) -> None:
        self.gave_back.append(anyio.current_time())
        self.loose_bytes = 0
        self.pool.measure()
        self.settle()

    async def look_now_and_then(self) -> None:
        while True:
            self.pool.measure()
            await anyio.sleep(LOOK_S)


@dataclass(frozen=True)
class Task:
    begins_s: float
    lasts_s: float
    task_bytes: int
    embeds: bool
    urgency: Urgency
    grows_bytes: int
    """What this process holds more of after it, until it is given back."""
    given_up_s: float | None


async def do(machine: Machine, task: Task, ended: list[Task]) -> None:
    """As an index run does: told that there is no such worker any more, it comes again for what there is."""
    await anyio.sleep(task.begins_s)
    with anyio.move_on_after(task.given_up_s):
        while True:
            model = MODEL if task.embeds and machine.ladder.footing().embed else ""
            try:
                async with machine.pool.lease(task.task_bytes, MIB, model, task.urgency):
                    await anyio.sleep(task.lasts_s)
                    machine.loose_bytes += task.grows_bytes
                break
            except LeaseWithdrawn:
                continue
            except WorkerOverBudget:
                assert task.urgency is Urgency.INTERACTIVE, "work waits, it is not refused"
                break
    ended.append(task)


def play(machine_bytes: tuple[int, int, int], tasks: Sequence[Task]) -> Machine:
    async def main() -> Machine:
        machine = Machine(*machine_bytes)
        machine.pool.measure()
        machine.settle()
        ended: list[Task] = []
        async with anyio.create_task_group() as looking:
            looking.start_soon(machine.look_now_and_then)
            with anyio.fail_after(LONGEST_S):
                async with anyio.create_task_group() as group:
                    for task in tasks:
                        group.start_soon(do, machine, task, ended)
            looking.cancel_scope.cancel()
        assert len(ended) == len(tasks)
        assert machine.pool.budget.leased_bytes == 0
        return machine

    return cast(Machine, run_virtually(main))


TASKS = st.lists(
    st.builds(
        Task,
        begins_s=st.floats(0, 5),
        lasts_s=st.floats(0.01, 2),
        task_bytes=st.integers(MIB, 60 * MIB),
        embeds=st.booleans(),
        urgency=st.sampled_from(Urgency),
        grows_bytes=st.integers(0, 30 * MIB),
        given_up_s=st.one_of(st.none(), st.none(), st.floats(0.01, 3)),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=int(os.environ.get("LOWTIDE_EXAMPLES", "150")), deadline=None)
@given(own_mib=st.integers(30, 62), loose_mib=st.integers(0, 40), tasks=TASKS)
def test_any_sequence_of_leases_over_a_small_budget_ends(own_mib: int, loose_mib: int, tasks: list[Task]) -> None:
    play((96 * MIB, own_mib * MIB, loose_mib * MIB), tasks)


@pytest.mark.parametrize("embeds", [True, False])
def test_one_that_starves_gives_back_for_all(embeds: bool) -> None:
    """So many that each would close what answers questions whenever any of them wakes."""
    tasks = [Task(0.0, 0.05, MIB, embeds, Urgency.WORK, 0, None) for _ in range(150)]

    async def main() -> Machine:
        machine = Machine(96 * MIB, 90 * MIB)
        machine.pool.measure()
        ended: list[Task] = []
        async with anyio.create_task_group() as looking:
            looking.start_soon(machine.look_now_and_then)
            async with anyio.create_task_group() as group:
                for task in tasks:
                    group.start_soon(do, machine, task, ended)
                await anyio.sleep(60)
                assert not ended
                assert 5 <= len(machine.gave_back) <= 12, "at growing intervals, by one of them"
                machine.own_bytes = 40 * MIB
            looking.cancel_scope.cancel()
        assert len(ended) == len(tasks)
        return machine

    run_virtually(main)


def test_who_waited_for_the_model_before_the_ladder_fell_is_told() -> None:
    """Two wait; the first has the ladder fall, and the second would wait for ever for what it no longer gives."""
    tasks = [Task(0.0, 0.2, MIB, True, Urgency.WORK, 0, None) for _ in range(3)]

    async def main() -> None:
        machine = Machine(96 * MIB, 40 * MIB)
        machine.pool.measure()
        machine.settle()
        assert machine.ladder.step is Step.ONE_WORKER
        ended: list[Task] = []
        with anyio.fail_after(LONGEST_S):
            async with anyio.create_task_group() as group:
                for task in tasks:
                    group.start_soon(do, machine, task, ended)
                await anyio.sleep(0.1)
                machine.own_bytes = 65 * MIB
                machine.pool.measure()
        assert machine.ladder.step is Step.LEXICAL_ONLY
        assert len(ended) == len(tasks)

    run_virtually(main)


def test_a_question_does_not_wait_for_room_that_is_not_there() -> None:
    tasks = [Task(0.0, 0.1, MIB, False, Urgency.WORK, 0, 1.0), Task(0.1, 0.1, MIB, True, Urgency.INTERACTIVE, 0, None)]
    play((96 * MIB, 90 * MIB, 0), tasks)
