"""Files that are as git has them, here and where they were indexed: what was indexed there is what stands here.

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
Indexed = tuple[int, bytes]
"""Id of a file that was indexed as git had it, and its blob."""
_NOTHING: Indexed = (0, b"")


def write_blobs(path: Path, root: Path, checkout: Checkout, catalog: Catalog) -> None:
    """Write (file id, 8 bytes little-endian; blob) of each file that was indexed as git has it, by path."""
    with path.open("xb") as file:
        for file_id, blob in blobs_as_indexed(root, checkout, catalog):
            file.write(file_id.to_bytes(_ID_BYTES, "little") + blob)


def blobs_as_indexed(root: Path, checkout: Checkout, catalog: Catalog) -> Iterator[Indexed]:
    """Each file at `root`, of which `catalog` tells, that was indexed as git has it, by path."""
    clean = clean_files(os.fsencode(root), checkout)
    here = next(clean, None)
    for known in catalog.known_files():
        here = _at(known.path, here, clean)
        if here is not None and here[0] == known.path and _is_as_indexed(known, here[2]):
            yield known.file_id, here[1]


def _is_as_indexed(known: Known, info: os.stat_result) -> bool:
    # The ctime is 0 where a file had just been written: git, which has looked later, knows better.
    times = (known.mtime_ns, known.ctime_ns or info.st_ctime_ns)
    same_file = (known.size_bytes, known.inode) == (info.st_size, info.st_ino)
    return same_file and times == (info.st_mtime_ns, info.st_ctime_ns)


def take_written_stamps(blobs: Path, root: Path, checkout: Checkout, catalog: Catalog) -> int:
    """`take_stamps` of what `write_blobs` wrote. CannotRead, StoreError."""
    if checkout.repository is None:
        return 0
    with open_plain(blobs, MOST_BLOBS_BYTES, follow=False) as file:
        return take_stamps(_entries(file, checkout.repository.hash_bytes), root, checkout, catalog)


def take_stamps(theirs: Iterator[Indexed], root: Path, checkout: Checkout, catalog: Catalog) -> int:
    """Have the catalog know the files at `root` that are the same blobs as were indexed; returns how many.
    StoreError."""
    taken = 0
    stamps: list[tuple[int, int, int, int, int]] = []
    file_id, blob = next(theirs, _NOTHING)
    clean = clean_files(os.fsencode(root), checkout)
    here = next(clean, None)
    for known in catalog.known_files():
        here = _at(known.path, here, clean)
        if file_id != known.file_id:
            continue
        indexed, (file_id, blob) = blob, next(theirs, _NOTHING)
        if here is None or (here[0], here[1], here[2].st_size) != (known.path, indexed, known.size_bytes):
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


def _entries(file: PlainFile, hash_bytes: int) -> Iterator[Indexed]:
    size = _ID_BYTES + hash_bytes
    while block := file.read(size * _ROWS):
        for at in range(0, len(block) - size + 1, size):
            yield int.from_bytes(block[at : at + _ID_BYTES], "little"), block[at + _ID_BYTES : at + size]
