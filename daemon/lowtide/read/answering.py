"""Questions in threads: how many are answered at once, and that one ends whose asker has gone.

Invariant: at most AT_ONCE questions are answered at a time, whatever the number of clients; the others wait in the
event loop, where waiting costs nothing and can be cancelled.
Invariant: cancelling has the thread stop at its next look, and waits for that: what it reads must outlive it.
Threads: everything here is called in the event loop; `work` runs in a thread of its own, which only reads `stopped`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from lowtide.errors import QuestionStopped
from lowtide.tasks import task_group

T = TypeVar("T")
AT_ONCE = 4
"""Questions answered at a time: their memory is bounded by that, and a short one seldom waits for a long one."""


Room = Callable[[int], AbstractAsyncContextManager[None]]
"""Lends so many bytes of the budget while a question is answered; BudgetError when they are not to be had."""


def never() -> bool:
    """Nobody stops it."""
    return False


class Answering:
    """The questions of one process."""

    def __init__(
        self, room: Room | None = None, at_once: int = AT_ONCE, most_bytes: Callable[[], int] = lambda: 1 << 40
    ) -> None:
        self._room = room
        self.most_bytes = most_bytes
        """The largest room that can be had."""
        self._limit = anyio.CapacityLimiter(at_once)

    async def run(
        self, work: Callable[[Callable[[], bool]], T], cancelled: Callable[[], bool] = never, room_bytes: int = 0
    ) -> T:
        """`work(stopped)` in a thread, once it is its turn and there is room; `stopped` is true when the task, or
        `cancelled`, says so. BudgetError when there is no room for it."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._limit)
            if room_bytes and self._room is not None:
                await stack.enter_async_context(self._room(room_bytes))
            return await run_stoppable(work, cancelled)


async def run_stoppable(work: Callable[[Callable[[], bool]], T], cancelled: Callable[[], bool] = never) -> T:
    """The same at once."""
    has_ended = False
    results: list[T] = []

    async def notice() -> None:
        nonlocal has_ended
        try:
            await anyio.sleep_forever()
        finally:
            has_ended = True

    async with task_group() as group:
        group.start_soon(notice)
        with anyio.CancelScope(shield=True):
            try:
                results.append(await anyio.to_thread.run_sync(partial(work, lambda: has_ended or cancelled())))
            except QuestionStopped:
                if not has_ended:
                    raise
        group.cancel_scope.cancel()
    await anyio.lowlevel.checkpoint_if_cancelled()
    return results[0]
