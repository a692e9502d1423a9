"""semble 0.7.0: chunks and embeds a tree, index in memory. It gets the weights of Lowtide's own model, so that engines
differ.

Its model must be a folder, for nothing is downloaded here: Lowtide's default model (int8 rows times the scales of the
document side) is written as one of model2vec's, with the same tokenizer. semble pools by plain mean, as it does.
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from bench.memory.measure import IDLE_S, Figures, Job, run_command, with_idle

from lowtide.work.model.encoder import Side
from lowtide.work.model.model_folder import default_model, read_model

_SCRIPT = f"""
import sys, time
from semble import SembleIndex
index = SembleIndex.from_path(sys.argv[1], model_path=sys.argv[2])
print("chunks", len(index.chunks), flush=True)
time.sleep({IDLE_S + 0.5})
"""


def write_model2vec(folder: Path, rows: np.ndarray, scales: np.ndarray, tokenizer: bytes) -> None:
    """Write a folder that model2vec loads: (tokens, dims) float32 in safetensors, its configuration, the tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    table = (rows.astype(np.float32) * scales[:, None]).astype("<f4")
    described = {"embeddings": {"dtype": "F32", "shape": list(table.shape), "data_offsets": [0, table.nbytes]}}
    head = json.dumps(described).encode()
    head += b" " * (-len(head) % 8)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + table.tobytes())
    config = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "normalize": True,
        "hidden_dim": table.shape[1],
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_bytes(tokenizer)


@dataclass(frozen=True, slots=True)
class Semble:
    """`python` is that of an environment with semble 0.7.0 in it."""

    python: Path
    name: str = "semble 0.7.0"
    settings: str = (
        "`SembleIndex.from_path(tree)`, its defaults; weights of Lowtide's default model as a model2vec "
        "folder; no symbols"
    )
    has_budget: bool = False

    def missing(self) -> str:
        has = self.python.exists() and any(self.python.parent.parent.glob("lib/python*/site-packages/semble-0.7.0*"))
        return "" if has else "no semble 0.7.0: `pip install semble==0.7.0` in the environment named by --peers"

    def suits(self, tree: Path) -> bool:
        return True

    def run(self, job: Job) -> Figures:
        """Build the index and keep it a moment; the time is that until it is ready."""
        model = job.work / "model"
        _export(model)
        places = {"HOME": str(job.work), "XDG_CACHE_HOME": str(job.work / "cache"), "HF_HUB_OFFLINE": "1"}
        environment = {**os.environ, **places, "TOKENIZERS_PARALLELISM": "false"}
        argv = [str(self.python), "-c", _SCRIPT, str(job.tree), str(model)]
        figures, outcome = run_command(self.name, job, argv, environment)
        if not figures.is_done or not outcome.stdout.startswith("chunks"):
            return figures
        found = replace(figures, detail={"chunks": int(outcome.stdout.split()[1])})
        return with_idle(found, outcome, outcome.seconds - IDLE_S - 0.5)


def _export(folder: Path) -> None:
    """Lowtide's default model: the table and scales are two tensors of its ONNX file."""
    import onnx
    from onnx import numpy_helper

    model = read_model(default_model())
    graph = onnx.load(model.onnx).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    write_model2vec(folder, tensors["table"], tensors["scales"][:, Side.DOCUMENT.value], model.tokenizer.read_bytes())
