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
import numpy as np

from lowtide.errors import StoreError
from lowtide.index.writing import Writing
from lowtide.store.catalog import Catalog
from lowtide.store.rows import Segment
from lowtide.store.vectors.vector_segments import AnySegment, open_segment
from lowtide.wire import HASH_BYTES


class HeldVectors:
    """One catalog, and the segments that hold what has left it; those are opened when something of them is wanted."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._segments: dict[str, AnySegment] = {}

    def vectors(self, hashes: bytes) -> list[tuple[bytes, bytes]]:
        """(16-byte content address, int8 data) of those of the joined addresses that are there. StoreError."""
        with self.catalog.view():
            known = self.catalog.ids_by_address(hashes)
            found = self.by_id([number for _, number in known])
        return [(address, found[number]) for address, number in known if number in found]

    def by_id(self, ids: Sequence[int]) -> dict[int, bytes]:
        """The int8 data of those of these vectors that are there. StoreError."""
        found = self.catalog.loose_vectors(ids)
        rows = self.catalog.vector_segments()
        # Sorted here: `np.unique` loads numpy's masked arrays, a MiB for good.
        wanted = np.array(sorted({*ids} - found.keys()), np.int64)
        if len(wanted):
            self._open(rows)
            for segment in self._segments.values():
                here, places = segment.rows.find(wanted)
                found.update(zip(wanted[here].tolist(), map(bytes, segment.rows.matrix[places]), strict=True))
                segment.release()
        return found

    def _open(self, rows: Sequence[Segment]) -> None:
        names = {row.name for row in rows}
        self._segments = {name: segment for name, segment in self._segments.items() if name in names}
        for row in rows:
            if row.name not in self._segments:
                self._segments[row.name] = open_segment(self.catalog.path.parent / row.name, row)


class Donors:
    """Catalogs to take vectors from, as far as they are of the model `recipe`."""

    def __init__(self, find: Callable[[], Sequence[Path]], recipe: str) -> None:
        self._find = find
        self._recipe = recipe
        self._donors: list[HeldVectors] = []
        self._closing = ExitStack()
        self._limit = anyio.CapacityLimiter(1)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._donors)

    def open(self) -> None:
        """Find and open them; in a thread."""
        for path in self._find():
            with suppress(StoreError), ExitStack() as opening:
                catalog = opening.enter_context(closing(Catalog(path, writable=False)))
                if catalog.get_meta("recipe") == self._recipe:
                    self._closing.push(opening.pop_all())
                    self._donors.append(HeldVectors(catalog))

    async def fill(self, hashes: bytes, missing: list[int], writing: Writing) -> list[int]:
        """Of the chunks `missing` (indices into the joined content addresses), take what donors have; returns the
        rest."""
        for donor in self._donors:
            if not missing:
                break
            wanted = b"".join(_address(hashes, row) for row in missing)
            try:
                found = await anyio.to_thread.run_sync(donor.vectors, wanted, limiter=self._limit)
            except StoreError:
                continue
            if found:
                await writing.adopt(found)
                known = {address for address, _ in found}
                missing = [row for row in missing if _address(hashes, row) not in known]
        return missing

    def close(self) -> None:
        """Close them."""
        self._donors = []
        self._closing.close()


def _address(hashes: bytes, row: int) -> bytes:
    return hashes[HASH_BYTES * row : HASH_BYTES * (row + 1)]
