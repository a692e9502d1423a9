"""The container of every segment file: a header, aligned sections, a trailer with a checksum.

Layout (docs/formats.md): 384 bytes of header, sections each at a multiple of 64, 24 bytes of trailer; little endian.

Invariant: a segment file is written once, under a name never used before, and never changed.
Invariant: nothing of a file is used before its size, magic, version and CRC-32 are found right; otherwise
CorruptSegment.
Invariant: a write that fails or is cancelled leaves no file under the final name.
"""

from __future__ import annotations

import errno
import mmap
import os
import secrets
import struct
import zlib
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from lowtide.errors import CorruptSegment
from lowtide.store.durable import TEMPORARY_SUFFIX, mapped_errors, open_plain_file, place_in, raise_for_now, sync_folder
from lowtide.store.rows import Segment

FORMAT_VERSION = 1
ALIGNMENT_BYTES = 64
MAX_SECTIONS = 12

_MAGIC = b"LTIDESEG"
_END_MAGIC = b"LTIDEEND"
_HEADER = struct.Struct("<8sIIIIQqq")
_SECTION = struct.Struct("<8sQQ")
_TRAILER = struct.Struct("<8sQII")
_HEADER_BYTES = 384
_BLOCK_BYTES = 1 << 20
_REBUILT = "it is rebuilt from the catalog by the next `lowtide index`"


class SegmentKind(StrEnum):
    """What a segment holds."""

    FLAT = "flat"
    GRAPH = "graph"
    NAMES = "names"
    LISTS = "lists"


VECTOR_KINDS = (SegmentKind.FLAT, SegmentKind.GRAPH)


_CODES = {SegmentKind.FLAT: 1, SegmentKind.GRAPH: 2, SegmentKind.NAMES: 3, SegmentKind.LISTS: 4}


class SegmentWriter:
    """Writes one segment: sections in turn, then `finish()`. Use it as a context manager; leaving without `finish()`
    removes it.

    `path` must not exist. Errors: StoreError for a full disk, a read-only folder, a short write.
    """

    def __init__(self, path: Path, kind: SegmentKind, dims: int = 0) -> None:
        self.path = path
        self.kind = kind
        self.dims = dims
        self._sections: list[tuple[bytes, int, int]] = []
        self._temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
        self._size = 0
        self._crc = 0
        with mapped_errors(path):
            if path.exists():
                raise FileExistsError(errno.EEXIST, "the name was used before", str(path))
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
            self._fd = os.open(self._temporary, flags, 0o600)
            os.lseek(self._fd, _HEADER_BYTES, os.SEEK_SET)
            self._size = _HEADER_BYTES

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            with suppress(OSError):
                self._temporary.unlink()

    @property
    def temporary(self) -> Path:
        """A name beside the file that a sweep would remove: for a library that insists on writing a file of its own."""
        return self._temporary.with_name(f"{self._temporary.name}.part{TEMPORARY_SUFFIX}")

    def begin(self, name: str) -> None:
        """Start a section; `name` has at most 8 ASCII letters."""
        encoded = name.encode("ascii")
        if len(encoded) > 8 or len(self._sections) >= MAX_SECTIONS:
            raise ValueError(name)
        self._append(memoryview(bytes(-self._size % ALIGNMENT_BYTES)))
        self._sections.append((encoded, self._size, 0))

    def write(self, data: bytes | memoryview | npt.NDArray[Any]) -> None:
        """Append to the present section; an array's bytes are written in C order."""
        view = memoryview(np.ascontiguousarray(data).data if isinstance(data, np.ndarray) else data)
        self._append(view.cast("B") if view.nbytes else memoryview(b""))
        name, offset, _ = self._sections[-1]
        self._sections[-1] = (name, offset, self._size - offset)

    def _append(self, view: memoryview) -> None:
        self._crc = zlib.crc32(view, self._crc)
        with mapped_errors(self.path):
            _write_all(self._fd, view)
        self._size += len(view)

    def section(self, name: str, data: bytes | npt.NDArray[Any]) -> None:
        """A whole section at once."""
        self.begin(name)
        self.write(data)

    def copy(self, name: str, source: BinaryIO) -> None:
        """A section from an open file, from its start, in blocks."""
        self.begin(name)
        source.seek(0)
        while block := source.read(_BLOCK_BYTES):
            self.write(block)

    def finish(self, count: int, first_id: int, last_id: int) -> Segment:
        """Write header and trailer, sync, check the size, rename, sync the folder; the file is there or it is not."""
        header = bytearray(_HEADER_BYTES)
        _HEADER.pack_into(
            header,
            0,
            _MAGIC,
            FORMAT_VERSION,
            _CODES[self.kind],
            self.dims,
            len(self._sections),
            count,
            first_id,
            last_id,
        )
        for index, section in enumerate(self._sections):
            _SECTION.pack_into(header, _HEADER.size + index * _SECTION.size, *section)
        crc32 = zlib.crc32(header, self._crc)
        size = self._size + _TRAILER.size
        with mapped_errors(self.path):
            _write_all(self._fd, memoryview(_TRAILER.pack(_END_MAGIC, size, crc32, 0)))
            os.lseek(self._fd, 0, os.SEEK_SET)
            _write_all(self._fd, memoryview(header))
            os.fsync(self._fd)
            written = os.fstat(self._fd).st_size
            if written != size:
                raise OSError(errno.EIO, f"{written} bytes arrived on the disk instead of {size}")
            os.rename(self._temporary, self.path)
            os.close(self._fd)
            self._fd = -1
            sync_folder(self.path.parent)
        return Segment(self.path.name, self.kind, first_id, last_id, count, size, crc32)


class SegmentFile:
    """An open segment, checked and mapped read-only.

    Errors: CorruptSegment when the file is missing, cut, damaged, of another kind or version. `expected` is the row of
    the manifest: a file that is sound but not the one meant is refused too.
    """

    def __init__(self, path: Path, kind: SegmentKind, expected: Segment | None = None) -> None:
        self.path = path
        try:
            fd = open_plain_file(path)
            try:
                info = os.fstat(fd)
                self._place = place_in(info)
                size = info.st_size
                self._header, crc32 = _verify(fd, size, path, kind)
                self._map = mmap.mmap(fd, size, access=mmap.ACCESS_READ)
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            raise_for_now(error, path)
            raise CorruptSegment(f"the index file {path.name} cannot be read", str(error), _REBUILT) from error
        _, _, _, self.dims, sections, count, first_id, last_id = _HEADER.unpack_from(self._header)
        self.facts = Segment(path.name, kind, first_id, last_id, count, size, crc32)
        if expected is not None and (crc32, count) != (expected.crc32, expected.count):
            raise CorruptSegment(
                f"the index file {path.name} is not the one in the manifest", f"checksum {crc32:#x}", _REBUILT
            )
        self._sections = self._read_sections(sections)

    def _read_sections(self, count: int) -> dict[str, tuple[int, int]]:
        sections = {}
        for index in range(min(count, MAX_SECTIONS)):
            name, offset, length = _SECTION.unpack_from(self._header, _HEADER.size + index * _SECTION.size)
            if offset < _HEADER_BYTES or offset + length > self.facts.size_bytes - _TRAILER.size:
                raise self.corrupt(f"section {index} reaches over the end")
            sections[name.rstrip(b"\0").decode("ascii", "replace")] = (offset, length)
        return sections

    def corrupt(self, why: str) -> CorruptSegment:
        """The error for content that passed the checksum and still makes no sense."""
        return CorruptSegment(f"the index file {self.path.name} is damaged", why, _REBUILT)

    @property
    def is_as_opened(self) -> bool:
        """Whether its name still leads to the file that was checked, and nobody has written to it: it is never
        changed."""
        try:
            return place_in(os.stat(self.path, follow_symlinks=False)) == self._place
        except OSError:
            return False

    def has(self, name: str) -> bool:
        """Whether there is such a section."""
        return name in self._sections

    def array(self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """A section as a read-only array over the mapped file, which lives as long as the array does."""
        kind = np.dtype(dtype)
        offset, length = self._sections.get(name, (0, -1))
        items = int(np.prod(shape, dtype=np.int64))
        if length != items * kind.itemsize:
            raise self.corrupt(f"section {name} has {length} bytes instead of {items * kind.itemsize}")
        return (
            np.frombuffer(self._map, kind, count=items, offset=offset).reshape(shape)
            if items
            else np.zeros(shape, kind)
        )

    def length(self, name: str) -> int:
        """The bytes of a section; 0 when there is none."""
        return self._sections.get(name, (0, 0))[1]

    def release(self) -> None:
        """Give the mapped pages back to the system; they come again when they are needed."""
        with suppress(OSError, ValueError):
            self._map.madvise(mmap.MADV_DONTNEED)


def _verify(fd: int, size: int, path: Path, kind: SegmentKind) -> tuple[bytes, int]:
    """The header and the checksum of a file whose every byte was read and found right."""

    def damaged(why: str) -> CorruptSegment:
        return CorruptSegment(f"the index file {path.name} is damaged", why, _REBUILT)

    if size < _HEADER_BYTES + _TRAILER.size:
        raise damaged(f"it has only {size} bytes")
    header = os.pread(fd, _HEADER_BYTES, 0)
    magic, version, code = _HEADER.unpack_from(header)[:3]
    if magic != _MAGIC:
        raise damaged("it does not begin as a segment does")
    if version != FORMAT_VERSION:
        raise CorruptSegment(
            f"the index file {path.name} has another format", f"version {version}, this is {FORMAT_VERSION}", _REBUILT
        )
    end_magic, whole, crc32, _ = _TRAILER.unpack(os.pread(fd, _TRAILER.size, size - _TRAILER.size))
    if end_magic != _END_MAGIC or whole != size:
        raise damaged("its end is missing")
    # Read rather than mapped: a fault of the disk is then an error, not a signal, and no page stays in this process.
    found, offset, end = 0, _HEADER_BYTES, size - _TRAILER.size
    block = memoryview(bytearray(min(_BLOCK_BYTES, max(1, end - offset))))
    while offset < end:
        got = os.preadv(fd, [block[: min(len(block), end - offset)]], offset)
        if got <= 0:
            raise damaged("it became shorter while it was read")
        found = zlib.crc32(block[:got], found)
        offset += got
    if zlib.crc32(header, found) != crc32:
        raise damaged("its checksum does not match")
    if code != _CODES[kind]:
        raise damaged(f"it is not a {kind} segment")
    return header, crc32


def _write_all(fd: int, view: memoryview) -> None:
    while view:
        written = os.write(fd, view[: 1 << 30])
        if written <= 0:
            raise OSError(errno.EIO, "nothing could be written")
        view = view[written:]
