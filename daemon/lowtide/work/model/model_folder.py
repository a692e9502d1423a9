"""What an embedding model's folder says about itself, checked before anything is loaded.

Two layouts: Lowtide's own (`model.onnx`, `tokenizer.json` and `model.json`, which names the kind, the pooling and the
files' hashes), and a plain sentence-transformers export (`model.onnx` or `onnx/model.onnx`, `tokenizer.json`, and when
they are there `1_Pooling/config.json`, `sentence_bert_config.json`, `config.json`). `docs/model.md` states both.

Invariant: standard library only, and no model is loaded; every fault is a `ModelError` that names the file.
Invariant: two folders have the same recipe only when they give the same vectors for the same text.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from lowtide.errors import ModelError
from lowtide.work.model.onnx_weights import loaded_bytes

FORMAT_VERSION = 1
MAX_DIMS = 4096

_VECTOR_FORMAT = "int8-own-maximum-1"
"""Part of every recipe; it changes when the same model would be stored as other vectors."""

_BASE_BYTES = 40 << 20
"""What Python, numpy, onnxruntime and its buffers cost beside the weights."""
_STATIC_FACTOR = 1.2
"""Anonymous memory a byte of a static model's file: its table is mapped or held once."""
_TRANSFORMER_FACTOR = 2.5
"""The same a byte of a transformer's weights as they are held: while it loads, the file, the tensors in it and those
made of them are there together. MiniLM-L6, 86 MiB so: 235 MiB at the peak, whether its file holds int8 (22 MiB) or
float32."""

_LONGEST_PLAIN_TOKENS = 512
_PLAIN_TOKENS = 256


class Kind(StrEnum):
    """How a model turns tokens into a vector."""

    STATIC = "static"
    """A weighted sum over a bag of tokens: inputs `input_ids`, `token_weights`, `side`."""
    TRANSFORMER = "transformer"
    """A sequence model: inputs `input_ids`, `attention_mask` and perhaps `token_type_ids`."""


class Pooling(StrEnum):
    """How the vectors of a text's tokens become one."""

    SUM_LOG_TF = "sum-log-tf"
    """Each distinct token once, weighted 1 + ln(count); inside the static model."""
    MEAN = "mean"
    CLS = "cls"


class Header(StrEnum):
    """What is put in front of a chunk's text before it is embedded."""

    NAME = "name"
    """The words of its qualified name."""


_HEADERS = {"name": Header.NAME, "path-name": Header.NAME}
"""What `model.json` may say. The path was embedded once, and is no longer: a vector must not depend on where a file
stood."""


class ModelFolder(msgspec.Struct, frozen=True):
    """A model folder that was read and whose hashes are right. `dims` is 0 when only the graph can tell."""

    folder: Path
    name: str
    licence: str
    kind: Kind
    pooling: Pooling
    dims: int
    max_tokens: int
    header: Header
    onnx: Path
    tokenizer: Path
    recipe: str


def default_model() -> Path:
    """The folder of the model that comes with Lowtide."""
    return Path(__file__).parent.parent.parent / "default_model"


def read_model(folder: Path) -> ModelFolder:
    """Read what `folder` holds and check its hashes; reads the weights once from disk, keeps none.

    Raises ModelError when a file is missing or unreadable, a field of `model.json` is wrong, or a hash does not match.
    """
    onnx, tokenizer = _files(folder)
    described = folder / "model.json"
    if described.exists():
        return _read_own(folder, onnx, tokenizer, _json(described))
    return _read_plain(folder, onnx, tokenizer)


def predict_bytes(folder: Path) -> int:
    """Anonymous bytes that a process with this model is predicted to need at its peak: from the sizes of files and
    tensors."""
    onnx, tokenizer = _files(folder)
    weights = sum(file.stat().st_size for file in (onnx, *_external_data(onnx)))
    if _json(folder / "model.json").get("kind") == Kind.STATIC:
        held = weights * _STATIC_FACTOR
    else:
        # What cannot be read is refused when it is loaded, and its reason told there.
        with suppress(OSError, ValueError):
            weights = max(weights, loaded_bytes(onnx))
        held = weights * _TRANSFORMER_FACTOR
    return int(held) + 8 * tokenizer.stat().st_size + _BASE_BYTES


def check_model(folder: Path, budget_bytes: int) -> int:
    """The predicted bytes of `predict_bytes`; raises ModelError when they are more than `budget_bytes`, with what would
    do."""
    predicted = predict_bytes(folder)
    if predicted > budget_bytes:
        needed = -(-predicted >> 20)
        raise ModelError(
            f"model {folder}",
            f"it needs about {needed} MiB of memory, and {budget_bytes >> 20} MiB are left for it",
            f"give Lowtide a budget that leaves {needed} MiB for the model, or choose a smaller model",
        )
    return predicted


def _files(folder: Path) -> tuple[Path, Path]:
    if not folder.is_dir():
        raise ModelError(
            f"model {folder}",
            "no such folder",
            "name one with model.onnx and tokenizer.json: `lowtide model use DIR`, or `use default` for Lowtide's own",
        )
    onnx = folder / "model.onnx"
    if not onnx.exists():
        onnx = folder / "onnx" / "model.onnx"
    tokenizer = folder / "tokenizer.json"
    for file, name in ((onnx, "model.onnx"), (tokenizer, "tokenizer.json")):
        if not file.is_file():
            raise ModelError(
                f"model {folder}", f"{name} is missing", "put the model's ONNX export and its tokenizer there"
            )
    return onnx, tokenizer


def _external_data(onnx: Path) -> list[Path]:
    """Weight files that ONNX exports keep beside the graph when they are large."""
    return sorted(path for path in onnx.parent.glob(f"{onnx.name}*") if path != onnx and path.is_file())


def _read_own(folder: Path, onnx: Path, tokenizer: Path, described: dict[str, Any]) -> ModelFolder:
    version = described.get("format_version")
    if version != FORMAT_VERSION:
        raise _wrong(folder, f"format_version is {version!r}, and this Lowtide reads {FORMAT_VERSION}")
    expected = described.get("files")
    if not isinstance(expected, dict):
        raise _wrong(folder, "files with their sha256 are not listed")
    hashes = {file.name: _sha256(file) for file in (onnx, tokenizer, *_external_data(onnx))}
    for name, found in hashes.items():
        if expected.get(name) != found:
            raise ModelError(
                f"model {folder}",
                f"{name} is not the file that model.json describes",
                "restore the folder, or install it again",
            )
    dims, max_tokens = described.get("dims"), described.get("max_tokens")
    if not isinstance(dims, int) or not 0 < dims <= MAX_DIMS:
        raise _wrong(folder, f"dims is {dims!r}, not a number from 1 to {MAX_DIMS}")
    if not isinstance(max_tokens, int) or max_tokens < 0:
        raise _wrong(folder, f"max_tokens is {max_tokens!r}, not a number from 0")
    try:
        kind, pooling = Kind(str(described.get("kind"))), Pooling(str(described.get("pooling")))
        header = _HEADERS[str(described.get("header"))]
    except ValueError as error:
        raise _wrong(folder, str(error)) from None
    except KeyError as error:
        raise _wrong(folder, f"{error} is not a valid header") from None
    if (kind is Kind.STATIC) != (pooling is Pooling.SUM_LOG_TF):
        raise _wrong(folder, f"pooling {pooling} does not go with kind {kind}")
    return _folder(folder, onnx, tokenizer, hashes, described, kind, pooling, dims, max_tokens, header)


def _read_plain(folder: Path, onnx: Path, tokenizer: Path) -> ModelFolder:
    pooled = _json(folder / "1_Pooling" / "config.json")
    pooling = Pooling.CLS if pooled.get("pooling_mode_cls_token") else Pooling.MEAN
    if pooled and not pooled.get("pooling_mode_cls_token") and not pooled.get("pooling_mode_mean_tokens"):
        raise ModelError(
            f"model {folder}",
            "1_Pooling/config.json asks for neither mean nor cls pooling",
            "use a model with one of these",
        )
    positions = _json(folder / "config.json").get("max_position_embeddings")
    longest = min(positions if isinstance(positions, int) else _LONGEST_PLAIN_TOKENS, _LONGEST_PLAIN_TOKENS)
    asked = _json(folder / "sentence_bert_config.json").get("max_seq_length")
    max_tokens = min(asked if isinstance(asked, int) and asked > 0 else _PLAIN_TOKENS, longest)
    hashes = {file.name: _sha256(file) for file in (onnx, tokenizer, *_external_data(onnx))}
    described = {"name": folder.resolve().name, "licence": "not stated"}
    return _folder(folder, onnx, tokenizer, hashes, described, Kind.TRANSFORMER, pooling, 0, max_tokens, Header.NAME)


def _folder(
    folder: Path,
    onnx: Path,
    tokenizer: Path,
    hashes: dict[str, str],
    described: dict[str, Any],
    kind: Kind,
    pooling: Pooling,
    dims: int,
    max_tokens: int,
    header: Header,
) -> ModelFolder:
    parts = [_VECTOR_FORMAT, kind, pooling, header, str(max_tokens), *(hashes[name] for name in sorted(hashes))]
    return ModelFolder(
        folder=folder,
        name=str(described.get("name", folder.name)),
        licence=str(described.get("licence", "not stated")),
        kind=kind,
        pooling=pooling,
        dims=dims,
        max_tokens=max_tokens,
        header=header,
        onnx=onnx,
        tokenizer=tokenizer,
        recipe=hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16],
    )


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"model file {file}", error.strerror or "cannot be read", "check its permissions") from error


def _json(file: Path) -> dict[str, Any]:
    """The object in `file`; empty when there is no such file."""
    try:
        read = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"model file {file}", f"not readable as JSON ({error})", "restore the file") from error
    if not isinstance(read, dict):
        raise ModelError(f"model file {file}", "not a JSON object", "restore the file")
    return read


def _wrong(folder: Path, why: str) -> ModelError:
    return ModelError(f"model {folder}", f"model.json: {why}", "correct model.json, or install the model again")
