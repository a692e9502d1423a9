"""A live workspace at rest: its catalog is closed while there is nothing to do, and opened by the next work.

Invariant: nothing is closed that a run uses: whoever calls knows that none works.
Threads: the event loop's; each connection is closed in a thread that has it to itself, one that is lent by who gives it
back.
"""

from __future__ import annotations

import anyio
import anyio.to_thread

from lowtide.index.writing import Writing
from lowtide.store.catalog import Catalog
from lowtide.store.connections import Connections

REST_S = 5.0
"""So long after its last work a workspace closes its catalog, at once when others wait for their turn."""


class Resting:
    """The connections of a live workspace."""

    def __init__(self, writing: Writing, readers: Connections) -> None:
        self._writing = writing
        self._readers = readers
        self._idle_s: float | None = None

    async def look(self, now_s: float, *, works: bool, hurry: bool) -> float | None:
        """Rest when it is time to, at once with `hurry`; how long until then, None when there is nothing to close."""
        if works or self._writing.writer.rests:
            self._idle_s = None
            return None
        self._idle_s = now_s if self._idle_s is None else self._idle_s
        if now_s < self._idle_s + REST_S and not hurry:
            return self._idle_s + REST_S - now_s
        await self.rest()
        return None

    async def rest(self) -> None:
        """Close the catalog until there is work again. Cancelling waits for it."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._readers.shrink)
            await anyio.to_thread.run_sync(self._writing.writer.rest, limiter=self._writing.limit)

    async def shrink(self) -> None:
        """Give back the page caches of what is open. StoreError."""
        await anyio.to_thread.run_sync(_shrink, self._writing.writer, limiter=self._writing.limit)
        await anyio.to_thread.run_sync(self._readers.shrink)


def _shrink(catalog: Catalog) -> None:
    if not catalog.rests:
        catalog.shrink()
