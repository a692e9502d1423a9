"""How much waits to be indexed, and whether that is worth the start of one more worker.

Invariant: whoever waits here goes on when there is enough, when nothing has come for long of what waits, or at the end.
Threads: the event loop's.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from lowtide.core.budget import MIB
from lowtide.index.jobs import Job

HELP_BYTES = 4 * MIB
"""So much waits before one more worker begins on what has changed: a worker starts, with its model and its grammars, in
the time in which another one reads a third of that."""
HELP_S = 1.0
"""Where nothing has come for so long of what waits, one more begins all the same."""
FILE_BYTES = 4096
"""A file counts as so many bytes more than it has."""
MANY_FILES = 512
"""So many are always enough: not many more are planned ahead of the workers."""


class Waiting:
    """The files that no worker has yet. `changed` is notified when more come, and when some are done."""

    def __init__(self, changed: anyio.Condition) -> None:
        self._changed = changed
        self._files = self._bytes = 0

    def came(self, job: Job) -> None:
        """A file waits."""
        self._files += 1
        self._bytes += job.size_bytes + FILE_BYTES

    def went(self, job: Job) -> None:
        """A worker has taken it."""
        self._files -= 1
        self._bytes -= job.size_bytes + FILE_BYTES

    def is_enough_beside(self, workers: int) -> bool:
        """Whether one more worker than these is worth its start."""
        return self._bytes >= workers * HELP_BYTES or self._files >= MANY_FILES

    async def enough_beside(self, workers: int, is_over: Callable[[], bool]) -> None:
        """Until it is, or there is nothing more to come: a few changed files are done before a worker has started."""
        async with self._changed:
            while workers and not is_over() and not self.is_enough_beside(workers):
                with anyio.move_on_after(HELP_S if self._files else None) as patience:
                    await self._changed.wait()
                if patience.cancelled_caught:
                    return
