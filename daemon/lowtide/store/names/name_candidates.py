"""Names picked out of several parts, to be judged shortest first.

Invariant: `Candidates.shortest` orders no more than it is asked for: most searches end before the long names, which are
most.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.store.names.name_rows import Bytes

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


class Names(msgspec.Struct, frozen=True):
    """Rows of several parts: `owners` are the numbers of those."""

    owners: npt.NDArray[np.int16]
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Rows | Mask | slice) -> Names:
        return Names(self.owners[places], self.rows[places])

    @classmethod
    def join(cls, names: Sequence[Names]) -> Names:
        if not names:
            return cls(np.empty(0, np.int16), np.empty(0, np.int64))
        return cls(np.concatenate([each.owners for each in names]), np.concatenate([each.rows for each in names]))


class Candidates:
    """Rows of several parts with their lengths, each part's ascending."""

    def __init__(self, parts: Sequence[tuple[Rows, Bytes]]) -> None:
        self._rows = np.concatenate([rows for rows, _ in parts])
        self._ends = np.cumsum([len(rows) for rows, _ in parts])
        self.lengths = np.concatenate([lengths for _, lengths in parts])
        self._order = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def shortest(self, start: int, end: int) -> Rows:
        """Ascending places of those that are at `start` to `end` in the order of lengths; of one length, the first
        first."""
        self._order_to(end)
        return np.sort(self._order[start:end])

    def length(self, rank: int) -> int:
        """How long the name is that comes at this place in the order of lengths."""
        self._order_to(rank + 1)
        return int(self.lengths[self._order[rank]])

    def names(self, places: Rows) -> Names:
        """The names at these places, which ascend."""
        counts = np.diff(np.searchsorted(places, self._ends), prepend=0)
        return Names(np.repeat(np.arange(len(counts), dtype=np.int16), counts), self._rows[places])

    def _order_to(self, count: int) -> None:
        if len(self._order) >= min(count, len(self)):
            return
        # Twice what is asked for, and all names as long as the last of those.
        wanted = min(2 * count, len(self))
        longest = bisect_left(range(256), wanted, key=lambda length: int((self.lengths <= length).sum()))
        known = int(self.lengths[self._order[-1]]) if len(self._order) else -1
        fresh = np.flatnonzero((self.lengths > known) & (self.lengths <= longest))
        self._order = np.concatenate([self._order, fresh[np.argsort(self.lengths[fresh], kind="stable")]])
