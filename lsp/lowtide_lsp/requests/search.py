"""`lowtide/search`: by words and by meaning, with the editor's unsaved texts over the index."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from lowtide.errors import NoIndex
from lowtide.index.attending import Patience
from lowtide.read.answer import Answer, Hit
from lowtide.read.unsaved.answers import search as find_chunks
from lowtide.serve import params as check
from lowtide.serve.params import Params
from lowtide_lsp import protocol as wire
from lowtide_lsp.requests.freshness import attend, roots_of
from lowtide_lsp.session import Session


async def search(session: Session, params: Params) -> wire.SearchResult:
    """`lowtide/search`."""
    started = time.perf_counter()
    request, fresh = check.search_request(params), check.flag(params, "fresh")
    roots = roots_of(session, params)
    freshness = await attend(session, roots, Patience.FULL if fresh else Patience.NONE)
    answers: list[tuple[Path, Answer]] = []
    errors: list[NoIndex] = []
    for root in roots:
        try:
            answers += await find_chunks(session.service, session.documents, request, [root])
        except NoIndex as error:
            errors.append(error)
    if errors and not answers:
        raise errors[0]
    return merged(session, answers, freshness, request.limit, (time.perf_counter() - started) * 1000)


def merged(
    session: Session, answers: Sequence[tuple[Path, Answer]], fresh: wire.Freshness, limit: int, took_ms: float
) -> wire.SearchResult:
    """The hits of several workspaces as one answer, best first; what lies in two of them, once."""
    by_place: dict[tuple[Path, int, int], tuple[Path, Hit]] = {}
    for root, answer in answers:
        for hit in answer.hits:
            place = (root / hit.path, hit.start_line, hit.end_line)
            known = by_place.get(place)
            if known is None or hit.score > known[1].score:
                by_place[place] = (root, hit)
    found = sorted(by_place.values(), key=lambda pair: -pair[1].score)
    hits = [
        wire.SearchHit(
            session.uri_of(root, hit.path)[0],
            _range(hit.start_line, hit.end_line),
            hit.kind,
            hit.name,
            hit.container,
            round(hit.score, 4),
            hit.snippet,
            {name: round(value, 4) for name, value in hit.signals.items()},
            hit.more,
            (hit.snippet_line or hit.start_line) - 1,
            wire.DefinitionLines(_range(hit.definition.start_line, hit.definition.end_line), hit.definition.signature)
            if hit.definition
            else None,
            hit.weak,
        )
        for root, hit in found[:limit]
    ]
    degraded = "; ".join(dict.fromkeys(answer.degraded for _, answer in answers if answer.degraded)) or None
    stale = len({(root, hit.path) for root, hit in found[:limit] if hit.stale})
    return wire.SearchResult(hits, degraded, stale, round(took_ms, 2), fresh)


def _range(first: int, last: int) -> wire.Range:
    """Whole lines, from 1, as the wire has them."""
    return wire.Range(wire.Position(first - 1, 0), wire.Position(last, 0))
