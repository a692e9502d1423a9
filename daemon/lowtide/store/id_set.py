"""A set of ids as bits: what a filter takes, of chunks or of vectors.

Invariant: a bit for each id up to the highest, however many are in it; nothing here makes an object an id.
Threads: a set never changes once it is made; any thread reads it.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
MANY_IDS = 65_536
"""For so many the bits are made bytes first, eight times their size for a moment."""


class IdSet:
    """Some of the ids from 0 to `highest`, given as a table of truth values."""

    def __init__(self, table: Mask) -> None:
        self._count = len(table)
        self._bits = np.packbits(table, bitorder="little")

    @classmethod
    def of(cls, ids: Ids) -> Self:
        """The set of these ids, in any order."""
        table = np.zeros(int(ids.max(initial=-1)) + 1, np.bool_)
        table[ids] = True
        return cls(table)

    @property
    def size_bytes(self) -> int:
        return self._bits.nbytes

    def __len__(self) -> int:
        return int(np.bitwise_count(self._bits).sum(dtype=np.int64))

    def __contains__(self, number: int) -> bool:
        return 0 <= number < self._count and bool(self._bits[number >> 3] >> (number & 7) & 1)

    def mask(self, ids: npt.NDArray[np.integer[Any]]) -> Mask:
        """Which of `ids` are in it; those above the highest are not."""
        if not self._count or not len(ids):
            return np.zeros(len(ids), np.bool_)
        if len(ids) > MANY_IDS:
            table = np.unpackbits(self._bits, count=self._count, bitorder="little").view(np.bool_)
            found = table.take(ids, mode="clip")
        else:
            bits = self._bits.take(ids >> 3, mode="clip")
            found = (bits >> (ids & 7).astype(np.uint8) & 1).astype(np.bool_)
        if int(ids.max()) >= self._count:
            found &= ids < self._count
        return found
