"""What is ranked: a chunk that some side of the index found, how near it comes to the words, and its place.

Invariant: values; a score is the sum of its signals, but for what is only told
(`core/explained.py`).
"""

from __future__ import annotations

import msgspec


class Candidate(msgspec.Struct, frozen=True):
    """A chunk that the lexical index, the vectors, the names or a stack trace found. Lines count from 0; kind 0 is no
    definition.

    `name`, `container` and `symbol_start_line` are those of the innermost definition that holds or begins the chunk,
    or of the one in it that was asked for by name; empty and -1 when there is none. `bm25` (higher is better) and
    `cosine` are None where that side did not find it.
    """

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
    frame: float = 0.0
    """How surely it is a place that was pasted: 1 for the innermost frame of a stack trace, less for those around
    it."""
    concept: float = 0.0
    """How much of the question's terms of art stands in it: their BM25, of the highest."""


class Near(msgspec.Struct, frozen=True):
    """How near a chunk comes to the words of a query, about 0 to 1: its text, of so many tokens, and its definition's
    head.

    `verbatim`: which part of the query stands in the chunk as it stands in the query, 0 to 1.
    """

    text: float
    tokens: int
    head: float
    verbatim: float = 0.0


class Ranked(msgspec.Struct, frozen=True):
    """A candidate's place: the score, about 0 to 1.5, and what was added up to it."""

    chunk_id: int
    score: float
    signals: dict[str, float]


def definition(candidate: Candidate) -> tuple[str, int, str]:
    """What tells definitions apart; text outside every definition stands for itself."""
    if candidate.name:
        return candidate.path, candidate.symbol_start_line, candidate.name
    return candidate.path, candidate.start_line, ""
