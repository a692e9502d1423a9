"""What only a definition that is shown needs of it (signature, documentation, columns), packed a block of symbols at a
time.

A block holds at most BLOCK symbols of one file, which follow each other; it is kept under the id of its first.
Layout (docs/formats.md): zlib of the msgpack of four lists, an item a symbol. In a signature the symbol's name, which
its row has, is one zero byte.

Invariant: what cannot be unpacked, or would take more memory than a block may, is DamagedBlock.
Threads: any; nothing is kept.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

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


class _Block(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True, gc=False):
    signatures: list[str]
    docs: list[str]
    start_columns: list[int]
    end_columns: list[int]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Block)


def pack_block(rows: Sequence[SymbolColumns]) -> bytes:
    """The bytes of one block."""
    signatures = [_without_name(row[9], row[0]) for row in rows]
    columns = (signatures, [row[10] for row in rows], [row[4] for row in rows], [row[6] for row in rows])
    return zlib.compress(_encoder.encode(columns), _LEVEL)


class Block:
    """An unpacked block. DamagedBlock."""

    def __init__(self, packed: bytes) -> None:
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(packed, MOST_BLOCK_BYTES)
            if not unpacker.eof or unpacker.unused_data:
                raise DamagedBlock("it is cut, or too long")
            rows = self._rows = _decoder.decode(data)
        except (zlib.error, msgspec.MsgspecError) as error:
            raise DamagedBlock(str(error)) from error
        if not len(rows.signatures) == len(rows.docs) == len(rows.start_columns) == len(rows.end_columns):
            raise DamagedBlock("its lists are not of one length")

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
