"""What a question looks for and has found, and what ranking is told of a chunk: from its row, and from its text.

Invariant: nothing is read here; rows and texts are given.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from lowtide.core.asked import Asked
from lowtide.core.candidate import Candidate, Near, Ranked
from lowtide.core.rank import refine
from lowtide.core.verbatim import Verbatim
from lowtide.models import SymbolKind, display_path
from lowtide.read.filters import Filter
from lowtide.read.overlay import Overlay
from lowtide.store.rows import ChunkRow
from lowtide.work.words import query_words


class Sought(msgspec.Struct, frozen=True):
    """What is looked for: words for the lexical index, a vector for the others, either of them or both."""

    asked: Asked
    words: Sequence[str] = ()
    vector: bytes | None = None
    narrow: Filter | None = None
    over: Overlay = msgspec.field(default_factory=Overlay)


class Found(msgspec.Struct, frozen=True):
    """What either side found: as it is stored, as candidates, and in order; texts to look at word by word."""

    asked: Asked
    rows: dict[int, ChunkRow]
    candidates: Sequence[Candidate]
    ranked: Sequence[Ranked]
    words: Sequence[str] = ()
    """Of the first, each joined by spaces: of their texts, then of what tells their definitions."""
    verbatim: Sequence[float] = ()
    """Of each text that is looked at, which part of the question stands in it as it is."""
    kinds: Sequence[SymbolKind] = ()
    """A hit is shown as a definition of one of these."""
    lacks: Sequence[str] = ()
    """What was not looked through, for people."""
    over: Overlay = msgspec.field(default_factory=Overlay)
    is_strange: bool = False
    """No word of the question stands anywhere in what is indexed."""


def candidate_of(row: ChunkRow, bm25: float | None, cosine: float | None, frame: float, concept: float) -> Candidate:
    """A chunk to be ranked: from its row, and how near either side of the index finds it."""
    return Candidate(
        chunk_id=row.chunk_id,
        path=display_path(row.path),
        name=row.name,
        container=row.container,
        kind=row.kind,
        language=row.language,
        start_line=row.start_line,
        end_line=row.end_line,
        symbol_start_line=row.symbol_start_line,
        bm25=bm25,
        cosine=cosine,
        frame=frame,
        concept=concept,
    )


def verbatim_shares(asked: Asked, words: Sequence[str]) -> list[float]:
    """Of the words of each text, joined by spaces, which part of the question stands in them as it is."""
    verbatim = Verbatim([query_words(run) for run in asked.runs])
    return [verbatim.share(each) for each in words]


def refined(found: Found, near: Sequence[tuple[float, int]] | None) -> Sequence[Ranked]:
    """The order once the first were looked at, word by word where that can be done."""
    count = len(found.verbatim)
    if near is None:
        near = [(0.0, 0)] * (2 * count)
    looked_at = zip(found.ranked[:count], near[:count], near[count:], found.verbatim, strict=True)
    nearness = {each.chunk_id: Near(*text, head[0], share) for each, text, head, share in looked_at}
    ranked = refine(found.asked.kind, found.ranked, nearness)
    if found.is_strange:
        return [replace(each, signals={**each.signals, "strange": 1.0}) for each in ranked]
    return ranked
