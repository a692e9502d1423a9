"""What ranking is told of a chunk: from its row, and from its text.

Invariant: nothing is read here; rows and texts are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from lowtide.core.asked import Asked
from lowtide.core.candidate import Candidate
from lowtide.core.verbatim import Verbatim
from lowtide.models import display_path
from lowtide.store.rows import ChunkRow
from lowtide.work.words import query_words, split_words


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


def verbatim_shares(asked: Asked, texts: Sequence[str]) -> list[float]:
    """Of each text which part of the question stands in it as it is."""
    verbatim = Verbatim([query_words(run) for run in asked.runs])
    encoded = [text.encode("utf-8", "replace") for text in texts]
    words = split_words(b"".join(encoded), list(accumulate(map(len, encoded), initial=0)))
    return [verbatim.share(each) for each in words]
