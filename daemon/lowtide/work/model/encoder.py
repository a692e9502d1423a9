"""What turns texts into vectors: its shape, and what every encoder does alike.

Invariant: a vector is L2-normalised and then scaled to int8 by its own largest component, so a cosine of the stored
vectors is the cosine of the model's; a text without a known token gives zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lowtide.errors import ModelError
from lowtide.work.model.bags import CacheStatistics
from lowtide.work.words import query_words, split_words

Vectors = npt.NDArray[np.int8]

REMEDY = "check the export (docs/model.md), or use the default model"
GROUP_ROWS = 256
GROUP_CHARACTERS = 1 << 17
"""What becomes bags at once, at most."""
LONGEST_WORDS_CHARACTERS = 1 << 15
"""Of a text's words, what a static model sees."""


class Side(Enum):
    """Which side of a search a text stands on; a model may weigh words differently."""

    DOCUMENT = 0
    QUERY = 1


class Encoder(Protocol):
    """Turns texts into vectors of `dims` components.

    `recipe` names model, pooling, header and vector format: vectors of different recipes are never compared.
    `takes_words` says which method is the cheap one: `encode_words` when it is true (the model sees words only), else
    `encode`.
    """

    @property
    def name(self) -> str: ...
    @property
    def dims(self) -> int: ...
    @property
    def recipe(self) -> str: ...
    @property
    def takes_words(self) -> bool: ...

    def encode(self, texts: Sequence[str], side: Side, batch_rows: int | None = None) -> Vectors:
        """(texts, dims) int8 of raw texts; `batch_rows` texts go through the model at once. Raises ModelError."""

    def encode_words(self, words: Sequence[str], side: Side, batch_rows: int | None = None) -> Vectors:
        """The same of texts that `split_words` has split already."""

    def statistics(self) -> CacheStatistics:
        """How the encoder's memory of words fares; zeros when it has none."""


def document_words(qualified_name: str, words: str) -> str:
    """The words of a chunk as they are embedded: those of its qualified name in front of its own.

    `words` are `split_words` of the chunk. What is embedded is what a content address names, nothing else: a vector
    does not depend on where its file stood first. A path counts where it is asked for, by the lexical index and the
    ranking.
    """
    return " ".join(filter(None, (" ".join(query_words(qualified_name)), words)))


def document_text(qualified_name: str, text: str) -> str:
    """A chunk's text as a model that reads text embeds it, with the same header; a name that is split already stays
    so."""
    header = " ".join(query_words(qualified_name))
    return f"{header}\n{text}" if header else text


def to_int8(vectors: npt.NDArray[np.float32], name: str) -> Vectors:
    """Each vector, whatever its length, scaled so that its largest component is 127; zeros stay zeros."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ModelError(f"model {name}", "it gave numbers that are not finite", REMEDY)
    # Normalising first would cancel out here: the scale by the own maximum is the same for a vector of any length.
    scaled: Vectors = np.rint(vectors * (127.0 / np.maximum(largest, 1e-12))).astype(np.int8)
    return scaled


def batches(lengths: Sequence[int], most_rows: int, most_padded: int) -> Iterator[npt.NDArray[np.int64]]:
    """Row numbers in batches of texts of about one length: little is padded, and rows times longest is bounded.

    A row longer than `most_padded` stands alone.
    """
    order = np.argsort(np.array(lengths, np.int64), kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        rows = end - start
        if end == len(order) or rows == most_rows or (rows + 1) * lengths[order[end]] > most_padded:
            yield order[start:end]
            start = end


def words_of(text: str) -> str:
    """The words of `text` as a static model takes them."""
    encoded = text.encode("utf-8", "replace")
    return split_words(encoded, [0, len(encoded)])[0]
