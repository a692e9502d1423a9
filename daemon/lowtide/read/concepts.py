"""The table of concept cards, as it is in the package: plain words by their vectors, and the terms of art for them.

A file of one header line of JSON, then the offsets of the terms (uint32, one more than cards), the vectors (int8, the
first dimensions of the model's), and the terms, a line a card. `python -m model.cards` makes it.

Invariant: mapped, never copied, but for a number a card; a table of another model is none.
Threads: any number ask at once.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lowtide.core.concepts import LEAST, MOST, Concept
from lowtide.store.vectors.vectors import dots

VERSION = 1
FILE = "concepts.bin"
"""In the default model's folder."""
_MOST_HEADER_BYTES = 4096


class Concepts:
    """The cards; see the module."""

    def __init__(
        self, offsets: npt.NDArray[np.uint32], vectors: npt.NDArray[np.int8], terms: npt.NDArray[np.uint8]
    ) -> None:
        self._offsets, self._vectors, self._terms = offsets, vectors, terms
        wide = vectors.astype(np.float32)
        self._norms = np.maximum(np.sqrt(np.einsum("ij,ij->i", wide, wide)), 1e-9)

    def __len__(self) -> int:
        return len(self._vectors)

    @classmethod
    def open(cls, path: Path, recipe: str) -> Concepts | None:
        """The table at `path`; None where there is none for vectors of `recipe`, or it is not whole."""
        try:
            with path.open("rb") as file:
                line = file.readline(_MOST_HEADER_BYTES)
            header = json.loads(line)
            count, dims = int(header["cards"]), int(header["dims"])
            if header["format_version"] != VERSION or header["recipe"] != recipe:
                return None
            data = np.memmap(path, np.uint8, "r", len(line))
        except (OSError, ValueError, LookupError, TypeError):
            return None
        ends = 4 * (count + 1), 4 * (count + 1) + count * dims
        if count < 1 or dims < 1 or len(data) < ends[1]:
            return None
        offsets = np.frombuffer(data[: ends[0]].tobytes(), np.uint32)
        terms = data[ends[1] :]
        if offsets[-1] > len(terms):
            return None
        return cls(offsets, data[ends[0] : ends[1]].view(np.int8).reshape(count, dims), terms)

    def near(self, vector: bytes) -> list[Concept]:
        """The cards that count for a question with this vector (int8), the nearest first."""
        question = np.frombuffer(vector, np.int8)[: self._vectors.shape[1]]
        wide = question.astype(np.float32)
        norm = float(np.sqrt(np.einsum("i,i->", wide, wide)))
        if norm <= 0 or len(question) < self._vectors.shape[1]:
            return []
        cosines = np.asarray(dots(self._vectors, np.ascontiguousarray(question))) / (self._norms * norm)
        best = np.flatnonzero(cosines >= LEAST)
        best = best[np.argsort(-cosines[best], kind="stable")[:MOST]]
        return [Concept(float(cosines[card]), self._terms_of(int(card))) for card in best]

    def _terms_of(self, card: int) -> tuple[str, ...]:
        first, end = int(self._offsets[card]), int(self._offsets[card + 1])
        return tuple(self._terms[first:end].tobytes().decode("ascii", "replace").split())
