"""Fuzzy search over rows of names: the same answers and scores as `core.match`, thousands of names at a time.

First beginnings, by bisection: when they fill the limit, nothing else can be better. Then names where pieces of the
query can begin words, then those that can hold it in one piece, then any that have its letters: masks choose them,
automata (`name_automata`) judge them, shortest first.

Invariant: every score is the one that `core.match` gives; equal scores come in no promised order.
Invariant: `search` gives the best `limit` symbols there are while a step has at most ENOUGH_ROWS names to judge; of more
it judges the shortest, until the limit is filled; and of those that can only be subsequences at most MOST_ROWS.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lowtide.core.match import (
    CASE_WEIGHT,
    COVERAGE_WEIGHT,
    MOST_FUZZY_CHARACTERS,
    PLAIN_PREFIX_QUALITY,
    QUALITY_WEIGHT,
    Band,
    match,
)
from lowtide.store.name_automata import Block, Mask, Query, Scores, bands, scan
from lowtide.store.name_rows import FOLD, START, Bytes, Ids, NameRows

_STEPS = (Band.WORDS, Band.SUBSTRING, Band.SUBSEQUENCE)
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.uint64]

BLOCK_ROWS = 8_192
ENOUGH_ROWS = 16_384
MOST_ROWS = 262_144
MOST_KEPT_ROWS = 262_144
"""What fits a query is kept for the next, which is one key longer: 2 MiB at most."""
_MASK_ROWS = 65_536
_FOLDED = FOLD.tobytes()


class NameIndex:
    """All symbol names of an index at one moment. `dead` holds sorted ids of symbols that are no more."""

    def __init__(self, parts: Sequence[NameRows], dead: Ids | None = None) -> None:
        self.parts = tuple(part for part in parts if len(part.masks))
        self._live = [_live_symbols(part, dead) for part in self.parts]
        self._fitting = _Fitting()

    @property
    def anonymous_bytes(self) -> int:
        """What is kept from one search to the next."""
        return self._fitting.size_bytes

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
        prepared = Query(query)
        if not self.parts or not prepared.text or limit <= 0:
            return []
        return _Search(self.parts, self._live, self._fitting, prepared, limit, kinds, cancelled or _never).run()


def _never() -> bool:
    return False


class _Fitting:
    """The names with all the letters of the query before, part by part: those of a longer one are among them.

    Searches in several threads may use it: what they keep is replaced whole.
    """

    def __init__(self) -> None:
        self._kept: tuple[bytes, list[Rows]] = (b"", [])

    def of(self, folded: bytes) -> list[Rows] | None:
        query, rows = self._kept
        return rows if query and folded.startswith(query) else None

    def keep(self, folded: bytes, rows: list[Rows]) -> None:
        if sum(map(len, rows)) <= MOST_KEPT_ROWS:
            self._kept = folded, rows

    @property
    def size_bytes(self) -> int:
        return sum(rows.nbytes for rows in self._kept[1])


def _live_symbols(part: NameRows, dead: Ids | None) -> Mask | None:
    if dead is None or not len(dead):
        return None
    low, high = np.searchsorted(dead, (part.first_id, part.first_id + (1 << 32)))
    if low == high:
        return None
    live: Mask = ~np.isin(part.ids, (dead[low:high] - part.first_id).astype(np.uint32), kind="sort")
    return live


@dataclass(frozen=True, slots=True)
class _Names:
    """Rows of several parts."""

    owners: npt.NDArray[np.int16]
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Rows | Mask | slice) -> _Names:
        return _Names(self.owners[places], self.rows[places])

    @classmethod
    def join(cls, names: Sequence[_Names]) -> _Names:
        if not names:
            return cls(np.empty(0, np.int16), np.empty(0, np.int64))
        return cls(np.concatenate([each.owners for each in names]), np.concatenate([each.rows for each in names]))


@dataclass(frozen=True, slots=True)
class _Found:
    """Names that match: their score without the part for capitals, whether those agree, and how many symbols they have."""

    names: _Names
    bases: Scores
    case: npt.NDArray[np.int8]
    """1 when capitals agree, 0 when not, -1 when that is not known yet."""
    symbols: npt.NDArray[np.int64]


class _Search:
    def __init__(
        self, parts: Sequence[NameRows], live: Sequence[Mask | None], fitting: _Fitting, query: Query, limit: int,
        kinds: Collection[int] | None, cancelled: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._parts = parts
        self._fitting = fitting
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
        if not self._stopped and not self._filled(Band.PREFIX):
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
        self._add(_Names(np.full(len(rows), number, np.int16), rows), bases, case.astype(np.int8))

    def _add(self, names: _Names, bases: Scores, case: npt.NDArray[np.int8]) -> None:
        symbols = np.empty(len(names), np.int64)
        for number, own in self._by_part(names):
            rows, counts = names.rows[own], self._counts[number]
            offsets = self._parts[number].offsets
            symbols[own] = offsets[rows + 1] - offsets[rows] if counts is None else counts[rows]
        self._found.append(_Found(names, bases, case, symbols))

    def _by_part(self, names: _Names) -> Iterator[tuple[int, Rows]]:
        """Each part with the places of its names."""
        for number in range(len(self._parts)):
            own = np.flatnonzero(names.owners == number)
            if len(own):
                yield number, own

    def _filled(self, band: Band) -> bool:
        """Whether there are enough symbols in this band or better ones."""
        return sum(int(found.symbols[found.bases >= band].sum()) for found in self._found) >= self._limit

    # -- everything else ----------------------------------------------------------------------------------------

    def _find_fuzzy(self) -> None:
        """In three steps, by the best band that a name can be in; none begins when better ones fill the limit."""
        for best, candidates in zip(_STEPS, self._candidates(), strict=True):
            lengths = self._lengths(candidates)
            order = np.argsort(lengths, kind="stable")
            candidates, lengths = candidates.take(order), lengths[order]
            for judged in self._judge(candidates, lengths, best):
                if self._is_cancelled() or (best is Band.SUBSEQUENCE and judged >= MOST_ROWS):
                    return
                if not self._filled(best):
                    continue
                # What fills this band keeps every later step out.
                if judged >= min(ENOUGH_ROWS, len(candidates)) or self._is_beyond(best, int(lengths[judged])):
                    return

    def _is_beyond(self, best: Band, length: int) -> bool:
        """Whether no name of this length or longer can be among the best any more, being in band `best` at most."""
        most = best + COVERAGE_WEIGHT * self._query.length / length + QUALITY_WEIGHT + CASE_WEIGHT
        return sum(int(found.symbols[found.bases >= most].sum()) for found in self._found) >= self._limit

    def _candidates(self) -> Iterator[_Names]:
        """Names with all the letters: first those that may match as words, then in one piece, then the rest.

        Each is made when it is asked for: most searches end before the rest, which is most.
        """
        chosen: list[tuple[int, Rows, Mask, Mask]] = []
        known, kept = self._fitting.of(self._query.folded), []
        for number, part in enumerate(self._parts):
            rows = known[number] if known else None
            fitting = []
            for start in range(0, len(part.masks) if rows is None else len(rows), _MASK_ROWS):
                if rows is None:
                    masks, places = part.masks[start : start + _MASK_ROWS], None
                else:
                    places = rows[start : start + _MASK_ROWS]
                    masks = part.masks[places]
                found = np.flatnonzero((masks & self._query.needs) == self._query.needs)
                masks = masks[found]
                found = found + start if places is None else places[found]
                fitting.append(found)
                chosen.append((number, *self._choose(number, part, found, masks)))
            kept.append(np.concatenate(fitting) if fitting else np.empty(0, np.int64))
        self._fitting.keep(self._query.folded, kept)

        def names(pick: Callable[[Mask, Mask], Mask]) -> _Names:
            picked = [(number, rows[pick(words, whole)]) for number, rows, words, whole in chosen]
            return _Names.join([_Names(np.full(len(rows), number, np.int16), rows) for number, rows in picked])

        yield names(lambda words, whole: words)
        yield names(lambda words, whole: whole & ~words)
        yield names(lambda words, whole: ~(words | whole))

    def _choose(self, number: int, part: NameRows, rows: Rows, masks: Flags) -> tuple[Rows, Mask, Mask]:
        """Of rows with all the letters, those that are no beginnings found before; which may match as words, which whole."""
        counts = self._counts[number]
        fits = part.lengths[rows] > self._query.length
        for low, high in self._prefixes[number]:
            # Rows ascend.
            first, end = np.searchsorted(rows, (low, high))
            fits[first:end] = False
        if counts is not None:
            fits &= counts[rows] > 0
        places = np.flatnonzero(fits)
        if len(places) < len(rows):
            rows, masks = rows[places], masks[places]
        whole, words = self._feasible(masks, part.pairs[rows])
        return rows, words, whole

    def _feasible(self, masks: Flags, pairs: Flags) -> tuple[Mask, Mask]:
        """Names that may hold the query in one piece, and those where pieces of it may begin words."""
        query = self._query
        needs = np.bitwise_or.reduce(query.pairs) if len(query.pairs) else np.uint64(0)
        whole: Mask = (pairs & needs) == needs
        words: Mask = (masks & query.begins[0]) == query.begins[0]
        # Each character must begin a word or follow the one before it.
        for begins, pair in zip(query.begins[1:], query.pairs, strict=True):
            if begins:
                words &= ((masks & begins) | (pairs & pair)) != 0
        return whole, words

    def _judge(self, candidates: _Names, all_lengths: Bytes, best: Band) -> Iterator[int]:
        """Find the matches among the candidates; after each block, how many were judged."""
        for start in range(0, len(candidates), BLOCK_ROWS):
            names = candidates.take(slice(start, start + BLOCK_ROWS))
            lengths = all_lengths[start : start + BLOCK_ROWS]
            places, found, qualities = scan(self._matrix(names, lengths), lengths, self._query, best)
            bases = found + COVERAGE_WEIGHT * self._query.length / lengths[places] + QUALITY_WEIGHT * qualities
            self._add(names.take(places), bases, np.full(len(places), -1, np.int8))
            yield start + len(names)

    def _lengths(self, names: _Names) -> Bytes:
        lengths = np.empty(len(names), np.uint8)
        for number, own in self._by_part(names):
            lengths[own] = self._parts[number].lengths[names.rows[own]]
        return lengths

    def _matrix(self, names: _Names, lengths: Bytes) -> Bytes:
        """The names themselves, (names, longest)."""
        out = np.zeros((len(names), int(lengths.max(initial=1))), np.uint8)
        for number, own in self._by_part(names):
            part, rows = self._parts[number], names.rows[own]
            for start, end, matrix in zip(part.bounds, part.bounds[1:], part.matrices, strict=False):
                here = np.flatnonzero((rows >= start) & (rows < end))
                width = min(matrix.shape[1], out.shape[1])
                if len(here):
                    out[own[here], :width] = matrix.take(rows[here] - start, axis=0)[:, :width]
        return out

    def _match_one_by_one(self) -> None:
        """Queries that the automata do not take: beyond ASCII, where only wide names can match, or very long."""
        for number, part in enumerate(self._parts):
            counts = self._counts[number]
            wide = dict(zip(part.wide_rows.tolist(), range(len(part.wide_rows)), strict=True))
            fits = (part.masks & self._query.needs) == self._query.needs
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
            names = _Names(np.full(len(matched), number, np.int16), np.array(matched, np.int64))
            self._add(names, np.array(scores), np.zeros(len(matched), np.int8))

    # -- the answer ---------------------------------------------------------------------------------------------

    def _expand(self) -> list[tuple[int, float]]:
        if not self._found:
            return []
        names = _Names.join([found.names for found in self._found])
        bases = np.concatenate([found.bases for found in self._found])
        case = np.concatenate([found.case for found in self._found])
        if len(bases) > self._limit:
            # Each name has at least one symbol, and capitals lift a name by CASE_WEIGHT at most.
            edge = np.partition(bases, len(bases) - self._limit)[len(bases) - self._limit] - CASE_WEIGHT
            best = np.flatnonzero(bases >= edge)
            names, bases, case = names.take(best), bases[best], case[best]
        unknown = np.flatnonzero(case < 0)
        case[unknown] = self._agreeing_case(names.take(unknown), bases[unknown])
        scores = bases + CASE_WEIGHT * case
        order = np.lexsort((names.rows, names.owners, -scores))
        names, scores = names.take(order), scores[order]
        answer: list[tuple[int, float]] = []
        for number, row, score in zip(names.owners.tolist(), names.rows.tolist(), scores.tolist(), strict=True):
            part, wanted = self._parts[number], self._wanted[number]
            first, end = part.offsets[row : row + 2].tolist()
            ids = part.ids[first:end] if wanted is None else part.ids[first:end][wanted[first:end]]
            answer += [(part.first_id + symbol_id, score) for symbol_id in ids[: self._limit - len(answer)].tolist()]
            if len(answer) >= self._limit:
                break
        return answer

    def _agreeing_case(self, names: _Names, bases: Scores) -> Mask:
        """Whether a name matches in the same band when capitals count."""
        agrees = np.zeros(len(names), np.bool_)
        for start in range(0, len(names), BLOCK_ROWS):
            block = names.take(slice(start, start + BLOCK_ROWS))
            matrix = self._matrix(block, self._lengths(block))
            matching, found, _ = bands(Block.of(matrix, self._query, exact_case=True))
            agrees[start + matching] = found == bases[start + matching].astype(np.int64)
        return agrees


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
            found = matrix[middle, :length].tobytes().translate(_FOLDED)
            if found < prefix or (after and found == prefix):
                low = middle + 1
            else:
                high = middle
        return low

    first = bisect(0, after=False)
    return first, bisect(first, after=True)
