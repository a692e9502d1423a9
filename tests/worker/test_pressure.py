"""The service under pressure: the ladder, pauses, a machine that cannot be looked at, and back again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.system.descriptors import no_descriptors
from tests.worker.services import run, serving, until

from lowtide.core import ladder
from lowtide.core.ladder import Step
from lowtide.index.live import LiveWorkspace
from lowtide.read.request import SearchRequest
from lowtide.serve import monitor
from lowtide.system import memory
from lowtide.system.memory import KernelProbe, Pressure

MIB = 1 << 20
ROOMY = Pressure(8 << 30, 16 << 30)
SHORT = Pressure(400 * MIB, 16 << 30)
CRITICAL = Pressure(20 * MIB, 16 << 30)


def look_often(monkeypatch: pytest.MonkeyPatch, read: Callable[[], Pressure]) -> None:
    """Take the machine's memory for what `read` says, at every look, and look often."""
    monkeypatch.setattr(memory, "read_pressure", read)
    monkeypatch.setattr(monitor, "PRESSURE_S", 0.0)
    monkeypatch.setattr(monitor, "PUBLISH_S", 0.01)
    monkeypatch.setattr(monitor, "TICK_S", 0.01)
    monkeypatch.setattr(ladder, "CALM_S", 0.05)


def _has_run(live: LiveWorkspace, count: int) -> bool:
    return live.completed_runs >= count


def test_ladder_steps_down_under_pressure_and_climbs_back_with_nothing_missing(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = SHORT
    look_often(monkeypatch, lambda: now)

    async def play() -> None:
        nonlocal now
        async with serving(tmp_path / "home") as service:
            await until(lambda: service.host.ladder.step is Step.LEXICAL_ONLY)
            assert "400 MiB of memory left" in service.status().ladder.reason
            assert service.status().health == "warning"
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            ((_, answer),) = await service.search(SearchRequest("compute the third figure"), [modules])
            assert answer.hits
            assert answer.degraded is not None
            now = ROOMY
            await until(lambda: service.host.ladder.step is Step.FULL)
            await service.wait_idle(modules)
            ((_, answer),) = await service.search(SearchRequest("compute the third figure"), [modules])
            assert answer.degraded is None
            steps = [taken.step for taken in service.host.ladder.history]
            assert steps == [
                Step.SMALLER_BATCHES,
                Step.ONE_WORKER,
                Step.LEXICAL_ONLY,
                Step.ONE_WORKER,
                Step.SMALLER_BATCHES,
                Step.FULL,
            ]

    run(play)


def test_critical_pressure_pauses_and_room_resumes(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ROOMY
    look_often(monkeypatch, lambda: now)

    async def play() -> None:
        nonlocal now
        async with serving(tmp_path / "home") as service:
            now = CRITICAL
            await until(lambda: service.host.ladder.step is Step.PAUSED)
            await service.open_workspace(modules, "test")
            live = service.live(modules)
            assert live is not None
            live.pause()
            assert service.status().state == "paused"
            now = ROOMY
            await until(lambda: live.completed_runs)
            await service.wait_idle(modules)
            assert live.counts.files == 60

    run(play)


def test_battery_pauses_unless_configured_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugged = False
    monkeypatch.setattr(memory, "on_battery", lambda: not plugged)
    monkeypatch.setattr(monitor, "BATTERY_S", 0.0)
    monkeypatch.setattr(monitor, "PUBLISH_S", 0.01)
    monkeypatch.setattr(monitor, "TICK_S", 0.01)

    async def play() -> None:
        nonlocal plugged
        async with serving(tmp_path / "home") as service:
            await until(lambda: service.status().state == "paused")
            assert "battery" in service.status().ladder.reason
            plugged = True
            await until(lambda: service.status().state == "idle")

    run(play)


def test_a_daemon_that_cannot_see_memory_pauses_says_so_and_goes_on_by_itself(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "TICK_S", 0.01)
    monkeypatch.setattr(monitor, "PUBLISH_S", 0.01)
    look = memory.KernelProbe.anonymous_bytes
    blind = False

    def see(self: memory.KernelProbe, pid: int) -> int | None:
        if blind:
            raise OSError(24, "Too many open files")
        return look(self, pid)

    monkeypatch.setattr(memory.KernelProbe, "anonymous_bytes", see)

    async def play() -> None:
        nonlocal blind
        async with serving(tmp_path / "home") as service:
            blind = True
            await until(lambda: service.host.ladder.step is Step.PAUSED)
            status = service.status()
            assert (status.health, status.state) == ("error", "paused")
            assert "cannot look: Too many open files" in status.message
            assert "cannot look: Too many open files" in status.ladder.reason
            await service.open_workspace(modules, "test")
            await anyio.sleep(0.1)
            assert service.status().workspaces[0].files == 0
            blind = False
            await until(lambda: service.host.ladder.step is Step.FULL)
            await service.wait_idle(modules)
            await until(lambda: service.status().health == "ok" and service.status().state == "idle")
            assert service.status().workspaces[0].files == 60

    run(play)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted there")
def test_a_moment_without_descriptors_ends_nothing(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "TICK_S", 0.01)
    monkeypatch.setattr(monitor, "PUBLISH_S", 0.01)
    monkeypatch.setattr(monitor, "PRESSURE_S", 0.0)

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await until(lambda: service.monitor.history_times)  # one round is done
            with no_descriptors():
                await until(lambda: service.monitor.vital.complaint)
                assert service.status().health == "error"
                assert service.host.pool.guard.vital.complaint == ""  # what is open is still seen
            await until(lambda: not service.monitor.vital.complaint)
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            assert service.status().workspaces[0].files == 60

    run(play)


def test_the_peak_of_a_run_is_its_own_and_not_that_of_what_came_before(modules: Path, tmp_path: Path) -> None:
    class Probe(KernelProbe):
        own_bytes = 0

        def anonymous_bytes(self, pid: int) -> int | None:
            return self.own_bytes if pid == os.getpid() else super().anonymous_bytes(pid)

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            service.host.pool.guard.probe = probe = Probe()
            for own_mib in (200, 20):
                probe.own_bytes = own_mib * MIB
                service.host.pool.end_idle()
                await service.open_workspace(modules, "test")
                await service.reindex(modules)
                await service.wait_idle(modules)
                live = service.live(modules)
                assert live is not None
                assert live.report is not None
                assert own_mib * MIB <= live.report.peak_anon_bytes < (own_mib + 120) * MIB
            assert service.host.pool.peak_bytes >= 200 * MIB

    run(play)
