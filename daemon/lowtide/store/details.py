"""What only a definition that is shown needs of it (signature, documentation, columns), packed a block of symbols at a
time.

A block holds at most BLOCK symbols of one file, which follow each other; it is kept under the id of its first.
Layout (docs/formats.md): zlib of the msgpack of four lists, an item a symbol. In a signature the symbol's name, which
its row has, is one zero byte.

Invariant: what cannot be unpacked, has impossible columns, or would take more memory than a block may, is
DamagedBlock.
Threads: any; nothing is kept.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec

from lowtide.wire import SymbolColumns

BLOCK = 32
"""Symbols: fewer pack worse, more take longer to read for one of them (decision 14)."""
MOST_BLOCK_BYTES = 1 << 20
"""Unpacked: six times what the longest signatures and documentation take."""
_LEVEL = 1
_NAME, _PLAIN = "\0", "\0\0"
"""Where the name stands; what a signature begins with that has zeros of its own, and so is as it was."""


class DamagedBlock(Exception):
    """These bytes are not a block."""


class Details(NamedTuple):
    """Of one symbol; columns count from 0."""

    signature: str
    doc: str
    start_column: int
    end_column: int


NO_DETAILS = Details("", "", 0, 0)


_Column = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]


class _Block(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True, gc=False):
    signatures: list[str]
    docs: list[str]
    start_columns: list[_Column]
    end_columns: list[_Column]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Block)


def pack_block(rows: Sequence[SymbolColumns]) -> bytes:
    """The bytes of one block."""
    signatures = [_without_name(row[9], row[0]) for row in rows]
    columns = (signatures, [row[10] for row in rows], [row[4] for row in rows], [row[6] for row in rows])
    return zlib.compress(_encoder.encode(columns), _LEVEL)


def unpack_block(packed: bytes) -> tuple[list[str], list[str], list[int], list[int]]:
    """What a block holds: signatures, as they are kept, documentation, first columns, last columns. DamagedBlock."""
    return msgspec.structs.astuple(_decoded(_inflated(packed)))


def pack_columns(signatures: list[str], docs: list[str], starts: list[int], ends: list[int]) -> bytes:
    """The bytes of the block of which `unpack_block` gives this. DamagedBlock when it would be too long."""
    data = _encoder.encode((signatures, docs, starts, ends))
    if len(data) > MOST_BLOCK_BYTES:
        raise DamagedBlock("it is too long")
    return zlib.compress(data, _LEVEL)


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, MOST_BLOCK_BYTES)
    except zlib.error as error:
        raise DamagedBlock(str(error)) from error
    if not unpacker.eof or unpacker.unused_data:
        raise DamagedBlock("it is cut, or too long")
    return data


def _decoded(data: bytes) -> _Block:
    try:
        rows = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise DamagedBlock(str(error)) from error
    if not len(rows.signatures) == len(rows.docs) == len(rows.start_columns) == len(rows.end_columns):
        raise DamagedBlock("its lists are not of one length")
    return rows


class Block:
    """An unpacked block. DamagedBlock."""

    def __init__(self, packed: bytes) -> None:
        self._rows = _decoded(_inflated(packed))

    def __len__(self) -> int:
        return len(self._rows.signatures)

    def of(self, number: int, name: str) -> Details:
        """Those of one symbol, by its number in the block and its name. DamagedBlock."""
        rows = self._rows
        if not 0 <= number < len(self):
            raise DamagedBlock("a symbol is not in it")
        signature = _with_name(rows.signatures[number], name)
        return Details(signature, rows.docs[number], rows.start_columns[number], rows.end_columns[number])


def _without_name(signature: str, name: str) -> str:
    if _NAME in signature:
        return _PLAIN + signature
    return signature.replace(name, _NAME, 1) if name else signature


def _with_name(packed: str, name: str) -> str:
    if packed.startswith(_PLAIN):
        return packed[len(_PLAIN) :]
    return packed.replace(_NAME, name, 1)
