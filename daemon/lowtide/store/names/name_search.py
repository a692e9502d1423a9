"""Fuzzy search over rows of names: the same answers and scores as `core.match`, thousands of names at a time.

First beginnings, by bisection: when they fill the limit, nothing else can be better. Then names where pieces of the
query can begin words, then those that can hold it in one piece, then any that have its letters: masks choose them,
automata (`name_automata`) judge them, shortest first.

Invariant: every score is the one that `core.match` gives; equal scores come in no promised order.
Invariant: `search` gives the best `limit` symbols there are while a step has at most ENOUGH_ROWS names to judge; of
more it judges the shortest, until the limit is filled; and of those that can only be subsequences at most MOST_ROWS.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise

import msgspec
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
from lowtide.store.names.name_automata import Block, Query, Scores, Scratch, bands, scan
from lowtide.store.names.name_candidates import Candidates, Mask, Names, Rows
from lowtide.store.names.name_rows import FOLD, START, WIDTHS, Bytes, Ids, NameRows

_STEPS = (Band.WORDS, Band.SUBSTRING, Band.SUBSEQUENCE)
Flags = npt.NDArray[np.uint64]

BLOCK_ROWS = 8_192
ENOUGH_ROWS = 16_384
MOST_ROWS = 262_144
MOST_KEPT_ROWS = 131_072
"""What may match a query as words, and what has its letters, is kept for the next, which is one key
longer: 512 KiB each."""
_MASK_ROWS = 32_768
_FOLDED = FOLD.tobytes()


class NameIndex:
    """All symbol names of an index at one moment. `dead` holds sorted ids of symbols that are no more."""

    def __init__(self, parts: Sequence[NameRows], dead: Ids | None = None) -> None:
        self.parts = tuple(part for part in parts if len(part.masks))
        self._live = [_live_symbols(part, dead) for part in self.parts]
        self._fitting = _Fitting()
        self._scratches: list[Scratch] = []

    @property
    def anonymous_bytes(self) -> int:
        """What is kept from one search to the next."""
        return self._fitting.size_bytes + sum(scratch.size_bytes for scratch in tuple(self._scratches))

    def shrink(self) -> None:
        """Forget what is kept from one search to the next."""
        self._scratches.clear()
        self._fitting = _Fitting()

    def __len__(self) -> int:
        return sum(len(part.ids) for part in self.parts)

    def search(
        self,
        query: str,
        limit: int,
        kinds: Collection[int] | None = None,
        cancelled: Callable[[], bool] | None = None,
        least: float = 0.0,
    ) -> list[tuple[int, float]]:
        """(symbol id, score) of the best matches, best first. An empty query matches nothing.

        `kinds`: only symbols of these kinds; None or empty for all. `cancelled` is asked between blocks, and ends the
        search with what was found so far. `least`: a lower score is not wanted, and not looked for.
        """
        prepared = Query(query)
        if not self.parts or not prepared.text or limit <= 0:
            return []
        try:
            scratch = self._scratches.pop()
        except IndexError:
            scratch = Scratch()  # the first search, or another thread has it now
        search = _Search(
            self.parts, self._live, self._fitting, scratch, prepared, limit, kinds, cancelled or _never, least
        )
        found = search.run()
        self._scratches[:] = [scratch]
        return found


def _never() -> bool:
    return False


class _Fitting:
    """The names that a shorter query left to judge, step by step and part by part: those of a longer one are among
    them.

    Searches in several threads may use it: what they keep is replaced whole.
    """

    def __init__(self) -> None:
        self._kept: dict[Band, tuple[bytes, list[npt.NDArray[np.uint32]]]] = {}

    def of(self, folded: bytes, step: Band) -> list[npt.NDArray[np.uint32]] | None:
        query, rows = self._kept.get(step, (b"", []))
        return rows if query and folded.startswith(query) else None

    def keep(self, folded: bytes, step: Band, rows: list[Rows]) -> None:
        if sum(map(len, rows)) <= MOST_KEPT_ROWS:
            self._kept[step] = folded, [part.astype(np.uint32) for part in rows]

    @property
    def size_bytes(self) -> int:
        return sum(part.nbytes for _, rows in tuple(self._kept.values()) for part in rows)


def _live_symbols(part: NameRows, dead: Ids | None) -> Mask | None:
    if dead is None or not len(dead):
        return None
    low, high = np.searchsorted(dead, (part.first_id, part.first_id + (1 << 32)))
    if low == high:
        return None
    live: Mask = ~np.isin(part.ids, (dead[low:high] - part.first_id).astype(np.uint32), kind="sort")
    return live


class _Found(msgspec.Struct, frozen=True):
    """Names that match: their score without the part for capitals, whether those agree, and how many symbols they
    have."""

    names: Names
    bases: Scores
    case: npt.NDArray[np.int8]
    """1 when capitals agree, 0 when not, -1 when that is not known yet."""
    symbols: npt.NDArray[np.int64]


class _Search:
    def __init__(
        self,
        parts: Sequence[NameRows],
        live: Sequence[Mask | None],
        fitting: _Fitting,
        scratch: Scratch,
        query: Query,
        limit: int,
        kinds: Collection[int] | None,
        cancelled: Callable[[], bool],
        least: float,
    ) -> None:
        self._parts = parts
        self._fitting = fitting
        self._scratch = scratch
        self._query = query
        self._limit = limit
        self._cancelled = cancelled
        self._least = least
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
        self._add(Names(np.full(len(rows), number, np.int16), rows), bases, case.astype(np.int8))

    def _add(self, names: Names, bases: Scores, case: npt.NDArray[np.int8]) -> None:
        symbols = np.empty(len(names), np.int64)
        for number, own in self._by_part(names):
            rows, counts = names.rows[own], self._counts[number]
            offsets = self._parts[number].offsets
            symbols[own] = offsets[rows + 1] - offsets[rows] if counts is None else counts[rows]
        self._found.append(_Found(names, bases, case, symbols))

    def _by_part(self, names: Names) -> Iterator[tuple[int, Rows]]:
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
        steps = self._candidates()
        for best in _STEPS:
            if self._most(best, self._query.length + 1) < self._least:
                return
            candidates = next(steps)
            for judged in self._judge(candidates, best):
                if self._is_cancelled() or (best is Band.SUBSEQUENCE and judged >= MOST_ROWS):
                    return
                if judged < len(candidates) and self._most(best, candidates.length(judged)) < self._least:
                    break
                if not self._filled(best):
                    continue
                # What fills this band keeps every later step out.
                if judged >= min(ENOUGH_ROWS, len(candidates)) or self._is_beyond(best, candidates.length(judged)):
                    return

    def _is_beyond(self, best: Band, length: int) -> bool:
        """Whether no name of this length or longer can be among the best any more, being in band `best` at most."""
        most = self._most(best, length)
        return sum(int(found.symbols[found.bases >= most].sum()) for found in self._found) >= self._limit

    def _most(self, best: Band, length: int) -> float:
        """The most that a name of this length can score in this band, or a longer one."""
        return best + COVERAGE_WEIGHT * self._query.length / length + QUALITY_WEIGHT + CASE_WEIGHT

    def _candidates(self) -> Iterator[Candidates]:
        """First the names where pieces of the query may begin words, then those that may have it in one piece, then the
        rest of those with all its letters.

        Each is made when it is asked for: most searches end before the rest, which is most.
        """
        worded = self._rows(Band.WORDS, self._query.needs | self._query.begins[0], self._may_be_words)
        yield Candidates([self._to_judge(number, rows) for number, rows in enumerate(worded)])
        every = self._rows(Band.SUBSEQUENCE, self._query.needs, None)
        wholes, rest = [], []
        needs = np.bitwise_or.reduce(self._query.pairs) if len(self._query.pairs) else np.uint64(0)
        for number, (part, rows, before) in enumerate(zip(self._parts, every, worded, strict=True)):
            others = np.ones(len(rows), np.bool_)
            others[np.searchsorted(rows, before)] = False
            rows, lengths = self._to_judge(number, rows[others])
            whole = (part.pairs[rows] & needs) == needs
            wholes.append((rows[whole], lengths[whole]))
            rest.append((rows[~whole], lengths[~whole]))
        yield Candidates(wholes)
        del wholes
        yield Candidates(rest)

    def _rows(self, step: Band, needs: np.uint64, test: Callable[[Flags, Flags], Mask] | None) -> list[Rows]:
        """Part by part, ascending, the names whose masks have all of `needs` and that pass the test."""
        known, found = self._fitting.of(self._query.folded, step), []
        for number, part in enumerate(self._parts):
            rows = known[number] if known else None
            fitting = [np.empty(0, np.int64)]
            for start in range(0, len(part.masks) if rows is None else len(rows), _MASK_ROWS):
                here = None if rows is None else rows[start : start + _MASK_ROWS]
                masks = part.masks[start : start + _MASK_ROWS] if here is None else part.masks[here]
                found_bits = np.bitwise_and(masks, needs, out=self._scratch.of("columns", masks.shape, np.uint64))
                places = np.flatnonzero(found_bits == needs)
                chosen = places + start if here is None else here[places].astype(np.int64)
                fitting.append(chosen if test is None else chosen[test(masks[places], part.pairs[chosen])])
            found.append(np.concatenate(fitting))
        self._fitting.keep(self._query.folded, step, found)
        return found

    def _may_be_words(self, masks: Flags, pairs: Flags) -> Mask:
        """Each character must begin a word or follow the one before it; that the first begins one is sure."""
        fits = np.ones(len(masks), np.bool_)
        for begins, pair in zip(self._query.begins[1:], self._query.pairs, strict=True):
            if begins:
                fits &= ((masks & begins) | (pairs & pair)) != 0
        return fits

    def _to_judge(self, number: int, rows: Rows) -> tuple[Rows, Bytes]:
        """Of ascending rows, with their lengths, those that are wanted and no beginnings found before."""
        counts = self._counts[number]
        lengths = self._parts[number].lengths[rows]
        fits = lengths > self._query.length
        for low, high in self._prefixes[number]:
            first, end = np.searchsorted(rows, (low, high))
            fits[first:end] = False
        if counts is not None:
            fits &= counts[rows] > 0
        return rows[fits], lengths[fits]

    def _judge(self, candidates: Candidates, best: Band) -> Iterator[int]:
        """Find the matches among the candidates, shortest first; after each block, how many were judged."""
        for start in range(0, len(candidates), BLOCK_ROWS):
            places = candidates.shortest(start, start + BLOCK_ROWS)
            names, lengths = candidates.names(places), candidates.lengths[places]
            matching, found, qualities = scan(self._matrix(names, lengths), lengths, self._query, self._scratch, best)
            bases = found + COVERAGE_WEIGHT * self._query.length / lengths[matching] + QUALITY_WEIGHT * qualities
            self._add(names.take(matching), bases, np.full(len(matching), -1, np.int8))
            yield start + len(names)

    def _lengths(self, names: Names) -> Bytes:
        lengths = np.empty(len(names), np.uint8)
        for number, own in self._by_part(names):
            lengths[own] = self._parts[number].lengths[names.rows[own]]
        return lengths

    def _matrix(self, names: Names, lengths: Bytes) -> Bytes:
        """The names themselves, (names, longest); owners ascend, and their rows."""
        longest = int(lengths.max(initial=1))
        width = next(width for width in WIDTHS if width >= longest)
        out: Bytes = self._scratch.of("names", (len(names), width), np.uint8)
        edges = np.searchsorted(names.owners, np.arange(len(self._parts) + 1)).tolist()
        for part, (first, last) in zip(self._parts, pairwise(edges), strict=True):
            rows = names.rows[first:last]
            for start, end, matrix in zip(part.bounds, part.bounds[1:], part.matrices, strict=False):
                low, high = np.searchsorted(rows, (start, end)).tolist()
                if low == high:
                    continue
                target, wanted = out[first + low : first + high], rows[low:high] - start
                if matrix.shape[1] == width:
                    # With "raise" it would make a copy first, to leave `out` as it was.
                    np.take(matrix, wanted, axis=0, out=target, mode="clip")
                else:
                    target[:, : matrix.shape[1]] = matrix.take(wanted, axis=0)
                    target[:, matrix.shape[1] :] = 0
        return out[:, :longest]

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
            names = Names(np.full(len(matched), number, np.int16), np.array(matched, np.int64))
            self._add(names, np.array(scores), np.zeros(len(matched), np.int8))

    # -- the answer ---------------------------------------------------------------------------------------------

    def _expand(self) -> list[tuple[int, float]]:
        if not self._found:
            return []
        names = Names.join([found.names for found in self._found])
        bases = np.concatenate([found.bases for found in self._found])
        case = np.concatenate([found.case for found in self._found])
        # Each name has at least one symbol, and capitals lift a name by CASE_WEIGHT at most.
        edge = self._least
        if len(bases) > self._limit:
            edge = max(edge, float(np.partition(bases, len(bases) - self._limit)[len(bases) - self._limit]))
        if edge > 0:
            best = np.flatnonzero(bases >= edge - CASE_WEIGHT)
            names, bases, case = names.take(best), bases[best], case[best]
        unknown = np.flatnonzero(case < 0)
        case[unknown] = self._agreeing_case(names.take(unknown), bases[unknown])
        scores = bases + CASE_WEIGHT * case
        order = np.lexsort((names.rows, names.owners, -scores))
        order = order[: min(self._limit, int((scores >= self._least).sum()))]
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

    def _agreeing_case(self, names: Names, bases: Scores) -> Mask:
        """Whether a name matches in the same band when capitals count."""
        agrees = np.zeros(len(names), np.bool_)
        order = np.lexsort((names.rows, names.owners))
        for start in range(0, len(names), BLOCK_ROWS):
            places = order[start : start + BLOCK_ROWS]
            block = names.take(places)
            matrix = self._matrix(block, self._lengths(block))
            matching, found, _ = bands(Block.of(matrix, self._query, self._scratch, exact_case=True))
            matched = places[matching]
            agrees[matched] = found == bases[matched].astype(np.int64)
        return agrees


def _wanted_symbols(part: NameRows, live: Mask | None, kinds: Collection[int] | None) -> Mask | None:
    if not kinds:
        return live
    wanted: Mask = _kind_table(kinds)[part.kinds]
    return wanted if live is None else wanted & live


def _kind_table(kinds: Collection[int]) -> Mask:
    """By number, whether a kind is wanted."""
    table = np.zeros(256, np.bool_)
    table[list(kinds)] = True
    return table


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
