"""The rows of the catalog, as values.

Invariant: frozen; in the order of the columns that `catalog.py` selects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from lowtide.models import FileStatus
from lowtide.wire import FileResult

VECTOR_DIMS = "vector_dims"
"""What tells of an index how many components its vectors have."""
LEXICAL_KIND = "lexical"
"""The kind of a generation of the lexical index in the manifest; every other row is a segment file."""


class Segment(msgspec.Struct, frozen=True):
    """One row of the manifest: a segment file that belongs to this index."""

    name: str
    kind: str
    first_id: int
    last_id: int
    count: int
    size_bytes: int
    crc32: int


class PendingWords(NamedTuple):
    """The words of a file that the lexical index does not hold yet; `words` is packed (`wire.words_of`)."""

    file_id: int
    first_chunk_id: int
    path: bytes
    language: str
    words: bytes


class Counts(msgspec.Struct, frozen=True):
    """What the index holds."""

    files: int
    symbols: int
    chunks: int
    vectors: int
    skipped: int
    quarantined: int
    to_renew: int = 0
    """Of those that it holds: files that are to be made anew, whatever is on the disk."""

    @property
    def held(self) -> int:
        """Files that the index holds: those of `models.HELD`."""
        return self.files + self.quarantined

    def told(self) -> dict[str, Any]:
        """What the Status tells of them, by name."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != "to_renew"}


NO_COUNTS = Counts(0, 0, 0, 0, 0, 0)


class FileRow(msgspec.Struct, frozen=True):
    """One file as the catalog knows it."""

    file_id: int
    path: bytes
    size_bytes: int
    mtime_ns: int
    inode: int
    content_hash: bytes
    language: str
    encoding: str
    status: FileStatus
    reason: str
    rule: str
    lines: int
    symbols: int
    chunks: int
    indexed_at_ns: int
    ctime_ns: int
    tries: int
    program: str
    first_symbol_id: int = 0
    """0 where it has none; the others follow it. So of chunks."""
    first_chunk_id: int = 0


class IndexedFile(NamedTuple):
    """A file that has a text, for looking through it."""

    file_id: int
    path: bytes
    language: str
    encoding: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


MARKED_NS = -1
"""The `mtime_ns` of a file that is to be indexed again whatever it is: the index lost something of it, or is another
model's."""


def is_unchanged(known: FileRow | IndexedFile, info: os.stat_result) -> bool:
    """Whether a file is still the one that was indexed, by size and time: by that of its inode when it is marked."""
    if known.mtime_ns == MARKED_NS:
        return (info.st_size, info.st_ctime_ns) == (known.size_bytes, known.ctime_ns)
    return (info.st_size, info.st_mtime_ns) == (known.size_bytes, known.mtime_ns)


class ChunkRow(msgspec.Struct, frozen=True):
    """A chunk with its file and its symbol, for showing it."""

    chunk_id: int
    vector_id: int | None
    file_id: int
    path: bytes
    language: str
    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    symbol_id: int
    kind: int
    name: str
    container: str
    symbol_start_line: int
    symbol_end_line: int = -1


class SymbolRow(msgspec.Struct, frozen=True):
    """A symbol with its file; what else is shown of it is in its `Details`."""

    symbol_id: int
    path: bytes
    name: str
    kind: int
    container: str
    start_line: int
    end_line: int
    name_line: int
    name_column: int
    mtime_ns: int
    language: str
    encoding: str
    """`ascii` when the whole file was."""


class SymbolPlace(NamedTuple):
    """What a symbol is ranked by."""

    symbol_id: int
    path: bytes
    name: str
    kind: int
    container: str
    name_line: int
    mtime_ns: int


class SymbolSpan(NamedTuple):
    """Which lines a symbol takes; they count from 0."""

    symbol_id: int
    name: str
    kind: int
    container: str
    start_line: int
    end_line: int
    name_line: int


class NewVectors(msgspec.Struct, frozen=True):
    """The vectors of those chunks of a file that had none: int8 rows, joined, for the ascending chunk numbers `rows`.

    Iterating gives a vector for each of `count` chunks, None where it is known already.
    """

    count: int = 0
    rows: Sequence[int] = ()
    data: bytes = b""

    def __iter__(self) -> Iterator[bytes | None]:
        size = len(self.data) // len(self.rows) if self.rows else 0
        at = 0
        for chunk in range(self.count):
            if at < len(self.rows) and self.rows[at] == chunk:
                yield self.data[at * size : (at + 1) * size]
                at += 1
            else:
                yield None


class Commit(msgspec.Struct, frozen=True):
    """One file to write."""

    path: bytes
    result: FileResult
    vectors: NewVectors
    still_fails: bool = False
    """It was tried again, and is what it was."""
    known_status: FileStatus = FileStatus.INDEXED
    known_reason: str = ""
    """How it stood, and goes on to stand when its content has not changed."""
