"""Files that are as git has them, on both sides of a bundle: what was indexed there is what stands here.

A blob names a content. Where the file that was indexed was the blob, as git's index there told by its stat, and the
file here is the same blob, as git's index here tells, nothing has to be read to know that it is unchanged.

Invariant: what git is not sure of is not taken: such a file is read, and its content decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lowtide.core.plan import Known
from lowtide.store.catalog import Catalog
from lowtide.system.beneath import PlainFile, open_plain
from lowtide.system.tree.checkout import Checkout, clean_files

MOST_BLOBS_BYTES = 1 << 30
_ID_BYTES = 8
_ROWS = 4096
"""Read or written at a time."""
_Here = tuple[bytes, bytes, os.stat_result]
"""Path, blob and stat of a file here that is as git has it."""


def write_blobs(path: Path, root: Path, checkout: Checkout, catalog: Catalog) -> None:
    """Write (file id, 8 bytes little-endian; blob) of each file that was indexed as git has it, by path."""
    with path.open("xb") as file:
        clean = clean_files(os.fsencode(root), checkout)
        here = next(clean, None)
        for known in catalog.known_files():
            here = _at(known.path, here, clean)
            if here is not None and here[0] == known.path and _is_as_indexed(known, here[2]):
                file.write(known.file_id.to_bytes(_ID_BYTES, "little") + here[1])


def _is_as_indexed(known: Known, info: os.stat_result) -> bool:
    # The ctime is 0 where a file had just been written: git, which has looked later, knows better.
    times = (known.mtime_ns, known.ctime_ns or info.st_ctime_ns)
    same_file = (known.size_bytes, known.inode) == (info.st_size, info.st_ino)
    return same_file and times == (info.st_mtime_ns, info.st_ctime_ns)


def take_stamps(blobs: Path, root: Path, checkout: Checkout, catalog: Catalog) -> int:
    """Have the catalog know the files at `root` that are the same blobs as were indexed; returns how many. CannotRead,
    StoreError."""
    if checkout.repository is None:
        return 0
    taken = 0
    stamps: list[tuple[int, int, int, int, int]] = []
    with open_plain(blobs, MOST_BLOBS_BYTES, follow=False) as file:
        theirs = _entries(file, _ID_BYTES + checkout.repository.hash_bytes)
        entry = next(theirs, b"")
        clean = clean_files(os.fsencode(root), checkout)
        here = next(clean, None)
        for known in catalog.known_files():
            here = _at(known.path, here, clean)
            if entry[:_ID_BYTES] != known.file_id.to_bytes(_ID_BYTES, "little"):
                continue
            blob, entry = entry[_ID_BYTES:], next(theirs, b"")
            if here is None or (here[0], here[1], here[2].st_size) != (known.path, blob, known.size_bytes):
                continue
            info = here[2]
            stamps.append((info.st_size, info.st_mtime_ns, info.st_ino, info.st_ctime_ns, known.file_id))
            if len(stamps) == _ROWS:
                catalog.restamp(stamps)
                taken += len(stamps)
                stamps.clear()
    catalog.restamp(stamps)
    return taken + len(stamps)


def _at(path: bytes, here: _Here | None, clean: Iterator[_Here]) -> _Here | None:
    """The first file at or behind `path`: both sides come in the order of their paths."""
    while here is not None and here[0] < path:
        here = next(clean, None)
    return here


def _entries(file: PlainFile, size: int) -> Iterator[bytes]:
    while block := file.read(size * _ROWS):
        for at in range(0, len(block) - size + 1, size):
            yield block[at : at + size]
