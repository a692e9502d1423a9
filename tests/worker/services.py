"""What tests of the service in this process begin with, and how they wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from lowtide.config.settings import Config
from lowtide.paths import Places
from lowtide.serve.app import opened
from lowtide.serve.service import Service
from lowtide.system import memory

MIB = 1 << 20


@asynccontextmanager
async def serving(home: Path, own_mib: int = 256) -> AsyncIterator[Service]:
    """With so much beside what the process of the tests holds already."""
    places = Places(home / "config", home / "cache", home / "run")
    async with opened(places, Config(own_mib * MIB + memory.own_anonymous_bytes())) as service:
        yield service


class Asker:
    """A session that asks; `told`: the methods that it was notified of."""

    client = "test"
    name = "a test"

    def __init__(self) -> None:
        self.told: list[str] = []

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Remember the method."""
        self.told.append(method)


async def until(condition: Callable[[], Any], seconds: float = 120.0) -> None:
    """Wait for what is only seen by looking."""
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.01)


def run(play: Callable[[], Awaitable[None]]) -> None:
    """Play it in an event loop of its own."""
    anyio.run(play)
