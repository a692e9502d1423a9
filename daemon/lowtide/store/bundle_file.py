"""The container of a bundle: one file that holds an index to be carried elsewhere.

Layout (docs/formats.md): a head, a manifest (JSON), and the packed parts (zlib), one after the other as the manifest
names them.

Invariant: nothing is written but into the folder that is given, under a name that an index has, as a new file of its
own, and never more bytes than the manifest says and the caller allows: whatever the file holds.
Invariant: what was unpacked has the length and the SHA-256 that the manifest says; else BundleError.
Invariant: packing and unpacking take the memory of a block, however large a part is.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from lowtide.errors import BundleError
from lowtide.store.durable import mapped_errors
from lowtide.store.vetting import CATALOG

FORMAT_VERSION = 3
BLOBS = "blobs"
"""The part that says which files were as git has them, and under which id."""
VECTORS = "vectors"
"""The part that holds the vectors (`index/bundle_vectors.py`)."""
SYMBOLS, DETAILS, CHUNKS, ADDRESSES = "symbols", "details", "chunks", "addresses"
"""The parts that hold rows of the catalog as columns (`columns.py`); addresses are those of the vectors."""
PARTS = (CATALOG, SYMBOLS, DETAILS, CHUNKS, ADDRESSES, BLOBS, VECTORS)
"""What every bundle has; the lexical index comes on top."""
MOST_PARTS = 4200
MOST_MANIFEST_BYTES = 2 << 20
MOST_PART_BYTES = 1 << 40
LEVEL = 7

_MAGIC = b"LTIDEBND"
_HEAD = struct.Struct("<8sII32s")
_BLOCK_BYTES = 1 << 18
_GENERATION = re.compile(r"lexical-[0-9a-f]{16}")
_FILE_NAME = re.compile(r"\.?[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")
FETCH_AGAIN = "fetch or make it again"


class Source(Protocol):
    """A bundle that is read from its beginning on."""

    def read(self, count: int, /) -> bytes:
        """The next bytes, at most `count`; none at the end."""
        ...


class Part(msgspec.Struct, frozen=True):
    """One file of the index: its name there, how long it is, how long it is here, and its SHA-256 in hexadecimal."""

    name: str
    size_bytes: int
    packed_bytes: int
    sha256: str


class Facts(msgspec.Struct, frozen=True):
    """What a bundle says of itself. `repository`: host and path of where it was cloned from; `prefix`: where in it the
    indexed folder lies; each is empty where it is not known. `commit`: what was checked out."""

    repository: str
    commit: str
    prefix: str
    recipe: str
    content_version: int
    schema_version: int
    files: int
    chunks: int
    vectors: int
    made_by: str
    made_at: str


class Manifest(msgspec.Struct, frozen=True):
    """The facts and the parts, in the order in which they follow."""

    facts: Facts
    parts: list[Part]

    @property
    def size_bytes(self) -> int:
        """Of all parts, unpacked."""
        return sum(part.size_bytes for part in self.parts)


def write(target: Path, facts: Facts, parts: Sequence[tuple[str, Path]]) -> int:
    """Write a bundle of these (name, file) to `target`, whole or not at all; returns its bytes. StoreError."""
    fresh = target.with_name(f"{target.name}.{secrets.token_hex(4)}.tmp")
    packed = fresh.with_suffix(".parts")
    try:
        with mapped_errors(target):
            with packed.open("xb") as body:
                made = [_pack(name, path, body) for name, path in parts]
            manifest = msgspec.json.encode(Manifest(facts, made))
            with fresh.open("xb") as file, packed.open("rb") as body:
                digest = hashlib.sha256(manifest).digest()
                file.write(_HEAD.pack(_MAGIC, FORMAT_VERSION, len(manifest), digest) + manifest)
                while block := body.read(_BLOCK_BYTES):
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
                size_bytes = file.tell()
            os.replace(fresh, target)
            return size_bytes
    finally:
        for path in (fresh, packed):
            with suppress(OSError):
                path.unlink()


def _pack(name: str, path: Path, body: BinaryIO) -> Part:
    digest, size, start = hashlib.sha256(), 0, body.tell()
    # Runs of bytes that occur twice are looked for in vain in vectors; some values are more frequent than others.
    packer = zlib.compressobj(LEVEL, strategy=zlib.Z_HUFFMAN_ONLY if name == VECTORS else zlib.Z_DEFAULT_STRATEGY)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
            body.write(packer.compress(block))
    body.write(packer.flush())
    return Part(name, size, body.tell() - start, digest.hexdigest())


def read_manifest(file: Source, size_bytes: int) -> Manifest:
    """What a bundle of `size_bytes` says of itself, checked as far as it can be before anything is unpacked; the parts
    follow where the file stands then. BundleError."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(_MAGIC):
        raise BundleError("it is no bundle of Lowtide's", "", "name a file that `lowtide export` made")
    _, version, length, digest = _HEAD.unpack(head)
    if version != FORMAT_VERSION:
        why = f"version {version}, this is {FORMAT_VERSION}"
        raise BundleError("its format is another one", why, "make it with this version of Lowtide")
    if length > MOST_MANIFEST_BYTES:
        raise damaged("its manifest is too long")
    data = file.read(length)
    if hashlib.sha256(data).digest() != digest:
        raise damaged("it is cut" if len(data) < length else "its manifest is not as it was written")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise damaged(f"its manifest cannot be read: {error}"[:200]) from None
    _check_parts(manifest.parts)
    expected = _HEAD.size + length + sum(part.packed_bytes for part in manifest.parts)
    if size_bytes < expected:
        raise damaged(f"it is cut: {size_bytes:,} of {expected:,} bytes are there")
    if size_bytes > expected:
        raise damaged("more follows than it says")
    return manifest


def _check_parts(parts: Sequence[Part]) -> None:
    """Every name is one that an index has, once, and none is missing; every figure is possible."""
    names = [part.name for part in parts]
    if len(names) > MOST_PARTS or len(set(names)) < len(names) or CATALOG not in names:
        raise damaged("its parts are not those of an index")
    generations = set()
    for part in parts:
        folder, slash, name = part.name.rpartition("/")
        if slash:
            generations.add(folder)
            is_fine = bool(_GENERATION.fullmatch(folder) and _FILE_NAME.fullmatch(name))
        else:
            is_fine = name in PARTS
        if not is_fine or len(generations) > 1:
            raise damaged(f"it holds a part {part.name[:60]!r}, which no index has")
        numbers = (part.size_bytes, part.packed_bytes)
        if not all(0 <= number <= MOST_PART_BYTES for number in numbers):
            raise damaged(f"its part {part.name} has impossible figures")
    if missing := [name for name in PARTS if name not in names]:
        raise damaged(f"it has no {missing[0]}")


def unpack(file: Source, manifest: Manifest, folder: Path, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Write the parts, which begin where `file` stands, into the empty private `folder`. BundleError, StoreError.

    `is_stopped` is asked for each block: once it is true this ends with a BundleError.
    """
    for part in manifest.parts:
        path = folder / part.name
        with mapped_errors(path):
            if path.parent != folder:
                path.parent.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(path, flags, 0o600), "wb") as out:
                digest, size = hashlib.sha256(), 0
                for block in _unpacked(file, part):
                    if is_stopped():
                        raise BundleError("it was given up", "nobody waits for it", "try it again")
                    digest.update(block)
                    size += len(block)
                    out.write(block)
                if size != part.size_bytes or digest.hexdigest() != part.sha256:
                    raise damaged(f"its part {part.name} is not as it was written")
                out.flush()
                os.fsync(out.fileno())


def _unpacked(file: Source, part: Part) -> Iterator[bytes]:
    """A part's bytes, a block at a time, and one more at most than it is said to have."""
    left, room = part.packed_bytes, part.size_bytes + 1
    unpacker = zlib.decompressobj()
    with _mapped(part):
        while not unpacker.eof and room > 0:
            packed = unpacker.unconsumed_tail
            if not packed:
                packed = file.read(min(left, _BLOCK_BYTES))
                left -= len(packed)
                if not packed:
                    raise damaged(f"its part {part.name} is cut")
            block = unpacker.decompress(packed, min(room, _BLOCK_BYTES))
            room -= len(block)
            if block:
                yield block
    if left or unpacker.unused_data or not unpacker.eof:
        raise damaged(f"its part {part.name} is not as it was written")


@contextmanager
def _mapped(part: Part) -> Iterator[None]:
    try:
        yield
    except zlib.error:
        raise damaged(f"its part {part.name} cannot be unpacked") from None


def damaged(why: str) -> BundleError:
    """The error for a bundle that is not as Lowtide makes them."""
    return BundleError("it is damaged", why, FETCH_AGAIN)
