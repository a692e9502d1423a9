"""A static model without a runtime: a text's vector is a sum of its tokens' rows, which numpy makes.

So searching needs no worker, waits for no lease, and goes on while every worker is busy or none would fit; and a worker
holds 9 MiB less than with onnxruntime, and is faster by a fifth or more (docs/model.md). Only the
graph that `model/export.py` writes is known here; any other is the runtime's (embed.py).

Invariant: the vectors are those of onnxruntime for the same model, up to the rounding of a component (a test).
Invariant: the weights are mapped, never copied; what is held besides is the vocabulary, remembered words, and one
group.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.errors import ModelError
from lowtide.work.model.bags import WORDS_KEPT, CacheStatistics, WordBags, read_vocabulary
from lowtide.work.model.encoder import (
    GROUP_CHARACTERS,
    GROUP_ROWS,
    LONGEST_WORDS_CHARACTERS,
    Side,
    Vectors,
    batches,
    to_int8,
    words_of,
)
from lowtide.work.model.model_folder import Kind, ModelFolder
from lowtide.work.model.protobuf import Span, fields, node, packed

# Field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_EXTERNAL = 1, 2, 8, 9, 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_FLOAT, _INT8 = 1, 3

_NODES = (
    (b"Gather", (b"table", b"input_ids")),
    (b"Cast", (b"rows_int8",)),
    (b"Gather", (b"scales", b"side")),
    (b"Gather", (b"side_scales", b"input_ids")),
    (b"Mul", (b"row_scales", b"token_weights")),
    (b"Unsqueeze", (b"weights", b"axis")),
    (b"MatMul", (b"weights_row", b"rows")),
    (b"Squeeze", (b"sum_row", b"axis")),
    (b"ReduceL2", (b"sum",)),
    (b"Max", (b"norm", b"least")),
    (b"Div", (b"sum", b"divisor")),
)
"""What `model/export.py` writes; another graph may mean anything."""

QUESTION_WORDS_KEPT = 2_048
"""Words of several tokens that are remembered where questions are embedded."""
_TOKENS_AT_ONCE = 1_024
"""Rows of a text that are gathered at once: 1.3 MB for 256 dimensions."""
_MULTIPLICATIONS = 1 << 18
"""Of one product of matrices: OpenBLAS gives larger ones to several threads, which wait for one another for 10 ms."""
MOST_ASKED_TOKENS = 64
"""Of a query that texts are compared with word by word; a long one has more than any text answers."""
_TEXTS_AT_ONCE = 16
_TOKEN_BYTES = 110
"""A token of the vocabulary: its string and its place in the dictionary."""


class _Tensor(msgspec.Struct):
    name: bytes = b""
    shape: list[int] = msgspec.field(default_factory=list)
    kind: int = 0
    raw: Span | None = None
    external: dict[bytes, bytes] = msgspec.field(default_factory=dict)


class StaticModel:
    """An Encoder; see the module. Use it from one thread at a time."""

    takes_words = True

    def __init__(
        self, model: ModelFolder, rows: npt.NDArray[np.int8], scales: npt.NDArray[np.float32], words_kept: int
    ) -> None:
        vocabulary, unknown, longest = read_vocabulary(model.tokenizer)
        if max(vocabulary.values()) >= len(rows):
            raise ModelError(
                f"model {model.folder}",
                "its tokenizer has more tokens than its table has rows",
                "use the tokenizer.json that came with the model",
            )
        self.name, self.recipe = model.name, model.recipe
        self._rows, self._scales = rows, scales
        self._bags = WordBags(vocabulary, unknown, longest, limit_words=words_kept)
        self.dims = rows.shape[1]
        self.size_bytes = _TOKEN_BYTES * len(vocabulary)
        """About what it holds in anonymous memory."""

    @classmethod
    def open(cls, model: ModelFolder, words_kept: int = WORDS_KEPT) -> StaticModel | None:
        """That of `model`; None when its graph is not the one known here. ModelError for files that contradict each
        other."""
        if model.kind is not Kind.STATIC:
            return None
        try:
            tensors = _read(model.onnx)
            if tensors is None:
                return None
            rows = _map(model.onnx, tensors[b"table"], _INT8, np.int8)
            scales = _map(model.onnx, tensors[b"scales"], _FLOAT, np.float32)
        except (OSError, ValueError, LookupError):
            return None  # a worker's runtime says better what is wrong with it
        if rows.ndim != 2 or scales.shape != (len(rows), 2) or model.dims not in (0, rows.shape[1]):
            return None
        return cls(model, rows, scales, words_kept)

    def release(self) -> None:
        """Give the mapped rows back to the system; the next text reads its own again."""
        for array in (self._rows, self._scales):
            base: Any = array.base
            if isinstance(base, mmap.mmap):
                base.madvise(mmap.MADV_DONTNEED)

    def statistics(self) -> CacheStatistics:
        """How its memory of words fares."""
        return self._bags.statistics()

    def encode(self, texts: Sequence[str], side: Side, batch_rows: int | None = None) -> Vectors:
        """(texts, dims) int8. One text at a time, so that `batch_rows` changes nothing."""
        return self.encode_words([words_of(text) for text in texts], side)

    def encode_words(self, words: Sequence[str], side: Side, batch_rows: int | None = None) -> Vectors:
        """The same of texts that are words already."""
        vectors = np.zeros((len(words), self.dims), np.int8)
        texts = [text[:LONGEST_WORDS_CHARACTERS] for text in words]
        for group in batches([len(text) for text in texts], GROUP_ROWS, GROUP_CHARACTERS):
            bags = self._bags.bags([texts[row] for row in group])
            weights = self._scales[bags.tokens, side.value] * bags.weights
            sums = np.zeros((len(group), self.dims), np.float32)
            end = 0
            for row, length in enumerate(bags.lengths.tolist()):
                start, end = end, end + length
                for first in range(start, end, _TOKENS_AT_ONCE):
                    part = slice(first, min(end, first + _TOKENS_AT_ONCE))
                    rows = self._rows.take(bags.tokens[part], axis=0).astype(np.float32)
                    # Not by OpenBLAS: it maps 32 MiB the first time, and where a worker may not, it ends the process.
                    sums[row] += np.einsum("i,ij->j", weights[part], rows)
            vectors[group] = to_int8(sums, self.name)
        return vectors

    def closeness(self, query: str, words: Sequence[str]) -> list[tuple[float, int]]:
        """How near each text comes to each word of `query`, as a mean, and how many distinct tokens it has. The texts
        are words already (`work.words.split_texts`).

        Late interaction (Khattab and Zaharia, "ColBERT", 2020) of a static model: each of the query's tokens finds the
        text's nearest one by cosine, whose root counts, so that all words somewhat near are better than one word said
        and the others far; tokens that the model holds for more important count more. 0 to 1.
        """
        asked = self._most_important(self._bags.bags([words_of(query)[:LONGEST_WORDS_CHARACTERS]]).tokens)
        bags = self._bags.bags(words)
        if not len(asked) or not len(bags.tokens):
            return [(0.0, int(length)) for length in bags.lengths]
        known, places = np.unique(bags.tokens, return_inverse=True)
        rows, lengths = _unit(self._rows[asked])
        cosines = np.empty((len(known), len(asked)), np.float32)
        at_once = max(1, _MULTIPLICATIONS // rows.size)
        # OpenBLAS works on the padding beside small matrices too, and what lies there may set the processor's flags.
        with np.errstate(all="ignore"):
            for start in range(0, len(known), at_once):
                block = known[start : start + at_once]
                cosines[start : start + len(block)] = _unit(self._rows[block])[0] @ rows.T
        weights = (lengths * self._scales[asked, Side.QUERY.value]) ** 2
        weights /= max(float(weights.sum()), 1e-12)
        near = np.zeros(len(words), np.float32)
        filled = np.flatnonzero(bags.lengths)
        ends = np.cumsum(bags.lengths)
        for first in range(0, len(filled), _TEXTS_AT_ONCE):
            group = filled[first : first + _TEXTS_AT_ONCE]
            starts = (ends - bags.lengths)[group]
            part = cosines[places[starts[0] : ends[group[-1]]]]
            nearest = np.maximum.reduceat(part, starts - starts[0], axis=0)
            near[group] = np.sqrt(np.maximum(nearest, 0)) @ weights
        return list(zip(near.tolist(), bags.lengths.tolist(), strict=True))

    def _most_important(self, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """All of them as a rule; of very many those that the model holds for the most important, in their order."""
        if len(tokens) <= MOST_ASKED_TOKENS:
            return tokens
        weights = _unit(self._rows[tokens])[1] * self._scales[tokens, Side.QUERY.value]
        return tokens[np.sort(np.argsort(-weights, kind="stable")[:MOST_ASKED_TOKENS])]


def _unit(rows: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The rows at length 1, and their lengths."""
    wide = rows.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return wide / np.maximum(lengths, 1e-9)[:, None], lengths


def _read(onnx: Path) -> dict[bytes, _Tensor] | None:
    """The weights by name, or None when the graph is another one."""
    with onnx.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        (graph,) = (span for number, span in fields(data, (0, len(data))) if number == _MODEL_GRAPH)
        if not isinstance(graph, tuple):
            raise ValueError("there is no graph in it")
        nodes, tensors = [], {}
        for number, value in fields(data, graph):
            if isinstance(value, tuple) and number == _GRAPH_NODE:
                nodes.append(node(data, value))
            elif isinstance(value, tuple) and number == _GRAPH_INITIALIZER:
                tensor = _tensor(data, value)
                tensors[tensor.name] = tensor
    return tensors if tuple(nodes) == _NODES else None


def _tensor(data: mmap.mmap, span: Span) -> _Tensor:
    tensor = _Tensor()
    for number, value in fields(data, span):
        if number == _TENSOR_DIMS:
            tensor.shape += packed(data, value) if isinstance(value, tuple) else [value]
        elif number == _TENSOR_TYPE and isinstance(value, int):
            tensor.kind = value
        elif isinstance(value, tuple) and number == _TENSOR_NAME:
            tensor.name = data[value[0] : value[1]]
        elif isinstance(value, tuple) and number == _TENSOR_RAW:
            tensor.raw = value
        elif isinstance(value, tuple) and number == _TENSOR_EXTERNAL:
            entry = {key: data[part[0] : part[1]] for key, part in fields(data, value) if isinstance(part, tuple)}
            tensor.external[entry[_ENTRY_KEY]] = entry[_ENTRY_VALUE]
    return tensor


def _map(onnx: Path, tensor: _Tensor, kind: int, dtype: type[Any]) -> npt.NDArray[Any]:
    """The tensor's numbers, mapped from the file that holds them; ValueError when they are not there."""
    path, start = onnx, tensor.raw[0] if tensor.raw else 0
    if tensor.external:
        path = onnx.parent / Path(tensor.external[b"location"].decode()).name
        start = int(tensor.external.get(b"offset", b"0"))
    elif tensor.raw is None:
        raise ValueError("the weights are written in another way")
    if tensor.kind != kind:
        raise ValueError("the weights have another type")
    return np.memmap(path, dtype, "r", start, tuple(tensor.shape))
