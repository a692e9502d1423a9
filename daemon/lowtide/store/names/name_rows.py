"""Symbol names as arrays: each distinct name once, with the symbols that bear it.

A name is a row of bytes, one a character, in the matrix of its width; the highest bit says that a word begins there. A
character that is not printable ASCII is the byte 1, and the true spelling of such a name (it is called wide) stands
apart. Rows of one width are sorted by folded name, then by capitals, so that beginnings are found by bisection.

Invariant: rows are built and merged in bounded blocks; a NameRows never changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.core.match import MOST_NAME_CHARACTERS, word_starts

Bytes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.int64]
Keep = Callable[[Ids], npt.NDArray[np.bool_]]

WIDTHS = (16, 32, 64, MOST_NAME_CHARACTERS)
START = 0x80
WIDE = 1
"""The byte of a character that is not printable ASCII."""
MERGE_ROWS = 16_384

_ASCII = np.arange(256, dtype=np.uint8) & 0x7F
_CHARACTERS = [chr(code) for code in _ASCII]
UPPER = np.array([character.isupper() for character in _CHARACTERS])
_LOWER = np.array([character.islower() for character in _CHARACTERS])
_DIGIT = np.array([character.isdigit() for character in _CHARACTERS])
_ALNUM = UPPER | _LOWER | _DIGIT
FOLD = np.array([ord(character.lower()) for character in _CHARACTERS], np.uint8)


def _bits(first_letter: int, *, others: bool) -> npt.NDArray[np.uint64]:
    bits = np.zeros(256, np.uint64)
    for code, character in enumerate(_CHARACTERS):
        if character.isalpha():
            bits[code] = 1 << (first_letter + ord(character.lower()) - ord("a"))
        elif others and character.isdigit():
            bits[code] = 1 << (52 + int(character))
        elif others and code & 0x7F:
            bits[code] = 1 << (62 if character == "_" else 63)
    return bits


HAS = _bits(0, others=True)
"""A name's mask: bits 0 to 25 for the letters it has, 52 to 61 digits, 62 `_`, 63 anything else ..."""
BEGINS = _bits(26, others=False)
"""... and 26 to 51 for the letters that begin a word."""
_MASKS = np.where(np.arange(256) >= START, HAS | BEGINS, HAS)
"""The bits of a byte of a row."""


def pair_bits(first: Bytes, second: Bytes) -> npt.NDArray[np.uint64]:
    """The bit, of 64, of two neighbouring characters, folded; other pairs share it."""
    places = (first * np.uint8(37) + second * np.uint8(11)) >> np.uint8(2)
    return np.uint64(1) << (places & np.uint8(63)).astype(np.uint64)


class NameRows(msgspec.Struct, frozen=True):
    """Distinct names, widths one after the other; `offsets[row]` to `offsets[row + 1]` are the row's symbols.

    Shapes: matrices (names of that width, width); masks, pairs, lengths (names,); offsets (names + 1,); ids, kinds
    (symbols,). `ids` count from `first_id`, ascending in a row.
    """

    first_id: int
    matrices: tuple[Bytes, ...]
    masks: npt.NDArray[np.uint64]
    pairs: npt.NDArray[np.uint64]
    lengths: Bytes
    offsets: npt.NDArray[np.uint32]
    ids: npt.NDArray[np.uint32]
    kinds: Bytes
    wide_rows: npt.NDArray[np.uint32]
    wide_offsets: npt.NDArray[np.uint32]
    wide_text: Bytes

    @property
    def bounds(self) -> list[int]:
        """The first row of each width, and the number of rows."""
        return list(accumulate((len(matrix) for matrix in self.matrices), initial=0))

    @property
    def anonymous_bytes(self) -> int:
        """What the arrays take, when they are in memory."""
        arrays: tuple[npt.NDArray[Any], ...] = (
            *self.matrices,
            self.masks,
            self.pairs,
            self.lengths,
            self.offsets,
            self.ids,
            self.kinds,
            self.wide_rows,
            self.wide_offsets,
            self.wide_text,
        )
        return sum(array.nbytes for array in arrays)

    def wide_name(self, number: int) -> str:
        """The spelling of the wide name with this number."""
        return bytes(self.wide_text[self.wide_offsets[number] : self.wide_offsets[number + 1]]).decode(
            "utf-8", "replace"
        )


def make_rows(symbols: Sequence[tuple[int, str, int]]) -> NameRows:
    """Rows of (id, name, kind) with ascending ids. About 2 µs a symbol; empty names are left out."""
    chunks = merge_chunks([_unsorted_rows(symbols)], presorted=False)
    return join_chunks(list(chunks), symbols[0][0] if symbols else 0)


def merge_rows(parts: Sequence[NameRows], keep: Keep | None = None) -> NameRows:
    """One from several, in memory; only symbols for whose ids `keep` is true."""
    return join_chunks(list(merge_chunks(parts, keep)), min((part.first_id for part in parts), default=0))


class Chunk(msgspec.Struct, frozen=True):
    """A run of merged rows of one width, sorted; `counts` are symbols a row, `ids` are absolute."""

    width_index: int
    matrix: Bytes
    masks: npt.NDArray[np.uint64]
    pairs: npt.NDArray[np.uint64]
    lengths: Bytes
    counts: npt.NDArray[np.int64]
    ids: Ids
    kinds: Bytes
    wide: dict[int, str]
    """Row in this chunk -> spelling."""


def join_chunks(chunks: Sequence[Chunk], first_id: int) -> NameRows:
    """Chunks in order as rows."""
    counts = np.concatenate([np.zeros(1, np.int64), *(chunk.counts for chunk in chunks)])
    wide_rows: list[int] = []
    texts: list[bytes] = []
    place = 0
    for chunk in chunks:
        wide_rows += [place + row for row in chunk.wide]
        texts += [text.encode("utf-8", "replace") for text in chunk.wide.values()]
        place += len(chunk.matrix)
    matrices = tuple(
        np.concatenate([np.empty((0, width), np.uint8), *(c.matrix for c in chunks if c.width_index == index)])
        for index, width in enumerate(WIDTHS)
    )
    return NameRows(
        first_id,
        matrices,
        np.concatenate([np.empty(0, np.uint64), *(chunk.masks for chunk in chunks)]),
        np.concatenate([np.empty(0, np.uint64), *(chunk.pairs for chunk in chunks)]),
        np.concatenate([np.empty(0, np.uint8), *(chunk.lengths for chunk in chunks)]),
        np.cumsum(counts).astype(np.uint32),
        np.concatenate([np.empty(0, np.uint32), *((chunk.ids - first_id).astype(np.uint32) for chunk in chunks)]),
        np.concatenate([np.empty(0, np.uint8), *(chunk.kinds for chunk in chunks)]),
        np.array(wide_rows, np.uint32),
        np.cumsum([0, *map(len, texts)]).astype(np.uint32),
        np.frombuffer(b"".join(texts), np.uint8),
    )


def merge_chunks(parts: Sequence[NameRows], keep: Keep | None = None, *, presorted: bool = True) -> Iterator[Chunk]:
    """The rows of all parts, sorted, equal names joined, in chunks of about MERGE_ROWS."""
    wide = [dict(zip(part.wide_rows.tolist(), range(len(part.wide_rows)), strict=True)) for part in parts]
    bounds = [part.bounds for part in parts]
    for index in range(len(WIDTHS)):
        starts = [bound[index] for bound in bounds]
        ends = [bound[index + 1] for bound in bounds]
        cuts = _cuts(parts, index, wide, starts, ends) if presorted else []
        for upper in [*cuts, ends]:
            pieces = [
                _Piece(part, number, index, start, end)
                for number, (part, start, end) in enumerate(zip(parts, starts, upper, strict=True))
                if end > start
            ]
            if pieces:
                chunk = _merge_pieces(pieces, wide, keep)
                if len(chunk.matrix):
                    yield chunk
            starts = upper


class _Piece(msgspec.Struct, frozen=True):
    part: NameRows
    number: int
    index: int
    start: int
    end: int

    @property
    def matrix(self) -> Bytes:
        base = self.part.bounds[self.index]
        return self.part.matrices[self.index][self.start - base : self.end - base]


def _merge_pieces(pieces: Sequence[_Piece], wide: Sequence[dict[int, int]], keep: Keep | None) -> Chunk:
    keys = np.concatenate([_keys(piece, wide[piece.number]) for piece in pieces])
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_new = np.ones(len(ordered), np.bool_)
    is_new[1:] = ordered[1:] != ordered[:-1]
    group_of_row = np.empty(len(keys), np.int64)
    group_of_row[order] = np.cumsum(is_new) - 1
    firsts = order[is_new]

    counts = np.concatenate(
        [np.diff(piece.part.offsets[piece.start : piece.end + 1].astype(np.int64)) for piece in pieces]
    )
    groups = np.repeat(group_of_row, counts)
    ids = np.concatenate([piece.part.ids[_symbols(piece)].astype(np.int64) + piece.part.first_id for piece in pieces])
    kinds = np.concatenate([piece.part.kinds[_symbols(piece)] for piece in pieces])
    if keep is not None:
        kept = keep(ids)
        groups, ids, kinds = groups[kept], ids[kept], kinds[kept]
    by_group = np.lexsort((ids, groups))
    group_counts = np.bincount(groups, minlength=len(firsts)).astype(np.int64)
    alive = group_counts > 0
    firsts = firsts[alive]

    def gather(arrays: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
        return np.concatenate(arrays)[firsts]

    spellings = _spellings(pieces, wide)
    return Chunk(
        pieces[0].index,
        gather([piece.matrix for piece in pieces]),  # type: ignore[arg-type]
        gather([piece.part.masks[piece.start : piece.end] for piece in pieces]),  # type: ignore[arg-type]
        gather([piece.part.pairs[piece.start : piece.end] for piece in pieces]),  # type: ignore[arg-type]
        gather([piece.part.lengths[piece.start : piece.end] for piece in pieces]),  # type: ignore[arg-type]
        group_counts[alive],
        ids[by_group],
        kinds[by_group],
        {row: spellings[place] for row, place in enumerate(firsts.tolist()) if place in spellings} if spellings else {},
    )


def _symbols(piece: _Piece) -> slice:
    return slice(int(piece.part.offsets[piece.start]), int(piece.part.offsets[piece.end]))


def _spellings(pieces: Sequence[_Piece], wide: Sequence[dict[int, int]]) -> dict[int, str]:
    """Place in the concatenated pieces -> the spelling of a wide name."""
    spellings: dict[int, str] = {}
    place = 0
    for piece in pieces:
        names = wide[piece.number]
        low, high = np.searchsorted(piece.part.wide_rows, (piece.start, piece.end))
        for row in piece.part.wide_rows[low:high].tolist():
            spellings[place + row - piece.start] = piece.part.wide_name(names[row])
        place += piece.end - piece.start
    return spellings


def _keys(piece: _Piece, wide: dict[int, int]) -> npt.NDArray[np.bytes_]:
    """What rows are sorted by and told apart by: the folded name, its capitals, and of a wide name a hash."""
    matrix = piece.matrix
    rows, width = matrix.shape
    key = np.zeros((rows, width + (width + 7) // 8 + 8), np.uint8)
    key[:, :width] = FOLD[matrix]
    key[:, width:-8] = np.packbits(UPPER[matrix], axis=1)
    low, high = np.searchsorted(piece.part.wide_rows, (piece.start, piece.end))
    for row in piece.part.wide_rows[low:high].tolist():
        spelling = piece.part.wide_name(wide[row]).encode()
        key[row - piece.start, -8:] = np.frombuffer(hashlib.blake2b(spelling, digest_size=8).digest(), np.uint8)
    return key.view(f"S{key.shape[1]}").ravel()


def _cuts(
    parts: Sequence[NameRows], index: int, wide: Sequence[dict[int, int]], starts: list[int], ends: list[int]
) -> list[list[int]]:
    """Where to cut every part so that what lies between two cuts is about MERGE_ROWS, and equal names stay together."""
    total = sum(ends) - sum(starts)
    if total <= 2 * MERGE_ROWS:
        return []
    step = max(64, MERGE_ROWS // len(parts))

    def keys(number: int, rows: range) -> npt.NDArray[np.bytes_]:
        pieces = [_Piece(parts[number], number, index, row, row + 1) for row in rows]
        return np.concatenate([_keys(piece, wide[number]) for piece in pieces]) if pieces else np.empty(0, "S1")

    samples = [keys(number, range(starts[number], ends[number], step)) for number in range(len(parts))]
    pivots = np.sort(np.concatenate(samples))[len(parts) :: len(parts)]
    cuts = []
    for pivot in pivots:
        cut = []
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            # The sample before the pivot, and then the row among those up to the next sample.
            low = start + max(0, int(np.searchsorted(samples[number], pivot)) - 1) * step
            high = min(end, low + step + 1)
            piece = _Piece(parts[number], number, index, low, high)
            cut.append(low + int(np.searchsorted(_keys(piece, wide[number]), pivot)) if high > low else low)
        cuts.append(cut)
    return cuts


def _unsorted_rows(symbols: Sequence[tuple[int, str, int]]) -> NameRows:
    """Rows of distinct names in no order, still to be sorted by a merge."""
    numbers: dict[str, int] = {}
    symbol_names = [numbers.setdefault(name[:MOST_NAME_CHARACTERS], len(numbers)) for _, name, _ in symbols]
    names = list(numbers)
    lengths = np.fromiter(map(len, names), np.int64, len(names))
    text = np.frombuffer("".join(names).encode("ascii", "replace"), np.uint8)
    places = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    odd = np.flatnonzero((text < 0x20) | (text == 0x7F))
    odd_names = set((np.searchsorted(places, odd, side="right") - 1).tolist())
    if len(odd_names) < len(names):
        odd_names |= {number for number, name in enumerate(names) if not name.isascii()}

    matrices, rows_of_width = [], []
    floor = 0
    for width in WIDTHS:
        numbers_here = np.flatnonzero((lengths > floor) & (lengths <= width))
        matrices.append(_matrix(text, places, lengths, numbers_here, width))
        rows_of_width.append(numbers_here)
        floor = width
    row_names = np.concatenate(rows_of_width)
    wide_rows = [row for row, number in enumerate(row_names.tolist()) if number in odd_names] if odd_names else []
    for row in wide_rows:
        _write_wide(matrices, row, names[row_names[row]])
    texts = [names[row_names[row]].encode("utf-8", "replace") for row in wide_rows]

    row_of_name = np.full(len(names), -1, np.int64)
    row_of_name[row_names] = np.arange(len(row_names))
    rows = row_of_name[np.array(symbol_names, np.int64)] if symbols else np.empty(0, np.int64)
    order = np.argsort(rows, kind="stable")
    order = order[np.searchsorted(rows[order], 0) :]
    first_id = symbols[0][0] if symbols else 0
    ids = np.fromiter((symbol[0] for symbol in symbols), np.int64, len(symbols)) - first_id
    kinds = np.fromiter((symbol[2] for symbol in symbols), np.uint8, len(symbols))
    return NameRows(
        first_id,
        tuple(matrices),
        np.concatenate([_masks(matrix) for matrix in matrices]),
        np.concatenate([_pairs(matrix) for matrix in matrices]),
        lengths[row_names].astype(np.uint8),
        np.concatenate([[0], np.cumsum(np.bincount(rows[order], minlength=len(row_names)))]).astype(np.uint32),
        ids[order].astype(np.uint32),
        kinds[order],
        np.array(wide_rows, np.uint32),
        np.cumsum([0, *map(len, texts)]).astype(np.uint32),
        np.frombuffer(b"".join(texts), np.uint8),
    )


def _matrix(text: Bytes, places: Ids, lengths: Ids, numbers: Ids, width: int) -> Bytes:
    """The names with these numbers, padded with zeros, with the starts of words marked as `core.match.word_starts`
    does."""
    columns = np.arange(width)
    inside = columns < lengths[numbers][:, None]
    matrix = np.zeros((len(numbers), width + 2), np.uint8)
    # One column of zeros before and behind, so that every character has neighbours.
    body = matrix[:, 1:-1]
    if len(numbers):
        body[inside] = text[(places[numbers][:, None] + columns)[inside]]
    upper, digit, alnum = UPPER[matrix], _DIGIT[matrix], _ALNUM[matrix]
    lower_after = _LOWER[matrix[:, 2:]]
    starts = (
        ~(alnum[:, :-2] & alnum[:, 1:-1])
        | (digit[:, :-2] != digit[:, 1:-1])
        | (upper[:, 1:-1] & (~upper[:, :-2] | lower_after))
    )
    return np.where(inside & starts, body | START, body)


def _write_wide(matrices: Sequence[Bytes], row: int, name: str) -> None:
    for matrix in matrices:
        if row < len(matrix):
            break
        row -= len(matrix)
    codes = [ord(character) if 0x20 <= ord(character) < 0x7F else WIDE for character in name]
    marked = [code | START if start else code for code, start in zip(codes, word_starts(name), strict=True)]
    matrix[row, : len(marked)] = marked


def _masks(matrix: Bytes) -> npt.NDArray[np.uint64]:
    masks: npt.NDArray[np.uint64] = np.bitwise_or.reduce(_MASKS[matrix], axis=1)
    return masks


def _pairs(matrix: Bytes) -> npt.NDArray[np.uint64]:
    folded = FOLD[matrix]
    second = folded[:, 1:]
    bits: npt.NDArray[np.uint64] = np.bitwise_or.reduce(
        pair_bits(folded[:, :-1], second), axis=1, where=second != 0, initial=0
    )
    return bits
