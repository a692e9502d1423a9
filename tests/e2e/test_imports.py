"""What is imported by whom: large libraries that only a model of one's own needs, and what commands can do without."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.harness import Lowtide, python_module

MODELS = Path(__file__).parent.parent / "data/models"
LARGE = ("onnxruntime", "tokenizers", "huggingface_hub")
"""80, 12 and, with what it brings, 25 MB; 45 MiB of memory in a worker."""
TRAP = """\
import os
with open(os.path.join({folder!r}, __name__), "a") as file:
    file.write(str(os.getpid()) + "\\n")
raise ImportError("this is a trap")
"""


@pytest.fixture
def trapped(lowtide: Lowtide, tmp_path: Path) -> Path:
    """A folder in which each of the large libraries leaves its name when any process imports it, and cannot be used."""
    told = tmp_path / "told"
    told.mkdir()
    for name in LARGE:
        (tmp_path / "traps" / name).mkdir(parents=True)
        (tmp_path / "traps" / name / "__init__.py").write_text(TRAP.format(folder=str(told)), "utf-8")
    known = os.environ.get("PYTHONPATH", "")
    lowtide.environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(tmp_path / "traps"), known]))
    return told


@pytest.mark.parametrize("embedded", ["1", ""])
def test_the_default_model_needs_no_large_library(
    embedded: str, lowtide: Lowtide, trapped: Path, tree: Callable[..., Path]
) -> None:
    lowtide.environment["LOWTIDE_EMBEDDED"] = embedded
    root = tree({f"m{number}.py": python_module(number) for number in range(20)})
    try:
        report = lowtide.json("index", root)
        assert report["vectors"] > 20
        assert not lowtide.json("search", "adds a number", root)["degraded"]
        lowtide.run("doctor", root, code=None)
        lowtide.run("model", "info")
    finally:
        lowtide.run("daemon", "stop", code=None)
    assert os.listdir(trapped) == []


def test_a_model_of_ones_own_does(lowtide: Lowtide, trapped: Path, tree: Callable[..., Path]) -> None:
    lowtide.environment["LOWTIDE_MODEL"] = str(MODELS / "transformer")
    root = tree({"m.py": python_module(1)})
    lowtide.run("index", root, code=None)
    assert os.listdir(trapped), "the traps catch nothing"
