"""What must hold after an index run: read from the index itself, and compared with the file system by a walk of our
own.

Invariant: nothing of the engine decides what should be there; only ignored files are asked of its `explain`.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowtide.config.settings import Config, load_workspace_settings
from lowtide.models import Reason
from lowtide.store.catalog import Catalog
from lowtide.store.details import NO_DETAILS
from lowtide.system.tree.named import NEVER_WALKED
from lowtide.system.tree.walk import explain

_MOST_ASKED = 2_000
Contents = dict[str, tuple[list[Any], list[Any]]]


@dataclass(frozen=True, slots=True)
class Checked:
    """What an index holds, and what is wrong with it; `by_reason` counts files that are not indexed as source."""

    indexed: int
    by_reason: Counter[str]
    quarantined: Counter[str]
    problems: list[str]


def catalog_of(home: Path) -> Path:
    """The catalog of the only index below `home`."""
    (catalog,) = home.glob("**/catalog.sqlite")
    return catalog


def contents(home: Path, paths: list[str]) -> Contents:
    """Symbols and chunks (with their content addresses) of some files, for comparing two indexes."""
    with _opened(home) as db, closing(Catalog(catalog_of(home), writable=False)) as catalog:
        return {path: _contents(db, catalog, path) for path in paths}


def _opened(home: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{catalog_of(home)}?mode=ro", uri=True))


def _contents(db: sqlite3.Connection, catalog: Catalog, path: str) -> tuple[list[Any], list[Any]]:
    row = db.execute("SELECT id, status FROM files WHERE path = ?", (path.encode(),)).fetchone()
    if row is None or row[1] != "indexed":
        return [row and row[1]], []
    rows = catalog.symbols_of_file(row[0])
    told = catalog.details([each.symbol_id for each in rows])
    symbols: list[Any] = []
    for each in rows:
        signature, doc, *_ = told.get(each.symbol_id, NO_DETAILS)
        symbols.append((each.name, each.kind, each.container, each.start_line, each.end_line, signature, doc))
    chunks = db.execute(
        "SELECT start_byte, end_byte, hex(hash) FROM chunks c LEFT JOIN vectors v ON v.id = c.vector_id "
        "WHERE file_id = ? ORDER BY c.id",
        row[:1],
    )
    return symbols, chunks.fetchall()


def check(root: Path, home: Path, expected: Contents) -> Checked:
    """Compare the index with the tree: nothing lost, every skip explained, every row sound, bystanders as expected."""
    problems: list[str] = []
    rows: dict[bytes, str] = {}
    by_reason: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    indexed = 0
    known = {str(reason) for reason in Reason}
    with _opened(home) as db:
        for path, status, reason, rule in db.execute("SELECT path, status, reason, rule FROM files"):
            rows[path] = status
            if status == "indexed":
                indexed += 1
                continue
            (quarantined if status == "quarantined" else by_reason)[reason] += 1
            if reason not in known or (not rule and status != "quarantined") or status == "failed":
                problems.append(f"not explained: {path!r} {status} {reason!r} {rule!r}")
        problems += _unsound(db)
    problems += _lost(root, rows)
    for path, wanted in expected.items():
        if (got := contents(home, [path])[path]) != wanted:
            problems.append(f"bystander {path} differs: {str(got)[:200]}")
    return Checked(indexed, by_reason, quarantined, problems[:40])


def _unsound(db: sqlite3.Connection) -> Iterator[str]:
    gaps = db.execute(
        "SELECT path, min(start_byte), max(end_byte), sum(end_byte - start_byte), count(*), f.chunks FROM chunks c"
        " JOIN files f ON f.id = c.file_id GROUP BY f.id"
    )
    for path, first, last, covered, count, told in gaps:
        if first != 0 or covered != last or count != told:
            yield f"chunks of {path!r} do not cover it: {first} {last} {covered} {count} {told}"
    for path, name, start, end, lines in db.execute(
        "SELECT path, name, start_line, end_line, lines FROM symbols s JOIN files f ON f.id = s.file_id"
        " WHERE start_line < 0 OR end_line < start_line OR end_line >= lines LIMIT 5"
    ):
        yield f"symbol {name!r} of {path!r} lies outside its text: {start}-{end} of {lines}"
    for path, status in db.execute(
        "SELECT path, status FROM files f WHERE status = 'indexed' AND size_bytes > 0 AND chunks = 0 LIMIT 5"
    ):
        yield f"{path!r} is {status} without a chunk"
    if missing := db.execute("SELECT count(*) FROM chunks WHERE vector_id IS NULL").fetchone()[0]:
        yield f"{missing} chunks without a vector"


def _lost(root: Path, rows: dict[bytes, str]) -> list[str]:
    """Entries that neither the index nor a rule accounts for; and rows of what is not there."""
    left: list[bytes] = []
    seen: set[bytes] = set()
    top = os.fsencode(root)
    stack = [b""]
    while stack:
        folder = stack.pop()
        try:
            entries = list(os.scandir(os.path.join(top, folder) if folder else top))
        except OSError:
            if folder + b"/" not in rows:
                left.append(folder)
            seen.add(folder + b"/")
            continue
        for entry in entries:
            path = folder + b"/" + entry.name if folder else entry.name
            if _is_folder(entry):
                if path + b"/" in rows:
                    seen.add(path + b"/")
                elif entry.name not in NEVER_WALKED:
                    stack.append(path)
            elif path in rows:
                seen.add(path)
            elif entry.name != b".git":
                left.append(path)
    settings = load_workspace_settings(root, Config(1 << 30)).index
    lost = []
    for path in left[:_MOST_ASKED]:
        answer = explain(root, path, settings)
        if answer is None or answer.reason is not Reason.EXCLUDED:
            lost.append(f"lost: {path[:200]!r} {answer and answer.reason}")
    lost += [f"in the index and not there: {path[:200]!r}" for path in rows.keys() - seen]
    return lost


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def one_of_each(home: Path) -> list[tuple[bytes, str, str]]:
    """A file that is not indexed for each reason: path, status, reason. Folders are left out."""
    with _opened(home) as db:
        return db.execute(
            "SELECT path, status, reason FROM files WHERE status <> 'indexed' AND substr(path, -1) <> "
            "CAST('/' AS BLOB) GROUP BY status, reason"
        ).fetchall()
