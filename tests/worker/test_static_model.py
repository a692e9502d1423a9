"""Questions' vectors without a runtime: the same as the runtime's, and no other model is taken for ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowtide.work.model.embed import runtime_encoder
from lowtide.work.model.encoder import Encoder, Side
from lowtide.work.model.model_folder import default_model, read_model
from lowtide.work.model.static_model import StaticModel
from lowtide.work.words import split_texts

TEXTS = ["where is the request parsed", "getHTTPResponse_v2 émile 日本", "", "zzxqy", "read " * 9_000]


@pytest.fixture(scope="module")
def ours() -> StaticModel:
    opened = StaticModel.open(read_model(default_model()))
    assert opened is not None
    return opened


@pytest.fixture(scope="module")
def runtime() -> Encoder:
    return runtime_encoder(read_model(default_model()))


@pytest.mark.parametrize("side", Side)
def test_equals_the_runtime(ours: StaticModel, runtime: Encoder, side: Side) -> None:
    expected = runtime.encode(TEXTS, side).astype(int)
    assert np.abs(ours.encode(TEXTS, side).astype(int) - expected).max() <= 1
    assert expected[0].any()
    assert not expected[2].any()


@given(st.lists(st.text(max_size=80), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_equals_the_runtime_for_any_text(ours: StaticModel, runtime: Encoder, texts: list[str]) -> None:
    expected = runtime.encode(texts, Side.QUERY).astype(int)
    assert np.abs(ours.encode(texts, Side.QUERY).astype(int) - expected).max() <= 1


def test_closeness_is_that_of_the_words(ours: StaticModel) -> None:
    texts = ["remove(user)", "deleteUser(id)", "renderTriangle(mesh)", "", "日本"]
    found = ours.closeness("delete the user", split_texts(texts))
    near = [value for value, _ in found]
    assert near[1] > near[0] > near[2] > 0.0 == near[3]
    assert [tokens for _, tokens in found][:4] == [2, 3, 3, 0]
    assert ours.closeness("user", ["user"])[0] == (pytest.approx(1.0), 1)
    assert ours.closeness("", split_texts(texts))[1] == (0.0, 3)
    assert ours.closeness("user", []) == []


def test_all_words_somewhat_near_are_closer_than_one_word_said(ours: StaticModel) -> None:
    found = ours.closeness("delete folder", ["remove directory", "delete", "folder", "parse number", "delete folder"])
    other_words, one, other, nothing, same = (value for value, _ in found)
    assert same > other_words > max(one, other) > nothing


def test_a_graph_of_another_meaning_is_left_to_the_runtime(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(default_model(), folder)
    graph = (folder / "model.onnx").read_bytes()
    assert b"ReduceL2" in graph
    (folder / "model.onnx").write_bytes(graph.replace(b"ReduceL2", b"ReduceL1"))
    (folder / "model.json").write_text(_without_hashes(folder))
    assert StaticModel.open(read_model(folder)) is None


def test_weights_cut_short_are_left_to_the_runtime(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(default_model(), folder)
    model = read_model(folder)
    with (folder / "model.onnx_data").open("r+b") as file:
        file.truncate(1_000_000)
    assert StaticModel.open(model) is None


def _without_hashes(folder: Path) -> str:
    import hashlib
    import json

    described = json.loads((folder / "model.json").read_text())
    for name in described["files"]:
        described["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return json.dumps(described)
