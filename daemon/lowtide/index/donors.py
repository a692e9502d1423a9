"""Vectors made for other work trees of the same repository: what was embedded there need not be here.

Invariant: a donor is another's index, which may be cleared or damaged at any moment: that is no loss, and no error
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import anyio
import anyio.to_thread

from lowtide.errors import StoreError
from lowtide.index.writing import Writing
from lowtide.store.catalog import Catalog
from lowtide.wire import HASH_BYTES


class Donors:
    """Catalogs to take vectors from, as far as they are of the model `recipe`."""

    def __init__(self, find: Callable[[], Sequence[Path]], recipe: str) -> None:
        self._find = find
        self._recipe = recipe
        self._catalogs: list[Catalog] = []
        self._closing = ExitStack()
        self._limit = anyio.CapacityLimiter(1)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._catalogs)

    def open(self) -> None:
        """Find and open them; in a thread."""
        for path in self._find():
            with suppress(StoreError), ExitStack() as opening:
                catalog = opening.enter_context(closing(Catalog(path, writable=False)))
                if catalog.get_meta("recipe") == self._recipe:
                    self._closing.push(opening.pop_all())
                    self._catalogs.append(catalog)

    async def fill(self, hashes: bytes, missing: list[int], writing: Writing) -> list[int]:
        """Of the chunks `missing` (indices into the joined content addresses), take what donors have; returns the
        rest."""
        for catalog in self._catalogs:
            if not missing:
                break
            wanted = b"".join(_address(hashes, row) for row in missing)
            try:
                found = await anyio.to_thread.run_sync(catalog.vectors_by_address, wanted, limiter=self._limit)
            except StoreError:
                continue
            if found:
                await writing.adopt(found)
                known = {address for address, _ in found}
                missing = [row for row in missing if _address(hashes, row) not in known]
        return missing

    def close(self) -> None:
        """Close them."""
        self._catalogs = []
        self._closing.close()


def _address(hashes: bytes, row: int) -> bytes:
    return hashes[HASH_BYTES * row : HASH_BYTES * (row + 1)]
