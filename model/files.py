"""Files that are there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when all went well; what an interrupted run left there is written
    over."""
    part = path.with_name(f"part-{path.name}")
    yield part
    part.replace(path)
