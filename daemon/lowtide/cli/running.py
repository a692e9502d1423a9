"""Runs a command's coroutine so that Ctrl-C and SIGTERM end it within a second, whatever it is doing.

Invariant: the first signal cancels; what is committed stays. If the process is still there after GRACE_S, it leaves at
once: SQLite and the segments are safe against that by their design, and workers end with their parent.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from lowtide.tasks import task_group

T = TypeVar("T")
GRACE_S = 0.7


def run(main: Callable[[], Awaitable[T]]) -> T:
    """The coroutine's result; KeyboardInterrupt after SIGINT or SIGTERM."""
    interrupted = False
    results: list[T] = []

    async def body() -> None:
        nonlocal interrupted
        async with task_group() as group:

            async def listen() -> None:
                nonlocal interrupted
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for _ in signals:
                        interrupted = True
                        _leave_after(GRACE_S)
                        group.cancel_scope.cancel()
                        return

            group.start_soon(listen)
            results.append(await main())
            group.cancel_scope.cancel()

    try:
        anyio.run(body)
    except Exception:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    if interrupted or not results:
        raise KeyboardInterrupt
    return results[0]


def _leave_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, [130])
    timer.daemon = True
    timer.start()
