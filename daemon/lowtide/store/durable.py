"""What is written beside the catalog: unfinished names, folders that the disk knows of, and errors that say what to do.

Invariant: the standard library only: workers that hold little import it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lowtide.errors import StoreError

TEMPORARY_SUFFIX = ".tmp"
"""What the name of an unfinished file ends with; a sweep may remove every such file that no process writes."""


@contextmanager
def mapped_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of writing `path` into the StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        raise _store_error(error, path) from error


def _store_error(error: OSError, path: Path) -> StoreError:
    what, why = f"cannot write the index file {path.name}", error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            what,
            f"{why} at {path.parent}",
            "free some space and run the command again; nothing that was committed is lost",
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreError(
            what, f"{why} at {path.parent}", "make the folder writable, or set LOWTIDE_HOME to another one"
        )
    if error.errno == errno.EFBIG:
        return StoreError(what, why, "raise the limit on the size of a file (`ulimit -f`), or use another file system")
    return StoreError(what, why, "check the disk's space and health, then run the command again")


def sync_folder(folder: Path) -> None:
    """Have the disk know of what was renamed in a folder."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove_folder(folder: Path) -> None:
    """Remove a folder of files, as far as it is there; links are removed and not followed."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            with suppress(OSError):
                os.unlink(entry.path)
        os.rmdir(folder)
