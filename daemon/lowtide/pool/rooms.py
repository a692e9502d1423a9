"""Room in this process, lent to what is asked of it: a long message, a question that needs memory.

A question is work like any other: it holds a lease of the same budget while it lasts. It goes before all work that
nobody waits for, and never waits for long: idle workers end for it at once, those at work after a moment, and then it
is told.

Invariant: whoever waits here blocks nobody but work; status and cancellation need no room.
Threads: the event loop alone.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lowtide.core.budget import MIB, Decision, Lease
from lowtide.errors import BudgetError
from lowtide.pool.pool import WorkerPool

ROOM_S = 3.0
"""How long a question waits for room."""
POLITE_S = 0.5
"""So long work may go on that holds the room; most batches end by then."""


class Rooms:
    """Lends the pool's budget to this process."""

    def __init__(self, pool: WorkerPool, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._clock = clock

    @asynccontextmanager
    async def lent(self, size_bytes: int, wait_s: float = ROOM_S) -> AsyncIterator[None]:
        """`size_bytes` as long as the block lasts. BudgetError when they are not to be had by then."""
        lease = await self.take_room(size_bytes, wait_s)
        try:
            yield
        finally:
            self.end_room(lease)

    async def take_room(self, size_bytes: int, wait_s: float = ROOM_S) -> Lease:
        """A lease of so many bytes, to be given to `end_room`. BudgetError when they are not to be had by then."""
        pool, budget = self._pool, self._pool.budget
        started_s = self._clock()
        with pool.asking():
            while True:
                budget.idle_bytes = pool.idle_bytes
                decision, lease = budget.request(size_bytes)
                if lease is not None:
                    return lease
                waited_s = self._clock() - started_s
                if decision is Decision.REFUSE or waited_s >= wait_s:
                    raise _no_room(size_bytes, budget.most_bytes if decision is Decision.REFUSE else budget.room_bytes)
                if decision is Decision.RECYCLE:
                    pool.end_idle()
                    continue
                pool.end_spare()
                if waited_s >= POLITE_S:
                    pool.end_largest()
                await pool.changed(min(POLITE_S, wait_s - waited_s))

    def end_room(self, lease: Lease) -> None:
        """Give it back."""
        self._pool.budget.release(lease)
        self._pool.wake()


def _no_room(size_bytes: int, left_bytes: int) -> BudgetError:
    return BudgetError(
        "there is no room for this",
        f"it takes {max(1, size_bytes // MIB)} MiB, {left_bytes // MIB} MiB of the budget are left",
        "ask again in a moment, for less, or with a larger budget",
    )
