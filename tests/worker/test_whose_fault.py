"""Workers that fail for reasons of their own: no file is blamed for what is not its doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import pytest
from tests.e2e.harness import python_module
from tests.worker.services import serving, until

from lowtide import wire
from lowtide.config.settings import Config
from lowtide.core.budget import MIB
from lowtide.errors import ModuleMissing, WorkerRecycled, WorkerStalled, WorkersUnavailable
from lowtide.index.live import LiveWorkspace
from lowtide.index.shared import Stay
from lowtide.paths import Places
from lowtide.pool import worker
from lowtide.pool.terms import Urgency
from lowtide.serve import server as server_module
from lowtide.serve.app import opened
from lowtide.serve.server import Server
from lowtide.store.catalog import Catalog
from lowtide.system import memory
from lowtide.system.installation import Installation


def statuses(live: LiveWorkspace) -> dict[str, int]:
    with closing(Catalog(live.workspace.catalog_path, writable=False)) as catalog:
        counts = catalog.counts()
    return {"indexed": counts.files, "quarantined": counts.quarantined, "symbols": counts.symbols}


@contextmanager
def workers_that(monkeypatch: pytest.MonkeyPatch, script: str, folder: Path) -> Iterator[None]:
    """Workers are this shell script instead of Python."""
    stand_in = folder / "interpreter"
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    stand_in.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(stand_in))
        yield


# What a worker of another version would say: `Ready`, in a frame, without or with another build.
_OLD_READY = r"printf '\007\000\000\000\222\245Ready\001' ; sleep 60"


@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$", "echo a line of text; sleep 60", _OLD_READY])
def test_healthy_files_wait_for_workers_that_cannot_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "first.py").write_text(python_module(0))

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            live = service.live(root)
            assert live is not None
            pool = service.host.pool
            with workers_that(monkeypatch, script, tmp_path):
                pool.end_idle()
                for number in range(1, 20):
                    (root / f"m{number}.py").write_text(python_module(number))
                await until(lambda: pool.outage.why)
                assert service.status().health == "error"
                assert "workers cannot start" in service.status().message
                with pytest.raises(WorkersUnavailable):
                    async with pool.lease(4 * MIB, 0, "", Urgency.INTERACTIVE):
                        pass
                assert statuses(live) == {"indexed": 1, "quarantined": 0, "symbols": live.counts.symbols}
            await until(lambda: statuses(live)["indexed"] == 20)
            assert statuses(live)["quarantined"] == 0
            assert service.status().health == "ok"

    anyio.run(play)


def test_without_a_daemon_the_run_ends_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.py").write_text("def one(): ...\n")

    async def play() -> None:
        places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
        config = Config(256 * MIB + memory.own_anonymous_bytes())
        async with opened(places, config, Stay.BRIEF) as service:
            service.host.pool.patience_s = 0.5
            with workers_that(monkeypatch, "exit 1", tmp_path), pytest.raises(WorkersUnavailable) as error:
                await service.index(tmp_path / "tree", "test")
            assert error.value.remedy
            report = await service.index(tmp_path / "tree", "test")
            assert (report.files.indexed, report.files.quarantined) == (1, 0)

    anyio.run(play)


def test_a_worker_ended_from_outside_costs_no_file_its_place(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    for number in range(30):
        (root / f"m{number}.py").write_text(python_module(number, 40))

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            killed: set[int] = set()

            async def kill() -> None:
                while len(killed) < 6:
                    for figure in service.host.pool.processes():
                        if figure.role == "worker" and figure.pid not in killed and len(killed) < 6:
                            killed.add(figure.pid)
                            os.kill(figure.pid, signal.SIGKILL)
                    await anyio.sleep(0.005)

            async with anyio.create_task_group() as group:
                group.start_soon(kill)
                await service.wait_idle(root)
                group.cancel_scope.cancel()
            live = service.live(root)
            assert live is not None
            assert killed
            await until(lambda: statuses(live)["indexed"] == 30)
            assert statuses(live)["quarantined"] == 0

    anyio.run(play)


def test_a_grammar_that_cannot_be_loaded_takes_definitions_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that is missing is told from Lowtide missing as a whole by a fresh worker."""
    (tmp_path / "shadow" / "tree_sitter_go").mkdir(parents=True)
    (tmp_path / "shadow" / "tree_sitter_go" / "__init__.py").write_text("raise ImportError('half of it is here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "shadow"))
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.go").write_text("package a\n\nfunc Go() int { return 1 }\n")
    (root / "b.py").write_text("def two(): ...\n")

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            async with service.host.pool.lease(8 * MIB, MIB, "") as (leased, _):
                task = wire.IndexTask(
                    os.fsencode(root),
                    [b"a.go"],
                    [],
                    {"max_file_bytes": MIB},
                    5.0,
                    False,
                    False,
                    False,
                    64,
                    "",
                    "recipe",
                )
                with pytest.raises(ModuleMissing, match="half of it is here"):
                    await service.host.pool.run(leased, task)
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            live = service.live(root)
            assert live is not None
            assert statuses(live) == {"indexed": 1, "quarantined": 1, "symbols": 1}
            answer = await service.explain(root / "a.go")
            assert (answer["reason"], answer["chunks"]) == ("no-grammar", 1)
            assert "is tried again by the next whole run" in answer["remedy"]
            assert not service.host.pool.outage.why

    anyio.run(play)


def test_a_daemon_whose_package_was_replaced_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LOOK_S", 0.05)
    monkeypatch.setattr(server_module, "INSTALLED_S", 0.05)
    package = tmp_path / "lowtide"
    (package / "work").mkdir(parents=True)
    for name in ("__init__.py", "work/__main__.py"):
        (package / name).write_text("")

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            service.host.pool.installation = Installation.at(package)
            ready = anyio.Event()
            async with anyio.create_task_group() as group:

                async def serve() -> None:
                    await Server(service, service.host.places).run(lambda _: ready.set())
                    group.cancel_scope.cancel()

                group.start_soon(serve)
                await ready.wait()
                await anyio.sleep(0.3)
                assert (service.host.places.runtime / "daemon.sock").exists()
                (package / "__init__.py").write_text("__version__ = '2'\n")
                with anyio.fail_after(60):
                    await anyio.sleep_forever()
            assert not (service.host.places.runtime / "daemon.sock").exists()

    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(play)


def _spin(count: int) -> list[subprocess.Popen[bytes]]:
    return [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]


def test_a_busy_machine_takes_no_file_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline here is less than what a grammar's loading takes, and far less than what time goes by."""
    monkeypatch.setattr(worker, "LEAST_WAIT_S", 0.001)
    (tmp_path / "a.cpp").write_text("int f(int a) { return a; }\n")

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            task = wire.IndexTask(
                os.fsencode(tmp_path),
                [b"a.cpp"],
                [],
                {"max_file_bytes": MIB},
                0.05,
                False,
                False,
                False,
                64,
                "",
                "recipe",
            )
            async with service.host.pool.lease(8 * MIB, MIB, "") as (leased, _):
                os.setpriority(os.PRIO_PROCESS, leased.pid, 19)
                done = (await service.host.pool.run(leased, task, file_deadline_s=lambda _: 1.0)).done
            (file,) = done.files
            assert (file.symbol_count, file.reason) == (1, "")

    spinning = _spin(2 * len(os.sched_getaffinity(0)))
    try:
        anyio.run(play)
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def test_a_worker_that_waits_is_given_longer_than_one_that_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WALL_BASE_S", 60.0)
    (tmp_path / "a.py").write_text("def one(): ...\n")

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            task = wire.IndexTask(
                os.fsencode(tmp_path),
                [b"a.py"],
                [],
                {"max_file_bytes": MIB},
                5.0,
                False,
                False,
                False,
                64,
                "",
                "recipe",
            )

            async def go_on(pid: int) -> None:
                await anyio.sleep(0.5)  # ten times the deadline, in which it does not compute
                os.kill(pid, signal.SIGCONT)

            async with service.host.pool.lease(8 * MIB, MIB, "") as (leased, _), anyio.create_task_group() as group:
                await service.host.pool.run(leased, task)  # what is loaded once is loaded
                os.kill(leased.pid, signal.SIGSTOP)
                group.start_soon(go_on, leased.pid)
                await service.host.pool.run(leased, task, file_deadline_s=lambda _: 0.05)
            monkeypatch.setattr(worker, "WALL_BASE_S", 1.0)
            with pytest.raises(WorkerStalled, match="gave no answer"):
                async with service.host.pool.lease(8 * MIB, MIB, "") as (leased, _):
                    os.kill(leased.pid, signal.SIGSTOP)
                    await service.host.pool.run(leased, task, file_deadline_s=lambda _: 0.05)

    anyio.run(play)


def test_what_a_signal_ended_is_told_by_type(tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            with pytest.raises(WorkerRecycled, match="SIGTERM"):
                async with service.host.pool.lease(4 * MIB, 0, "") as (leased, _):
                    os.kill(leased.pid, signal.SIGTERM)
                    await service.host.pool.run(leased, wire.EncodeTask(["a"], ""))

    anyio.run(play)
