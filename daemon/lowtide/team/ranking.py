"""How places of the team's index are ranked: among themselves, and together with what this machine found.

Invariant: one ranker for all; of two merged lists each side keeps its own order, and how they lie between each other is
said by the ranker, which sees the signals of both together.
"""

from __future__ import annotations

from collections.abc import Sequence

from lowtide.answers import Hit
from lowtide.core.asked import understand
from lowtide.core.candidate import Candidate, Ranked
from lowtide.core.explained import is_weak
from lowtide.core.rank import fuse, rank_chunks
from lowtide.models import KINDS, SymbolKind
from lowtide.team.messages import RemoteHit


def ranked(query: str, hits: Sequence[RemoteHit]) -> list[RemoteHit]:
    """Hits in the order that the ranker gives them, one for each definition."""
    order = fuse(understand(query), [candidate_of(number, hit) for number, hit in enumerate(hits)])
    return [hits[each.chunk_id] for each in order]


def candidate_of(number: int, hit: RemoteHit) -> Candidate:
    """A hit as the ranker takes it: two repositories' paths are two."""
    return Candidate(
        chunk_id=number,
        path=f"{hit.repository}/{hit.path}",
        name=hit.name,
        container=hit.container,
        kind=hit.kind,
        language=hit.language,
        start_line=hit.start_line,
        end_line=hit.end_line,
        symbol_start_line=hit.symbol_line,
        bm25=hit.bm25,
        cosine=hit.cosine,
    )


def merged(query: str, local: Sequence[Hit], remote: Sequence[RemoteHit], limit: int) -> list[Hit]:
    """The best of both; each says its `repository`, None for this machine's."""
    candidates = [_candidate(number, hit) for number, hit in enumerate(local)]
    candidates += [candidate_of(number, hit) for number, hit in enumerate(remote, len(local))]
    scores = {each.chunk_id: each for each in rank_chunks(understand(query), candidates)}
    here = sorted((scores[number].score for number in range(len(local))), reverse=True)
    there = [scores[number] for number in range(len(local), len(candidates))]
    # Of equal ones the workspace's own comes first.
    both = [
        (-score, 0, place, hit._replace(repository=None))
        for place, (score, hit) in enumerate(zip(here, local, strict=True))
    ]
    both += [
        (-each.score, 1, place, _told(hit, each)) for place, (each, hit) in enumerate(zip(there, remote, strict=True))
    ]
    both.sort(key=lambda item: item[:3])
    return [hit for *_, hit in both][:limit]


def _candidate(number: int, hit: Hit) -> Candidate:
    kind = KINDS.get(hit.kind)
    return Candidate(
        chunk_id=number,
        path=hit.path,
        name=hit.name,
        container=hit.container,
        kind=int(kind) if kind else 0,
        language="",
        start_line=hit.start_line - 1,
        end_line=hit.end_line - 1,
        symbol_start_line=hit.start_line - 1 if hit.name else -1,
        bm25=hit.signals.get("bm25"),
        cosine=hit.signals.get("cosine"),
    )


def _told(hit: RemoteHit, ranked: Ranked) -> Hit:
    return Hit(
        path=hit.path,
        start_line=hit.start_line + 1,
        end_line=hit.end_line + 1,
        kind=SymbolKind(hit.kind).label if hit.kind in set(SymbolKind) else "text",
        name=hit.name,
        container=hit.container,
        score=round(ranked.score, 4),
        snippet=hit.signature,
        signals={name: round(value, 4) for name, value in ranked.signals.items()},
        stale=False,
        weak=is_weak(ranked.signals),
        more=0,
        snippet_line=hit.start_line + 1,
        repository=hit.repository,
        commit=hit.commit,
        age_s=round(hit.age_s),
        url=hit.url,
    )
