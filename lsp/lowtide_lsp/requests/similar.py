"""`lowtide/similar`: code that means what a selected piece of code means."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from lowtide.answers import Hit
from lowtide.index.attending import Patience
from lowtide.serve import params as check
from lowtide.serve.params import Params
from lowtide_lsp import protocol as wire
from lowtide_lsp.requests.freshness import attend
from lowtide_lsp.requests.search import best_of, result_of
from lowtide_lsp.session import Session

MOST_SELECTED_BYTES = 64 << 10


async def similar(session: Session, params: Params) -> wire.SearchResult:
    """`lowtide/similar`."""
    started = time.perf_counter()
    wanted = msgspec.convert(params, wire.SimilarParams)
    limit = check.count(params, "limit", 10, check.MOST_HITS)
    uri, span = wanted.text_document.uri, wanted.range
    if (span.end.line, span.end.character) < (span.start.line, span.start.character):
        raise check.ParamsError("range: its end comes before its start")
    document = session.documents.get(uri)
    path = session.place(uri)
    if document is None:
        document = await session.read_closed(uri)
    text = session.documents.cut(
        document,
        (span.start.line, span.start.character),
        (span.end.line, span.end.character),
    )
    shown = text[:MOST_SELECTED_BYTES].decode("utf-8", "ignore")
    fresh = await attend(session, session.roots, Patience.NONE)
    answers = await session.service.similar(path, shown, limit + 1)
    own = (path, span.start.line, span.end.line)
    kept = [
        (root, answer._replace(hits=[hit for hit in answer.hits if not _is_same(root, hit, own)]))
        for root, answer in answers
        if root in session.roots or (path is not None and root in path.parents)
    ]
    reasons = [answer.degraded for _, answer in kept]
    return result_of(session, best_of(kept, limit), reasons, fresh, started)


def _is_same(root: Path, hit: Hit, own: tuple[Path | None, int, int]) -> bool:
    """Whether a hit is the selection itself."""
    path, start, end = own
    return root / hit.path == path and hit.start_line - 1 <= end and start <= hit.end_line - 1
