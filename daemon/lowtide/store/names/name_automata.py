"""Shift-And automata over many names at once, column by column: which names match, in which band, how well.

A state has a bit for each character of the query; bit j is set when the query up to j is matched. Names stand in the
columns of a matrix, so that each step works on one character of every name. A state moves on by doubling, which numpy
does many at a time, other than shifting.
Source: R. Baeza-Yates and G. Gonnet, "A new approach to text searching" (1992).

Invariant: bands and qualities are those of `core.match`, but for beginnings, which count as words here.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lowtide.core.match import FEW_PIECES_QUALITY, MOST_PIECES, SAME_START_QUALITY, Band, clean_query, fold
from lowtide.store.names.name_rows import BEGINS, FOLD, HAS, START, WIDE, Bytes, pair_bits

States = npt.NDArray[np.unsignedinteger[Any]]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

_IS_START = bytes(255 if code >= START else 0 for code in range(256))
_UNMARKED = bytes(code & 0x7F for code in range(256))


_COLUMNS_AT_ONCE = 4
"""Turned into states at once: what that takes is small enough for the heap, so that no pages are asked for."""
MOST_SCRATCH_BYTES = 256 << 10
"""Of one kind; what needs more, long names, is rare."""


class Scratch:
    """Memory that one search after the other works in: to be given fresh pages costs more than the work in them."""

    def __init__(self) -> None:
        self._blocks: dict[str, Bytes] = {}

    def of(self, purpose: str, shape: tuple[int, ...], kind: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array with anything in it, which lasts until the next for the same purpose."""
        size = math.prod(shape) * np.dtype(kind).itemsize
        block = self._blocks.get(purpose)
        if block is None or len(block) < size:
            block = np.empty(size, np.uint8)
            if size <= MOST_SCRATCH_BYTES:
                self._blocks[purpose] = block
        return block[:size].view(kind).reshape(shape)

    @property
    def size_bytes(self) -> int:
        return sum(len(block) for block in tuple(self._blocks.values()))


class Query:
    """A query's bytes, what it needs a name to have, and for each byte of a name the query characters it matches."""

    def __init__(self, query: str) -> None:
        self.text = text = clean_query(query)
        self.length = len(text)
        self.is_plain = text.isascii() and text.isprintable()
        self.codes = np.array(_codes(text), np.uint8)
        self.folded = bytes(_codes(fold(text)))
        folded = np.frombuffer(self.folded, np.uint8)
        self.needs = np.bitwise_or.reduce(HAS[folded]) if text else np.uint64(0)
        self.begins = BEGINS[folded]
        """For each character the mask's bit that says that it begins a word; 0 where there is no such bit."""
        self.pairs = pair_bits(folded[:-1], folded[1:])
        self.kind: type[np.unsignedinteger[Any]] = next(
            (kind for kind in (np.uint8, np.uint16, np.uint32) if self.length <= np.iinfo(kind).bits), np.uint64
        )
        self.end = self.kind(1 << (min(self.length, 64) - 1)) if text else self.kind(0)
        self.tables = (
            _tables(self.folded, self.kind, FOLD.tobytes()),
            _tables(bytes(self.codes), self.kind, _UNMARKED),
        )


def _codes(text: str) -> list[int]:
    return [ord(character) if 0x20 <= ord(character) < 0x7F else WIDE for character in text]


def _tables(wanted: bytes, kind: type[np.unsignedinteger[Any]], characters: bytes) -> list[bytes]:
    """For `bytes.translate`: one table for each byte of a state."""
    by_character: dict[int, int] = {}
    for index, character in enumerate(wanted[:64]):
        by_character[character] = by_character.get(character, 0) | 1 << index
    bits = [by_character.get(character, 0) for character in characters]
    return [bytes(bit >> shift & 0xFF for bit in bits) for shift in range(0, np.iinfo(kind).bits, 8)]


class Block:
    """Names turned on their side: `here[c]` are the query characters that character c of each name matches."""

    def __init__(self, columns: Bytes, here: States, query: Query) -> None:
        self._columns = columns
        self._here = here
        self._query = query
        self._one = query.kind(1)

    @classmethod
    def of(cls, matrix: Bytes, query: Query, scratch: Scratch, *, exact_case: bool) -> Self:
        """From rows (names, characters). It holds until the next one is made in the same `scratch`."""
        shape = matrix.shape[1], matrix.shape[0]
        columns = scratch.of("columns", shape, np.uint8)
        np.copyto(columns, matrix.T)
        here: States = scratch.of("states", shape, query.kind)
        for start in range(0, len(columns), _COLUMNS_AT_ONCE):
            some = slice(start, start + _COLUMNS_AT_ONCE)
            data = columns[some].tobytes()
            for shift, table in enumerate(query.tables[exact_case]):
                bits = np.frombuffer(data.translate(table), np.uint8).reshape(-1, shape[1])
                if shift:
                    here[some] |= bits.astype(query.kind) << query.kind(8 * shift)
                else:
                    here[some] = bits
        return cls(columns, here, query)

    def keep(self, names: Places) -> Block:
        """Some of the names."""
        return Block(self._columns.take(names, axis=1), self._here.take(names, axis=1), self._query)

    def _starts(self) -> States:
        """Every bit where a word begins."""
        marks = np.frombuffer(self._columns.tobytes().translate(_IS_START), np.int8).reshape(self._columns.shape)
        # -1, widened with its sign, is every bit.
        return marks.astype(np.dtype(f"i{self._here.itemsize}")).view(self._query.kind)

    def _zeros(self, count: int) -> list[States]:
        return [np.zeros(self._here.shape[1], self._query.kind) for _ in range(count)]

    def subsequences(self) -> Mask:
        """Names that have the characters in order."""
        ever, step = self._zeros(2)
        for here in self._here:
            np.add(ever, ever, out=step)
            step |= self._one
            step &= here
            ever |= step
        return self._done(ever)

    def words(self) -> Mask:
        """Names where pieces of the query begin words."""
        at, ever, entry = self._zeros(3)
        for here, starts in zip(self._here, self._starts(), strict=True):
            np.add(ever, ever, out=entry)
            entry |= self._one
            entry &= starts
            np.add(at, at, out=at)
            at |= entry
            at &= here
            ever |= at
        return self._done(ever)

    def substrings(self) -> Mask:
        """Names that have the query in one piece."""
        run, runs = self._zeros(2)
        for here in self._here:
            np.add(run, run, out=run)
            run |= self._one
            run &= here
            runs |= run
        return self._done(runs)

    def pieces(self) -> Scores:
        """How few pieces do, for names where pieces begin words; at most MOST_PIECES."""
        shape = (MOST_PIECES - 1, self._here.shape[1])
        at, ever, entry = (np.zeros(shape, self._query.kind) for _ in range(3))
        for here, starts in zip(self._here, self._starts(), strict=True):
            np.add(ever[:-1], ever[:-1], out=entry[1:])
            entry[0] = 1
            entry &= starts
            np.add(at, at, out=at)
            at |= entry
            at &= here
            ever |= at
        done = self._done(ever)
        return np.where(done.any(axis=0), done.argmax(axis=0) + 1, MOST_PIECES).astype(np.float64)

    def begins_alike(self) -> Mask:
        """Names that begin with the query's first character."""
        alike: Mask = (self._here[0] & self._one) != 0
        return alike

    def substring_ends(self) -> Scores:
        """In which column the first occurrence ends, for names that have the query in one piece."""
        (run,) = self._zeros(1)
        ends = np.full(len(run), -1, np.int16)
        for number, here in enumerate(self._here):
            np.add(run, run, out=run)
            run |= self._one
            run &= here
            ends[((run & self._query.end) != 0) & (ends < 0)] = number
        return ends.astype(np.float64)

    def spans(self) -> Scores:
        """How many characters lie between the first matched and the last, both included."""
        ever, step = self._zeros(2)
        before, until = (np.zeros(len(ever), np.uint8) for _ in range(2))  # no name has more than 255 characters
        flags = np.empty(len(ever), np.bool_)
        for here in self._here:
            before += np.equal(ever, 0, out=flags).view(np.uint8)
            until += np.less(ever, self._query.end, out=flags).view(np.uint8)
            np.add(ever, ever, out=step)
            step |= self._one
            step &= here
            ever |= step
        # `before` counts the column of the first match too, `until` that of the last.
        return until.astype(np.float64) - before + 1

    def _done(self, states: States) -> Mask:
        done: Mask = (states & self._query.end) != 0
        return done


def bands(block: Block, best: Band = Band.WORDS) -> tuple[Places, npt.NDArray[np.int64], Block]:
    """Which names match, in which bands, and the block of those alone."""
    matching = np.flatnonzero(block.subsequences())
    block = block.keep(matching)
    found = np.full(len(matching), Band.SUBSEQUENCE, np.int64)
    if best is not Band.SUBSEQUENCE:
        found[block.substrings()] = Band.SUBSTRING
    if best is Band.WORDS:
        found[block.words()] = Band.WORDS
    return matching, found, block


def scan(
    matrix: Bytes, lengths: Bytes, query: Query, scratch: Scratch, best: Band = Band.WORDS
) -> tuple[Places, npt.NDArray[np.int64], Scores]:
    """Names (rows of `matrix`) that match, with their bands and qualities; none may be able to be in a better band than
    `best`."""
    matching, found, block = bands(Block.of(matrix, query, scratch, exact_case=False), best)
    qualities = np.zeros(len(matching))
    for band in (Band.WORDS, Band.SUBSTRING, Band.SUBSEQUENCE):
        own = np.flatnonzero(found == band)
        if not len(own):
            continue
        part = block.keep(own)
        if band is Band.WORDS:
            qualities[own] = FEW_PIECES_QUALITY / part.pieces() + SAME_START_QUALITY * part.begins_alike()
        elif band is Band.SUBSTRING:
            qualities[own] = 1.0 - (part.substring_ends() - query.length + 1) / lengths[matching[own]]
        else:
            qualities[own] = query.length / part.spans()
    return matching, found, qualities
