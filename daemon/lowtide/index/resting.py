"""Live workspaces at rest: their catalogs are closed while there is nothing to do, and opened by the next work.

A connection that nobody uses holds what it has read, 130 KiB and more, and three files: of 150 folders that was a fifth
of the least budget. So one owner sees all that are open, whoever has opened them: a run, words on their way into the
lexical index, a graph, a count.

Invariant: of those on which nothing works at most MOST_OPEN are open, none for longer than REST_S, and none while
others wait for their turn; as far as looking every LOOK_S can tell.
Invariant: nothing is closed that a run uses, and what is needed again is opened again.
Threads: the event loop's; each connection is closed in a thread that has it to itself, one that is lent by who gives it
back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import anyio
import anyio.to_thread

from lowtide.index.writing import Writing
from lowtide.store.catalog import Catalog
from lowtide.store.connections import Connections

log = logging.getLogger(__name__)

REST_S = 5.0
"""So long after its last work a workspace closes its catalog, at once when others wait for their turn."""
LOOK_S = 0.5
MOST_OPEN = 4
"""Who works in several folders at a time comes back to these without opening anything."""


class Resting:
    """The connections of a live workspace. `works`: whether a run uses them now."""

    def __init__(self, writing: Writing, readers: Connections, works: Callable[[], bool]) -> None:
        self._writing = writing
        self._readers = readers
        self._works = works
        self.idle_s: float | None = None
        """When it was first seen open with nothing that works; None when it is not so."""

    @property
    def is_idle(self) -> bool:
        """Whether something is open on which nothing works."""
        return not self._works() and not (self._writing.writer.rests and self._readers.keeps_none)

    async def rest(self) -> None:
        """Close the catalog until there is work again. Cancelling waits for it."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._readers.shrink)
            await anyio.to_thread.run_sync(self._writing.writer.rest, limiter=self._writing.limit)

    async def shrink(self) -> None:
        """Give back the page caches of what is open. StoreError."""
        if not self._writing.writer.rests:
            await anyio.to_thread.run_sync(_shrink, self._writing.writer, limiter=self._writing.limit)
        if not self._readers.keeps_none:
            await anyio.to_thread.run_sync(self._readers.shrink)


def _shrink(catalog: Catalog) -> None:
    if not catalog.rests:
        catalog.shrink()


class OpenCatalogs:
    """Those of all live workspaces. `hurry`: whether somebody waits for the memory of those that rest."""

    def __init__(self, hurry: Callable[[], bool]) -> None:
        self._hurry = hurry
        self._known: dict[Resting, None] = {}

    def add(self, resting: Resting) -> None:
        """It is looked after from now on, until it is removed."""
        self._known[resting] = None

    def remove(self, resting: Resting) -> None:
        """Its workspace closes it by itself."""
        self._known.pop(resting, None)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await anyio.sleep(LOOK_S)
            try:
                await self.look(time.monotonic())
            except Exception:
                log.exception("event=rest-failed")

    async def look(self, now_s: float) -> None:
        """Close what has been idle for long, or is too much."""
        idle: list[tuple[float, Resting]] = []
        for resting in self._known:
            if not resting.is_idle:
                resting.idle_s = None
                continue
            if resting.idle_s is None:
                resting.idle_s = now_s
            idle.append((resting.idle_s, resting))
        most = 0 if self._hurry() else MOST_OPEN
        idle.sort(key=lambda each: -each[0])
        for number, (since_s, resting) in enumerate(idle):
            if number >= most or now_s - since_s >= REST_S:
                await resting.rest()
                resting.idle_s = None
