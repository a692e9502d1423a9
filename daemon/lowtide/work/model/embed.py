"""Loads a model: the only module that runs one in onnxruntime, with tokenizers.

Both libraries are imported when a model that needs them is loaded, not with this module. Lowtide's own needs neither
(static_model.py): a sum of rows is not worth the 9 MiB that the runtime takes in every worker.

Invariant: memory is bounded by the model and one batch: no arena, no memory pattern, one thread, lengths truncated.
Invariant: every fault of the libraries or of a model comes out as `ModelError`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lowtide.errors import ModelError
from lowtide.work.model.bags import CacheStatistics, WordBags, read_vocabulary
from lowtide.work.model.encoder import (
    GROUP_CHARACTERS,
    GROUP_ROWS,
    LONGEST_WORDS_CHARACTERS,
    REMEDY,
    Encoder,
    Side,
    Vectors,
    batches,
    to_int8,
    words_of,
)
from lowtide.work.model.model_folder import MAX_DIMS, Kind, ModelFolder, Pooling, default_model, read_model
from lowtide.work.model.static_model import StaticModel

# What the model takes at once: its largest tensor has 4 * dims bytes a padded token.
_STATIC_ROWS = 64
_STATIC_TOKENS = 1024
_TRANSFORMER_ROWS = 8
_TRANSFORMER_CHARACTERS = 1 << 9


def load_encoder(folder: Path | None = None) -> Encoder:
    """The encoder of the model in `folder`, by default Lowtide's own; what needs the runtime is tried. Raises
    ModelError."""
    model = read_model(folder or default_model())
    return StaticModel.open(model) or runtime_encoder(model)


def runtime_encoder(model: ModelFolder) -> Encoder:
    """Its encoder in onnxruntime, which takes any graph; loads and tries it. Raises ModelError."""
    return _StaticEncoder(model) if model.kind is Kind.STATIC else _TransformerEncoder(model)


class _StaticEncoder:
    """A table of token vectors summed with weights; inputs `input_ids`, `token_weights` (both [batch, tokens]),
    `side`."""

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
        for group in batches([len(text) for text in texts], GROUP_ROWS, GROUP_CHARACTERS):
            bags = self._bags.bags([texts[row] for row in group])
            filled = np.arange(int(bags.lengths.max())) < bags.lengths[:, None]
            tokens = np.zeros(filled.shape, np.int64)
            weights = np.zeros(filled.shape, np.float32)
            tokens[filled] = bags.tokens
            weights[filled] = bags.weights
            for batch in batches(bags.lengths.tolist(), batch_rows or _STATIC_ROWS, _STATIC_TOKENS):
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
    """A sentence model: inputs `input_ids`, `attention_mask`, perhaps `token_type_ids`; its token vectors are pooled
    here."""

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
        for rows in batches([len(text) for text in texts], batch_rows or _TRANSFORMER_ROWS, _TRANSFORMER_CHARACTERS):
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
        # The official wheels report usage to their maker, and keep a database for it, unless this is set before the
        # import.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.log_severity_level = 4
        self._what = f"model {model.folder}"
        # What is constant is folded: int8 weights that the graph casts become float32 ones, once. Without, each run
        # does it anew: a query to MiniLM int8 takes 62 ms instead of 8, and the peak is 297 MiB instead of 233. A
        # static model casts the few rows that it takes, and its table must stay mapped.
        kept = ["ConstantFolding"] if model.kind is Kind.STATIC else None
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(model.onnx), options, ["CPUExecutionProvider"], disabled_optimizers=kept
            )
        except Exception as error:
            raise ModelError(
                self._what, f"onnxruntime cannot load {model.onnx.name} ({_first_line(error)})", REMEDY
            ) from error
        self._inputs = {item.name for item in self._session.get_inputs()}
        allowed = required | (optional or set())
        if not required <= self._inputs <= allowed:
            raise ModelError(
                self._what,
                f"its inputs are {sorted(self._inputs)}, and {model.kind} models take {sorted(allowed)}",
                REMEDY,
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
                REMEDY,
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
            f"model {model.folder}", f"its vectors have shape {probe.shape}, expected {expected} dimensions", REMEDY
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:200]
