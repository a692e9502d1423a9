from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.test_catalog import put, result

from lowtide.models import SymbolKind
from lowtide.store.catalog import Catalog
from lowtide.store.chunk_kinds import mask_of, masks, masks_of_file
from lowtide.wire import FileResult, pack_chunks, pack_symbols

FORMATS = Path(__file__).parents[1] / "data" / "formats"
LINES = st.integers(0, 12)


def one_by_one(chunks: list[tuple[int, int, int, int]], names: list[tuple[int, int, int]]) -> list[int]:
    """By (file, first line, last line, own kind) of chunks and (file, line, kind) of definitions."""
    found = [{own} - {0} for *_, own in chunks]
    for file, line, kind in names:
        before = [number for number, chunk in enumerate(chunks) if chunk[0] == file and chunk[1] <= line]
        if before and line <= chunks[before[-1]][2]:
            found[before[-1]].add(kind)
    return [sum(1 << kind for kind in kinds) for kinds in found]


def of_catalog(path: Path) -> Iterator[tuple[list[int], list[int]]]:
    """Of each file what its chunks say, and what they should."""
    with closing(sqlite3.connect(path)) as db:
        for (file_id,) in db.execute("SELECT id FROM files").fetchall():
            rows: list[Any] = db.execute(
                "SELECT c.file_id, c.start_line, c.end_line, coalesce(s.kind, 0), c.kinds FROM chunks c"
                " LEFT JOIN symbols s ON s.id = c.symbol_id WHERE c.file_id = ? ORDER BY c.id",
                (file_id,),
            ).fetchall()
            names = db.execute("SELECT file_id, name_line, kind FROM symbols WHERE file_id = ?", (file_id,)).fetchall()
            yield [row[-1] for row in rows], one_by_one([row[:-1] for row in rows], names)


def with_definitions() -> FileResult:
    """Two classes with methods in two chunks, the second of which begins in the line that ends the first."""
    base = result("alpha", "beta")
    symbols = [
        ("One", SymbolKind.CLASS, "", 0, 0, 3, 0, 0, 6, "", ""),
        ("run", SymbolKind.METHOD, "One", 1, 4, 2, 0, 1, 8, "", ""),
        ("Two", SymbolKind.STRUCT, "", 3, 0, 5, 0, 3, 6, "", ""),
        ("size", SymbolKind.FIELD, "Two", 4, 4, 4, 9, 4, 8, "", ""),
    ]
    chunks = pack_chunks([(0, 30, 0, 3, 0), (30, 60, 3, 5, -1)])
    return FileResult(
        **{name: getattr(base, name) for name in base.__struct_fields__}
        | {"symbol_count": len(symbols), "symbols": pack_symbols(symbols), "chunks": chunks}
    )


@given(
    st.lists(st.tuples(st.integers(1, 2), LINES, st.integers(0, 3), st.sampled_from([0, 5, 12])), max_size=8),
    st.lists(st.tuples(st.integers(1, 3), LINES, st.integers(1, 26)), max_size=12),
)
def test_a_name_is_in_the_last_chunk_that_begins_before_it(
    chunks: list[tuple[int, int, int, int]], names: list[tuple[int, int, int]]
) -> None:
    chunks = sorted((file, first, first + more, own) for file, first, more, own in chunks)
    columns = np.array(chunks, np.int64).reshape(-1, 4).T
    told = np.array(names, np.int64).reshape(-1, 3).T
    found = masks((columns[0], columns[1], columns[2]), columns[3], (told[0], told[1], told[2]))
    assert found.tolist() == one_by_one(chunks, names)
    first = [chunk[1:] for chunk in chunks if chunk[0] == 1]
    if first:
        of_first = masks_of_file(first, [name[1:] for name in names if name[0] == 1])
        assert of_first == one_by_one([chunk for chunk in chunks if chunk[0] == 1], names)


def test_a_file_is_written_with_the_kinds_in_its_chunks(tmp_path: Path) -> None:
    with closing(Catalog(tmp_path / "catalog.sqlite", writable=True)) as catalog:
        put(catalog, b"a.py", with_definitions())
        first, second = (row.chunk_id for row in catalog.chunks_of_file(1))
        for kind, expected in (
            (SymbolKind.CLASS, [first]),
            (SymbolKind.METHOD, [first]),
            (SymbolKind.STRUCT, [second]),
            (SymbolKind.FIELD, [second]),
            (SymbolKind.ENUM, []),
        ):
            assert catalog.chunks_of_kinds(first, second, mask_of([kind]))[0].tolist() == expected, kind
        assert catalog.chunks_of_kinds(first, second, -1)[0].tolist() == [first, second]
    assert [told == expected for told, expected in of_catalog(tmp_path / "catalog.sqlite")] == [True]


@pytest.mark.parametrize("block_files", [1, 256])
def test_an_older_catalog_is_told_of_its_kinds(
    block_files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowtide.store.chunk_kinds._BLOCK_FILES", block_files)
    path = tmp_path / "catalog.sqlite"
    shutil.copy(FORMATS / "catalog-5.sqlite", path)
    Catalog(path, writable=True).close()
    told, expected = zip(*of_catalog(path), strict=True)
    assert told == expected
    assert max(max(of_file) for of_file in told) > 0
