"""Which kinds of definitions a chunk is one of, or has the names of in it: a number with a bit for each.

A search that is narrowed to kinds takes the chunks that have one of their bits, and need not look at a definition.

Invariant: pure but for `fill`; lines count from 0, and chunks come in the order of their places.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lowtide.models import SymbolKind

Ints = npt.NDArray[np.int64]
_BLOCK_FILES = 256
_FILES = (
    "SELECT id, first_chunk_id, chunks, first_symbol_id, symbols FROM files"
    " WHERE chunks > 0 AND symbols > 0 AND id > ? ORDER BY id LIMIT ?"
)
_CHUNKS = (
    "SELECT c.start_line, c.end_line, coalesce(s.kind, 0) FROM chunks c LEFT JOIN symbols s ON s.id = c.symbol_id"
    " WHERE c.id BETWEEN ? AND ? ORDER BY c.id"
)
_NAMES = "SELECT start_line + name_below, kind FROM symbols WHERE id BETWEEN ? AND ?"
_LINE_BITS = 32


class Connection(Protocol):
    """SQLite's."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any: ...


def mask_of(kinds: Iterable[SymbolKind]) -> int:
    """The bits of these kinds."""
    return sum(1 << kind for kind in set(kinds))


def masks(chunks: tuple[Ints, Ints, Ints], own: Ints, names: tuple[Ints, Ints, Ints]) -> Ints:
    """Of each chunk the kinds of the definitions that have their name in it, and its own.

    `chunks`: files, first lines, last lines; `own`: the kind of each chunk's definition, 0 for none; `names`: files,
    lines and kinds of definitions, in any order. Of chunks that share a line a name is in the last.
    """
    files, firsts, lasts = chunks
    found = np.where(own > 0, 1 << own, 0)
    if not len(found):
        return found
    named_files, lines, kinds = names
    keys = (files << _LINE_BITS) + firsts
    order = np.argsort(keys, kind="stable")
    after = np.searchsorted(keys[order], (named_files << _LINE_BITS) + lines, side="right")
    places = order[np.maximum(after - 1, 0)]
    inside = (files[places] == named_files) & (firsts[places] <= lines) & (lines <= lasts[places])
    np.bitwise_or.at(found, places[inside], 1 << kinds[inside])
    return found


def masks_of_file(chunks: Iterable[tuple[int, int, int]], names: Iterable[tuple[int, int]]) -> list[int]:
    """The same of one file, a third of the cost where it is short. `chunks`: first line, last line, own kind; `names`:
    lines and kinds."""
    firsts, lasts, owns = zip(*chunks, strict=True)
    found = [1 << own if own else 0 for own in owns]
    for line, kind in names:
        at = bisect_right(firsts, line) - 1
        if at >= 0 and line <= lasts[at]:
            found[at] |= 1 << kind
    return found


def fill(db: Connection) -> None:
    """Of every chunk of a catalog. `chunks.kinds` is there, and says nothing yet."""
    after = 0
    while files := db.execute(_FILES, (after, _BLOCK_FILES)).fetchall():
        after = files[-1][0]
        for chunk_id, count, symbol_id, symbols in (row[1:] for row in files):
            last = chunk_id + count - 1
            chunks = db.execute(_CHUNKS, (chunk_id, last)).fetchall()
            names = db.execute(_NAMES, (symbol_id, symbol_id + symbols - 1))
            rows = zip(masks_of_file(chunks, names), range(chunk_id, last + 1), strict=True)
            db.executemany("UPDATE chunks SET kinds = ? WHERE id = ?", rows)
