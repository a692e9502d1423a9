"""Runs a command's work so that Ctrl-C and SIGTERM end it within a second, whatever it is doing.

Invariant: the first signal cancels; what is committed stays. If the process is still there after GRACE_S, it leaves at
once: SQLite and the segments are safe against that by their design, and workers end with their parent.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import anyio

from lowtide.tasks import task_group

T = TypeVar("T")
GRACE_S = 0.7


def run(main: Callable[[], Awaitable[T]]) -> T:
    """The coroutine's result; KeyboardInterrupt after SIGINT or SIGTERM, at whatever moment it came. In the main
    thread."""
    interrupted = False
    results: list[T] = []
    cancel: list[Callable[[], object]] = []

    # Not the event loop's own handlers: those only note a signal, and forget it when the loop ends before it looks.
    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            _leave_after(GRACE_S)
            for stop in cancel:
                stop()

    async def body() -> None:
        loop = asyncio.get_running_loop()
        async with task_group() as group:
            cancel.append(lambda: loop.call_soon_threadsafe(group.cancel_scope.cancel))
            if not interrupted:
                results.append(await main())
            cancel.clear()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        anyio.run(body)
    except Exception:
        if not interrupted:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted or not results:
        raise KeyboardInterrupt
    return results[0]


@contextmanager
def leaving_when_told() -> Iterator[None]:
    """SIGINT and SIGTERM raise KeyboardInterrupt, once, and the process is gone GRACE_S later. In the main thread."""
    interrupted = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            _leave_after(GRACE_S)
            raise KeyboardInterrupt

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, [130])
    timer.daemon = True
    timer.start()
