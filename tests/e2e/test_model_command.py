"""`lowtide model`: what is in use, another one, back again; vectors of two models never meet."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.e2e.contents import vector_data
from tests.e2e.harness import Lowtide, python_module

from lowtide.work.model.model_folder import default_model

MODELS = Path(__file__).parent.parent / "data" / "models"
MIB = 1 << 20
NOTES = "# mine\nbudget = '400MiB'  # enough\n\n[daemon]\nniceness = 1\n"


@pytest.fixture
def transformer(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS / "transformer", tmp_path / "my model"))


@pytest.fixture
def root(tree: Callable[..., Path]) -> Path:
    return tree({f"part{n}.py": python_module(n, 4) for n in range(4)})


def config(lowtide: Lowtide) -> Path:
    return lowtide.home / "config" / "config.toml"


def write_config(lowtide: Lowtide, text: str) -> None:
    config(lowtide).parent.mkdir(parents=True, exist_ok=True)
    config(lowtide).write_text(text)


def stored(lowtide: Lowtide) -> set[tuple[str, int]]:
    """(recipe, dimensions) of every vector there is; what the index says of itself stands beside."""
    with closing(sqlite3.connect(f"file:{lowtide.index_folder() / 'catalog.sqlite'}?mode=ro", uri=True)) as connection:
        (recipe,) = connection.execute("SELECT value FROM meta WHERE key = 'recipe'").fetchone()
        (known,) = connection.execute("SELECT value FROM meta WHERE key = 'vector_dims'").fetchone()
    sizes = {len(data) for data in vector_data(lowtide.index_folder() / "catalog.sqlite").values()}
    assert sizes == {int(known)}
    return {(recipe, size) for size in sizes}


def test_info_tells_what_is_in_use(lowtide: Lowtide) -> None:
    answer = lowtide.json("model", "info")
    assert answer["name"] == "lowtide-default"
    assert (answer["licence"], answer["kind"], answer["dims"], answer["pooling"]) == (
        "MIT",
        "static",
        256,
        "sum-log-tf",
    )
    assert answer["path"] == str(default_model())
    assert answer["chosen_by"] == "default"
    assert answer["disk_bytes"] < 12 * MIB
    assert answer["predicted_bytes"] < answer["least_budget_bytes"] <= answer["budget_bytes"]
    assert answer["fits"]
    assert "sources" in answer["provenance"]
    text = lowtide.run("model", "info", "--budget", "96MiB").stdout
    assert answer["recipe"] in text
    assert "fits 96 MiB" in text


def test_another_model_and_back(lowtide: Lowtide, root: Path, transformer: Path) -> None:
    write_config(lowtide, NOTES)
    own = lowtide.json("model", "info")["recipe"]
    lowtide.run("index", root)
    assert stored(lowtide) == {(own, 256)}

    used = lowtide.json("model", "use", transformer)
    assert (used["dims"], used["changed"], used["indexes_to_embed"]) == (8, True, 1)
    text = config(lowtide).read_text()
    assert text.startswith(NOTES)
    assert config(lowtide).stat().st_mode & 0o777 == 0o600
    info = lowtide.json("model", "info")
    assert (info["recipe"], info["dims"], info["chosen_by"]) == (used["recipe"], 8, "config.toml")

    # The index is still the other model's: words are searched, its vectors are not touched.
    for mode in ("hybrid", "semantic"):
        answer = lowtide.json("search", "compute a figure of part 3", root, "--mode", mode)
        assert "another model" in answer["degraded"]
        assert answer["hits"]
    assert stored(lowtide) == {(own, 256)}

    assert "embedded anew" in "".join(lowtide.json("index", root)["messages"])
    assert stored(lowtide) == {(used["recipe"], 8)}
    answer = lowtide.json("search", "read the file", root, "--mode", "semantic")
    assert answer["degraded"] is None
    assert answer["hits"]

    back = lowtide.json("model", "use", "default")
    assert (back["recipe"], back["dims"], back["default"]) == (own, 256, True)
    assert config(lowtide).read_text().startswith(NOTES)
    assert "path" not in config(lowtide).read_text()
    lowtide.run("index", root)
    assert stored(lowtide) == {(own, 256)}
    assert lowtide.json("search", "compute a figure", root)["degraded"] is None


def test_what_is_in_use_already_is_said_and_nothing_written(lowtide: Lowtide, transformer: Path) -> None:
    assert "already in use" in lowtide.run("model", "use", "default").stdout
    assert not config(lowtide).exists()
    lowtide.run("model", "use", transformer)
    before = config(lowtide).stat().st_mtime_ns
    assert "already in use" in lowtide.run("model", "use", transformer).stdout
    assert config(lowtide).stat().st_mtime_ns == before
    assert lowtide.json("model", "use", default_model())["default"]


def test_a_relative_folder_is_written_whole(lowtide: Lowtide, transformer: Path) -> None:
    lowtide.run("model", "use", transformer.name, cwd=transformer.parent)
    assert f'path = "{transformer}"' in config(lowtide).read_text()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "no such folder"),
        (lambda folder: (folder / "model.onnx").unlink(), "model.onnx is missing"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json is missing"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"no graph"), "cannot load model.onnx"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "not a tokenizer"),
        (lambda folder: shutil.copy(MODELS / "static" / "model.onnx", folder), "inputs are"),
    ],
)
def test_a_model_that_does_not_work_changes_nothing(
    lowtide: Lowtide, transformer: Path, damage: Callable[[Path], object], message: str
) -> None:
    write_config(lowtide, NOTES)
    damage(transformer)
    failed = lowtide.run("model", "use", transformer, code=2)
    assert message in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert config(lowtide).read_text() == NOTES


def test_a_model_too_large_is_refused_with_the_budget_that_would_do(lowtide: Lowtide, transformer: Path) -> None:
    with (transformer / "model.onnx").open("ab") as file:
        file.truncate(60 * MIB)
    error = lowtide.json("model", "use", transformer, "--budget", "128MiB", code=2)["error"]
    assert error["kind"] == "model"
    info = lowtide.json("model", "info")
    assert info["name"] == "lowtide-default"
    lowtide.environment["LOWTIDE_MODEL"] = str(transformer)
    info = lowtide.json("model", "info", "--budget", "128MiB")
    assert not info["fits"]
    assert f'"{info["least_budget_bytes"] // MIB}MiB"' in error["remedy"]
    assert "would do" in lowtide.run("model", "info", "--budget", "128MiB").stdout


def test_a_broken_model_in_use_can_be_left(lowtide: Lowtide) -> None:
    write_config(lowtide, '[model]\npath = "/nowhere"\n')
    assert "no such folder" in lowtide.run("model", "info", code=2).stderr
    assert lowtide.json("model", "use", "default")["changed"]
    assert lowtide.json("model", "info")["name"] == "lowtide-default"


def test_the_environment_comes_first_and_that_is_said(lowtide: Lowtide, transformer: Path) -> None:
    lowtide.environment["LOWTIDE_MODEL"] = str(default_model())
    assert lowtide.json("model", "info")["chosen_by"] == "LOWTIDE_MODEL"
    assert "LOWTIDE_MODEL is set" in lowtide.run("model", "use", transformer).stdout


@pytest.fixture
def daemon(lowtide: Lowtide) -> Iterator[Lowtide]:
    lowtide.environment["LOWTIDE_EMBEDDED"] = "0"
    yield lowtide
    lowtide.run("daemon", "stop", code=None)


def test_an_idle_daemon_makes_way_for_the_new_model(daemon: Lowtide, root: Path, transformer: Path) -> None:
    daemon.run("index", root)
    first = daemon.json("daemon", "status")["pid"]
    assert daemon.json("model", "use", transformer)["daemon"] == "stopped"
    assert not daemon.json("daemon", "status")["running"]
    daemon.run("index", root)
    assert daemon.json("daemon", "status")["pid"] != first
    assert {size for _, size in stored(daemon)} == {8}


@pytest.mark.skipif("LOWTIDE_TEST_MINILM" not in os.environ, reason="LOWTIDE_TEST_MINILM names no MiniLM folder")
def test_a_real_minilm_is_indexed_with_and_searched(lowtide: Lowtide, tree: Callable[..., Path]) -> None:
    minilm = Path(os.environ["LOWTIDE_TEST_MINILM"])
    root = tree(
        {
            "net.py": "def connect(host, port):\n    sock = socket.socket()\n    sock.connect((host, port))\n    "
            "return sock\n",
            "kitchen.py": "def bake(flour, eggs):\n    dough = knead(flour, eggs)\n    return oven.heat(dough, 180)\n",
            "text.py": "def tokens(line):\n    return [word.lower() for word in line.split()]\n",
        }
    )
    failed = lowtide.run("model", "use", minilm, "--budget", "128MiB", code=2)
    assert "budget = " in failed.stderr
    write_config(lowtide, "budget = '384MiB'\n")
    lowtide.run("index", root)
    used = lowtide.json("model", "use", minilm)
    assert used["dims"] == 384
    report = lowtide.json("index", root)
    assert report["peak_anon_bytes"] <= 384 * MIB
    assert stored(lowtide) == {(used["recipe"], 384)}
    answer = lowtide.json("search", "prepare a cake", root, "--mode", "semantic")
    assert answer["degraded"] is None
    assert answer["hits"][0]["path"] == "kitchen.py"
    lowtide.run("model", "use", "default")
    lowtide.run("index", root)
    assert {size for _, size in stored(lowtide)} == {256}
    assert lowtide.json("search", "open a network connection", root)["hits"][0]["path"] == "net.py"
