"""Workers under a budget: real processes, real limits, real kills."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from tests.worker.services import until

from lowtide import wire
from lowtide.core.budget import MIB, Budget
from lowtide.core.ladder import Ladder, Step
from lowtide.errors import WorkerError, WorkerOverBudget, WorkerRecycled, WorkerStalled
from lowtide.pool.pool import WorkerPool
from lowtide.pool.terms import Urgency
from lowtide.pool.worker import Worker
from lowtide.system.memory import KernelProbe
from lowtide.vital import MOST_FAILURES
from lowtide.work.model.model_folder import default_model

MODEL = str(default_model())


class Modest(KernelProbe):
    """The real probe, but for this process: a test runner holds more than a daemon would."""

    own_bytes = 20 * MIB

    def anonymous_bytes(self, pid: int) -> int | None:
        return self.own_bytes if pid == os.getpid() else super().anonymous_bytes(pid)


def run(body: Callable[[WorkerPool], Awaitable[None]], total_mib: int = 256, probe: Modest | None = None) -> WorkerPool:
    """Run `body` with a pool; afterwards every lease must be back and every worker gone."""
    pools = []

    async def main() -> None:
        async with WorkerPool(Budget(total_mib * MIB), Ladder(2), probe=probe or Modest()) as pool:
            pools.append(pool)
            await body(pool)

    anyio.run(main)
    (pool,) = pools
    assert pool.budget.leased_bytes == 0
    assert len(pool.processes()) == 1
    return pool


def task(root: Path, *names: str, embed: bool = False, lines_only: bool = False) -> wire.IndexTask:
    settings: dict[str, bool | int] = {"max_file_bytes": 64 * MIB, "generated": True, "minified": True}
    return wire.IndexTask(
        os.fsencode(root),
        [name.encode() for name in names],
        [],
        settings,
        5.0,
        embed,
        False,
        lines_only,
        64,
        MODEL,
        "recipe",
    )


def big_file(root: Path) -> str:
    (root / "big.cpp").write_text("".join(f"int value_{n}(int a) {{ return a + {n}; }}\n" for n in range(60_000)))
    return "big.cpp"


def test_files_come_back_as_symbols_chunks_and_vectors(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('def spare_the_whales(count):\n    """Save them."""\n    return count\n')

    async def body(pool: WorkerPool) -> None:
        async with pool.lease(8 * MIB, MIB, MODEL) as (worker, _):
            done = (await pool.run(worker, task(tmp_path, "a.py", embed=True))).done
        (file,) = done.files
        assert [row[0] for row in wire.symbol_rows(file)] == ["spare_the_whales"]
        assert len(done.vectors) == file.chunk_count * done.dims
        assert "spare the whales" in wire.words_of(file.words).words[0]

    run(body)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="sessions are not scheduled as groups here")
def test_a_worker_stands_back_behind_whole_sessions(tmp_path: Path) -> None:
    """Its niceness alone would weigh it against nothing but itself: it has a session of its own."""
    (tmp_path / "a.py").write_text("def one(): ...\n")

    async def body(pool: WorkerPool) -> None:
        pool.niceness = 7
        async with pool.lease(8 * MIB, MIB, "") as (worker, _):
            group = Path(f"/proc/{worker.pid}/autogroup")
            for _ in range(100):  # without privileges the system lets one process at a time do it
                if "nice 7" in group.read_text():
                    break
                await pool.run(worker, task(tmp_path, "a.py"))
            assert "nice 7" in group.read_text()
            own = os.getpriority(os.PRIO_PROCESS, 0)
            assert os.getpriority(os.PRIO_PROCESS, worker.pid) == own + 7

    run(body)


def test_what_a_task_maps_and_never_writes_to_is_allowed_beside_its_lease() -> None:
    """usearch maps blocks that double: a graph of 300,000 vectors failed for want of memory that it would not use."""

    def allowed(worker: Worker) -> int:
        lines = Path(f"/proc/{worker.pid}/limits").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Max data size")).split()[3])

    async def body(pool: WorkerPool) -> None:
        async with pool.lease(4 * MIB, 0, "") as (worker, lease):
            before = allowed(worker)
        async with pool.lease(4 * MIB, 0, "", untouched_bytes=64 * MIB) as (same, again):
            assert (same, again.total_bytes) == (worker, lease.total_bytes)
            assert abs(allowed(worker) - before - 64 * MIB) <= MIB
            assert worker.limit_bytes == lease.total_bytes, "the guard holds it to what it was lent"
        async with pool.lease(4 * MIB, 0, ""):
            assert abs(allowed(worker) - before) <= MIB

    run(body)


def test_worker_over_its_lease_is_ended_and_the_budget_holds(tmp_path: Path) -> None:
    name = big_file(tmp_path)

    async def body(pool: WorkerPool) -> None:
        pool.budget.total_bytes = 96 * MIB  # the share is then smaller than the tree
        with pytest.raises(WorkerOverBudget):
            async with pool.lease(4 * MIB, 0, "") as (worker, lease):
                worker.limit_bytes = worker.base_bytes + 8 * MIB
                assert lease.total_bytes < 96 * MIB
                await pool.run(worker, task(tmp_path, name))
        assert pool.peak_bytes <= 96 * MIB
        async with pool.lease(4 * MIB, 0, "") as (worker, _):  # the next task gets a worker all the same
            await pool.run(worker, task(tmp_path))

    run(body)


def test_worker_gives_way_when_the_daemon_grows_and_is_not_blamed(tmp_path: Path) -> None:
    name = big_file(tmp_path)
    probe = Modest()

    async def body(pool: WorkerPool) -> None:
        async with pool.lease(4 * MIB, 0, "") as (idle, _):
            await pool.run(idle, task(tmp_path))

        def grow(_: int) -> None:
            probe.own_bytes = 250 * MIB

        with pytest.raises(WorkerRecycled):
            async with pool.lease(150 * MIB, 0, "") as (worker, _):
                await pool.run(worker, task(tmp_path, name), on_started=grow)
        probe.own_bytes = 20 * MIB

    run(body, probe=probe)


def test_room_is_made_before_the_daemon_grows(tmp_path: Path) -> None:
    name = big_file(tmp_path)

    async def body(pool: WorkerPool) -> None:
        def about_to_grow(_: int) -> None:
            with pool.reserve(120 * MIB):
                assert pool.budget.most_bytes < 120 * MIB

        with pytest.raises(WorkerRecycled):
            async with pool.lease(150 * MIB, 0, "") as (worker, _):
                await pool.run(worker, task(tmp_path, name), on_started=about_to_grow)
        assert pool.budget.most_bytes > 200 * MIB

    run(body)


def test_limit_of_the_operating_system_holds_without_anyone_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = big_file(tmp_path)

    async def body(pool: WorkerPool) -> None:
        with pytest.raises(WorkerOverBudget):
            async with pool.lease(4 * MIB, 0, "") as (worker, _):
                from lowtide.system.memory import limit_data_bytes

                monkeypatch.setattr(pool, "measure", lambda: 0)  # nobody looks
                assert limit_data_bytes(worker.pid, 10 * MIB)
                worker.limit_bytes = worker.base_bytes + 10 * MIB
                await pool.run(worker, task(tmp_path, name))

    run(body)


def test_worker_past_its_deadline_is_ended(tmp_path: Path) -> None:
    name = big_file(tmp_path)

    async def body(pool: WorkerPool) -> None:
        with pytest.raises(WorkerStalled):
            async with pool.lease(150 * MIB, 0, "") as (worker, _):
                await pool.run(worker, task(tmp_path, name), file_deadline_s=lambda _: 0.05)

    run(body)


def test_killed_worker_is_told_and_replaced(tmp_path: Path) -> None:
    async def body(pool: WorkerPool) -> None:
        with pytest.raises(WorkerRecycled, match="SIGKILL"):
            async with pool.lease(4 * MIB, 0, "") as (worker, _):
                os.kill(worker.pid, signal.SIGKILL)
                await pool.run(worker, task(tmp_path))
        async with pool.lease(4 * MIB, 0, "") as (worker, _):
            await pool.run(worker, task(tmp_path))

    run(body)


def test_no_lease_leaks_however_often_work_is_cancelled(tmp_path: Path) -> None:
    name = big_file(tmp_path)
    chance = random.Random(5)

    async def one(pool: WorkerPool, delay_s: float) -> None:
        with anyio.move_on_after(delay_s), suppress(WorkerOverBudget):
            async with pool.lease(60 * MIB, MIB, "") as (worker, _):
                await pool.run(worker, task(tmp_path, name))

    async def body(pool: WorkerPool) -> None:
        for _ in range(4):
            async with anyio.create_task_group() as group:
                for _ in range(6):
                    group.start_soon(one, pool, chance.random() * 0.3)
        assert pool.budget.leased_bytes == 0

    run(body)


def test_one_worker_at_a_time_when_the_ladder_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    most = 0

    async def one(pool: WorkerPool) -> None:
        nonlocal most
        async with pool.lease(4 * MIB, 0, "") as (worker, _):
            most = max(most, len([figure for figure in pool.processes() if figure.role == "worker"]))
            await pool.run(worker, task(tmp_path, "a.py"))

    async def body(pool: WorkerPool) -> None:
        pool.ladder.set_floor(Step.ONE_WORKER, "test", 0.0)
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one, pool)

    run(body)
    assert most == 1


class Blind(Modest):
    """Sees nothing while it is told so."""

    blind = False

    def anonymous_bytes(self, pid: int) -> int | None:
        if self.blind:
            raise OSError(24, "Too many open files")
        return super().anonymous_bytes(pid)


def test_a_failed_look_ends_neither_the_guard_nor_a_worker(tmp_path: Path) -> None:
    probe = Blind()

    async def body(pool: WorkerPool) -> None:
        async with pool.lease(8 * MIB, 0, "") as (worker, _):
            probe.blind = True
            await until(lambda: pool.guard.vital.failed_looks)
            probe.blind = False
            if pool.guard.vital.failed_looks < MOST_FAILURES:
                assert worker.alive
            worker.limit_bytes = 1
            await until(lambda: worker.killed_for)  # it still looks, and keeps the limit

    run(body, probe=probe)


def test_without_a_guard_that_sees_nothing_runs_and_afterwards_it_goes_on(tmp_path: Path) -> None:
    probe = Blind()
    (tmp_path / "a.py").write_text("def one(): ...\n")
    done: list[str] = []

    async def body(pool: WorkerPool) -> None:
        async def work() -> None:
            async with pool.lease(8 * MIB, 0, "") as (worker, _):
                await pool.run(worker, task(tmp_path, "a.py"))
            done.append("work")

        async with pool.lease(8 * MIB, 0, "") as (running, _):
            probe.blind = True
            await until(lambda: pool.complaint)
            assert pool.complaint == "the memory guard cannot look: Too many open files"
            await until(lambda: not running.alive)
            with pytest.raises(WorkerRecycled):
                await pool.run(running, task(tmp_path, "a.py"))
        with pytest.raises(WorkerError, match="cannot look"):  # somebody waits: it is said
            async with pool.lease(8 * MIB, 0, "", Urgency.INTERACTIVE):
                pass
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await anyio.sleep(0.1)
            assert done == []
            assert len(pool.processes()) == 1
            probe.blind = False
        assert done == ["work"]
        assert pool.complaint == ""

    run(body, probe=probe)


def test_two_workers_start_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    started = 0
    both = anyio.Event()
    ready = Worker.ready

    async def slow(self: Worker) -> None:
        nonlocal started
        started += 1
        if started == 2:
            both.set()
        await both.wait()
        await ready(self)

    monkeypatch.setattr(Worker, "ready", slow)

    async def body(pool: WorkerPool) -> None:
        async def ask() -> None:
            async with pool.lease(4 * MIB, 0, ""):
                pass

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                group.start_soon(ask)

    run(body)


def test_swollen_worker_is_not_kept(tmp_path: Path) -> None:
    async def body(pool: WorkerPool) -> None:
        async with pool.lease(4 * MIB, 0, "") as (worker, _):
            first = worker.pid
            pool.guard.probe = Swollen(worker.pid)  # what it would look like after a leak
        async with pool.lease(4 * MIB, 0, "") as (worker, _):
            assert worker.pid != first

    run(body)


class Swollen:
    """A probe for which one process holds 100 MiB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def anonymous_bytes(self, pid: int) -> int | None:
        return 100 * MIB if pid == self._pid else 15 * MIB


def test_runtime_of_the_model_reports_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime's wheels keep a device id and a database of events in the cache folder unless they are told not
    to."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    async def body(pool: WorkerPool) -> None:
        assert len((await pool.encode(["a query"], MODEL))[0]) > 0

    run(body)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
