"""Generations of the lexical index: folders that are written once, checked before they are opened, and never changed.

A generation is a folder of Tantivy's files and of `listing`, which names each with its size and CRC-32. The catalog's
manifest holds the listing's own checksum. The next generation has the same files by other links, but for what changed:
so the one before stays whole for those who read it, and a kill loses nothing but a folder that no manifest names.

Invariant: a name is used once; a folder under its final name is complete and synced.
Invariant: nothing is opened before every file of the listing was read and found right; otherwise CorruptSegment.
"""

from __future__ import annotations

import os
import secrets
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from lowtide.errors import CorruptSegment
from lowtide.store.durable import (
    TEMPORARY_SUFFIX,
    Place,
    link_or_copy,
    mapped_errors,
    open_plain_file,
    place_in,
    raise_for_now,
    sync_folder,
)
from lowtide.store.lexical import engine
from lowtide.store.rows import LEXICAL_KIND, Segment

LISTING = "listing"
_LOCKS = frozenset({".tantivy-writer.lock", engine.META_LOCK})
_MOST_LISTING_BYTES = 1 << 20
_MOST_FILES = 4096
_BLOCK_BYTES = 1 << 20
_REBUILT = "run `lowtide index`: it makes it anew"


class _File(msgspec.Struct, array_like=True, frozen=True):
    name: str
    size_bytes: int
    crc32: int


class Listing(msgspec.Struct, frozen=True):
    """What a generation consists of. `added`, `tokens`: of all documents that were ever added. `held`: those that are
    still written, of which `deleted` answer nothing any more."""

    schema: int
    added: int
    tokens: int
    held: int
    deleted: int
    files: list[_File]


class Checked(msgspec.Struct, frozen=True):
    """A generation whose every byte was found right. `places`: its files as they were then."""

    listing: Listing
    places: dict[str, Place]

    def is_as_checked(self, folder: Path) -> bool:
        """Whether nobody has written to a file of it since, or removed one."""
        try:
            return all(
                place_in(os.stat(folder / name, follow_symlinks=False)) == was for name, was in self.places.items()
            )
        except OSError:
            return False


def new_name() -> str:
    """The name of a folder that was never used."""
    return f"{LEXICAL_KIND}-{secrets.token_hex(8)}"


def check(folder: Path, expected: Segment, known: Checked | None = None) -> Checked:
    """Read every file of a generation and compare it with the listing, and that with the manifest. CorruptSegment.

    What `known` has found right, and nobody has written to since, is not read again.
    """
    listing, place = _read_listing(folder, expected)
    sound = set(known.places.values()) if known else set()
    sizes = {each.name: (each.size_bytes, each.crc32) for each in known.listing.files} if known else {}
    places = {LISTING: place}
    for file in listing.files:
        path = folder / file.name
        try:
            fd = open_plain_file(path)
            try:
                found = places[file.name] = place_in(os.fstat(fd))
                is_known = found in sound and sizes.get(file.name) == (file.size_bytes, file.crc32)
                if found[2] != file.size_bytes or not (is_known or _crc32(fd, file.size_bytes) == file.crc32):
                    raise _damaged(folder, f"{file.name} is not as it was written")
            finally:
                os.close(fd)
        except OSError as error:
            raise_for_now(error, path)
            raise _damaged(folder, f"{file.name}: {error.strerror}") from error
    return Checked(listing, places)


def write(
    folder: Path,
    source: tuple[Segment, bool] | None,
    target: str,
    files: Iterator[engine.FileEntry],
    dead: Sequence[int],
    alive: Callable[[int], None] = lambda _: None,
) -> Segment:
    """Make the generation `target` in the index folder: that of `source`, with more files and without the `dead` ones.

    `source` comes with whether it must be checked first. Errors: CorruptSegment when it is damaged; StoreError when
    this one cannot be written.
    """
    before = _source(folder, source)
    temporary = folder / f"{target}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    try:
        with mapped_errors(temporary):
            temporary.mkdir(mode=0o700)
            if source and before:
                for each in before.files:
                    link_or_copy(folder / source[0].name / each.name, temporary / each.name)
            listing, crc32 = _finish(temporary, before, engine.update(temporary, files, dead, alive))
            os.rename(temporary, folder / target)
            sync_folder(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    size_bytes = sum(each.size_bytes for each in listing.files)
    return Segment(target, LEXICAL_KIND, 0, 0, listing.held, size_bytes, crc32)


def _source(folder: Path, source: tuple[Segment, bool] | None) -> Listing | None:
    if source is None:
        return None
    row, must_check = source
    if must_check:
        return check(folder / row.name, row).listing
    return read_listing(folder / row.name, row)


def _finish(folder: Path, before: Listing | None, done: engine.Updated) -> tuple[Listing, int]:
    """Write the listing, and have the disk keep it all."""
    known = {each.name: each for each in before.files} if before else {}
    files: list[_File] = []
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if name in _LOCKS:
            path.unlink()
            continue
        fd = open_plain_file(path)
        try:
            info = os.fstat(fd)
            same = known.get(name)
            # Tantivy replaces its two lists of files under their names; every other file is written once.
            if same is not None and info.st_nlink > 1 and info.st_size == same.size_bytes:
                files.append(same)
                continue
            os.fchmod(fd, 0o600)  # Tantivy makes its files by the umask
            files.append(_File(name, info.st_size, _crc32(fd, info.st_size)))
            os.fsync(fd)
        finally:
            os.close(fd)
    added = done.documents + (before.added if before else 0)
    tokens = done.tokens + (before.tokens if before else 0)
    listing = Listing(engine.SCHEMA_VERSION, added, tokens, done.held, done.deleted, files)
    data = msgspec.json.encode(listing)
    fd = os.open(folder / LISTING, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
    sync_folder(folder)
    return listing, zlib.crc32(data)


def read_listing(folder: Path, expected: Segment) -> Listing:
    """The listing alone, compared with the manifest. CorruptSegment."""
    return _read_listing(folder, expected)[0]


def _read_listing(folder: Path, expected: Segment) -> tuple[Listing, Place]:
    try:
        fd = open_plain_file(folder / LISTING)
        try:
            info = os.fstat(fd)
            place = place_in(info)
            with open(fd, "rb", closefd=False) as file:
                data = file.read(min(_MOST_LISTING_BYTES, info.st_size) + 1)
        finally:
            os.close(fd)
        if len(data) > _MOST_LISTING_BYTES or zlib.crc32(data) != expected.crc32:
            raise _damaged(folder, "its listing is not the one in the manifest")
        listing = msgspec.json.decode(data, type=Listing)
    except (OSError, msgspec.MsgspecError) as error:
        raise_for_now(error, folder)
        raise _damaged(folder, str(error)) from error
    if listing.schema != engine.SCHEMA_VERSION:
        raise CorruptSegment(
            f"the lexical index {folder.name} has another format",
            f"{listing.schema}, this is {engine.SCHEMA_VERSION}",
            _REBUILT,
        )
    names = [each.name for each in listing.files]
    if len(names) > _MOST_FILES or any("/" in name or name in ("", ".", "..", LISTING) for name in names):
        raise _damaged(folder, "its listing names what cannot be")
    return listing, place


def _crc32(fd: int, size_bytes: int) -> int:
    """Read rather than mapped: a fault of the disk is then an error, not a signal.

    What it is read into is no larger than the file, which is small as a rule: to clear a MiB takes longer than to read
    one.
    """
    found, block = 0, memoryview(bytearray(min(_BLOCK_BYTES, size_bytes + 1)))
    while got := os.readv(fd, [block]):
        found = zlib.crc32(block[:got], found)
    return found


def _damaged(folder: Path, why: str) -> CorruptSegment:
    return CorruptSegment(f"the lexical index {folder.name} is damaged", why, _REBUILT)
