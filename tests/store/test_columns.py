"""Rows of a bundle as columns: what comes out is what went in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowtide.errors import BundleError
from lowtide.store import chunk_kinds, columns
from lowtide.store.catalog import Catalog
from lowtide.store.details import pack_columns

NUMBERS = st.integers(-(1 << 60), 1 << 60)
TABLES = ("symbols", "details", "chunks", "vectors")


@given(st.lists(NUMBERS, min_size=1))
def test_whole_numbers_come_out_as_they_were(numbers: list[int]) -> None:
    assert columns._unpacked(columns._packed(numbers), len(numbers)).tolist() == numbers
    assert columns._unpacked_steps(columns._packed_steps(numbers), len(numbers)).tolist() == numbers


@given(st.lists(st.text(), min_size=1))
def test_texts_come_out_as_they_were(texts: list[str]) -> None:
    assert columns._split(columns._joined(texts), len(texts)) == texts


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
FILES = st.lists(
    st.tuples(st.integers(0, 70), st.integers(0, 5), st.integers(1, 3)), min_size=1, max_size=6
)  # symbols, chunks, ids that nobody has any more before them


def fill(path: Path, files: list[tuple[int, int, int]], name: str) -> None:
    Catalog(path, writable=True).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        symbol = chunk = 0
        for number, (symbols, chunks, gap) in enumerate(files, 1):
            symbol, chunk = symbol + gap, chunk + gap
            db.execute(
                "INSERT INTO files VALUES (?,?,1,2,3,x'00','','','indexed','','',9,?,?,0,0,0,'',?,?)",
                (number, b"f%d" % number, symbols, chunks, symbol if symbols else 0, chunk if chunks else 0),
            )
            for at in range(symbols):
                row = (symbol + at, number, f"{name}{at}", 12, name, at, 3, 1, 4)
                db.execute(
                    "INSERT INTO symbols (id, file_id, name, kind, container, start_line, more_lines, name_below,"
                    " name_column) VALUES (?,?,?,?,?,?,?,?,?)",
                    row,
                )
            for at in range(0, symbols, 32):
                count = min(32, symbols - at)
                packed = pack_columns([f"\0{name}"] * count, [name] * count, [at] * count, [1 << 20] * count)
                db.execute("INSERT INTO details VALUES (?,?)", (symbol + at, packed))
            for at in range(chunks):
                vector = chunk + at if at % 2 else None
                owner = symbol + at if at < symbols and at % 3 else None
                db.execute(
                    "INSERT INTO chunks VALUES (?,?,?,?,?,?,?,?,0)",
                    (chunk + at, number, vector, owner, 7 * at, 7 * at + 5, at, at + 2),
                )
                if vector:
                    db.execute("INSERT INTO vectors VALUES (?,?)", (vector, bytes([at % 256]) * 16))
            symbol, chunk = symbol + symbols, chunk + chunks
        chunk_kinds.fill(db)


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = {table: db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in TABLES}
        return {
            **tables,
            "schema": db.execute("SELECT * FROM sqlite_master WHERE type = 'index' ORDER BY 2").fetchall(),
        }


@settings(max_examples=12, deadline=None)
@given(FILES, TEXT)
def test_rows_come_out_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[int, int, int]], name: str
) -> None:
    folder = tmp_path_factory.mktemp("columns")
    path = folder / "catalog.sqlite"
    fill(path, files, name)
    before = rows(path)
    with closing(Catalog(path, writable=True)) as catalog:
        columns.write_columns(folder, catalog.ask)
        catalog.leave_out()
    assert not any(rows(path)[table] for table in TABLES)
    with closing(Catalog(path, writable=True)) as catalog:
        assert catalog.implausible() == ""
        with catalog.filling() as (ask, put):
            columns.take_columns(folder, ask, put)
    after = rows(path)
    assert {table: after[table] for table in TABLES} == {table: before[table] for table in TABLES}
    assert [row[1] for row in after["schema"]] == [row[1] for row in before["schema"]]
    with closing(Catalog(path, writable=False)) as catalog:  # its schema is to the letter what is made here
        assert catalog.counts().symbols == sum(symbols for symbols, *_ in files)


def test_blocks_end_where_rows_are_many_or_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "BLOCK_ROWS", 64)
    path = tmp_path / "catalog.sqlite"
    fill(path, [(200, 150, 1), (33, 1, 2)], "x")
    before = rows(path)
    with closing(Catalog(path, writable=True)) as catalog:
        columns.write_columns(tmp_path, catalog.ask)
        catalog.leave_out()
        with catalog.filling() as (ask, put):
            columns.take_columns(tmp_path, ask, put)
    assert {table: rows(path)[table] for table in TABLES} == {table: before[table] for table in TABLES}


def test_no_symbol_is_read_more_than_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files without any stand between the others: a block of chunks reads the symbols of its own files."""
    monkeypatch.setattr(columns, "BLOCK_ROWS", 16)
    path = tmp_path / "catalog.sqlite"
    fill(path, [(20, 2, 1), (0, 2, 1)] * 60, "x")
    read = 0
    with closing(Catalog(path, writable=True)) as catalog:
        columns.write_columns(tmp_path, catalog.ask)
        catalog.leave_out()
        with catalog.filling() as (ask, put):

            def counted(sql: str) -> Iterator[Any]:
                nonlocal read
                for row in ask(sql):
                    read += "FROM symbols" in sql
                    yield row

            columns.take_columns(tmp_path, counted, put)
    assert 0 < read <= 2 * 20 * 60


def test_columns_of_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    fill(path, [(5, 2, 1)], "x")
    with closing(Catalog(path, writable=True)) as catalog:
        columns.write_columns(tmp_path, catalog.ask)
        catalog.leave_out()
    fill(tmp_path / "other.sqlite", [(4, 2, 1)], "x")
    with closing(Catalog(tmp_path / "other.sqlite", writable=True)) as catalog:
        catalog.leave_out()
        with pytest.raises(BundleError, match="more symbols"), catalog.filling() as (ask, put):
            columns.take_columns(tmp_path, ask, put)
