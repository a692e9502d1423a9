"""Fuzzy search over rows of names: the same answers and scores as `core.match`, thousands of names at a time.

First the beginnings, by bisection: when they fill the limit nothing else can be better. Then names that have all the
query's letters (one comparison of masks), column by column through Shift-And automata, a bit for each query character.

Invariant: `search` gives the best `limit` symbols there are, with the scores of `core.match`; equal scores in no
promised order. Temporary memory is bounded by BLOCK_ROWS, apart from one flag a name and the matches themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lowtide.core.match import (
    CASE_WEIGHT,
    COVERAGE_WEIGHT,
    FEW_PIECES_QUALITY,
    MOST_FUZZY_CHARACTERS,
    MOST_PIECES,
    PLAIN_PREFIX_QUALITY,
    QUALITY_WEIGHT,
    SAME_START_QUALITY,
    Band,
    clean_query,
    fold,
    match,
)  # fmt: skip
from lowtide.store.name_rows import FOLD, ONCE, START, TWICE, WIDE, WIDTHS, Bytes, Ids, NameRows

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
States = npt.NDArray[np.unsignedinteger[Any]]
Mask = npt.NDArray[np.bool_]

BLOCK_ROWS = 8_192


class NameIndex:
    """All symbol names of an index at one moment. `dead` holds sorted ids of symbols that are no more."""

    def __init__(self, parts: Sequence[NameRows], dead: Ids | None = None) -> None:
        self.parts = tuple(part for part in parts if len(part.masks))
        self._live = [_live_symbols(part, dead) for part in self.parts]

    def __len__(self) -> int:
        return sum(len(part.ids) for part in self.parts)

    def search(
        self,
        query: str,
        limit: int,
        kinds: Collection[int] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[tuple[int, float]]:
        """(symbol id, score) of the best matches, best first. An empty query matches nothing.

        `kinds`: only symbols of these kinds; None or empty for all. `cancelled` is asked between blocks, and ends the
        search with what was found so far.
        """
        prepared = _Query(clean_query(query))
        if not self.parts or not prepared.text or limit <= 0:
            return []
        return _Search(self.parts, self._live, prepared, limit, kinds, cancelled or _never).run()


def _never() -> bool:
    return False


def _live_symbols(part: NameRows, dead: Ids | None) -> Mask | None:
    if dead is None or not len(dead):
        return None
    low, high = np.searchsorted(dead, (part.first_id, part.first_id + (1 << 32)))
    if low == high:
        return None
    live: Mask = ~np.isin(part.ids, (dead[low:high] - part.first_id).astype(np.uint32), kind="sort")
    return live


class _Query:
    """The query's bytes, letters and automata."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.length = len(text)
        self.is_plain = text.isascii() and text.isprintable()
        codes = [ord(character) if 0x20 <= ord(character) < 0x7F else WIDE for character in text]
        self.codes = np.array(codes, np.uint8)
        self.folded = bytes(ord(c) if 0x20 <= ord(c) < 0x7F else WIDE for c in fold(text))
        need = 0
        for code in self.folded:
            need |= int(TWICE[code]) if need & int(ONCE[code]) else 0
            need |= int(ONCE[code])
        self.need = np.uint64(need)

    @property
    def state_type(self) -> type[np.unsignedinteger[Any]]:
        """The smallest that holds a bit for each character."""
        for kind in (np.uint8, np.uint16, np.uint32):
            if self.length <= np.iinfo(kind).bits:
                return kind
        return np.uint64

    def table(self, *, exact_case: bool) -> States:
        """For each byte of a row the bits of the query characters that it matches."""
        bits = [0] * 256
        for code in range(256):
            for index in range(self.length):
                wanted = int(self.codes[index]) if exact_case else self.folded[index]
                if wanted == (code & 0x7F if exact_case else int(FOLD[code])):
                    bits[code] |= 1 << index
        return np.array(bits, self.state_type)


@dataclass(slots=True)
class _Found:
    """Names that match: where they are, and their score without the part for capitals."""

    part: int
    rows: Rows
    bases: Scores
    case: Mask | None
    """Whether capitals agree, when it is known already."""


class _Search:
    def __init__(
        self, parts: Sequence[NameRows], live: Sequence[Mask | None], query: _Query, limit: int,
        kinds: Collection[int] | None, cancelled: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._parts = parts
        self._query = query
        self._limit = limit
        self._cancelled = cancelled
        self._wanted = [_wanted_symbols(part, alive, kinds) for part, alive in zip(parts, live, strict=True)]
        self._counts = [_counts(part, wanted) for part, wanted in zip(parts, self._wanted, strict=True)]
        self._stopped = False
        self._found: list[_Found] = []
        self._prefixes: list[list[tuple[int, int]]] = []

    def run(self) -> list[tuple[int, float]]:
        query = self._query
        if not query.is_plain or query.length > MOST_FUZZY_CHARACTERS:
            self._match_one_by_one()
            return self._expand()
        self._find_prefixes()
        if not self._stopped and sum(self._symbols(found) for found in self._found) < self._limit:
            self._find_fuzzy()
        return self._expand()

    def _is_cancelled(self) -> bool:
        self._stopped = self._stopped or self._cancelled()
        return self._stopped

    # -- beginnings ---------------------------------------------------------------------------------------------

    def _find_prefixes(self) -> None:
        query = self._query
        for number, part in enumerate(self._parts):
            ranges = []
            for start, matrix in zip(part.bounds, part.matrices, strict=False):
                low, high = _prefix_range(matrix, query.folded)
                ranges.append((start + low, start + high))
                for block in range(low, high, BLOCK_ROWS):
                    if self._is_cancelled():
                        return
                    self._add_prefixes(number, start, matrix, block, min(high, block + BLOCK_ROWS))
            self._prefixes.append(ranges)

    def _add_prefixes(self, number: int, start: int, matrix: Bytes, low: int, high: int) -> None:
        length = self._query.length
        rows = np.arange(start + low, start + high)
        counts = self._counts[number]
        here = slice(None) if counts is None else np.flatnonzero(counts[rows])
        rows, block = rows[here], matrix[low:high][here]
        lengths = self._parts[number].lengths[rows].astype(np.float64)
        exact = lengths == length
        at_end = (block[:, length] & START) != 0 if length < block.shape[1] else np.zeros(len(block), np.bool_)
        quality = np.where(exact | at_end, 1.0, PLAIN_PREFIX_QUALITY)
        bases = np.where(exact, Band.EXACT, Band.PREFIX) + COVERAGE_WEIGHT * length / lengths + QUALITY_WEIGHT * quality
        case = ((block[:, :length] & 0x7F) == self._query.codes).all(axis=1)
        self._found.append(_Found(number, rows, bases, case))

    # -- everything else ----------------------------------------------------------------------------------------

    def _candidates(self, number: int) -> Rows:
        """Rows with all the letters, without the beginnings found before."""
        part, need = self._parts[number], self._query.need
        fits = (part.masks & need) == need
        for low, high in self._prefixes[number]:
            fits[low:high] = False
        counts = self._counts[number]
        if counts is not None:
            fits &= counts > 0
        return np.flatnonzero(fits)

    def _find_fuzzy(self) -> None:
        candidates = [self._candidates(number) for number in range(len(self._parts))]
        for index in range(len(WIDTHS)):
            for owners, rows in self._blocks(candidates, index):
                if self._is_cancelled():
                    return
                lengths = np.concatenate(
                    [self._parts[number].lengths[rows[owners == number]] for number in range(len(self._parts))]
                )
                matrix = self._gather(owners, rows, index)
                places, bands, qualities = _scan(matrix[:, : int(lengths.max(initial=1))], lengths, self._query)
                bases = bands + COVERAGE_WEIGHT * self._query.length / lengths[places] + QUALITY_WEIGHT * qualities
                for number in np.unique(owners[places]).tolist():
                    own = owners[places] == number
                    self._found.append(_Found(number, rows[places][own], bases[own], None))

    def _blocks(self, candidates: Sequence[Rows], index: int) -> list[tuple[npt.NDArray[np.int8], Rows]]:
        """The candidates of one width over all parts, (owner, row), in blocks; owners ascend in each."""
        chosen = []
        for number, (part, rows) in enumerate(zip(self._parts, candidates, strict=True)):
            low, high = np.searchsorted(rows, (part.bounds[index], part.bounds[index + 1]))
            chosen.append((np.full(high - low, number, np.int8), rows[low:high]))
        owners, rows = (np.concatenate([pair[side] for pair in chosen]) for side in (0, 1))
        return [(owners[at : at + BLOCK_ROWS], rows[at : at + BLOCK_ROWS]) for at in range(0, len(rows), BLOCK_ROWS)]

    def _gather(self, owners: npt.NDArray[np.int8], rows: Rows, index: int) -> Bytes:
        pieces = []
        for number, part in enumerate(self._parts):
            own = rows[owners == number]
            if len(own):
                pieces.append(part.matrices[index][own - part.bounds[index]])
        return np.concatenate(pieces)

    def _match_one_by_one(self) -> None:
        """Queries that the automata do not take: beyond ASCII, where only wide names can match, or very long."""
        for number, part in enumerate(self._parts):
            counts = self._counts[number]
            wide = dict(zip(part.wide_rows.tolist(), range(len(part.wide_rows)), strict=True))
            fits = (part.masks & self._query.need) == self._query.need
            rows = np.flatnonzero(fits) if self._query.is_plain else part.wide_rows[fits[part.wide_rows]]
            matched, scores = [], []
            for tried, row in enumerate(rows.tolist()):
                if tried % 512 == 0 and self._is_cancelled():
                    return
                if counts is not None and not counts[row]:
                    continue
                name = part.wide_name(wide[row]) if row in wide else _plain_name(part, row)
                score = match(self._query.text, name)
                if score is not None:
                    matched.append(row)
                    scores.append(score)
            # These scores are whole: nothing is to be added for capitals.
            self._found.append(
                _Found(number, np.array(matched, np.int64), np.array(scores), np.zeros(len(matched), np.bool_))
            )

    # -- the answer ---------------------------------------------------------------------------------------------

    def _symbols(self, found: _Found) -> int:
        counts = self._counts[found.part]
        if counts is not None:
            return int(counts[found.rows].sum())
        offsets = self._parts[found.part].offsets
        return int((offsets[found.rows + 1] - offsets[found.rows]).sum())

    def _expand(self) -> list[tuple[int, float]]:
        found = [item for item in self._found if len(item.rows)]
        if not found:
            return []
        bases = np.concatenate([item.bases for item in found])
        # Each name has at least one symbol, and capitals can lift a name by CASE_WEIGHT only.
        if len(bases) > self._limit:
            edge = np.partition(bases, len(bases) - self._limit)[len(bases) - self._limit] - CASE_WEIGHT
            for item in found:
                best = item.bases >= edge
                item.rows, item.bases = item.rows[best], item.bases[best]
                item.case = None if item.case is None else item.case[best]
        scored: list[tuple[float, int, int]] = []
        for item in found:
            case = self._agreeing_case(item) if item.case is None else item.case
            scores = item.bases + CASE_WEIGHT * case
            scored += zip((-scores).tolist(), [item.part] * len(scores), item.rows.tolist(), strict=True)
        scored.sort()
        answer: list[tuple[int, float]] = []
        for negative, number, row in scored:
            ids = self._parts[number].symbol_ids(row)
            wanted = self._wanted[number]
            if wanted is not None:
                offsets = self._parts[number].offsets
                ids = ids[wanted[offsets[row] : offsets[row + 1]]]
            answer += [(symbol_id, -negative) for symbol_id in ids[: self._limit - len(answer)].tolist()]
            if len(answer) >= self._limit:
                break
        return answer

    def _agreeing_case(self, item: _Found) -> Mask:
        """Whether a row matches in the same band when capitals count."""
        part = self._parts[item.part]
        case = np.zeros(len(item.rows), np.bool_)
        for index in range(len(WIDTHS)):
            start, end = part.bounds[index], part.bounds[index + 1]
            here = np.flatnonzero((item.rows >= start) & (item.rows < end))
            for at in range(0, len(here), BLOCK_ROWS):
                places = here[at : at + BLOCK_ROWS]
                rows = item.rows[places]
                lengths = part.lengths[rows]
                matrix = part.matrices[index][rows - start][:, : int(lengths.max())]
                matched, bands = _bands(_Automata(matrix, self._query, exact_case=True))
                case[places[matched]] = bands == item.bases[places[matched]].astype(np.int64)
        return case


def _wanted_symbols(part: NameRows, live: Mask | None, kinds: Collection[int] | None) -> Mask | None:
    if not kinds:
        return live
    table = np.zeros(256, np.bool_)
    table[list(kinds)] = True
    wanted: Mask = table[part.kinds]
    return wanted if live is None else wanted & live


def _counts(part: NameRows, wanted: Mask | None) -> npt.NDArray[np.int64] | None:
    """How many wanted symbols each name has; None when all are wanted."""
    if wanted is None:
        return None
    counts: npt.NDArray[np.int64] = np.add.reduceat(wanted, part.offsets[:-1].astype(np.int64), dtype=np.int64)
    return counts


def _plain_name(part: NameRows, row: int) -> str:
    for matrix in part.matrices:
        if row < len(matrix):
            return bytes(matrix[row] & 0x7F).rstrip(b"\0").decode("ascii")
        row -= len(matrix)
    raise IndexError(row)


def _prefix_range(matrix: Bytes, prefix: bytes) -> tuple[int, int]:
    """Rows (from, to) that begin with the folded `prefix`."""
    length = len(prefix)
    if length > matrix.shape[1]:
        return 0, 0

    def bisect(low: int, *, after: bool) -> int:
        high = len(matrix)
        while low < high:
            middle = (low + high) // 2
            found = FOLD[matrix[middle, :length]].tobytes()
            if found < prefix or (after and found == prefix):
                low = middle + 1
            else:
                high = middle
        return low

    first = bisect(0, after=False)
    return first, bisect(first, after=True)


class _Automata:
    """A block of rows turned on its side, and for each column the query characters that it matches."""

    def __init__(self, matrix: Bytes, query: _Query, *, exact_case: bool) -> None:
        columns = np.ascontiguousarray(matrix.T)
        self.kind = query.state_type
        self.here: States = query.table(exact_case=exact_case)[columns]
        self.starts = columns
        self.end = self.kind(1 << (query.length - 1))
        self.first: Bytes = FOLD[columns[0]] == query.folded[0]

    def keep(self, rows: Rows | Mask) -> None:
        """Go on with some of the rows."""
        self.here, self.starts, self.first = self.here[:, rows], self.starts[:, rows], self.first[rows]

    def subsequences(self) -> Mask:
        """Rows that have the characters in order."""
        ever = np.zeros(self.here.shape[1], self.kind)
        step = np.empty_like(ever)
        for here in self.here:
            np.left_shift(ever, 1, out=step)
            step |= self.kind(1)
            step &= here
            ever |= step
        matched: Mask = (ever & self.end) != 0
        return matched

    def words_and_substrings(self) -> tuple[Mask, Mask]:
        """Rows where pieces begin words, and rows that have the query in one piece."""
        count = self.here.shape[1]
        at, ever, run, runs = (np.zeros(count, self.kind) for _ in range(4))
        entry = np.empty_like(at)
        one = self.kind(1)
        start_bits = np.zeros(256, self.kind)
        start_bits[START:] = np.iinfo(self.kind).max
        for here, column in zip(self.here, self.starts, strict=True):
            np.left_shift(ever, 1, out=entry)
            entry |= one
            entry &= start_bits[column]
            np.left_shift(at, 1, out=at)
            at |= entry
            at &= here
            ever |= at
            np.left_shift(run, 1, out=run)
            run |= one
            run &= here
            runs |= run
        return (ever & self.end) != 0, (runs & self.end) != 0

    def pieces(self) -> npt.NDArray[np.float64]:
        """How few pieces do, for rows where pieces begin words; at most MOST_PIECES."""
        count = self.here.shape[1]
        at = np.zeros((MOST_PIECES - 1, count), self.kind)
        ever = np.zeros((MOST_PIECES - 1, count), self.kind)
        entry = np.empty_like(at)
        start_bits = np.zeros(256, self.kind)
        start_bits[START:] = np.iinfo(self.kind).max
        for here, column in zip(self.here, self.starts, strict=True):
            np.left_shift(ever[:-1], 1, out=entry[1:])
            entry[0] = 1
            entry &= start_bits[column]
            np.left_shift(at, 1, out=at)
            at |= entry
            at &= here
            ever |= at
        done = (ever & self.end) != 0
        return np.where(done.any(axis=0), done.argmax(axis=0) + 1, MOST_PIECES).astype(np.float64)

    def substring_places(self) -> npt.NDArray[np.float64]:
        """In which column the first occurrence ends."""
        run = np.zeros(self.here.shape[1], self.kind)
        place = np.full(len(run), -1.0)
        for number, here in enumerate(self.here):
            np.left_shift(run, 1, out=run)
            run |= self.kind(1)
            run &= here
            place[((run & self.end) != 0) & (place < 0)] = number
        return place

    def spans(self) -> npt.NDArray[np.float64]:
        """How many characters lie between the first matched and the last, both included."""
        ever = np.zeros(self.here.shape[1], self.kind)
        first, last = np.full(len(ever), -1.0), np.full(len(ever), -1.0)
        for number, here in enumerate(self.here):
            ever |= ((ever << self.kind(1)) | self.kind(1)) & here
            first[(ever != 0) & (first < 0)] = number
            last[((ever & self.end) != 0) & (last < 0)] = number
        spans: npt.NDArray[np.float64] = last - first + 1
        return spans


def _bands(automata: _Automata) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Which rows match, and in which band; `automata` goes on with those. Beginnings count as words here."""
    rows = np.flatnonzero(automata.subsequences())
    automata.keep(rows)
    words, substrings = automata.words_and_substrings()
    return rows, np.where(words, Band.WORDS, np.where(substrings, Band.SUBSTRING, Band.SUBSEQUENCE)).astype(np.int64)


def _scan(matrix: Bytes, lengths: Bytes, query: _Query) -> tuple[Rows, npt.NDArray[np.int64], Scores]:
    """Rows that match, their bands and qualities."""
    automata = _Automata(matrix, query, exact_case=False)
    rows, bands = _bands(automata)
    qualities = np.zeros(len(rows))
    here, starts, first = automata.here, automata.starts, automata.first
    for band in (Band.WORDS, Band.SUBSTRING, Band.SUBSEQUENCE):
        own = np.flatnonzero(bands == band)
        if not len(own):
            continue
        automata.here, automata.starts, automata.first = here[:, own], starts[:, own], first[own]
        if band is Band.WORDS:
            qualities[own] = FEW_PIECES_QUALITY / automata.pieces() + SAME_START_QUALITY * automata.first
        elif band is Band.SUBSTRING:
            begins = automata.substring_places() - query.length + 1
            qualities[own] = 1.0 - begins / lengths[rows[own]]
        else:
            qualities[own] = query.length / automata.spans()
    return rows, bands, qualities
