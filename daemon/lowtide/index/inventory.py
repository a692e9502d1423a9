"""Every index of a user's: how large, when it was last used, whether its folder is there.

Invariant: no index is opened for it, and nothing of the engine loaded.
Threads: any; it reads the disk.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lowtide.index.folder import disk_bytes
from lowtide.paths import Places


class Listed(msgspec.Struct, frozen=True):
    """One index. `used_s`: when something was last written to it, in seconds since 1970."""

    root: Path
    folder: Path
    size_bytes: int
    used_s: float
    is_there: bool
    """Whether the folder that it is of still is."""

    def as_json(self) -> dict[str, Any]:
        """One of the `indexes` of `lowtide list --json`."""
        return {
            "root": str(self.root),
            "folder": str(self.folder),
            "size_bytes": self.size_bytes,
            "last_used": datetime.fromtimestamp(self.used_s, UTC).isoformat(timespec="seconds"),
            "there": self.is_there,
        }


def all_indexes(places: Places) -> list[Listed]:
    """Every index of the user's, by root."""
    return [
        Listed(root, folder, disk_bytes(folder), _last_used_s(folder), root.is_dir())
        for root, folder in places.list_indexes()
    ]


def _last_used_s(folder: Path) -> float:
    times = [0.0]
    try:
        for entry in os.scandir(folder):
            try:
                times.append(entry.stat(follow_symlinks=False).st_mtime)
            except OSError:
                continue
    except OSError:
        pass
    return max(times)
