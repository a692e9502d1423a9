"""SQLite's errors as Lowtide's, by their codes; and whether a path still leads to the catalog that is open.

Invariant: what an error is, is decided by its code, never by its words: those are only shown.
"""

from __future__ import annotations

import os
from pathlib import Path

from lowtide.errors import CorruptIndex, IndexGone, StoreError

REBUILT_BY_INDEX = "run `lowtide index`: it builds it anew"
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")


def map_error(error: Exception, path: Path) -> StoreError:
    """The StoreError that says what to do about an error of SQLite's."""
    name = getattr(error, "sqlite_errorname", "") or ""
    text = str(error)
    # An operation that failed without a code of SQLite's: what is stored is no text.
    undecodable = not name and type(error).__name__ == "OperationalError"
    if name.startswith(_DAMAGE) or undecodable:
        return CorruptIndex(f"the index at {path} is damaged", text, REBUILT_BY_INDEX)
    if name == "SQLITE_READONLY_DBMOVED":
        return index_gone(path)
    if name.startswith("SQLITE_FULL"):
        return StoreError(
            "cannot write the index",
            "the disk is full",
            "free some space and run the command again; nothing that was committed is lost",
        )
    if name.startswith("SQLITE_READONLY"):
        return StoreError(
            "cannot write the index",
            f"{path.parent} is read-only",
            "make it writable or set LOWTIDE_HOME to another folder",
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return StoreError(
            f"cannot open {path}", text, "check that the folder exists, is writable, and that the disk is not full"
        )
    if name.startswith("SQLITE_IOERR"):
        return StoreError(
            "cannot read or write the index", text, "check the disk's space and health, then run the command again"
        )
    return StoreError("the index cannot be used", f"{name or 'SQLite'}: {text}", "run `lowtide doctor`")


def place_of(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to; None when to none, or to an empty one."""
    try:
        info = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return (info.st_dev, info.st_ino) if info.st_size else None


def index_gone(path: Path) -> IndexGone:
    return IndexGone(
        f"the index at {path} is gone", "its files were removed or replaced", "run `lowtide index` to make it anew"
    )


def is_read_only(folder: Path) -> bool:
    """Whether the file system is mounted so; root passes every check of permissions."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
