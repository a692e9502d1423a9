"""What an index says, in a form that can be compared: numbers that only count rows are left out."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

Contents = dict[str, Any]


def read_contents(catalog: Path) -> Contents:
    """Files, symbols and chunks of a catalog, with each chunk's vector and its lexical rows."""
    with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as db:
        files = {
            row[0]: row[1:]
            for row in db.execute(
                "SELECT path, size_bytes, mtime_ns, inode, hex(content_hash), language, encoding, status, reason, rule,"
                " lines, symbols, chunks FROM files"
            )
        }
        symbols = Counter(
            db.execute(
                "SELECT f.path, s.name, s.kind, s.container, s.start_line, s.start_column, s.end_line, s.end_column,"
                " s.signature, s.doc FROM symbols s JOIN files f ON f.id = s.file_id"
            )
        )
        chunks = Counter(
            db.execute(
                "SELECT f.path, c.start_byte, c.end_byte, c.start_line, c.end_line, hex(v.hash), hex(v.data), s.name "
                "FROM chunks c"
                " JOIN files f ON f.id = c.file_id LEFT JOIN vectors v ON v.id = c.vector_id"
                " LEFT JOIN symbols s ON s.id = c.symbol_id"
            )
        )
        terms = dict(db.execute("SELECT term, cnt FROM lexicon_terms"))
        orphans = db.execute("SELECT count(*) FROM chunks WHERE vector_id IS NULL").fetchone()[0]
    return {"files": files, "symbols": symbols, "chunks": chunks, "terms": terms, "without_vector": orphans}


def differences(one: Contents, other: Contents) -> list[str]:
    """What tells them apart, a line each, at most a few of each kind; empty when they say the same."""
    found = []
    for path in sorted({*one["files"], *other["files"]}):
        left, right = one["files"].get(path), other["files"].get(path)
        if left != right:
            found.append(f"file {path!r}: {left} / {right}")
    for kind in ("symbols", "chunks"):
        found += [f"{kind} only in the first: {row}" for row in list((one[kind] - other[kind]).elements())[:5]]
        found += [f"{kind} only in the second: {row}" for row in list((other[kind] - one[kind]).elements())[:5]]
    if one["terms"] != other["terms"]:
        words = [
            word for word in {*one["terms"], *other["terms"]} if one["terms"].get(word) != other["terms"].get(word)
        ]
        found.append(f"words: {sorted(words)[:10]}")
    if one["without_vector"] or other["without_vector"]:
        found.append(f"chunks without a vector: {one['without_vector']} / {other['without_vector']}")
    return found[:40]
