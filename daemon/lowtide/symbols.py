"""Symbol search: names matched in the segments, then ranked with what the catalog knows of each.

Invariant: every answer is a symbol that the catalog holds now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from lowtide.core.match import SCORE_DIGITS
from lowtide.models import SymbolKind, display_path
from lowtide.segment_set import Segments
from lowtide.store.catalog import Catalog
from lowtide.store.rows import SymbolPlace, SymbolRow

CANDIDATES = 400
"""Names taken from the segments, twice what an editor is answered; ranked by kind, place and recency."""

_KIND_WEIGHTS = {
    SymbolKind.CLASS: 1.0, SymbolKind.INTERFACE: 1.0, SymbolKind.STRUCT: 1.0, SymbolKind.ENUM: 1.0, SymbolKind.MODULE: 0.9,
    SymbolKind.NAMESPACE: 0.9, SymbolKind.FUNCTION: 0.9, SymbolKind.METHOD: 0.8, SymbolKind.CONSTRUCTOR: 0.6,
    SymbolKind.CONSTANT: 0.6, SymbolKind.VARIABLE: 0.4, SymbolKind.ENUM_MEMBER: 0.4, SymbolKind.FIELD: 0.3,
    SymbolKind.PROPERTY: 0.4, SymbolKind.KEY: 0.0, SymbolKind.STRING: 0.1,
}  # fmt: skip
KIND_BONUS = [0.06 * _KIND_WEIGHTS.get(SymbolKind(kind), 0.3) if kind else 0.0 for kind in range(max(SymbolKind) + 1)]
"""What the kind adds to a score, by its number."""
_LABELS = [SymbolKind(kind).label if kind else "" for kind in range(max(SymbolKind) + 1)]
OPEN_BONUS, NEAR_BONUS, RECENT_BONUS = 0.06, 0.03, 0.01
TEST_LOSS, FOLDER_LOSS, MOST_FOLDERS = 0.05, 0.008, 8
MOST_WORTH = OPEN_BONUS + RECENT_BONUS + max(KIND_BONUS)
"""What can be added to a name's score for where and what the symbol is, but for its container."""
OWNER_BONUS = 0.2
"""Of a symbol whose container has the very name that was asked for: more than kind, place and recency together."""
_SEPARATORS = re.compile(r"::|->|[./#\\]")
_TESTS = re.compile(r"(^|/)(tests?|testing|spec|__tests__|fixtures)(/|$)|(^|/)test_|_test\.|\.(test|spec)\.")


def find_symbols(
    catalog: Catalog, segments: Segments, query: str, limit: int, kinds: Sequence[SymbolKind],
    near: Sequence[bytes] = (), cancelled: Callable[[], bool] | None = None, least: float = 0.0,
) -> list[dict[str, Any]]:  # fmt: skip
    """The best symbols for `query`; a qualified one narrows by container or path; an empty one gives the most recent.

    `near`: open files, whose symbols and those of their folders come first among equals. `least`: lower scores are not
    wanted, for as many better ones were found elsewhere.
    """
    parts = split_query(query)
    if not parts:
        return [_answer(row, 0.0) for row in catalog.recent_symbols(limit)] if not query.strip() else []
    open_files = set(near)
    folders = {path.rpartition(b"/")[0] for path in near}
    count = max(CANDIDATES, limit) if len(parts) == 1 else 8 * CANDIDATES
    most_worth = MOST_WORTH + (OWNER_BONUS if len(parts) > 1 else 0.0)
    found = dict(segments.search_names(parts[-1], count, kinds, cancelled, least - most_worth))
    if cancelled is not None and cancelled():
        return []
    places = catalog.symbol_places(list(found))
    outer = [part.lower() for part in parts[:-1]]
    if outer:
        places = [place for place in places if _holds(place, outer)]
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
            close = OPEN_BONUS if path in open_files else NEAR_BONUS if path.rpartition(b"/")[0] in folders else 0.0
            test = TEST_LOSS if _TESTS.search(display_path(path).lower()) else 0.0
            recent = RECENT_BONUS * (place.mtime_ns - oldest) / span
            worth = worths[path] = close - FOLDER_LOSS * min(path.count(b"/"), MOST_FOLDERS) - test + recent
        score = found[place.symbol_id] + worth + KIND_BONUS[place.kind]
        if outer and _is_in(place.container, outer):
            score += OWNER_BONUS
        if score >= least:
            ranked.append((-score, len(place.name), path, place.name_line, place.symbol_id))
    ranked.sort()
    best = {number: -score for score, _, _, _, number in ranked[:limit]}
    rows = {row.symbol_id: row for row in catalog.symbols_by_id(list(best))}
    return [_answer(rows[number], score) for number, score in best.items() if number in rows]


def split_query(query: str) -> list[str]:
    """The names of a qualified query: `net::Socket` is two."""
    return [part for part in _SEPARATORS.split(query.strip()) if part]


def _is_in(container: str, outer: Sequence[str]) -> bool:
    """Whether the innermost names of a container are just those that were asked for: `Parser`, not `IfParser`."""
    names = split_query(container.lower())
    return names[-len(outer) :] == list(outer)


def _holds(symbol: SymbolPlace, outer: Sequence[str]) -> bool:
    """Whether the container, or the path, has the outer parts in order."""
    for text in (symbol.container.lower(), display_path(symbol.path).lower()):
        place = 0
        for part in outer:
            place = text.find(part, place)
            if place < 0:
                break
            place += len(part)
        else:
            return True
    return False


def _answer(row: SymbolRow, score: float) -> dict[str, Any]:
    """`range` and `name_range` count from 0, columns in characters; in a file whose
    `encoding` is `ascii` those are the same in any unit."""
    return {
        "name": row.name,
        "kind": _LABELS[row.kind],
        "container": row.container,
        "path": display_path(row.path),
        "line": row.name_line + 1,
        "column": row.name_column + 1,
        "score": round(score, SCORE_DIGITS),
        "signature": row.signature,
        "doc": row.doc,
        "range": [row.start_line, row.start_column, row.end_line, row.end_column],
        "name_range": [row.name_line, row.name_column],
        "encoding": row.encoding,
    }
