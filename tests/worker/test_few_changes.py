"""How many workers a run starts for what has changed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest

from lowtide import wire
from lowtide.config.settings import Config
from lowtide.index.jobs import Job
from lowtide.index.waiting import FILE_BYTES, HELP_BYTES, MANY_FILES, Waiting
from lowtide.paths import Places
from lowtide.pool import worker
from lowtide.pool.pool import WorkerPool
from lowtide.pool.terms import Outcome
from lowtide.serve.app import opened
from lowtide.status import IndexReport
from lowtide.system import memory

FILES = 120
"""More than a worker takes at once."""

pytestmark = pytest.mark.skipif(memory.cpu_count() < 2, reason="one core has one worker anyway")


def write(root: Path, what: str) -> None:
    for number in range(FILES):
        (root / f"m{number}.py").write_text(f"def {what}_{number}(x):\n    return x + {number}\n")


def index(root: Path, home: Path) -> IndexReport:
    async def play() -> IndexReport:
        places = Places(home / "config", home / "cache", home / "run")
        async with opened(places, Config((256 << 20) + memory.own_anonymous_bytes())) as service:
            return await service.index(root, "test")

    return anyio.run(play)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that was indexed, and changed since."""
    root = tmp_path / "root"
    root.mkdir()
    write(root, "before")
    index(root, tmp_path)
    write(root, "after_that")
    return root


def test_a_few_changed_files_are_read_by_one_worker(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work of starting a second one would be half of all."""
    started = []

    class Counted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, command: list[str], *args: Any, **options: Any) -> None:
            if command[-1] not in wire.NO_MODELS:
                started.append(command)
            super().__init__(command, *args, **options)

    monkeypatch.setattr(subprocess, "Popen", Counted)
    assert index(root, tmp_path).files.indexed == FILES
    assert len([command for command in started if "lowtide.work" in command]) == 1


def test_what_waits_behind_a_file_that_takes_long_is_done_by_another_worker(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[int] = []
    run = WorkerPool.run

    async def held_up(self: WorkerPool, lent: worker.Worker, task: wire.Request, **options: Any) -> Outcome:
        if not isinstance(task, wire.IndexTask):
            return await run(self, lent, task, **options)
        tasks.append(len(task.paths))
        if len(tasks) == 1:
            with anyio.fail_after(60):
                while sum(tasks) < FILES:  # until the others have been taken
                    await anyio.sleep(0.01)
        return await run(self, lent, task, **options)

    monkeypatch.setattr(WorkerPool, "run", held_up)
    assert index(root, tmp_path).files.indexed == FILES


def job(size_bytes: int) -> Job:
    return Job(b"name", size_bytes, 0, 0, 0, b"")


def test_one_more_worker_is_worth_its_start_for_many_bytes_or_many_files() -> None:
    waiting = Waiting(anyio.Condition())
    large = job(HELP_BYTES - FILE_BYTES)
    waiting.came(large)
    assert (waiting.is_enough_beside(1), waiting.is_enough_beside(2)) == (True, False)
    waiting.went(large)
    assert not waiting.is_enough_beside(1)
    for _ in range(MANY_FILES):
        assert not waiting.is_enough_beside(7)
        waiting.came(job(10))
    assert waiting.is_enough_beside(7)
