"""Gives the free pages of a catalog back to the file system, a few at a time.

Invariant: one step is one short transaction, and between two of them whoever wants to write does.
Threads: the event loop's; each step runs in a thread that `in_thread` chooses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from lowtide.store.catalog import Catalog

VACUUM_PAGES = 256
"""Given back in one transaction: a few milliseconds."""


class InThread(Protocol):
    def __call__(self, call: Callable[[], int], /) -> Awaitable[int]: ...


async def give_back_pages(catalog: Catalog, in_thread: InThread, may_go_on: Callable[[], bool]) -> None:
    """Give back what is worth it, for as long as `may_go_on`."""
    while may_go_on():
        spare = await in_thread(catalog.spare_pages)
        if not spare or not await in_thread(partial(catalog.give_back_pages, min(spare, VACUUM_PAGES))):
            return
