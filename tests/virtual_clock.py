"""An event loop whose time passes only when nothing can run: waiting costs no time, and a deadlock is seen at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

import anyio


class Stuck(AssertionError):
    """Everything waits, and nothing will ever come."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` begins at 0; seconds that all tasks sleep are passed over. No threads and no sockets, please."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Passing(self))

    def time(self) -> float:
        return self.now_s


class _Passing(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck(f"at {self._loop.now_s:.1f} s all wait for each other")
        self._loop.now_s += timeout
        return []


def run_virtually(play: Callable[[], Awaitable[Any]]) -> Any:
    """Run `play` to its end, in no time."""
    return anyio.run(play, backend_options={"loop_factory": VirtualLoop})
