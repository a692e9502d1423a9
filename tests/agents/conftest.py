"""Fixtures of the agents' tests: a home with a daemon of its own, and a small project."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.e2e.conftest import tree as tree
from tests.e2e.daemons import with_daemon as with_daemon
from tests.e2e.harness import python_module

Tree = Callable[..., Path]
collect_ignore = [] if find_spec("mcp") else ["test_real_clients.py"]
"""Where the official client is not installed, as with another Python, all else is tested."""


@pytest.fixture
def modules(tree: Tree) -> Path:
    return tree({f"pkg{n % 4}/module{n}.py": python_module(n, 4) for n in range(20)})
