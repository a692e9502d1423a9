"""A folder's names in order, however many: a large folder is read again for each block of them.

Invariant: at most `BLOCK_BYTES` of names of one folder are held, and a folder that waits for one inside it can give up
its own; what was given up is read again, from the name after the last one taken.
Invariant: each name comes once, in order of its bytes; what appears or goes while the folder is read may come or not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import msgspec

BLOCK_BYTES = 4 << 20
"""Names of one folder that are held at once: about 50,000."""
HELD_BYTES = 3 * BLOCK_BYTES
"""Of all folders around one another, before the outer ones give up theirs."""
_NAME_BYTES = 56
"""What a name takes beside its characters."""


class Listing(msgspec.Struct, frozen=True):
    """A folder's first names, folders with a `/` behind, sorted; and which of the marks are among all of its
    entries."""

    names: list[bytes]
    marks: frozenset[bytes]
    is_whole: bool = True
    """No more follow."""


def read_names(folder: int, marks: frozenset[bytes], after: bytes = b"") -> Listing:
    """The first block of the names that come after `after`, of a folder by its descriptor. OSError when it cannot be
    read."""
    names: list[bytes] = []
    found: set[bytes] = set()
    size = 0
    bound: bytes | None = None
    with os.scandir(folder) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if name in marks:
                found.add(name)
            if _is_folder(entry):
                name += b"/"
            if name <= after or (bound is not None and name >= bound):
                continue
            names.append(name)
            size += len(name) + _NAME_BYTES
            if size > BLOCK_BYTES:
                names.sort()
                del names[len(names) // 2 :]
                bound = names[-1]
                size = _size(names)
    names.sort()
    return Listing(names, frozenset(found), bound is None)


class Names:
    """The names of a folder, one after the other; the same object goes on where it stopped.

    `again` reads the folder's names after one; `wanted`, when given, chooses among them.
    """

    __slots__ = ("_after", "_again", "_is_whole", "_iterator", "_last", "_names", "_wanted", "size_bytes")

    def __init__(
        self, listing: Listing, again: Callable[[bytes], Listing | str], wanted: Callable[[bytes], bool] | None = None
    ) -> None:
        self._names: list[bytes] = []
        self.size_bytes = 0
        self._is_whole = True
        self._again = again
        self._wanted = wanted
        self._after = self._last = b""
        self._take(listing)
        self._iterator = self._run()

    def __iter__(self) -> Iterator[bytes]:
        return self._iterator

    def shed(self) -> int:
        """Give up the names that are held, to be read again when they are asked for; returns their bytes."""
        shed = self.size_bytes
        if self._names:
            self._after = self._last
            self._names, self._is_whole = [], False
        self.size_bytes = 0
        return shed

    def _take(self, listing: Listing) -> None:
        self._after = listing.names[-1] if listing.names else self._after
        self._is_whole = listing.is_whole
        names = listing.names if self._wanted is None else [name for name in listing.names if self._wanted(name)]
        names.reverse()
        self._names = names
        self.size_bytes = _size(names)

    def _run(self) -> Iterator[bytes]:
        while True:
            while self._names:
                self._last = self._names.pop()
                yield self._last
            if self._is_whole:
                return
            more = self._again(self._after)
            if isinstance(more, str):
                return  # the folder has gone
            self._take(more)


def _size(names: list[bytes]) -> int:
    return sum(map(len, names)) + _NAME_BYTES * len(names)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
