"""What lies in the folder of an index: what it takes on the disk, which of it is Lowtide's, and how it is removed.

Invariant: nothing of the engine is loaded for it: who lists indexes opens none.
Threads: any.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lowtide.paths import ROOT_FILE
from lowtide.store.durable import TEMPORARY_SUFFIX, remove_folder
from lowtide.store.vetting import CATALOG, GENERATION_NAME

DAMAGED = "damaged"
"""A file that says: a reader met damage in the catalog; the next writer rebuilds."""
DAMAGED_SEGMENTS = "damaged-segments"
"""The same of segments, which are made anew from the catalog."""
COMPARED = "compared"
"""A file made when a look at all files has ended: its time is when, its text the seconds that the comparison took."""
_OWN_ENDINGS = (".seg", TEMPORARY_SUFFIX, ".new")


def disk_bytes(folder: Path) -> int:
    """What an index takes on the disk; of a file with several names, that name's share."""
    total = 0
    with suppress(OSError):
        for path in folder.iterdir():
            total += sum(map(_disk_bytes, path.iterdir())) if _is_generation(path) else _disk_bytes(path)
    return total


def _disk_bytes(path: Path) -> int:
    try:
        info = path.stat(follow_symlinks=False)
    except OSError:
        return 0
    return info.st_blocks * 512 // max(1, info.st_nlink)


def _is_generation(path: Path) -> bool:
    """Whether it is a folder of the lexical index, finished or not."""
    return GENERATION_NAME.fullmatch(path.name) is not None and path.is_dir() and not path.is_symlink()


def remove(path: Path) -> None:
    """A file, a link, an empty folder, or a folder of the lexical index with its files."""
    if _is_generation(path):
        remove_folder(path)
    elif path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


def is_own(path: Path, *, any_kind: bool = False) -> bool:
    """Whether an entry of an index folder has a name that Lowtide gives; and is a regular file, unless `any_kind`."""
    name = path.name
    own = (
        name.startswith((CATALOG, ROOT_FILE))
        or name in (DAMAGED, DAMAGED_SEGMENTS, COMPARED)
        or name.endswith(_OWN_ENDINGS)
    )
    return _is_generation(path) or (own and (any_kind or (path.is_file() and not path.is_symlink())))
