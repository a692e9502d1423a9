"""The files that this process runs from: whether they are still there, and still the same.

A package manager replaces them under a daemon that goes on: what it has loaded is then the old version, and each worker
that it starts the new one. Editing a source tree is no such thing; a new version, another `__init__.py`, is.

Invariant: a look is a few `stat` calls, and nothing is read.
Threads: values only; any thread may look.
"""

from __future__ import annotations

import os
import sys
from enum import Enum
from pathlib import Path

import msgspec

import lowtide

_LANDMARKS = ("__init__.py", "work/__main__.py")
"""Written by every installation, and what a worker begins with."""


class Installed(Enum):
    """What has become of the files."""

    SAME = "unchanged"
    GONE = "away"
    REPLACED = "replaced"


class Installation(msgspec.Struct, frozen=True):
    """The interpreter and the package, as they were when this was made."""

    interpreter: str
    package: Path
    stamps: tuple[tuple[int, int, int, int] | None, ...]

    @classmethod
    def of_this_process(cls) -> Installation:
        """As they are now."""
        return cls.at(Path(lowtide.__file__).parent)

    @classmethod
    def at(cls, package: Path) -> Installation:
        """That of this interpreter and the package in a folder, as they are now."""
        return cls(sys.executable, package, tuple(_stamp(package / name) for name in _LANDMARKS))

    def look(self) -> Installed:
        """What has become of them."""
        now = tuple(_stamp(self.package / name) for name in _LANDMARKS)
        if None in now or not os.path.exists(self.interpreter):
            return Installed.GONE
        return Installed.SAME if now == self.stamps else Installed.REPLACED


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns
