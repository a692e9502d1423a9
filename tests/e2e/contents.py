"""What an index says, in a form that can be compared: numbers that only count rows are left out."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import tantivy

from lowtide import wire
from lowtide.store.catalog import Catalog
from lowtide.store.lexical import engine
from lowtide.store.segment_file import SegmentKind
from lowtide.store.vectors.vector_segments import last_in_graphs, open_segment
from lowtide.work import lexical

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
        symbols = Counter(symbols_of(catalog))
        data = vector_data(catalog)
        chunks = Counter(
            (*row, data[number].hex() if number in data else "", name)
            for *row, number, name in db.execute(
                "SELECT f.path, c.start_byte, c.end_byte, c.start_line, c.end_line, c.kinds, hex(v.hash), v.id, s.name "
                "FROM chunks c"
                " JOIN files f ON f.id = c.file_id LEFT JOIN vectors v ON v.id = c.vector_id"
                " LEFT JOIN symbols s ON s.id = c.symbol_id"
            )
        )
        terms = _terms(db, catalog.parent)
        orphans = db.execute("SELECT count(*) FROM chunks WHERE vector_id IS NULL").fetchone()[0]
    return {"files": files, "symbols": symbols, "chunks": chunks, "terms": terms, "without_vector": orphans}


def symbols_of(catalog: Path) -> Iterator[tuple[Any, ...]]:
    """Every symbol of an index, with all that is known of it but its number."""
    with closing(Catalog(catalog, writable=False)) as opened:
        for file in opened.every_indexed_file():
            rows = opened.symbols_of_file(file.file_id)
            told = opened.details([row.symbol_id for row in rows])
            for row in rows:
                yield (
                    *(row.path, row.name, row.kind, row.container, row.start_line, row.end_line),
                    *(row.name_line, row.name_column, *told[row.symbol_id]),
                )


def vector_data(catalog: Path) -> dict[int, bytes]:
    """The int8 vectors of an index by their ids: of its segments, and of what is in none yet. Each is in one place."""
    with closing(Catalog(catalog, writable=False)) as opened:
        data = dict(opened.vectors_after(0))
        rows = opened.vector_segments()
        living = set(opened.vector_ids())
    covered = last_in_graphs(rows)
    for row in rows:
        held = open_segment(catalog.parent / row.name, row)
        part = held.rows if row.kind == SegmentKind.GRAPH else held.rows.above(covered)
        for number, vector in zip(part.ids.tolist(), part.matrix, strict=True):
            assert number not in data
            if number in living:
                data[number] = vector.tobytes()
    assert set(data) == living
    return data


def _terms(db: sqlite3.Connection, folder: Path) -> dict[tuple[str, str], int]:
    """How many chunks hold each term, by field: of the lexical index, without files that are gone, and of what waits
    for it."""
    row = db.execute("SELECT name FROM segments WHERE kind = 'lexical'").fetchone()
    dead = [number for (number,) in db.execute("SELECT first_chunk_id FROM dead_words")]
    terms = _terms_of(folder / row[0], dead) if row else Counter()
    pending = db.execute(
        "SELECT w.first_chunk_id, path, language, words FROM file_words w JOIN files f ON f.id = w.file_id"
    ).fetchall()
    # Tantivy looks at a folder that it has opened from a thread of its own, and may make its lock as the folder goes.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        task = wire.LexicalTask("", None, "", False, pending, [])
        engine.update(Path(place), lexical.entries(task), [])
        return dict(terms + _terms_of(Path(place), []))


def _terms_of(generation: Path, dead: list[int]) -> Counter[tuple[str, str]]:
    index = tantivy.Index.open(str(generation))
    query = tantivy.Query.all_query()
    if dead:
        gone = tantivy.Query.term_set_query(index.schema, "file", dead)
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.MustNot, gone)])
    return Counter(
        {
            (field, term): count
            for field in ("text", "plain", "language", "folder")
            for term, count in index.searcher().terms_with_prefix(field, "", query)
        }
    )


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
