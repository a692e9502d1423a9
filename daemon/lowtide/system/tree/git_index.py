"""git's index, read a block at a time: which paths are tracked, in order, in the memory of one block.

Invariant: no file is trusted: what is no regular file, cut, unsorted or absurdly long ends the reading with ValueError,
never with a wait, and never takes more memory than a block, a path and the marks of a split index.
Source: gitformat-index(5); EWAH: Documentation/technical/bitmap-format of git.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Generator, Iterator

import msgspec

from lowtide.system.beneath import CannotRead, PlainFile, Refusal, open_plain

_BLOCK_BYTES = 1 << 16
_LONGEST_PATH = 4096
"""No system takes a longer one."""
_MOST_MARKS_BYTES = 1 << 21
MOST_INDEX_BYTES = 1 << 28
"""Of an index, which has about a hundred bytes for each tracked file."""
_GITLINK = 0o160000
_FOLDER = 0o040000
_WORD_BITS = 64
_TIMES = struct.Struct(">IIIIII")
_FLAGS = struct.Struct(">H")
_UNSURE = 0xF000
"""Flags of an entry that git takes as unchanged without looking, that is extended, or in the middle of a merge."""
_LOW = 0xFFFFFFFF
_SECOND_NS = 1_000_000_000

Entries = Generator[tuple[bytes, bool], None, None]
"""Each path with whether it is a submodule."""


def read_entries(git: bytes, hash_bytes: int) -> Entries:
    """The tracked paths of the repository at the folder `git`, as the index has them: in order of their bytes.

    Errors: OSError, and ValueError for what is no index of version 2, 3 or 4.
    """
    file = os.path.join(git, b"index")
    split = _read_link(file, hash_bytes)
    if split is None:
        yield from _paths(_named(_read(file, hash_bytes)))
        return
    shared = os.path.join(git, b"sharedindex." + split.shared.hex().encode())
    yield from _merged(_paths(_kept(shared, hash_bytes, split)), _paths(_read(file, hash_bytes)))


class _Split(msgspec.Struct, frozen=True):
    """A split index: the name of what it is laid over, and which entries of that are gone."""

    shared: bytes
    deleted: bytes
    """An EWAH bitmap, as it is stored."""


_Entry = tuple[bytes, int, bytes]
"""Path (empty where a split index says again what it has changed), mode, and all that stands before the path."""


class Clean(msgspec.Struct, frozen=True):
    """A tracked plain file as git saw it last: its blob, and what of its stat git keeps (sizes and inodes cut to 32
    bits)."""

    path: bytes
    blob: bytes
    mtime_ns: int
    ctime_ns: int
    inode: int
    size_bytes: int

    def is_of(self, info: os.stat_result) -> bool:
        """Whether a file is still the one that git saw."""
        return (
            stat.S_ISREG(info.st_mode)
            and self.mtime_ns == info.st_mtime_ns
            and self.ctime_ns == info.st_ctime_ns
            and self.inode == info.st_ino & _LOW
            and self.size_bytes == info.st_size & _LOW
        )


def read_clean(git: bytes, hash_bytes: int) -> Iterator[Clean]:
    """The tracked plain files of which git knows by their stat that they are as their blob, in order of their bytes.

    None where the index is split; none that could have changed in the very moment when git looked. Errors: as
    `read_entries`.
    """
    file = os.path.join(git, b"index")
    if _read_link(file, hash_bytes) is not None:
        return
    with _open(file) as stream:
        written_ns = stream.info.st_mtime_ns
        for path, mode, head in _stream_entries(stream, hash_bytes, []):
            ctime_s, ctime_ns, mtime_s, mtime_ns, _, inode = _TIMES.unpack_from(head)
            (flags,) = _FLAGS.unpack_from(head, 40 + hash_bytes)
            changed_ns = mtime_s * _SECOND_NS + mtime_ns
            if stat.S_ISREG(mode) and not flags & _UNSURE and changed_ns < written_ns:
                blob, size_bytes = head[40 : 40 + hash_bytes], int.from_bytes(head[36:40], "big")
                yield Clean(path, blob, changed_ns, ctime_s * _SECOND_NS + ctime_ns, inode, size_bytes)


def _paths(entries: Iterator[_Entry]) -> Entries:
    for path, mode, _ in entries:
        if path and mode != _FOLDER:
            yield path, mode == _GITLINK


def _named(entries: Iterator[_Entry]) -> Iterator[_Entry]:
    """The same, of an index that stands alone: each has a path there."""
    for entry in entries:
        if not entry[0]:
            raise ValueError("an entry without a path")
        yield entry


def _kept(file: bytes, hash_bytes: int, split: _Split) -> Iterator[_Entry]:
    deleted = _set_bits(split.deleted)
    gone = next(deleted, -1)
    for number, entry in enumerate(_read(file, hash_bytes)):
        if number == gone:
            gone = next(deleted, -1)
        else:
            yield entry


def _merged(one: Entries, other: Entries) -> Entries:
    left, right = next(one, None), next(other, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] <= right[0]):
            assert left is not None
            yield left
            if right is not None and left[0] == right[0]:
                right = next(other, None)
            left = next(one, None)
        else:
            yield right
            right = next(other, None)


def _open(file: bytes) -> PlainFile:
    try:
        return open_plain(file, MOST_INDEX_BYTES, follow=True)
    except CannotRead as error:
        if error.refusal is Refusal.NOT_PLAIN:
            raise ValueError("not a regular file") from None
        raise


def _header(stream: PlainFile) -> tuple[int, int]:
    head = stream.read(12)
    if len(head) < 12:
        raise ValueError("the index is cut")
    magic, version, count = struct.unpack(">4sII", head)
    if magic != b"DIRC" or version not in (2, 3, 4):
        raise ValueError(f"index version {version}")
    return version, count


def _read(file: bytes, hash_bytes: int) -> Iterator[_Entry]:
    with _open(file) as stream:
        yield from _stream_entries(stream, hash_bytes, [])


def _stream_entries(stream: PlainFile, hash_bytes: int, rest: list[bytes]) -> Iterator[_Entry]:
    """The entries of an index; what was read of what follows them is left in `rest`."""
    version, count = _header(stream)
    block = stream.read(_BLOCK_BYTES)
    position = 0
    path = b""
    try:
        for _ in range(count):
            if len(block) - position < _BLOCK_BYTES // 4:
                block = block[position:] + stream.read(_BLOCK_BYTES)
                position = 0
            start = position
            mode = int.from_bytes(block[position + 24 : position + 28], "big")
            head = block[position : position + 42 + hash_bytes]
            position += 40 + hash_bytes
            position += 4 if block[position] & 0x40 else 2
            if version == 4:
                dropped, position = _varint(block, position)
                end = block.index(0, position)
                path = path[: max(0, len(path) - dropped)] + block[position:end]
                position = end + 1
            else:
                end = block.index(0, position)
                path = block[position:end]
                position = start + ((end - start + 8) & ~7)
            if len(path) > _LONGEST_PATH:
                raise ValueError("a path longer than any")
            yield path, mode, head
    except IndexError:
        raise ValueError("the index is cut") from None
    rest.append(block[position:])


def _varint(block: bytes, position: int) -> tuple[int, int]:
    byte = block[position]
    value = byte & 127
    while byte & 128:
        position += 1
        byte = block[position]
        value = ((value + 1) << 7) + (byte & 127)
        if value > _LONGEST_PATH:
            raise ValueError("a path longer than any")
    return value, position + 1


def _read_link(file: bytes, hash_bytes: int) -> _Split | None:
    """What a split index is laid over; None for one that stands alone. Asked only where there is a shared one."""
    git = os.path.dirname(file)
    with os.scandir(git) as found:
        if not any(entry.name.startswith(b"sharedindex.") for entry in found):
            return None
    with _open(file) as stream:
        rest: list[bytes] = []
        for _ in _stream_entries(stream, hash_bytes, rest):
            pass
        data = rest[0] + stream.read(_MOST_MARKS_BYTES)
    position = 0
    while position + 8 + hash_bytes <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        position += 8
        if name == b"link":
            body = data[position : position + size]
            shared = body[:hash_bytes]
            if len(body) < size or size < hash_bytes:
                raise ValueError("the marks of the split index are cut")
            return _Split(shared, body[hash_bytes:]) if any(shared) else None
        position += size
    return None


def _set_bits(bitmap: bytes) -> Iterator[int]:
    """The numbers of the bits that an EWAH bitmap sets, ascending."""
    if len(bitmap) < 8:
        return
    bits, count = struct.unpack_from(">II", bitmap)
    words = struct.unpack_from(f">{min(count, (len(bitmap) - 8) // 8)}Q", bitmap, 8)
    number = index = 0
    while index < len(words) and number < bits:
        mark = words[index]
        index += 1
        run = (mark >> 1 & 0xFFFFFFFF) * _WORD_BITS
        if mark & 1:
            yield from range(number, min(bits, number + run))
        number += run
        for word in words[index : index + (mark >> 33)]:
            while word:
                low = word & -word
                yield number + low.bit_length() - 1
                word ^= low
            number += _WORD_BITS
        index += mark >> 33
