"""How places of the team's index are ranked: among themselves, and together with what this machine found.

Invariant: one ranker for all; of two merged lists each side keeps its own order, and how they lie between each other is
said by the ranker, which sees the signals of both together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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


def merged(
    query: str, local: Sequence[dict[str, Any]], remote: Sequence[RemoteHit], limit: int
) -> list[dict[str, Any]]:
    """The best of both, as hits of `lowtide search --json`; each says its `repository`, null for this workspace."""
    own = [{**hit, "repository": None} for hit in local]
    order = interleaved(query, own, remote)[:limit]
    return [own[at] if ranked is None else _told(remote[at], ranked) for at, ranked in order]


def interleaved(
    query: str, local: Sequence[Mapping[str, Any]], remote: Sequence[RemoteHit]
) -> list[tuple[int, Ranked | None]]:
    """How hits of this machine, as in `lowtide search --json`, and remote ones lie between each other: the number of
    each on its side, and for a remote one what the ranker says of it beside the others."""
    candidates = [_candidate(number, hit) for number, hit in enumerate(local)]
    candidates += [candidate_of(number, hit) for number, hit in enumerate(remote, len(local))]
    scores = {each.chunk_id: each for each in rank_chunks(understand(query), candidates)}
    here = sorted((scores[number].score for number in range(len(local))), reverse=True)
    there = [scores[number] for number in range(len(local), len(candidates))]
    # Of equal ones the workspace's own comes first.
    both: list[tuple[float, int, int, Ranked | None]] = [(-score, 0, place, None) for place, score in enumerate(here)]
    both += [(-each.score, 1, place, each) for place, each in enumerate(there)]
    both.sort(key=lambda item: item[:3])
    return [(place, ranked) for _, _, place, ranked in both]


def kind_of(hit: RemoteHit) -> str:
    """Its kind in words."""
    return SymbolKind(hit.kind).label if hit.kind in set(SymbolKind) else "text"


def _candidate(number: int, hit: Mapping[str, Any]) -> Candidate:
    kind = KINDS.get(hit["kind"])
    signals = hit["signals"]
    return Candidate(
        chunk_id=number,
        path=hit["path"],
        name=hit["name"],
        container=hit["container"],
        kind=int(kind) if kind else 0,
        language="",
        start_line=hit["start_line"] - 1,
        end_line=hit["end_line"] - 1,
        symbol_start_line=hit["start_line"] - 1 if hit["name"] else -1,
        bm25=signals.get("bm25"),
        cosine=signals.get("cosine"),
    )


def _told(hit: RemoteHit, ranked: Ranked) -> dict[str, Any]:
    return {
        "path": hit.path,
        "start_line": hit.start_line + 1,
        "end_line": hit.end_line + 1,
        "kind": kind_of(hit),
        "name": hit.name,
        "container": hit.container,
        "score": round(ranked.score, 4),
        "snippet": hit.signature,
        "signals": {name: round(value, 4) for name, value in ranked.signals.items()},
        "stale": False,
        "weak": is_weak(ranked.signals),
        "more": 0,
        "snippet_line": hit.start_line + 1,
        "definition": None,
        "repository": hit.repository,
        "commit": hit.commit,
        "age_s": round(hit.age_s),
        "url": hit.url,
    }
