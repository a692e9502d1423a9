"""`lowtide/search`: by words and by meaning, with the editor's unsaved texts on top, and the team's index beside."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from lowtide.core.candidate import Ranked
from lowtide.core.explained import is_weak
from lowtide.errors import NoIndex
from lowtide.index.attending import Patience
from lowtide.read.answer import Answer, Hit
from lowtide.read.request import SearchRequest
from lowtide.read.unsaved.answers import search as find_chunks
from lowtide.serve import params as check
from lowtide.serve.params import Params
from lowtide.serve.team import TeamAnswer
from lowtide.tasks import task_group
from lowtide.team.messages import RemoteHit
from lowtide.team.ranking import interleaved, kind_of
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
    found = merged(session, answers, freshness, request.limit, (time.perf_counter() - started) * 1000)
    for team in told:
        found = _with_team(found, team, request, [hit for _, hit in _in_order(answers)])
    return msgspec.structs.replace(found, took_ms=round((time.perf_counter() - started) * 1000, 2))


async def _ask_here(session: Session, request: SearchRequest, roots: Sequence[Path]) -> list[tuple[Path, Answer]]:
    answers: list[tuple[Path, Answer]] = []
    errors: list[NoIndex] = []
    for root in roots:
        try:
            answers += await find_chunks(session.service, session.documents, request, [root])
        except NoIndex as error:
            errors.append(error)
    if errors and not answers:
        raise errors[0]
    return answers


async def _ask_team(session: Session, request: SearchRequest, told: list[TeamAnswer]) -> None:
    told.append(await session.service.ask_team(request))


def merged(
    session: Session, answers: Sequence[tuple[Path, Answer]], fresh: wire.Freshness, limit: int, took_ms: float
) -> wire.SearchResult:
    """The hits of several workspaces as one answer, best first; what lies in two of them, once."""
    found = _in_order(answers)
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


def _in_order(answers: Sequence[tuple[Path, Answer]]) -> list[tuple[Path, Hit]]:
    by_place: dict[tuple[Path, int, int], tuple[Path, Hit]] = {}
    for root, answer in answers:
        for hit in answer.hits:
            place = (root / hit.path, hit.start_line, hit.end_line)
            known = by_place.get(place)
            if known is None or hit.score > known[1].score:
                by_place[place] = (root, hit)
    return sorted(by_place.values(), key=lambda pair: -pair[1].score)


def _with_team(
    found: wire.SearchResult, team: TeamAnswer, request: SearchRequest, local: Sequence[Hit]
) -> wire.SearchResult:
    """The answer with the team's hits among its own, by the ranker of both."""
    own = found.hits
    order = interleaved(request.question.gist, [hit.as_json() for hit in local[: len(own)]], team.hits)
    hits = [own[at] if ranked is None else _remote(team.hits[at], ranked) for at, ranked in order[: request.limit]]
    degraded = "; ".join(filter(None, (found.degraded, team.degraded))) or None
    return msgspec.structs.replace(found, hits=hits, degraded=degraded)


def _remote(hit: RemoteHit, ranked: Ranked) -> wire.SearchHit:
    first, last = hit.start_line + 1, hit.end_line + 1
    place = f"{hit.repository}/{quote(hit.path)}"
    return wire.SearchHit(
        f"lowtide-remote://{place}?{hit.commit[:12]}-{first}-{last}",
        _range(first, last),
        kind_of(hit),
        hit.name,
        hit.container,
        round(ranked.score, 4),
        hit.signature,
        {name: round(value, 4) for name, value in ranked.signals.items()},
        0,
        hit.start_line,
        None,
        is_weak(ranked.signals),
        wire.RemotePlace(hit.repository, hit.commit, hit.path, round(hit.age_s), hit.url),
    )


def _range(first: int, last: int) -> wire.Range:
    """Whole lines, from 1, as the wire has them."""
    return wire.Range(wire.Position(first - 1, 0), wire.Position(last, 0))
