"""Fuses what the lexical index, the vectors and a candidate's own features say into one order.

Invariant: pure; the constants below are the whole tuning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DENSE_WEIGHT = 0.7


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that the lexical index or the vectors found; None where one of them did not."""

    chunk_id: int
    path: str
    name: str
    container: str
    kind: int
    language: str
    start_line: int
    end_line: int
    symbol_start_line: int
    bm25: float | None
    cosine: float | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate's place: the score, and what it is made of."""

    chunk_id: int
    score: float
    signals: dict[str, float]


def fuse(query: str, candidates: Sequence[Candidate]) -> list[Ranked]:
    """The candidates, best first."""
    top = max((c.bm25 for c in candidates if c.bm25 is not None), default=0.0) or 1.0
    cosines = [c.cosine for c in candidates if c.cosine is not None]
    low, high = min(cosines, default=0.0), max(cosines, default=1.0)
    span = (high - low) or 1.0
    out = []
    for c in candidates:
        lexical = (c.bm25 or 0.0) / top
        dense = (c.cosine - low) / span if c.cosine is not None else 0.0
        out.append(
            Ranked(
                c.chunk_id,
                DENSE_WEIGHT * dense + (1 - DENSE_WEIGHT) * lexical,
                {"bm25": c.bm25 or 0.0, "cosine": c.cosine or 0.0},
            )
        )
    out.sort(key=lambda r: -r.score)
    return out
