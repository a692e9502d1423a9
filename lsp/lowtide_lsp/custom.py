"""The `lowtide/*` requests: checked parameters, then what `lowtide.serve.api` answers everyone.

Invariant: search and similar answer with the editor's unsaved texts over the index.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec

from lowtide.core.freshness import Freshness, FreshState, together
from lowtide.errors import PathError
from lowtide.index.attending import Patience
from lowtide.models import Mode
from lowtide.read.filters import Filter
from lowtide.read.request import SearchRequest
from lowtide.read.snapshot import Answer, Hit
from lowtide.read.unsaved.answers import search as find_chunks
from lowtide.read.unsaved.answers import symbols as find_symbols
from lowtide.serve import api
from lowtide.serve.rpc import INVALID_PARAMS
from lowtide_lsp import protocol as wire
from lowtide_lsp.features import workspace_symbols
from lowtide_lsp.session import Session
from lowtide_lsp.transport import RequestError

MOST_HITS = 1000
MOST_SELECTED_BYTES = 64 << 10

Handler = Callable[[Any], Awaitable[Any]]


def register(session: Session) -> None:
    """Give the session's server its `lowtide/*` handlers."""
    for method in wire.REQUESTS:
        session.server.feature(method)(_handler(session, method))


def _handler(session: Session, method: str) -> Handler:
    kind = wire.REQUESTS[method][0]

    async def handle(params: Any) -> Any:
        typed = msgspec.convert(params, kind)
        if method == wire.SEARCH:
            return await search(session, typed)
        if method == wire.SIMILAR:
            return await similar(session, typed)
        if method == wire.SYMBOLS:
            return await symbols(session, typed)
        try:
            return await api.HANDLERS[method](session.service, session, params)
        except api.ParamsError as error:
            raise RequestError(INVALID_PARAMS, f"params: {error}") from None

    return handle


async def search(session: Session, params: wire.SearchParams) -> wire.SearchResult:
    """`lowtide/search`."""
    started = time.perf_counter()
    unknown = [kind for kind in params.kinds or [] if kind not in api.KINDS]
    if unknown:
        raise RequestError(INVALID_PARAMS, f"params: kinds: {unknown[0][:40]!r} is none of {', '.join(api.KINDS)}")
    narrow = Filter(
        tuple(params.languages or ()), tuple(params.globs or ()), tuple(api.KINDS[kind] for kind in params.kinds or ())
    )
    roots = [session.need_root(params.root_uri)] if params.root_uri else session.roots
    limit = _limit(params.limit)
    request = SearchRequest(
        params.query,
        Mode(params.mode or "hybrid"),
        limit,
        narrow,
        tuple(params.terms or ()),
        tuple(params.phrasings or ()),
    )
    fresh = await attend(session, roots, Patience.FULL if params.fresh else Patience.NONE)
    answers: list[tuple[Path, Answer]] = []
    errors: list[PathError] = []
    for root in roots:
        try:
            answers += await find_chunks(session.service, session.documents, request, [root])
        except PathError as error:
            errors.append(error)
    if errors and not answers:
        raise errors[0]
    return result(session, answers, fresh, limit, (time.perf_counter() - started) * 1000)


async def symbols(session: Session, params: wire.SymbolsParams) -> wire.SymbolsResult:
    """`lowtide/symbols`: what `workspace/symbol` answers, and how that stands to the disk."""
    started = time.perf_counter()
    roots = [session.need_root(params.root_uri)] if params.root_uri else session.roots
    limit = _limit(params.limit or session.settings.symbol_limit)
    fresh = await attend(session, roots, Patience.FULL if params.fresh else Patience.NONE)
    found = await find_symbols(
        session.service, session.documents, params.query[:256], roots=roots, limit=limit, near=session.open_paths
    )
    items = await anyio.to_thread.run_sync(workspace_symbols, session, found)
    return wire.SymbolsResult(items, round((time.perf_counter() - started) * 1000, 2), fresh)


async def attend(session: Session, roots: Sequence[Path], patience: Patience) -> wire.Freshness:
    """How an answer from `roots` will stand to the disk; waits for it as long as `patience` says."""
    several = [await session.service.attend(root, patience) for root in roots]
    whole = together(several) if several else Freshness(FreshState.UNWATCHED, 0, 0, None, "no folder is open")
    return msgspec.convert(whole.as_json() | {"ageS": whole.age_s}, wire.Freshness)


async def similar(session: Session, params: wire.SimilarParams) -> wire.SearchResult:
    """`lowtide/similar`."""
    started = time.perf_counter()
    limit = _limit(params.limit)
    uri = params.text_document.uri
    document = session.documents.get(uri)
    path = session.place(uri)
    if document is None:
        document = await session.read_closed(uri)
    text = session.documents.cut(
        document,
        (params.range.start.line, params.range.start.character),
        (params.range.end.line, params.range.end.character),
    )
    shown = text[:MOST_SELECTED_BYTES].decode("utf-8", "ignore")
    fresh = await attend(session, session.roots, Patience.NONE)
    answers = await session.service.similar(path, shown, limit + 1)
    own = (path, params.range.start.line, params.range.end.line)
    kept = [
        (
            root,
            Answer(
                answer.query,
                [hit for hit in answer.hits if not _is_same(root, hit, own)],
                answer.degraded,
                answer.stale_files,
                0.0,
            ),
        )
        for root, answer in answers
        if root in session.roots or (path is not None and root in path.parents)
    ]
    return result(session, kept, fresh, limit, (time.perf_counter() - started) * 1000)


def _is_same(root: Path, hit: Any, own: tuple[Path | None, int, int]) -> bool:
    """Whether a hit is the selection itself."""
    path, start, end = own
    return root / hit.path == path and bool(hit.start_line - 1 <= end and start <= hit.end_line - 1)


def result(
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
            wire.Range(wire.Position(hit.start_line - 1, 0), wire.Position(hit.end_line, 0)),
            hit.kind,
            hit.name,
            hit.container,
            round(hit.score, 4),
            hit.snippet,
            {name: round(value, 4) for name, value in hit.signals.items()},
        )
        for root, hit in found[:limit]
    ]
    degraded = "; ".join(dict.fromkeys(answer.degraded for _, answer in answers if answer.degraded)) or None
    stale = len({(root, hit.path) for root, hit in found[:limit] if hit.stale})
    return wire.SearchResult(hits, degraded, stale, round(took_ms, 2), fresh)


def _limit(value: int | None) -> int:
    if value is None:
        return 10
    if not 1 <= value <= MOST_HITS:
        raise RequestError(INVALID_PARAMS, f"params: limit: a whole number from 1 to {MOST_HITS}")
    return value
