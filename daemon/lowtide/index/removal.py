"""Indexes that leave the disk by themselves, and what is told of them.

Threads: any; it reads and writes the disk.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lowtide.core.disk import Held, default_limit_bytes, leaving
from lowtide.errors import LowtideError
from lowtide.index.inventory import all_indexes
from lowtide.index.workspace import Workspace
from lowtide.paths import Places, write_private
from lowtide.system.beneath import open_plain

log = logging.getLogger(__name__)

REMOVED = "removed.jsonl"
"""In the cache folder: which indexes have left by themselves, the last few, a line each."""
MOST_TOLD = 20
_MOST_TOLD_BYTES = 1 << 16


def limit_of(places: Places, chosen_bytes: int | None) -> int:
    """What all indexes may take together: as configured, else what suits the disk; 0 for no limit."""
    if chosen_bytes is not None:
        return chosen_bytes
    try:
        return default_limit_bytes(shutil.disk_usage(places.cache).total)
    except OSError:
        return default_limit_bytes(0)


def remove_leaving(places: Places, limit_bytes: int, is_open: Callable[[Path], bool]) -> int:
    """Remove the indexes whose time has come; returns how many. Each is told in the log, and to `doctor`.

    One that somebody writes to meanwhile, or that cannot be removed, stays.
    """
    now_s = time.time()
    found = all_indexes(places)
    folders = {index.root: index.folder for index in found}
    held = [
        Held(index.root, index.size_bytes, max(0.0, now_s - index.used_s), index.is_there, is_open(index.root))
        for index in found
    ]
    removed = []
    for index, why in leaving(held, limit_bytes):
        root = Path(index.root)
        try:
            freed = Workspace(root, folders[root]).clear()
        except (LowtideError, OSError) as error:
            log.info("event=index-not-removed root=%r why=%r", str(root), str(error))
            continue
        log.info("event=index-removed root=%r bytes=%d why=%r", str(root), freed, why.value)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        removed.append({"root": str(root), "bytes": index.size_bytes, "why": why.value, "at": when})
    if removed:
        _remember(places, removed)
    return len(removed)


def told_removals(places: Places) -> list[dict[str, Any]]:
    """What has left by itself, the last first."""
    found = []
    try:
        with open_plain(places.cache / REMOVED, _MOST_TOLD_BYTES, follow=False) as file:
            lines = file.whole().splitlines()
        found = [json.loads(line) for line in lines]
    except (OSError, ValueError, LowtideError):
        return []
    return [entry for entry in reversed(found) if isinstance(entry, dict) and isinstance(entry.get("root"), str)]


def _remember(places: Places, removed: list[dict[str, Any]]) -> None:
    entries = [*reversed(told_removals(places)), *removed][-MOST_TOLD:]
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    try:
        write_private(places.cache / REMOVED, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        log.warning("event=removals-not-kept why=%r", str(error))
