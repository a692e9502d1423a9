"""`lowtide list`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from lowtide.cli.console import Painted, format_bytes, paint, print_json, say
from lowtide.cli.options import Options, global_options
from lowtide.index.workspace import Workspace
from lowtide.models import counted
from lowtide.paths import Places

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Listed:
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
        Listed(root, folder, Workspace(root, folder).disk_bytes(), _last_used_s(folder), root.is_dir())
        for root, folder in places.list_indexes()
    ]


@click.command("list")
@global_options
def command(options: Options) -> None:
    """List every index: its folder, its size, when it was last used, and whether the folder is still there."""
    indexes = all_indexes(Places.from_environment())
    if options.as_json:
        print_json({"indexes": [index.as_json() for index in indexes]})
        return
    for index in indexes:
        gone: list[str | Painted] = [] if index.is_there else ["  ", paint("gone", "yellow")]
        say(
            f"{format_bytes(index.size_bytes):>9}  ",
            paint(f"{_age(time.time() - index.used_s):>13}", dim=True),
            "  ",
            paint(index.root, bold=True),
            *gone,
        )
    if not options.quiet:
        total = format_bytes(sum(index.size_bytes for index in indexes))
        say(paint(f"{counted(len(indexes), 'index', 'indexes')}, {total}", dim=True))
        if any(not index.is_there for index in indexes):
            say(paint("`lowtide clear --gone` removes those whose folder is gone", dim=True))


def _last_used_s(folder: Path) -> float:
    times = [0.0]
    try:
        for path in folder.iterdir():
            try:
                times.append(path.lstat().st_mtime)
            except OSError:
                continue
    except OSError:
        pass
    return max(times)


def _age(seconds: float) -> str:
    for unit_s, name in ((_DAY_S, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit_s:
            return f"{counted(int(seconds // unit_s), name)} ago"
    return "just now"
