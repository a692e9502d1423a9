"""Symbol search: names matched in the segments, then ranked with what the catalog knows of each.

Invariant: every answer is a symbol that the catalog holds now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lowtide.answers import SymbolHit
from lowtide.core.match import SCORE_DIGITS, Band
from lowtide.core.pasted import SAME_NAME, is_same_name, readings, without_separators
from lowtide.core.symbol_rank import (
    Nearness,
    file_worth,
    is_held,
    most_beside_the_name,
    symbol_score,
)
from lowtide.models import SymbolKind, display_path
from lowtide.read.segment_set import Segments
from lowtide.store.catalog import Catalog
from lowtide.store.details import NO_DETAILS, Details
from lowtide.store.rows import SymbolRow

CANDIDATES = 400
"""Names taken from the segments, twice what an editor is answered; ranked by kind, place and recency."""

_LABELS = [SymbolKind(kind).label if kind else "" for kind in range(max(SymbolKind) + 1)]


def best_symbols(found: list[tuple[Path, SymbolHit]], query: str, limit: int) -> list[tuple[Path, SymbolHit]]:
    """The best of what several workspaces gave so far, best first; what was found first among equals. An empty query
    has no best.

    To be asked after each of them: what all give together may be two hundred times as many as they are.
    """
    if query.strip():
        found.sort(key=lambda pair: -pair[1].score)
    return found[:limit]


def find_symbols(
    catalog: Catalog,
    segments: Segments,
    query: str,
    limit: int,
    kinds: Sequence[SymbolKind],
    near: Sequence[bytes] = (),
    cancelled: Callable[[], bool] | None = None,
    least: float = 0.0,
    *,
    details_of: str | None = None,
) -> list[SymbolHit]:
    """The best symbols for `query`, as people type or paste it (`core/pasted.py`); a qualified one narrows by container
    or path; an empty one gives the most recent.

    `near`: open files, whose symbols and those of their folders come first among equals. `least`: lower scores are not
    wanted, for as many better ones were found elsewhere. `details_of`: the `Details` of symbols of this name alone are
    wanted; of all of them when it is None, of none when it is empty.
    """
    meant = readings(query)
    if not meant:
        recent = catalog.recent_symbols(limit) if not query.strip() else []
        return _answers(catalog, [(row, 0.0) for row in recent], details_of)
    narrow = _Narrow(limit, kinds, near, cancelled, least)
    best: dict[int, float] = {}
    for parts in meant:
        for number, score in _best(catalog, segments, parts, narrow):
            best[number] = max(score, best.get(number, 0.0))
    rows = {row.symbol_id: row for row in catalog.symbols_by_id(list(best))}
    order = sorted(
        (number for number in best if number in rows),
        key=lambda number: (-best[number], len(rows[number].name), rows[number].path, rows[number].name_line, number),
    )
    return _answers(catalog, [(rows[number], best[number]) for number in order[:limit]], details_of)


class _Narrow(msgspec.Struct, frozen=True):
    limit: int
    kinds: Sequence[SymbolKind]
    near: Sequence[bytes]
    cancelled: Callable[[], bool] | None
    least: float


def _best(catalog: Catalog, segments: Segments, parts: Sequence[str], narrow: _Narrow) -> list[tuple[int, float]]:
    """(symbol id, score) of the best for one reading of a query."""
    limit, near, cancelled, least = narrow.limit, narrow.near, narrow.cancelled, narrow.least
    open_files = set(near)
    folders = {path.rpartition(b"/")[0] for path in near}
    count = max(CANDIDATES, limit) if len(parts) == 1 else 8 * CANDIDATES
    most_worth = most_beside_the_name(parts)

    def search(name: str) -> list[tuple[int, float]]:
        return segments.search_names(name, count, narrow.kinds, cancelled, least - most_worth)

    found = dict(search(parts[-1]))
    bare = without_separators(parts[-1])
    if bare != parts[-1] and max(found.values(), default=0.0) < Band.PREFIX:
        # Nothing is spelt so: perhaps `http_client` is spelt `HTTPClient` here.
        for number, score in search(bare):
            found[number] = max(score, found.get(number, 0.0))
    if cancelled is not None and cancelled():
        return []
    places = catalog.symbol_places(list(found))
    outer = [part.lower() for part in parts[:-1]]
    if outer:
        places = [place for place in places if is_held(place.container, display_path(place.path), outer)]
    if not places:
        return []
    newest = max(place.mtime_ns for place in places)
    oldest = min(place.mtime_ns for place in places)
    span = max(1, newest - oldest)
    worths: dict[bytes, float] = {}
    ranked = []
    for place in places:
        path = place.path
        worth = worths.get(path)
        if worth is None:
            near_by = path.rpartition(b"/")[0] in folders
            how_near = Nearness.OPEN if path in open_files else Nearness.FOLDER if near_by else Nearness.ELSEWHERE
            # What is open is being worked on: it ranks the same before its first edit, while it is unsaved, and after.
            recency = 1.0 if how_near is Nearness.OPEN else (place.mtime_ns - oldest) / span
            worth = file_worth(display_path(path), how_near, recency)
            worths[path] = worth
        name_score = found[place.symbol_id]
        if name_score < SAME_NAME and is_same_name(parts[-1], place.name):
            name_score = SAME_NAME
        score = symbol_score(name_score, worth, place.kind, place.container, outer)
        if score >= least:
            ranked.append((-score, len(place.name), path, place.name_line, place.symbol_id))
    ranked.sort()
    return [(number, -score) for score, _, _, _, number in ranked[:limit]]


def _answers(catalog: Catalog, found: Sequence[tuple[SymbolRow, float]], details_of: str | None) -> list[SymbolHit]:
    shown = [row.symbol_id for row, _ in found if details_of is None or row.name == details_of]
    told = catalog.details(shown) if details_of != "" else {}
    return [_answer(row, told.get(row.symbol_id, NO_DETAILS), score) for row, score in found]


def _answer(row: SymbolRow, told: Details, score: float) -> SymbolHit:
    return SymbolHit(
        row.name,
        _LABELS[row.kind],
        row.container,
        display_path(row.path),
        round(score, SCORE_DIGITS),
        told.signature,
        told.doc,
        (row.start_line, told.start_column, row.end_line, told.end_column),
        (row.name_line, row.name_column),
        row.encoding,
    )
