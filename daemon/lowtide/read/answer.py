"""Hits of a search, made of what was found: a chunk of the index, or one of an editor's text.

Invariant: the one place where a Hit is made; figures are rounded here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lowtide.answers import Definition, Hit
from lowtide.core.candidate import Ranked
from lowtide.core.explained import is_weak
from lowtide.models import SymbolKind, display_path
from lowtide.read.overlay import Piece
from lowtide.read.snippets import Shown, shown_of
from lowtide.store.rows import ChunkRow


def stale_paths(hits: Sequence[Hit]) -> set[str]:
    """The files of hits that are no longer what was indexed."""
    return {hit.path for hit in hits if hit.stale}


def hit_of_piece(piece: Piece, ranked: Ranked, stems: Collection[str], more: int) -> Hit:
    """The hit of a chunk that is not saved."""
    is_named = "exact" in ranked.signals
    shown = shown_of(piece.text, piece.start_line, piece.symbol_start_line, stems, is_named=is_named)
    return _hit(piece.path, piece, piece.signature, shown, ranked, more)


def hit_of_row(row: ChunkRow, signature: str, shown: Shown, ranked: Ranked, more: int) -> Hit:
    """The hit of a chunk of the index; `signature` is its definition's."""
    return _hit(display_path(row.path), row, signature, shown, ranked, more)


def _hit(path: str, chunk: Piece | ChunkRow, signature: str, shown: Shown, ranked: Ranked, more: int) -> Hit:
    is_definition = chunk.symbol_end_line >= 0
    return Hit(
        path,
        chunk.start_line + 1,
        chunk.end_line + 1,
        SymbolKind(chunk.kind).label if chunk.kind else "text",
        chunk.name,
        chunk.container,
        round(ranked.score, 4),
        shown.text,
        {name: round(value, 4) for name, value in ranked.signals.items()},
        shown.is_stale,
        is_weak(ranked.signals),
        more,
        shown.first_line + 1,
        Definition(chunk.symbol_start_line + 1, chunk.symbol_end_line + 1, signature) if is_definition else None,
    )
