"""The many rows of a bundle (symbols, details, chunks, addresses of vectors) as columns: half of what rows take.

The ids of symbols, details and chunks, and their files, do not travel: the rows of a file follow each other from the
id on that `files` says. Layout: docs/formats.md.

Invariant: whatever the columns hold, only rows are made that Lowtide writes: as many as the files say, every value of
its type and in its range. Anything else is a BundleError.
Invariant: memory is bounded by a block.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.models import SymbolKind
from lowtide.store.bundle_file import ADDRESSES, CHUNKS, DETAILS, SYMBOLS, damaged
from lowtide.store.chunk_kinds import masks
from lowtide.store.details import BLOCK, DamagedBlock, pack_columns, unpack_block
from lowtide.store.durable import mapped_errors
from lowtide.store.plausible import MOST_ID, MOST_SPAN, MOST_TEXT, Ask
from lowtide.wire import HASH_BYTES

Ints = npt.NDArray[np.int64]
Put = Callable[[str, Sequence[Any]], object]
"""Runs a statement with parameters."""
B = TypeVar("B")

BLOCK_ROWS = 8192
BLOCK_TEXT = 1 << 20
"""Bytes of a block's names or details, after which it ends."""
MOST_BLOCK_BYTES = 16 << 20
_SMALL = 1 << 31
_UNPACKED = 4
"""Bytes of details for each packed one, roughly."""
_AT_ONCE = 256
"""Rows of one statement: SQLite notes the last id once for each."""
_LENGTH = struct.Struct("<I")


_Count = Annotated[int, msgspec.Meta(ge=1, le=BLOCK_ROWS)]
_Texts = tuple[str, str]
"""What stands between two texts, which none of them has, and all of them in a row: that packs better than a list."""


class _Symbols(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True, gc=False):
    count: _Count
    names: _Texts
    containers: _Texts
    kinds: bytes
    start_lines: bytes
    more_lines: bytes
    names_below: bytes
    name_columns: bytes


class _Details(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True, gc=False):
    count: _Count
    signatures: _Texts
    docs: _Texts
    start_columns: bytes
    end_columns: bytes


class _Chunks(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True, gc=False):
    count: _Count
    vector_ids: bytes
    """0 for none."""
    symbols: bytes
    """Which of the file's it belongs to, from 1 on; 0 for none."""
    start_bytes: bytes
    sizes: bytes
    start_lines: bytes
    more_lines: bytes


class _Addresses(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True, gc=False):
    ids: bytes
    hashes: bytes


_SYMBOL_COLUMNS = "id, file_id, name, kind, container, start_line, more_lines, name_below, name_column"
_encoder = msgspec.msgpack.Encoder()
_SELECT = {
    SYMBOLS: "SELECT name, container, kind, start_line, more_lines, name_below, name_column FROM symbols ORDER BY id",
    CHUNKS: "SELECT coalesce(c.vector_id, 0), coalesce(c.symbol_id - f.first_symbol_id + 1, 0), c.start_byte,"
    " c.end_byte - c.start_byte, c.start_line, c.end_line - c.start_line"
    " FROM chunks c JOIN files f ON f.id = c.file_id ORDER BY c.id",
    DETAILS: "SELECT packed FROM details ORDER BY first_symbol_id",
    ADDRESSES: "SELECT id, hash FROM vectors ORDER BY id",
}


def write_columns(folder: Path, ask: Ask) -> None:
    """Write the rows that `ask` gives into files of `folder`. StoreError."""
    for name, pack in _PACKS.items():
        path = folder / name
        with mapped_errors(path), path.open("xb") as file:
            for rows in _blocks(ask(_SELECT[name]), BLOCK_ROWS // BLOCK if name == DETAILS else BLOCK_ROWS):
                data = _encoder.encode(pack(list(zip(*rows, strict=True))))
                file.write(_LENGTH.pack(len(data)) + data)


def _blocks(rows: Iterable[Any], most: int) -> Iterator[list[Any]]:
    block: list[Any] = []
    room = BLOCK_TEXT
    for row in rows:
        block.append(row)
        room -= len(row[0]) + len(row[1]) if isinstance(row[0], str) else 0
        room -= _UNPACKED * len(row[0]) if isinstance(row[0], bytes) else 0
        if len(block) == most or room < 0:
            yield block
            block, room = [], BLOCK_TEXT
    if block:
        yield block


def _pack_symbols(columns: Sequence[Sequence[Any]]) -> _Symbols:
    names, containers, kinds, start_lines, *others = columns
    ints = [_packed(column) for column in others]
    texts = _joined(names), _joined(containers)
    return _Symbols(len(names), *texts, _packed(kinds), _packed_steps(start_lines), *ints)


def _pack_chunks(columns: Sequence[Sequence[Any]]) -> _Chunks:
    vector_ids, symbols, start_bytes, sizes, start_lines, more_lines = columns
    return _Chunks(
        len(sizes),
        _packed_steps(vector_ids),
        _packed_steps(symbols),
        _packed_steps(start_bytes),
        _packed(sizes),
        _packed_steps(start_lines),
        _packed(more_lines),
    )


def _pack_addresses(columns: Sequence[Sequence[Any]]) -> _Addresses:
    return _Addresses(_packed_steps(columns[0]), b"".join(columns[1]))


def _packed_steps(values: Sequence[int]) -> bytes:
    """Numbers that grow mostly, as what each adds to the one before."""
    return _packed(np.diff(np.array(values, np.int64), prepend=0))


def _packed(values: npt.ArrayLike) -> bytes:
    """Whole numbers as bytes: the low ones of all, then the next, as many as the largest has."""
    numbers = np.asarray(values, np.int64)
    folded = ((numbers << 1) ^ (numbers >> 63)).astype("<u8")
    width = max(1, -(-int(folded.max(initial=0)).bit_length() // 8))
    return folded.view(np.uint8).reshape(-1, 8)[:, :width].T.tobytes()


def _unpacked(data: bytes, count: int) -> Ints:
    width, rest = divmod(len(data), count)
    if rest or not 1 <= width <= 8:
        raise damaged("its columns are not of one length")
    spread = np.zeros((count, 8), np.uint8)
    spread[:, :width] = np.frombuffer(data, np.uint8).reshape(width, count).T
    folded = spread.view("<u8")[:, 0]
    return (folded >> np.uint64(1)).astype(np.int64) ^ -(folded & np.uint64(1)).astype(np.int64)


def _unpacked_steps(data: bytes, count: int) -> Ints:
    return np.cumsum(_unpacked(data, count))


def _pack_details(columns: Sequence[Sequence[Any]]) -> _Details:
    signatures, docs, starts, ends = (
        list(chain.from_iterable(column)) for column in zip(*map(unpack_block, columns[0]), strict=True)
    )
    return _Details(len(signatures), _joined(signatures), _joined(docs), _packed(starts), _packed(ends))


def _joined(texts: Sequence[str]) -> _Texts:
    text = "".join(texts)
    between = next(sign for sign in map(chr, range(1, sys.maxunicode)) if sign not in text)
    return between, between.join(texts)


def _split(texts: _Texts, count: int) -> list[str]:
    between, text = texts
    if len(between) != 1 or text.count(between) != count - 1:
        raise damaged("its columns are not of one length")
    return text.split(between)


_PACKS: dict[str, Callable[[Sequence[Sequence[Any]]], object]] = {
    SYMBOLS: _pack_symbols,
    DETAILS: _pack_details,
    CHUNKS: _pack_chunks,
    ADDRESSES: _pack_addresses,
}


# -- taking them over -------------------------------------------------------------------------------------------------


def take_columns(folder: Path, ask: Ask, put: Put) -> None:
    """Make of the files in `folder` the rows of a catalog that has its files and none of these; the files go.
    BundleError, StoreError."""
    _take_addresses(folder / ADDRESSES, put)
    _take_symbols(folder / SYMBOLS, _Places(ask, "symbol"), put)
    _take_details(folder / DETAILS, _Places(ask, "symbol"), put)
    _take_chunks(folder / CHUNKS, _Places(ask, "chunk"), ask, put)
    for name in _PACKS:
        (folder / name).unlink()


def _take_addresses(path: Path, put: Put) -> None:
    first, last = 0, 0
    for block in _read(path, _Addresses):
        hashes = [block.hashes[at : at + HASH_BYTES] for at in range(0, len(block.hashes), HASH_BYTES)]
        if not 1 <= len(hashes) <= BLOCK_ROWS or len(hashes[-1]) != HASH_BYTES:
            raise damaged("the addresses of its vectors cannot be")
        ids = _unpacked_steps(block.ids, len(hashes))
        first = first or int(ids[0])
        if int(ids[0]) <= last or np.any(np.diff(ids) < 1) or int(ids[-1]) > min(MOST_ID, first + MOST_SPAN):
            raise damaged("the ids of its vectors cannot be")
        last = int(ids[-1])
        _insert(put, "vectors", [ids.tolist(), hashes])


def _take_symbols(path: Path, places: _Places, put: Put) -> None:
    for block in _read(path, _Symbols):
        count = block.count
        names, containers = _split(block.names, count), _split(block.containers, count)
        if max(map(len, chain(names, containers))) > MOST_TEXT:
            raise damaged("the names of its symbols cannot be")
        ids, owners = places.take(count)
        start_lines = _unpacked_steps(block.start_lines, count)
        kinds, more, below, columns = (
            _unpacked(data, count) for data in (block.kinds, block.more_lines, block.names_below, block.name_columns)
        )
        _check("kinds of symbols", kinds, 0, max(SymbolKind))
        _check("lines of symbols", start_lines)
        _check("columns of symbols", columns)
        for lines in (more, below):
            _check("lines of symbols", lines, -_SMALL)
            _check("lines of symbols", start_lines + lines)
        texts = [names, kinds.tolist(), containers]
        numbers = [column.tolist() for column in (start_lines, more, below, columns)]
        _insert(put, f"symbols ({_SYMBOL_COLUMNS})", [ids.tolist(), owners[:, 0].tolist(), *texts, *numbers])
    places.end()


def _take_details(path: Path, places: _Places, put: Put) -> None:
    for block in _read(path, _Details):
        signatures, docs = _split(block.signatures, block.count), _split(block.docs, block.count)
        starts, ends = (_unpacked(data, block.count) for data in (block.start_columns, block.end_columns))
        _check("columns of symbols", starts)
        _check("columns of symbols", ends)
        firsts, lasts = starts.tolist(), ends.tolist()
        packed: list[bytes] = []
        of = places.blocks(block.count)
        try:
            for _, at, end in of:
                packed.append(pack_columns(signatures[at:end], docs[at:end], firsts[at:end], lasts[at:end]))
        except DamagedBlock as error:
            raise damaged(f"details of symbols: {error}"[:200]) from None
        _insert(put, "details", [[first for first, *_ in of], packed])
    places.end()


def _take_chunks(path: Path, places: _Places, ask: Ask, put: Put) -> None:
    for block, following in pairwise(chain(_read(path, _Chunks), [None])):
        assert block is not None
        ids, owners = places.take(block.count)
        vector_ids, symbols, starts, lines = (
            _unpacked_steps(data, block.count)
            for data in (block.vector_ids, block.symbols, block.start_bytes, block.start_lines)
        )
        sizes, more = (_unpacked(data, block.count) for data in (block.sizes, block.more_lines))
        _check("vectors of chunks", vector_ids, 0, MOST_ID)
        _check("places of chunks", starts, 0, MOST_ID)
        _check("places of chunks", sizes, 0, MOST_ID)
        _check("lines of chunks", lines)
        _check("lines of chunks", more, -_SMALL)
        _check("lines of chunks", lines + more)
        if np.any((symbols < 0) | (symbols > owners[:, 2])):
            raise damaged("its chunks are of symbols that are not there")
        of = np.where(symbols > 0, owners[:, 1] + symbols - 1, 0)
        others = [[number or None for number in column.tolist()] for column in (vector_ids, of)]
        # A name in a line that two chunks share is in the second, which may be in the block that follows.
        end = lines[:0]
        if following is not None and places.is_within:
            end = _unpacked_steps(following.start_lines, following.count)[:1]
        of_kinds = _kinds(ask, owners, of, lines, lines + more, end)
        numbers = [column.tolist() for column in (starts, starts + sizes, lines, lines + more, of_kinds)]
        _insert(put, "chunks", [ids.tolist(), owners[:, 0].tolist(), *others, *numbers])
    places.end()


def _kinds(ask: Ask, owners: Ints, of: Ints, first_lines: Ints, last_lines: Ints, end: Ints) -> Ints:
    """Of chunks the kinds of definitions in them: of the files `owners`, and of these symbols. `end`: the first line of
    the chunk that follows them in the last file, if there is one."""
    having = owners[owners[:, 2] > 0]  # the others say 0 for their first one
    first, last = int(having[:, 1].min(initial=MOST_ID)), int((having[:, 1] + having[:, 2]).max(initial=0))
    rows = ask(f"SELECT id, file_id, start_line + name_below, kind FROM symbols WHERE id >= {first} AND id < {last}")
    names = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 4).T
    own = np.zeros(len(of), np.int64)
    if len(names[0]):
        at = np.minimum(np.searchsorted(names[0], of), len(names[0]) - 1)
        own = np.where(names[0][at] == of, names[3][at], 0)
    files = np.append(owners[:, 0], owners[-1:, 0][: len(end)])
    chunks = files, np.append(first_lines, end), np.append(last_lines, end)
    return masks(chunks, np.append(own, 0 * end), (names[1], names[2], names[3]))[: len(of)]


def _check(what: str, numbers: Ints, least: int = 0, most: int = _SMALL - 1) -> None:
    if len(numbers) and not least <= int(numbers.min()) <= int(numbers.max()) <= most:
        raise damaged(f"the {what} cannot be")


def _read(path: Path, kind: type[B]) -> Iterator[B]:
    decoder = msgspec.msgpack.Decoder(kind)
    with mapped_errors(path), path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else MOST_BLOCK_BYTES + 1
            data = file.read(length) if length <= MOST_BLOCK_BYTES else b""
            if len(data) != length:
                raise damaged(f"its {path.name} are cut, or too long")
            try:
                yield decoder.decode(data)
            except msgspec.MsgspecError as error:
                raise damaged(f"its {path.name} cannot be read: {error}"[:200]) from None


def _insert(put: Put, table: str, columns: Sequence[Sequence[Any]]) -> None:
    """Rows of these columns: many with each statement."""
    left, values = len(columns[0]), chain.from_iterable(zip(*columns, strict=True))
    row = f"({','.join('?' * len(columns))})"
    while left:
        count = min(left, _AT_ONCE)
        put(f"INSERT INTO {table} VALUES {','.join([row] * count)}", tuple(islice(values, count * len(columns))))
        left -= count


class _Places:
    """Which ids the symbols or chunks have that follow: those of one file after the other, as the files say."""

    def __init__(self, ask: Ask, what: str) -> None:
        self._what = what
        places = f"SELECT id, first_symbol_id, symbols, first_{what}_id, {what}s FROM files WHERE {what}s > 0"
        self._files = iter(ask(f"{places} ORDER BY first_{what}_id"))
        self._rest: tuple[int, int, int, int, int] | None = None
        self._first = self._last = 0

    def take(self, count: int) -> tuple[Ints, Ints]:
        """Of so many more: the ids; and (id, first symbol, symbols) of the file of each. BundleError."""
        taken: list[tuple[int, int, int, int, int]] = []
        while count > 0:
            file_id, symbol, symbols, first, left = self._rest or self._following()
            part = min(left, count)
            taken.append((file_id, symbol, symbols, first, part))
            self._rest = (file_id, symbol, symbols, first + part, left - part) if part < left else None
            count -= part
        table = np.array(taken, np.int64).reshape(-1, 5)
        counts = table[:, 4]
        before = np.cumsum(counts) - counts
        return np.repeat(table[:, 3] - before, counts) + np.arange(counts.sum()), np.repeat(
            table[:, :3], counts, axis=0
        )

    @property
    def is_within(self) -> bool:
        """Whether the file of the last one has more."""
        return self._rest is not None

    def blocks(self, count: int) -> list[tuple[int, int, int]]:
        """Of so many more symbols, the blocks of their details: (first symbol, from which of these on, up to
        which). BundleError."""
        found, at = [], 0
        while at < count:
            file_id, symbol, symbols, first, left = self._rest or self._following()
            size = min(BLOCK, left)
            found.append((first, at, at + size))
            self._rest = (file_id, symbol, symbols, first + size, left - size) if size < left else None
            at += size
        if at > count:
            raise damaged("details of symbols are cut")
        return found

    def _following(self) -> tuple[int, int, int, int, int]:
        found: tuple[int, int, int, int, int] | None = next(self._files, None)
        if found is None:
            raise damaged(f"it has more {self._what}s than its files")
        *_, first, count = found
        self._first = self._first or first
        if first <= self._last or first + count > min(MOST_ID, self._first + MOST_SPAN):
            raise damaged(f"its files have {self._what}s of impossible ids")
        self._last = first + count - 1
        return found

    def end(self) -> None:
        """There are no more. BundleError when there should be."""
        if self._rest or next(self._files, None):
            raise damaged(f"it has fewer {self._what}s than its files")
