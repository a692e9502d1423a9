"""Whether an index folder is one that Lowtide made: it may have been restored from a cache that others can write to.

Invariant: looks at names, kinds and owners only; nothing is opened, followed or deleted here. What does not pass is
refused as a ForeignIndex, whole: damage is mended by building anew, a stranger's folder only by the user's word.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from lowtide.errors import ForeignIndex
from lowtide.store.rows import LEXICAL_KIND, Segment

CATALOG = "catalog.sqlite"
LOCK = "lock"
SEED = CATALOG + ".seed"
"""A copy of another catalog on its way: what of it is left by a process that was killed, the next one removes."""
_BESIDE_CATALOG = ("", "-wal", "-shm", "-journal")
_SEGMENT_NAME = re.compile(r"(?:vectors|graph|names|piece)-[0-9a-f]{16}\.seg")
_SEGMENT_KINDS = frozenset({"flat", "graph", "names"})
_GENERATION = re.compile(r"lexical-[0-9a-f]{16}")
GENERATION_NAME = re.compile(r"lexical-[0-9a-f]{16}(?:\.[0-9a-f]{8}\.tmp)?")
"""Of a folder of the lexical index, finished or not."""
_MOST_ENTRIES = 4096
_MOST_NUMBER = 1 << 62
_REMEDY = (
    "if you do not know where it comes from, remove it with `lowtide clear PATH`, the folder that was asked "
    "about; `lowtide index` then makes a new one"
)

SchemaRow = tuple[str, str, str, str | None]
"""Type, name, table and text of an entry of SQLite's schema."""


def check_folder(folder: Path) -> None:
    """Every entry of an index folder is a regular file of the folder's owner, who is this user; root may use another's.

    Nothing when there is no such folder. ForeignIndex.
    """
    try:
        info = os.stat(folder, follow_symlinks=False)
    except OSError:
        return
    if not stat.S_ISDIR(info.st_mode):
        raise not_ours(folder, "it is no folder")
    if info.st_uid != os.geteuid() and os.geteuid() != 0:
        raise not_ours(folder, "another user owns it")
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= _MOST_ENTRIES:
                raise not_ours(folder, f"it holds more than {_MOST_ENTRIES} files")
            _check_entry(folder, entry.name, info.st_uid)


def check_catalog_files(catalog: Path) -> None:
    """The same of a catalog's own files alone."""
    for suffix in _BESIDE_CATALOG:
        _check_entry(catalog.parent, catalog.name + suffix, None)


def _check_entry(folder: Path, name: str, owner: int | None) -> None:
    try:
        info = os.stat(folder / name, follow_symlinks=False)
    except OSError:
        return  # gone again: another process works here
    if stat.S_ISDIR(info.st_mode) and GENERATION_NAME.fullmatch(name):
        _check_generation(folder, name, owner)
        return
    if not stat.S_ISREG(info.st_mode):
        raise not_ours(folder, f"{name} in it is no regular file")
    if owner is not None and info.st_uid != owner:
        raise not_ours(folder, f"{name} in it is another user's")
    if name == LOCK and info.st_nlink > 1:
        raise not_ours(folder, f"{name} in it is also a file elsewhere")


def _check_generation(folder: Path, name: str, owner: int | None) -> None:
    """A folder of the lexical index: regular files alone, of the same user. What is in them is checked before they are
    opened."""
    if os.path.ismount(folder / name):
        raise not_ours(folder, f"{name} in it is another file system")
    try:
        with os.scandir(folder / name) as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST_ENTRIES:
                    raise not_ours(folder, f"{name} in it holds more than {_MOST_ENTRIES} files")
                info = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(info.st_mode) or (owner is not None and info.st_uid != owner):
                    raise not_ours(folder, f"{entry.name!r:.60} in {name} is no regular file of this user")
    except OSError:
        return  # gone again: another process works here


def check_schema(catalog: Path, found: Iterable[SchemaRow], expected: Sequence[SchemaRow]) -> None:
    """The catalog has the tables that this version makes, and nothing else: no view and no trigger. ForeignIndex.

    To the letter but for spaces: a column that a migration has added stands on the line of the one before.
    """
    found = frozenset(found)
    if found == frozenset(expected):
        return  # to the letter: it is looked at each time that a catalog is opened
    known = frozenset(map(_without_spaces, expected))
    seen = set()
    for row in map(_without_spaces, found):
        if row not in known:
            raise not_ours(catalog.parent, f"its catalog has the {row[0]} {row[1]!r:.60}, which Lowtide does not make")
        seen.add(row)
    if missing := known - seen:
        raise not_ours(catalog.parent, f"its catalog has no {sorted(row[1] for row in missing)[0]}")


def _without_spaces(row: SchemaRow) -> SchemaRow:
    kind, name, table, text = row
    return (
        kind,
        name,
        table,
        text if text is None else re.sub(r"\s*([(),])\s*|\s+", lambda found: found[1] or " ", text),
    )


def check_manifest(folder: Path, rows: Sequence[Segment]) -> None:
    """Every segment's name is one that Lowtide gives, so that it lies in the folder, and its figures are possible.
    ForeignIndex."""
    for row in rows:
        known = _GENERATION if row.kind == LEXICAL_KIND else _SEGMENT_NAME if row.kind in _SEGMENT_KINDS else None
        if known is None or not (isinstance(row.name, str) and known.fullmatch(row.name)):
            raise not_ours(folder, f"its catalog names {row.name!r:.60} as a segment")
        numbers = (row.first_id, row.last_id, row.count, row.size_bytes, row.crc32)
        if not all(isinstance(number, int) and 0 <= number < _MOST_NUMBER for number in numbers):
            raise not_ours(folder, f"its catalog gives {row.name} impossible figures")


def not_ours(folder: Path, why: str) -> ForeignIndex:
    """The error for an index folder that Lowtide did not make."""
    return ForeignIndex(f"the index in {folder} is not one that Lowtide made", why, _REMEDY)
