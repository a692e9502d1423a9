"""Columns of a bundle that somebody made who means ill: none of it becomes a row."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.worker.bundling import FILES, SYMBOLS, refused, repack
from tests.worker.bundling import bundle as bundle
from tests.worker.bundling import exported as exported
from tests.worker.bundling import tree as tree

# Part, item of its block, and what it becomes.
HOSTILE_COLUMNS: dict[str, tuple[str, int, Callable[[Any], Any]]] = {
    "no rows": ("symbols", 0, lambda _: 0),
    "more rows than a block has": ("symbols", 0, lambda _: 1 << 20),
    "a name less": ("symbols", 1, lambda texts: [texts[0], texts[1][1:].partition(texts[0])[2]]),
    "bytes for a name": ("symbols", 1, lambda texts: [texts[0], texts[1].encode() + b"\xff"]),
    "a long name": ("symbols", 1, lambda texts: [texts[0], "x" * 3_000_000 + texts[1]]),
    "nothing between names": ("symbols", 1, lambda texts: ["", texts[1]]),
    "a container more": ("symbols", 2, lambda texts: [texts[0], texts[1] + texts[0]]),
    "no such kind": ("symbols", 3, lambda _: ints(4000)),
    "a kind below all": ("symbols", 3, lambda _: ints(-1)),
    "a line below all": ("symbols", 4, lambda _: ints(-5)),
    "a huge line": ("symbols", 5, lambda _: ints(1 << 60)),
    "lines that overflow": ("symbols", 5, lambda _: ints((1 << 63) - 1)),
    "a name before the first line": ("symbols", 6, lambda _: ints(-1 - (1 << 20))),
    "a column that cannot be": ("symbols", 7, lambda _: ints(1 << 31)),
    "numbers cut": ("symbols", 7, lambda data: data[:-1]),
    "no numbers": ("symbols", 7, lambda _: b""),
    "text for numbers": ("symbols", 7, lambda _: "many"),
    "a signature less": ("details", 1, lambda texts: [texts[0], texts[1].rpartition(texts[0])[0]]),
    "details of fewer symbols": ("details", 0, lambda count: count - 1),
    "a place of a signature that cannot be": ("details", 3, lambda _: ints(-1)),
    "an end of a signature that cannot be": ("details", 4, lambda _: ints(1 << 40)),
    "a vector that cannot be": ("chunks", 1, lambda _: ints(-1)),
    "a symbol of another file": ("chunks", 2, lambda _: ints(4000)),
    "a symbol below all": ("chunks", 2, lambda _: ints(-1)),
    "bytes before the first": ("chunks", 3, lambda _: ints(-1)),
    "fewer bytes than none": ("chunks", 4, lambda _: ints(-1)),
    "a line of a chunk that cannot be": ("chunks", 5, lambda _: ints(1 << 40)),
    "an end of a chunk that cannot be": ("chunks", 6, lambda _: ints(-(1 << 20))),
    "chunks that use no vector": ("chunks", 1, lambda _: ints(0)),
    "vectors of one id": ("addresses", 0, lambda _: ints(0)),
    "vectors of huge ids": ("addresses", 0, lambda _: ints(1 << 60)),
    "half an address": ("addresses", 1, lambda hashes: hashes[:-8]),
    "an address less": ("addresses", 1, lambda hashes: hashes[:-16]),
}


def ints(number: int) -> bytes:
    """So many rows as a block of the bundle of `tree` has, all of this number: 40 files of eight symbols each."""
    rows = FILES * SYMBOLS
    folded = (number << 1) ^ (number >> 63)
    return b"".join(bytes([(folded >> 8 * place) & 0xFF]) * rows for place in range(8))


def changed_block(part: str, item: int, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        data = (folder / part).read_bytes()
        block = msgspec.msgpack.decode(data[4:])
        block[item] = change(block[item])
        fresh = msgspec.msgpack.encode(block)
        (folder / part).write_bytes(len(fresh).to_bytes(4, "little") + fresh)

    return rewrite


@pytest.mark.parametrize("what", HOSTILE_COLUMNS)
def test_hostile_columns_are_refused(tree: Path, bundle: Path, tmp_path: Path, what: str) -> None:
    assert all(len(ints(number)) == FILES * SYMBOLS * 8 for number in (0, -1))
    hostile = repack(bundle, tmp_path / "hostile.lowtide", changed_block(*HOSTILE_COLUMNS[what]))
    assert refused(hostile, tree, tmp_path / "ours")


@pytest.mark.parametrize("what", ["cut", "longer", "twice", "noise", "another", "more than it is"])
@pytest.mark.parametrize("part", ["symbols", "details", "chunks", "addresses"])
def test_columns_that_are_none_are_refused(tree: Path, bundle: Path, tmp_path: Path, part: str, what: str) -> None:
    def change(folder: Path) -> None:
        data = (folder / part).read_bytes()
        fresh = msgspec.msgpack.encode([*msgspec.msgpack.decode(data[4:]), 7])
        (folder / part).write_bytes(
            {
                "cut": data[:-1],
                "longer": data + b"??",
                "twice": data + data,
                "noise": data[:4] + os.urandom(len(data) - 4),
                "another": len(fresh).to_bytes(4, "little") + fresh,
                "more than it is": b"\xff\xff\xff\xff" + data[4:],
            }[what]
        )

    assert "damaged" in refused(repack(bundle, tmp_path / "hostile.lowtide", change), tree, tmp_path / "ours")
