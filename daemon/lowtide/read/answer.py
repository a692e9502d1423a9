"""Answers of a search: hits with their places, what they show, and how their scores came about.

Invariant: values; their JSON is that of the command line and of the protocol.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from lowtide.core.candidate import Ranked
from lowtide.core.explained import is_weak
from lowtide.models import SymbolKind
from lowtide.read.overlay import Piece
from lowtide.read.snippets import shown_of


@dataclass(frozen=True, slots=True)
class Lines:
    """Where a definition is, lines from 1, inclusive, and its text up to its body."""

    start_line: int
    end_line: int
    signature: str

    def as_json(self) -> dict[str, Any]:
        """The `definition` of a hit."""
        return {"start_line": self.start_line, "end_line": self.end_line, "signature": self.signature}


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. Lines count from 1, inclusive; `signals` tell how the score came about."""

    path: str
    start_line: int
    end_line: int
    kind: str
    name: str
    container: str
    score: float
    snippet: str
    signals: dict[str, float]
    stale: bool
    more: int = 0
    """Of an answer with one hit a file: how many others the file has."""
    snippet_line: int = 0
    """The first line of the snippet, from 1."""
    definition: Lines | None = None
    """The whole definition that the hit is of, or in; the hit's own lines are the best part of it."""

    @property
    def weak(self) -> bool:
        """Whether it is likely no answer."""
        return is_weak(self.signals)

    def as_json(self) -> dict[str, Any]:
        """The hit of the command line's JSON."""
        return {
            "path": self.path,
            "start_line": self.start_line,
            "end_line": self.end_line,
            "kind": self.kind,
            "name": self.name,
            "container": self.container,
            "score": round(self.score, 4),
            "snippet": self.snippet,
            "signals": {name: round(value, 4) for name, value in self.signals.items()},
            "stale": self.stale,
            "weak": self.weak,
            "more": self.more,
            "snippet_line": self.snippet_line or self.start_line,
            "definition": self.definition.as_json() if self.definition else None,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a search."""

    query: str
    hits: Sequence[Hit]
    degraded: str | None
    stale_files: int
    took_ms: float

    def as_json(self) -> dict[str, Any]:
        """The object of `lowtide search --json`."""
        return {
            "query": self.query,
            "degraded": self.degraded,
            "stale_files": self.stale_files,
            "took_ms": round(self.took_ms, 2),
            "hits": [hit.as_json() for hit in self.hits],
        }


def stale_paths(hits: Sequence[Hit]) -> set[str]:
    """The files of hits that are no longer what was indexed."""
    return {hit.path for hit in hits if hit.stale}


def hit_of_piece(piece: Piece, ranked: Ranked, stems: Collection[str], more: int) -> Hit:
    """The hit of a chunk that is not saved."""
    is_named = "exact" in ranked.signals
    shown = shown_of(piece.text, piece.start_line, piece.symbol_start_line, stems, is_named=is_named)
    return Hit(
        piece.path,
        piece.start_line + 1,
        piece.end_line + 1,
        SymbolKind(piece.kind).label if piece.kind else "text",
        piece.name,
        piece.container,
        ranked.score,
        shown.text,
        ranked.signals,
        False,
        more,
        shown.first_line + 1,
        Lines(piece.symbol_start_line + 1, piece.symbol_end_line + 1, piece.signature)
        if piece.symbol_end_line >= 0
        else None,
    )
