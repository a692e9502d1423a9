"""Trees that tests make, and what a walk finds in them."""

from __future__ import annotations

import os
from pathlib import Path

from lowtide.config.settings import IndexSettings
from lowtide.models import FileStat
from lowtide.system.tree.walk import walk


def make(root: Path, files: dict[str, str]) -> Path:
    """Write these texts beneath `root`."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return root


def by_path(root: Path, **options: object) -> dict[bytes, FileStat]:
    return {found.path: found for found in walk(root, IndexSettings(**options))}  # type: ignore[arg-type]


def reasons(root: Path, **options: object) -> dict[str, str | None]:
    return {os.fsdecode(path): found.reason for path, found in by_path(root, **options).items()}
