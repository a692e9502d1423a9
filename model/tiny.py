"""Make the tiny models that the tests load: `python -m model.tiny tests/data/models`. Seeded; a few kB each.

`static`: a table of 32 dimensions over a small vocabulary of Lowtide's own kind. `transformer`: a plain folder as
sentence-transformers exports one, 8 dimensions, whose token vectors depend on their neighbours; the word `broken` has a
vector that is not a number.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from model import export
from model.tokenizer import empty_tokenizer

WORDS = (
    "broken",
    "read",
    "write",
    "open",
    "close",
    "file",
    "socket",
    "config",
    "parse",
    "user",
    "test",
    "the",
    "a",
    "of",
    "to",
    "server",
    "http",
    "get",
    "set",
)


def static(folder: Path) -> None:
    """A static model whose vocabulary is `WORDS`, all letters and their continuations."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tokens = ["[PAD]", "[UNK]", *WORDS, *letters, *(f"##{letter}" for letter in letters), "##ing", "##er"]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = empty_tokenizer()
    tokenizer.model = models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=40)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    rng = np.random.default_rng(0)
    table = rng.normal(size=(len(vocabulary), 32)).astype(np.float32)
    table[:2] = 0
    factors = np.linspace(0.5, 1.5, len(vocabulary), dtype=np.float32)
    about = {"name": "tiny-static", "licence": "MIT", "provenance": "random, python -m model.tiny"}
    export.write_folder(folder, table, factors, folder / "tokenizer.json", about)


def transformer(folder: Path) -> None:
    """Token vectors plus half the mean of all unmasked ones: enough for context, padding and pooling to matter."""
    vocabulary = {token: number for number, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    rows = np.random.default_rng(1).normal(size=(len(vocabulary), 8)).astype(np.float32)
    rows[vocabulary["broken"]] = np.nan
    node = helper.make_node
    nodes = [
        node("Gather", ["rows", "input_ids"], ["token"], axis=0),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["mask", "last"], ["mask3"]),
        node("Mul", ["token", "mask3"], ["masked"]),
        node("ReduceSum", ["masked", "middle"], ["sum"], keepdims=1),
        node("ReduceSum", ["mask3", "middle"], ["count"], keepdims=1),
        node("Div", ["sum", "count"], ["mean"]),
        node("Mul", ["mean", "half"], ["context"]),
        node("Add", ["token", "context"], ["last_hidden_state"]),
    ]
    constants = [
        numpy_helper.from_array(rows, "rows"),
        numpy_helper.from_array(np.array([2], np.int64), "last"),
        numpy_helper.from_array(np.array([1], np.int64), "middle"),
        numpy_helper.from_array(np.array(0.5, np.float32), "half"),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", 8])
    graph = helper.make_graph(nodes, "tiny_transformer", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="lowtide")
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / "model.onnx"))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": 8, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), "utf-8")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}), "utf-8")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    static(target / "static")
    transformer(target / "transformer")
