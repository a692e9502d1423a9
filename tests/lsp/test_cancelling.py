"""An outdated keystroke: cancelling it ends its work in the thread, and not before what it reads may be closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from lowtide.config.settings import Config
from lowtide.paths import Places
from lowtide.serve.host import Host
from lowtide.serve.service import Service
from lowtide.serve.workspaces import MOST_QUESTIONS


class SlowSnapshot:
    """Searches until it is told to stop."""

    def __init__(self) -> None:
        self.at_work = threading.Event()
        self.stopped = False
        self.closed_at_work = False

    def symbols(self, query: str, *, cancelled: Callable[[], bool], **_: Any) -> list[dict[str, Any]]:
        self.at_work.set()
        pause = threading.Event()
        for _number in range(10_000):
            if cancelled():
                self.stopped = True
                return []
            pause.wait(0.001)
        return []


def test_cancelling_a_keystroke_ends_its_work_before_the_snapshot_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
    snapshot = SlowSnapshot()

    @asynccontextmanager
    async def use(workspace: Any, *, busy: bool = False) -> AsyncIterator[SlowSnapshot]:
        try:
            yield snapshot
        finally:
            snapshot.closed_at_work = not snapshot.stopped

    async def main() -> None:
        service = Service(Host(places, Config(budget_bytes=256 << 20)))
        monkeypatch.setattr(service.readers, "use", use)
        with anyio.fail_after(8):
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: service.symbols("tide", roots=[tmp_path]))
                await anyio.to_thread.run_sync(snapshot.at_work.wait)
                group.cancel_scope.cancel()

    asyncio.run(main())
    assert snapshot.stopped
    assert not snapshot.closed_at_work


def test_questions_take_turns_and_nobody_else_waits_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
    asking = most = answered = 0
    go = anyio.Event()

    class Held:
        def symbols(self, query: str, **_: Any) -> list[dict[str, Any]]:
            return []

    @asynccontextmanager
    async def use(workspace: Any, *, busy: bool = False) -> AsyncIterator[Held]:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await go.wait()
        yield Held()
        asking -= 1

    async def main() -> None:
        service = Service(Host(places, Config(budget_bytes=256 << 20)))
        monkeypatch.setattr(service.readers, "use", use)

        async def ask() -> None:
            nonlocal answered
            await service.symbols("tide", roots=[tmp_path])
            answered += 1

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for _ in range(5 * MOST_QUESTIONS):
                    group.start_soon(ask)
                while asking < MOST_QUESTIONS:
                    await anyio.sleep(0.001)
                assert service.status().health == "ok"
                assert await anyio.to_thread.run_sync(lambda: "another thread is to be had") != ""
                go.set()

    asyncio.run(main())
    assert (most, answered) == (MOST_QUESTIONS, 5 * MOST_QUESTIONS)
