"""`lowtide/search`: by words and by meaning, with the editor's unsaved texts on top, and the team's index beside."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from lowtide.answers import Answer, Hit, milliseconds_since
from lowtide.errors import NoIndex
from lowtide.index.attending import Patience
from lowtide.read.request import SearchRequest
from lowtide.read.unsaved.answers import passed_over as find_passed_over
from lowtide.read.unsaved.answers import search as find_chunks
from lowtide.serve import params as check
from lowtide.serve.params import Params
from lowtide.serve.team import TeamAnswer
from lowtide.tasks import task_group
from lowtide.team.ranking import merged
from lowtide_lsp import protocol as wire
from lowtide_lsp.requests.freshness import attend, roots_of
from lowtide_lsp.session import Session


async def search(session: Session, params: Params) -> wire.SearchResult:
    """`lowtide/search`."""
    started = time.perf_counter()
    request, fresh = check.search_request(params), check.flag(params, "fresh")
    roots = roots_of(session, params)
    freshness = await attend(session, roots, Patience.FULL if fresh else Patience.NONE)
    told: list[TeamAnswer] = []
    async with task_group() as group:
        if check.flag(params, "team"):
            group.start_soon(_ask_team, session, request, told)
        answers = await _ask_here(session, request, roots)
    hits = best_of(answers, request.limit)
    for team in told:
        hits = merged(request.question.gist, hits, team.hits, request.limit)
    reasons = [*(answer.degraded for _, answer in answers), *(team.degraded for team in told)]
    return result_of(session, hits, reasons, freshness, started)


async def _ask_here(session: Session, request: SearchRequest, roots: Sequence[Path]) -> list[tuple[Path, Answer]]:
    answers: list[tuple[Path, Answer]] = []
    errors: list[NoIndex] = []
    passed_over = await find_passed_over(session.service, session.documents, request, roots)
    for root in roots:
        if root in passed_over:
            answers.append((root, passed_over[root]))
            continue
        try:
            answers += await find_chunks(session.service, session.documents, request, [root])
        except NoIndex as error:
            errors.append(error)
    if errors and not answers:
        raise errors[0]
    return answers


async def _ask_team(session: Session, request: SearchRequest, told: list[TeamAnswer]) -> None:
    told.append(await session.service.ask_team(request))


def best_of(answers: Sequence[tuple[Path, Answer]], limit: int) -> list[Hit]:
    """The hits of several workspaces, each with its root, best first; what lies in two of them, once."""
    by_place: dict[tuple[Path, int, int], Hit] = {}
    for root, answer in answers:
        for hit in answer.hits:
            place = (root / hit.path, hit.start_line, hit.end_line)
            known = by_place.get(place)
            if known is None or hit.score > known.score:
                by_place[place] = hit._replace(root=str(root))
    return sorted(by_place.values(), key=lambda hit: -hit.score)[:limit]


def result_of(
    session: Session, hits: Sequence[Hit], reasons: Iterable[str | None], fresh: wire.Freshness, started: float
) -> wire.SearchResult:
    """Hits with their roots as an answer; `reasons`: what it lacks; `started`: on the clock of `perf_counter`."""
    degraded = "; ".join(dict.fromkeys(filter(None, reasons))) or None
    stale = len({(hit.root, hit.path) for hit in hits if hit.stale})
    return wire.SearchResult(
        [_as_wire(session, hit) for hit in hits], degraded, stale, milliseconds_since(started), fresh
    )


def _as_wire(session: Session, hit: Hit) -> wire.SearchHit:
    remote = None
    if hit.repository:
        place, lines = f"{hit.repository}/{quote(hit.path)}", f"{hit.start_line}-{hit.end_line}"
        uri = f"lowtide-remote://{place}?{hit.commit[:12]}-{lines}"
        remote = wire.RemotePlace(hit.repository, hit.commit, hit.path, hit.age_s, hit.url)
    else:
        uri, _ = session.uri_of(Path(hit.root), hit.path)
    whole = hit.definition
    return wire.SearchHit(
        uri,
        _range(hit.start_line, hit.end_line),
        hit.kind,
        hit.name,
        hit.container,
        hit.score,
        hit.snippet,
        dict(hit.signals),
        hit.more,
        hit.snippet_line - 1,
        wire.DefinitionLines(_range(whole.start_line, whole.end_line), whole.signature) if whole else None,
        hit.weak,
        remote,
    )


def _range(first: int, last: int) -> wire.Range:
    """Whole lines, from 1, as the wire has them."""
    return wire.Range(wire.Position(first - 1, 0), wire.Position(last, 0))
