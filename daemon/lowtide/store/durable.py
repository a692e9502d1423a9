"""What is written beside the catalog: unfinished names, second names, folders that the disk knows of, opening what is
there, and errors that say what to do.

Invariant: the standard library only: workers that hold little import it.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lowtide.errors import StoreError

TEMPORARY_SUFFIX = ".tmp"
"""What the name of an unfinished file ends with; a sweep may remove every such file that no process writes."""

_FOR_NOW = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))

Place = tuple[int, int, int, int]
"""Which file, and which state of it: device, number, size and time of modification."""


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


def raise_for_now(error: BaseException, path: Path) -> None:
    """StoreError when `path` cannot be opened because this process or the machine has no room for one more file: that
    tells nothing of the file, which must not be taken for a damaged one."""
    if isinstance(error, OSError) and error.errno in _FOR_NOW:
        raise StoreError(
            f"cannot open the index file {path.name} now",
            os.strerror(error.errno),
            "ask again in a moment; if it stays so, raise the limit on open files (`ulimit -n`)",
        ) from error


def sync_file(path: Path) -> None:
    """Have the disk know of what was written to a file. StoreError."""
    with mapped_errors(path), path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the disk know of what was renamed in a folder."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_plain_file(path: Path) -> int:
    """A descriptor to read a regular file; neither through a link nor waiting for who writes to a pipe. OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return fd


def place_in(info: os.stat_result) -> Place:
    """What tells whether a file is still the one that was checked: those of an index are never changed."""
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


def link_or_copy(file: Path, name: Path) -> None:
    """The same immutable file under a second name; a copy where the file system has no links between the two. OSError,
    FileExistsError where there is something of that name."""
    try:
        os.link(file, name, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(file, name, follow_symlinks=False)
        name.chmod(0o600)


def remove_folder(folder: Path) -> None:
    """Remove a folder of files, as far as it is there; links are removed and not followed."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            with suppress(OSError):
                os.unlink(entry.path)
        os.rmdir(folder)
