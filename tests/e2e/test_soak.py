"""The short form of the soak; the long one is `python -m tests.e2e.soak TREE --minutes 30`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.e2e.harness import Lowtide, python_module
from tests.e2e.soak import Soak


def test_after_hundreds_of_changes_and_kills_the_index_equals_a_fresh_one(
    tree: Callable[..., Path], tmp_path_factory: Callable[..., Path]
) -> None:
    root = tree({f"pkg{n % 8}/module{n}.py": python_module(n, 6) for n in range(80)})
    lowtide = Lowtide(tmp_path_factory.mktemp("home"), {"LOWTIDE_EMBEDDED": "0"})  # type: ignore[attr-defined]
    soak = Soak(root, lowtide, seed=7)
    try:
        assert soak.run(seconds=25, most=400) == []
    finally:
        lowtide.run("daemon", "stop", code=None)
