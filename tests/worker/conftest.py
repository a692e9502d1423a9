"""Fixtures of the workers' tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.harness import python_module


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """Sixty modules of Python in four folders."""
    root = tmp_path / "tree"
    for number in range(60):
        path = root / f"pkg{number % 4}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(python_module(number, 10))
    return root
