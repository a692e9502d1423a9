"""A home whose commands ask a daemon of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.harness import Lowtide


@pytest.fixture(name="lowtide")
def with_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lowtide]:
    """A home whose commands ask a daemon of its own; a module that imports this has it in place of the plain one."""
    made = Lowtide(tmp_path_factory.mktemp("home"), {"LOWTIDE_EMBEDDED": "0"})
    yield made
    made.run("daemon", "stop", code=None)
