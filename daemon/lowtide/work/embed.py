"""Words or text to vectors: the only module that runs a model (onnxruntime, tokenizers).

Both libraries are imported when a model is loaded, not with this module; a static model needs no tokenizers at all.

Invariant: a vector is L2-normalised and then scaled to int8 by its own largest component, so a cosine of the stored
vectors is the cosine of the model's; a text without a known token gives zeros.
Invariant: memory is bounded by the model and one batch: no arena, no memory pattern, one thread, lengths truncated.
Invariant: every fault of the libraries or of a model comes out as `ModelError`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lowtide.errors import ModelError
from lowtide.work.bags import CacheStatistics, WordBags, read_vocabulary
from lowtide.work.model_folder import MAX_DIMS, Kind, ModelFolder, Pooling, default_model, read_model
from lowtide.work.words import query_words, split_words

Vectors = npt.NDArray[np.int8]

_REMEDY = "check the export (docs/model.md), or use the default model"

# What one step holds at most. A group is what becomes bags at once; a batch is what the model takes at once: its largest
# tensor has 4 * dims bytes a padded token, 1 MiB for the default model, which stays in a core's cache.
_GROUP_ROWS = 256
_GROUP_CHARACTERS = 1 << 17
_STATIC_ROWS = 64
_STATIC_TOKENS = 1024
_TRANSFORMER_ROWS = 8
_TRANSFORMER_CHARACTERS = 1 << 9
LONGEST_WORDS_CHARACTERS = 1 << 15


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


def load_encoder(folder: Path | None = None) -> Encoder:
    """The encoder of the model in `folder`, by default Lowtide's own; loads and tries it. Raises ModelError."""
    model = read_model(folder or default_model())
    return _StaticEncoder(model) if model.kind is Kind.STATIC else _TransformerEncoder(model)


def document_words(path: str, qualified_name: str, words: str) -> str:
    """The words of a chunk as they are embedded: those of its path and qualified name in front of its own.

    `words` are `split_words` of the chunk. The header lifts NDCG@10 by about 0.06 (docs/model.md).
    """
    return " ".join(filter(None, (_path_words(path), " ".join(query_words(qualified_name)), words)))


def document_text(path: str, qualified_name: str, text: str) -> str:
    """A chunk's text as a model that reads text embeds it, with the same header."""
    return f"{path} {qualified_name}\n{text}"


@lru_cache(maxsize=64)
def _path_words(path: str) -> str:
    return " ".join(query_words(path))


class _StaticEncoder:
    """A table of token vectors summed with weights; inputs `input_ids`, `token_weights` (both [batch, tokens]), `side`."""

    takes_words = True

    def __init__(self, model: ModelFolder) -> None:
        self.name, self.dims, self.recipe = model.name, model.dims, model.recipe
        vocabulary, unknown, longest = read_vocabulary(model.tokenizer)
        self._bags = WordBags(vocabulary, unknown, longest)
        self._session = _Session(model, required={"input_ids", "token_weights", "side"})
        # The highest token id: a tokenizer with more tokens than the model has rows shows here, not in the middle.
        highest = np.array([[max(vocabulary.values())]])
        _check_dims(model, self._run(highest, np.ones((1, 1), np.float32), Side.DOCUMENT))

    def encode(self, texts: Sequence[str], side: Side, batch_rows: int | None = None) -> Vectors:
        return self.encode_words([words_of(text) for text in texts], side, batch_rows)

    def encode_words(self, words: Sequence[str], side: Side, batch_rows: int | None = None) -> Vectors:
        vectors = np.zeros((len(words), self.dims), np.int8)
        texts = [text[:LONGEST_WORDS_CHARACTERS] for text in words]
        for group in _batches([len(text) for text in texts], _GROUP_ROWS, _GROUP_CHARACTERS):
            bags = self._bags.bags([texts[row] for row in group])
            filled = np.arange(int(bags.lengths.max())) < bags.lengths[:, None]
            tokens = np.zeros(filled.shape, np.int64)
            weights = np.zeros(filled.shape, np.float32)
            tokens[filled] = bags.tokens
            weights[filled] = bags.weights
            for batch in _batches(bags.lengths.tolist(), batch_rows or _STATIC_ROWS, _STATIC_TOKENS):
                width = int(bags.lengths[batch].max())
                if width:
                    output = self._run(tokens[batch, :width], weights[batch, :width], side)
                    vectors[group[batch]] = to_int8(output, self.name)
        return vectors

    def statistics(self) -> CacheStatistics:
        return self._bags.statistics()

    def _run(
        self, tokens: npt.NDArray[np.int64], weights: npt.NDArray[np.float32], side: Side
    ) -> npt.NDArray[np.float32]:
        feed: dict[str, npt.NDArray[Any]] = {
            "input_ids": tokens,
            "token_weights": weights,
            "side": np.array(side.value, np.int64),
        }
        return self._session.run(feed, len(tokens))


class _TransformerEncoder:
    """A sentence model: inputs `input_ids`, `attention_mask`, perhaps `token_type_ids`; its token vectors are pooled here."""

    takes_words = False

    def __init__(self, model: ModelFolder) -> None:
        self.name, self.recipe = model.name, model.recipe
        self._pooling = model.pooling
        self._tokenizer = _load_tokenizer(model)
        self._session = _Session(model, required={"input_ids", "attention_mask"}, optional={"token_type_ids"})
        # The highest token id, as for a static model.
        highest = self._tokenizer.get_vocab_size() - 1
        probe = self._pool(np.array([[highest, 0]]), np.ones((1, 2), np.int64))
        self.dims = probe.shape[1]
        _check_dims(model, probe)
        to_int8(probe, self.name)

    def encode(self, texts: Sequence[str], side: Side, batch_rows: int | None = None) -> Vectors:
        vectors = np.zeros((len(texts), self.dims), np.int8)
        for rows in _batches([len(text) for text in texts], batch_rows or _TRANSFORMER_ROWS, _TRANSFORMER_CHARACTERS):
            encodings = self._tokenizer.encode_batch([texts[row] for row in rows])
            lengths = np.array([len(encoding.ids) for encoding in encodings])
            filled = np.arange(max(1, int(lengths.max()))) < lengths[:, None]
            tokens = np.zeros(filled.shape, np.int64)
            tokens[filled] = np.concatenate([encoding.ids for encoding in encodings])
            vectors[rows] = to_int8(self._pool(tokens, filled.astype(np.int64)), self.name)
        return vectors

    def encode_words(self, words: Sequence[str], side: Side, batch_rows: int | None = None) -> Vectors:
        return self.encode(words, side, batch_rows)

    def statistics(self) -> CacheStatistics:
        return CacheStatistics(0, 0, 0, 0, 0, 0)

    def _pool(self, tokens: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        feed = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        output = self._session.run(feed, len(tokens))
        if output.ndim == 2:
            return output
        if self._pooling is Pooling.CLS:
            return np.ascontiguousarray(output[:, 0])
        summed = (output * mask[:, :, None]).sum(1, dtype=np.float32)
        mean: npt.NDArray[np.float32] = summed / np.maximum(mask.sum(1, keepdims=True), 1).astype(np.float32)
        return mean


class _Session:
    """onnxruntime's session of one model, with the settings that keep its memory flat, and its faults mapped."""

    def __init__(self, model: ModelFolder, required: set[str], optional: set[str] | None = None) -> None:
        # The official wheels report usage to their maker, and keep a database for it, unless this is set before the import.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.log_severity_level = 4
        self._what = f"model {model.folder}"
        # What is constant is folded: int8 weights that the graph casts become float32 ones, once. Without, each run does it
        # anew: a query to MiniLM int8 takes 62 ms instead of 8, and the peak is 297 MiB instead of 233. A static model
        # casts the few rows that it takes, and its table must stay mapped.
        kept = ["ConstantFolding"] if model.kind is Kind.STATIC else None
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(model.onnx), options, ["CPUExecutionProvider"], disabled_optimizers=kept
            )
        except Exception as error:
            raise ModelError(
                self._what, f"onnxruntime cannot load {model.onnx.name} ({_first_line(error)})", _REMEDY
            ) from error
        self._inputs = {item.name for item in self._session.get_inputs()}
        allowed = required | (optional or set())
        if not required <= self._inputs <= allowed:
            raise ModelError(
                self._what,
                f"its inputs are {sorted(self._inputs)}, and {model.kind} models take {sorted(allowed)}",
                _REMEDY,
            )
        self._output = self._choose_output()

    def _choose_output(self) -> str:
        outputs = self._session.get_outputs()
        names = [item.name for item in outputs]
        for known in ("sentence_embedding", "last_hidden_state", "token_embeddings"):
            if known in names:
                return known
        return str(names[0])

    def run(self, feed: Mapping[str, npt.NDArray[Any]], rows: int) -> npt.NDArray[np.float32]:
        """(rows, dims) or (rows, tokens, dims) float32."""
        try:
            output = self._session.run([self._output], {name: feed[name] for name in self._inputs})[0]
        except Exception as error:
            why = f"it failed on tokens of its own tokenizer.json ({_first_line(error)})"
            raise ModelError(self._what, why, "use the tokenizer.json that came with the model") from error
        if not isinstance(output, np.ndarray) or output.ndim not in (2, 3) or output.shape[0] != rows:
            raise ModelError(
                self._what,
                f"output {self._output} has shape {np.shape(output)}, not [batch, dims] or [batch, tokens, dims]",
                _REMEDY,
            )
        return output.astype(np.float32, copy=False)


def _load_tokenizer(model: ModelFolder) -> Any:
    # Set before the import: the library reads them once, and a pool of threads costs tens of MiB.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["RAYON_NUM_THREADS"] = "1"
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(model.tokenizer))
    except Exception as error:
        raise ModelError(
            f"model file {model.tokenizer}",
            f"not a tokenizer ({_first_line(error)})",
            "use the tokenizer.json that came with the model",
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(model.max_tokens)
    return tokenizer


def _check_dims(model: ModelFolder, probe: npt.NDArray[np.float32]) -> None:
    dims = probe.shape[-1]
    if probe.ndim != 2 or not 0 < dims <= MAX_DIMS or model.dims not in (0, dims):
        expected = f"{model.dims}" if model.dims else f"1 to {MAX_DIMS}"
        raise ModelError(
            f"model {model.folder}", f"its vectors have shape {probe.shape}, expected {expected} dimensions", _REMEDY
        )


def to_int8(vectors: npt.NDArray[np.float32], name: str) -> Vectors:
    """Each vector, whatever its length, scaled so that its largest component is 127; zeros stay zeros."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ModelError(f"model {name}", "it gave numbers that are not finite", _REMEDY)
    # Normalising first would cancel out here: the scale by the own maximum is the same for a vector of any length.
    scaled: Vectors = np.rint(vectors * (127.0 / np.maximum(largest, 1e-12))).astype(np.int8)
    return scaled


def _batches(lengths: Sequence[int], most_rows: int, most_padded: int) -> Iterator[npt.NDArray[np.int64]]:
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


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:200]
