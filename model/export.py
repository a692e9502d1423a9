"""Write a trained table as the model folder that Lowtide ships: `model.onnx` with its weights
beside it in `model.onnx_data`, `tokenizer.json`, `model.json`.

The graph: int8 rows are gathered, scaled (one scale a row and side), summed with the token weights, and normalised.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

FORMAT_VERSION = 1
_WEIGHTS = "model.onnx_data"


def graph(table: npt.NDArray[np.float32], query_scale: npt.NDArray[np.float32]) -> onnx.ModelProto:
    """The ONNX model of `table` (vocabulary, dims); on the query side each row counts `query_scale` times
    (vocabulary,)."""
    scale = np.maximum(np.abs(table).max(1) / 127, 1e-9).astype(np.float32)
    rows = np.clip(np.round(table / scale[:, None]), -127, 127).astype(np.int8)
    constants = [
        numpy_helper.from_array(rows, "table"),
        numpy_helper.from_array(np.stack([scale, scale * query_scale], 1).astype(np.float32), "scales"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
        numpy_helper.from_array(np.array(1e-9, np.float32), "least"),
    ]
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "input_ids"], ["rows_int8"], axis=0),
        node("Cast", ["rows_int8"], ["rows"], to=TensorProto.FLOAT),
        node("Gather", ["scales", "side"], ["side_scales"], axis=1),
        node("Gather", ["side_scales", "input_ids"], ["row_scales"], axis=0),
        node("Mul", ["row_scales", "token_weights"], ["weights"]),
        node("Unsqueeze", ["weights", "axis"], ["weights_row"]),
        node("MatMul", ["weights_row", "rows"], ["sum_row"]),
        node("Squeeze", ["sum_row", "axis"], ["sum"]),
        node("ReduceL2", ["sum"], ["norm"], axes=[1], keepdims=1),
        node("Max", ["norm", "least"], ["divisor"]),
        node("Div", ["sum", "divisor"], ["sentence_embedding"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"]),
        helper.make_tensor_value_info("token_weights", TensorProto.FLOAT, ["batch", "tokens"]),
        helper.make_tensor_value_info("side", TensorProto.INT64, []),
    ]
    output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", table.shape[1]])
    model = helper.make_model(
        helper.make_graph(nodes, "static_code_model", inputs, [output], constants),
        opset_imports=[helper.make_opsetid("", 17)],
        producer_name="lowtide",
    )
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def in_principal_order(
    table: npt.NDArray[np.float32], bags: Path, texts: int = 20_000, seed: int = 0
) -> npt.NDArray[np.float32]:
    """`table` turned so that vectors can be cut: their first numbers carry the most of what tells texts apart.

    The directions are the principal ones of the vectors of `texts` functions of `bags` (what `model.pairs.encode`
    wrote). A rotation: cosines of whole vectors stay as they are.
    """
    with np.load(bags) as arrays:
        tokens, counts, offsets = (arrays[f"code_{name}"] for name in ("tokens", "counts", "offsets"))
    rows = np.random.default_rng(seed).permutation(len(offsets) - 1)[:texts]
    vectors = np.zeros((len(rows), table.shape[1]), np.float32)
    for place, row in enumerate(rows):
        span = slice(offsets[row], offsets[row + 1])
        vectors[place] = (1 + np.log(counts[span])) @ table[tokens[span]]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    directions = np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1]
    turned: npt.NDArray[np.float32] = (table @ directions).astype(np.float32)
    return turned


def write_folder(
    folder: Path,
    table: npt.NDArray[np.float32],
    query_scale: npt.NDArray[np.float32],
    tokenizer: Path,
    about: dict[str, Any],
) -> None:
    """Write the model folder; `about` holds name, licence and provenance."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _WEIGHTS).unlink(missing_ok=True)
    # Beside the graph, not inside it: onnxruntime then maps the file, so that the table costs no anonymous memory and
    # processes share its pages.
    onnx.save_model(
        graph(table, query_scale),
        str(folder / "model.onnx"),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=_WEIGHTS,
        size_threshold=100_000,
    )
    names = ["model.onnx", "tokenizer.json"]
    if (folder / _WEIGHTS).exists():  # a small table stays inside the graph
        (folder / _WEIGHTS).chmod(0o644)
        names.append(_WEIGHTS)
    if tokenizer.resolve() != (folder / "tokenizer.json").resolve():
        shutil.copyfile(tokenizer, folder / "tokenizer.json")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    described = {
        "format_version": FORMAT_VERSION,
        "kind": "static",
        "dims": int(table.shape[1]),
        "pooling": "sum-log-tf",
        "max_tokens": 0,
        "header": "name",
        **about,
        "files": files,
    }
    (folder / "model.json").write_text(json.dumps(described, indent=1) + "\n", "utf-8")
