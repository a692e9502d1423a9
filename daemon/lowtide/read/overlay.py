"""What an editor holds, as it lies over an index for one question: chunks of its texts, in the place of their files'.

Invariant: values; a piece is ranked among an index's chunks by the same rules, and shown as they are.
"""

from __future__ import annotations

import msgspec

from lowtide.core.candidate import Candidate

BM25_OF_ALL = 10.0
"""Of a piece that holds all words, where the index holds none of them."""


class Piece(msgspec.Struct, frozen=True):
    """A chunk of a text that is not saved. Lines count from 0, inclusive; kind 0 is no definition."""

    path: str
    text: str
    start_line: int
    end_line: int
    name: str = ""
    container: str = ""
    kind: int = 0
    symbol_start_line: int = -1
    symbol_end_line: int = -1
    signature: str = ""
    doc: str = ""
    share: float = 0.0
    """Of the question's words, those that it holds: 0 to 1."""
    cosine: float | None = None


class Overlay(msgspec.Struct, frozen=True):
    """The pieces, the files whose chunks are not answered, and what is not known of the pieces, for people."""

    hidden: frozenset[str] = frozenset()
    pieces: tuple[Piece, ...] = ()
    lacks: tuple[str, ...] = ()

    def candidates(self, most_bm25: float, *, by_words: bool, by_meaning: bool) -> list[Candidate]:
        """What of the pieces the question finds, with numbers below 0; `most_bm25`: the highest of the index."""
        found = []
        for place, piece in enumerate(self.pieces):
            bm25 = (most_bm25 or BM25_OF_ALL) * piece.share if by_words and piece.share else None
            cosine = piece.cosine if by_meaning else None
            if bm25 is None and cosine is None:
                continue
            found.append(
                Candidate(
                    -1 - place,
                    piece.path,
                    piece.name,
                    piece.container,
                    piece.kind,
                    "",
                    piece.start_line,
                    piece.end_line,
                    piece.symbol_start_line,
                    bm25,
                    cosine,
                )
            )
        return found

    def piece(self, number: int) -> Piece:
        """That of a candidate."""
        return self.pieces[-1 - number]
