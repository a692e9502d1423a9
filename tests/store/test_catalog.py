"""The catalog: what is written is found, replaced whole, and removed whole."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lowtide.errors import CorruptIndex, EmptyIndex, IndexTooNew, OlderIndex, PathError, StoreError
from lowtide.index.workspace import Workspace
from lowtide.models import FileStat, FileStatus, Reason
from lowtide.store import schema
from lowtide.store.catalog import Catalog, bound_caches
from lowtide.store.connections import sqlite_bytes
from lowtide.store.lexical.delta import WordDelta
from lowtide.store.lexical.index import LexicalIndex
from lowtide.store.rows import Commit, NewVectors, Segment
from lowtide.wire import FileResult, SymbolColumns, pack_chunks, pack_symbols, pack_words


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with closing(Catalog(tmp_path / "catalog.sqlite", writable=True)) as opened:
        yield opened


def result(*names: str, content: bytes = b"c") -> FileResult:
    """A file with one chunk and one symbol a name."""
    words = [f"{name} body" for name in names]
    return FileResult(
        size_bytes=10,
        mtime_ns=20,
        inode=30,
        ctime_ns=40,
        content_hash=content,
        language="python",
        encoding="utf-8",
        lines=3,
        status=FileStatus.INDEXED,
        reason="",
        rule="",
        symbol_count=len(names),
        symbols=pack_symbols(
            [(name, 12, "", row, 0, row, 9, row, 4, f"def {name}()", "") for row, name in enumerate(names)]
        ),
        chunks=pack_chunks([(row * 10, row * 10 + 10, row, row, row) for row in range(len(names))]),
        hashes=b"".join(name.encode().ljust(16, b"\0") for name in names),
        words=pack_words(words, names, "a py"),
    )


def put(catalog: Catalog, path: bytes, file: FileResult) -> int:
    return catalog.write(
        [Commit(path, file, NewVectors(file.chunk_count, range(file.chunk_count), b"\x01" * 4 * file.chunk_count))],
        [],
        [],
    )


def by_word(catalog: Catalog, word: str) -> list[tuple[int, float]]:
    """Chunks that hold a word, of what is not in the lexical index yet."""
    return LexicalIndex(catalog.path.parent, None, WordDelta.read(catalog)).candidates([word], None, 10)


def test_written_file_is_found_by_word_and_by_vector(catalog: Catalog) -> None:
    put(catalog, b"a.py", result("alpha", "beta"))
    ((chunk_id, _),) = by_word(catalog, "alpha")
    (row,) = catalog.chunks_by_id([chunk_id])
    assert (row.path, row.name, row.start_line) == (b"a.py", "alpha", 0)
    assert [found.chunk_id for found in catalog.chunks_by_vector([row.vector_id or 0])] == [chunk_id]
    assert [name for _, name, _ in catalog.symbol_names_after(0)] == ["alpha", "beta"]


def test_what_is_shown_of_a_symbol_is_what_was_written(catalog: Catalog) -> None:
    signatures = ["def alpha()", "", "alpha alpha", "a\0b alpha", "\0\0alpha", "=", "ünïcode alpha"]
    rows: list[SymbolColumns] = [
        ("alpha" if each != "=" else "", 12, "", row, row, row + 2, row + 9, row, 4, each, f"told {each}")
        for row, each in enumerate(signatures * 30)
    ]
    file = msgspec.structs.replace(result("alpha"), symbol_count=len(rows), symbols=pack_symbols(rows))
    put(catalog, b"before.py", result("beta"))
    put(catalog, b"a.py", file)
    found = list(catalog.symbol_names_after(1))
    told = catalog.details([number for number, _, _ in found])
    assert [(*told[number],) for number, _, _ in found] == [(row[9], row[10], row[4], row[6]) for row in rows]
    assert catalog.details([found[-1][0] + 1]) == {}


def test_a_block_that_cannot_be_unpacked_is_damage(catalog: Catalog) -> None:
    for number, packed in enumerate([b"", b"x", zlib.compress(b"\x90"), zlib.compress(b"\0" * (2 << 20))]):
        put(catalog, b"%d.py" % number, result(f"name{number}"))
        symbol_id = catalog.last_id("symbols")
        catalog._db.execute("UPDATE details SET packed = ? WHERE first_symbol_id = ?", (packed, symbol_id))
        with pytest.raises(CorruptIndex):
            catalog.details([symbol_id])


def test_files_of_one_moment_have_their_own_rows(catalog: Catalog) -> None:
    """They are found by ranges of ids, which end where the next file's begin."""
    put(catalog, b"none.py", result())
    for path, names in ((b"a.py", "alpha beta"), (b"b.py", "gamma"), (b"a.py", "delta epsilon zeta")):
        put(catalog, path, result(*names.split()))
    rows = {path: catalog.file(path) for path in (b"none.py", b"a.py", b"b.py")}
    spans = {path: [span.name for span in catalog.symbol_spans(row.file_id)] for path, row in rows.items() if row}
    assert spans == {b"none.py": [], b"a.py": ["delta", "epsilon", "zeta"], b"b.py": ["gamma"]}
    chunks = {path: [row.name for row in catalog.chunks_of_file(row.file_id)] for path, row in rows.items() if row}
    assert chunks == spans
    assert [last - first for _, first, last in catalog.chunk_ranges()] == [2, 0]


def test_replaced_file_leaves_nothing_behind(catalog: Catalog) -> None:
    put(catalog, b"a.py", result("alpha", "beta"))
    row = catalog.file(b"a.py")
    assert row is not None
    put(catalog, b"a.py", result("gamma"))
    assert by_word(catalog, "alpha") == []
    assert len(by_word(catalog, "gamma")) == 1
    assert [name for _, name, _ in catalog.symbol_names_after(0)] == ["gamma"]
    counts = catalog.counts()
    assert (counts.files, counts.symbols, counts.chunks) == (1, 1, 1)


def test_removed_file_leaves_nothing_but_its_vectors(catalog: Catalog) -> None:
    put(catalog, b"a.py", result("alpha"))
    row = catalog.file(b"a.py")
    assert row is not None
    catalog.write([], [], [row.path])
    assert catalog.file(b"a.py") is None
    assert by_word(catalog, "alpha") == []
    assert catalog.counts().vectors == 1
    catalog.mark_unused(0, 100, now_ns=1)
    assert catalog.delete_unused(1, 100) == 1
    assert catalog.counts().vectors == 0


def test_same_chunk_is_embedded_once(catalog: Catalog) -> None:
    assert put(catalog, b"a.py", result("alpha")) == 1
    assert put(catalog, b"b.py", result("alpha")) == 0
    hashes = result("alpha", "new", "new").hashes
    assert catalog.missing_vectors(hashes) == [1]
    assert len(catalog.chunks_by_vector([1])) == 2


def test_ids_are_never_used_twice(catalog: Catalog) -> None:
    put(catalog, b"a.py", result("alpha"))
    row = catalog.file(b"a.py")
    assert row is not None
    first = next(catalog.symbol_names_after(0))[0]
    catalog.write([], [], [row.path])
    catalog.mark_unused(0, 100, now_ns=1)
    catalog.delete_unused(1, 100)
    put(catalog, b"a.py", result("alpha"))
    assert next(catalog.symbol_names_after(0))[0] > first
    assert next(catalog.vectors_after(0))[0] > 1


def test_skips_are_recorded_with_their_rule(catalog: Catalog) -> None:
    put(catalog, b"a.key", result("alpha"))
    row = catalog.file(b"a.key")
    assert row is not None
    catalog.write([], [FileStat(b"a.key", 5, 6, 7, Reason.SECRET, "*.key")], [])
    skipped = catalog.file(b"a.key")
    assert skipped is not None
    assert (skipped.status, skipped.reason, skipped.rule, skipped.chunks) == (FileStatus.SKIPPED, "secret", "*.key", 0)
    assert by_word(catalog, "alpha") == []


def test_a_failing_write_changes_nothing(catalog: Catalog) -> None:
    put(catalog, b"a.py", result("alpha"))
    bad = msgspec.structs.replace(result("beta"), hashes=b"x" * 32)
    with pytest.raises(ValueError):
        catalog.write([Commit(b"b.py", bad, NewVectors(2, [0], b"1234"))], [], [])
    assert catalog.file(b"b.py") is None
    assert catalog.counts().chunks == 1


def test_known_files_come_in_the_order_of_their_bytes(catalog: Catalog) -> None:
    paths = [b"b", b"a/b", b"a-b", b"\xff", b"a", b"Z"]
    for path in paths:
        put(catalog, path, result("alpha"))
    assert [known.path for known in catalog.known_files()] == sorted(paths)


def test_manifest_moves_in_one_step(catalog: Catalog) -> None:
    first, second = (Segment(f"vectors-{n:016x}.seg", "flat", 1, 2, 2, 10, 99) for n in (1, 2))
    catalog.swap_segments([first], [])
    catalog.swap_segments([second], [first.name])
    assert catalog.segments() == [second]


def test_page_caches_of_many_connections_are_bounded_together(tmp_path: Path) -> None:
    """Each had up to 2 MB: six take twelve, and a run has as many of two workspaces open."""
    path = tmp_path / "catalog.sqlite"
    with closing(Catalog(path, writable=True)) as writer, writer.transaction():
        for number in range(4000):
            writer.set_meta(f"key{number}", "x" * 1000)

    def held_by_six() -> int:
        before = sqlite_bytes()
        with ExitStack() as opened:
            readers = [opened.enter_context(closing(Catalog(path, writable=False))) for _ in range(6)]
            for reader in readers:
                assert sum(1 for _ in reader._rows("SELECT * FROM meta")) >= 4000
            return sqlite_bytes() - before

    try:
        bound_caches(sqlite_bytes() + (3 << 20))
        assert held_by_six() < 4 << 20
    finally:
        bound_caches(0)
    assert held_by_six() > 8 << 20, "else the bound is not what was tested"


def test_reader_sees_the_last_commit_while_a_write_is_open(catalog: Catalog) -> None:
    put(catalog, b"a.py", result("alpha"))
    with closing(Catalog(catalog.path, writable=False)) as reader:
        with catalog.transaction():
            catalog.set_meta("x", "y")
            assert reader.get_meta("x") is None
        assert reader.get_meta("x") == "y"


def test_an_index_that_is_being_made_is_none_yet_and_no_damage(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "tree", tmp_path / "index")
    (tmp_path / "index").mkdir()
    with closing(sqlite3.connect(workspace.catalog_path)) as just_made:
        just_made.execute("PRAGMA journal_mode = WAL")
    with pytest.raises(PathError, match="being made"):
        workspace.reading().close()
    with workspace.writing() as (catalog, mended):
        assert mended == []
        with closing(workspace.reading()) as reader:
            assert reader.counts() == catalog.counts()


def test_newer_index_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    Catalog(path, writable=True).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    for writable in (True, False):
        with pytest.raises(IndexTooNew, match="newer Lowtide"):
            Catalog(path, writable=writable).close()
    assert path.exists()


@pytest.mark.parametrize("damage", ["noise", "truncated", "zeroed header"])
def test_damaged_catalog_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "catalog.sqlite"
    with closing(Catalog(path, writable=True)) as catalog:
        for number in range(50):
            put(catalog, b"%d.py" % number, result(f"alpha{number}", f"beta{number}"))
    data = bytearray(path.read_bytes())
    if damage == "noise":
        data[:] = b"\xaa" * len(data)
    elif damage == "truncated":
        del data[len(data) // 2 :]
    else:
        data[:100] = bytes(100)
    path.write_bytes(data)

    def use() -> str | None:
        with closing(Catalog(path, writable=False)) as opened:
            list(opened.known_files())
            return opened.check()

    try:
        complaint = use()
    except CorruptIndex:
        return
    assert complaint is not None


def test_read_only_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as told:
        Catalog(tmp_path / "missing" / "catalog.sqlite", writable=False).close()
    assert "lowtide index" in str(told.value)


def test_known_files_of_some_paths_are_those_at_and_below_them(catalog: Catalog) -> None:
    for path in [b"a", b"a-b", b"a/x", b"a/y/z", b"b/c", b"b/cc", b"vendor/", b"z"]:
        put(catalog, path, result("alpha"))
    found = [known.path for known in catalog.known_files([b"b/c", b"a", b"a/y", b"vendor/lib/x.c", b"missing"])]
    assert found == [b"a", b"a/x", b"a/y/z", b"b/c", b"vendor/"]


def test_known_files_are_read_in_pages(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lowtide.store.queries._PAGE_ROWS", 2)
    paths = [b"%d" % number for number in range(7)]
    for path in paths:
        put(catalog, path, result("alpha"))
    assert [known.path for known in catalog.known_files()] == paths
    assert [known.path for known in catalog.known_files([b"3", b"5"])] == [b"3", b"5"]


@pytest.mark.parametrize("version", range(1, schema.SCHEMA_VERSION))
def test_a_catalog_of_an_older_schema_becomes_the_present_one(tmp_path: Path, version: int) -> None:
    """Step by step; what a new catalog has, a migrated one has too, and no row and no word is lost."""
    path = tmp_path / "catalog.sqlite"
    shutil.copy(Path(__file__).parents[1] / "data" / "formats" / f"catalog-{version}.sqlite", path)
    with pytest.raises(OlderIndex, match="older format"):
        Catalog(path, writable=False).close()
    with closing(Catalog(path, writable=True)) as catalog:
        row = catalog.file(b"a.py")
        found = catalog.chunks_by_id([chunk_id for chunk_id, _ in by_word(catalog, "alpha")])
    assert row is not None
    assert (row.path, row.symbols, row.tries) == (b"a.py", 2, 0)
    if version == 1:
        assert (row.ctime_ns, row.program) == (0, "")
    assert [(chunk.path, chunk.name) for chunk in found] == [(b"a.py", "alpha")]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,), "it gives free pages back"
    Catalog(tmp_path / "fresh.sqlite", writable=True).close()
    assert columns(path) == columns(tmp_path / "fresh.sqlite")
    for writable in (False, True):  # it is taken for what it is, not for somebody else's
        Catalog(path, writable=writable).close()


def test_what_is_shown_of_a_symbol_survives_the_conversion(tmp_path: Path) -> None:
    """More symbols than a block has, after others, in a catalog whose ids do not begin with 1."""
    path = tmp_path / "catalog.sqlite"
    shutil.copy(Path(__file__).parents[1] / "data" / "formats" / "catalog-4.sqlite", path)
    with closing(Catalog(path, writable=True)) as catalog:
        known = catalog.file(b"folder/many.py")
        assert known is not None
        symbols = catalog.symbols_of_file(known.file_id)
        told = catalog.details([symbol.symbol_id for symbol in symbols])
        assert len(catalog.chunks_of_file(known.file_id)) == 3
        catalog.write([], [], [b"folder/many.py"])
        assert (catalog.counts().symbols, len(list(catalog.symbol_names_after(0)))) == (2, 2)
        details = catalog.ask("SELECT first_symbol_id FROM details")
        assert {first for (first,) in details} <= {number for number, _, _ in catalog.symbol_names_after(0)}
    assert [(symbol.name, symbol.container) for symbol in symbols[::69]] == [("Holder", ""), ("member_69", "Holder")]
    assert [(symbol.start_line, symbol.end_line, symbol.name_line, symbol.name_column) for symbol in symbols[::69]] == [
        (0, 72, 0, 6),
        (69, 70, 69, 8),
    ]
    assert [told[symbol.symbol_id] for symbol in symbols[::69]] == [
        ("class Holder:", "Holds what is told.", 0, 4),
        ("def member_69(self, value_69: int) -> int:", "The member number 69.", 4, 89),
    ]
    assert told[symbols[32].symbol_id].signature == "def member_32(self, value_32: int) -> int:"


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: db.execute(f"PRAGMA table_info('{name}')").fetchall() for name in tables}


def test_a_failure_is_counted_while_the_file_stays_as_it_is(catalog: Catalog) -> None:
    def tries(file: FileResult) -> int:
        put(catalog, b"a.py", file)
        row = catalog.file(b"a.py")
        assert row is not None
        return row.tries

    stalled = msgspec.structs.replace(result("alpha"), status=FileStatus.QUARANTINED, reason=Reason.DEADLINE)
    assert [tries(stalled) for _ in range(3)] == [1, 2, 3]
    assert tries(msgspec.structs.replace(stalled, mtime_ns=21)) == 1, "it is another file now"
    assert tries(msgspec.structs.replace(stalled, mtime_ns=21, reason=Reason.CRASH)) == 1
    assert tries(result("alpha")) == 0
    assert tries(msgspec.structs.replace(result("alpha"), reason=Reason.DEADLINE)) == 1, "in part is a failure, too"


def test_a_catalog_that_is_being_made_is_empty_and_no_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks in the very moment in which it is made sees none of it, or all."""
    path = tmp_path / "catalog.sqlite"
    made: list[str] = []

    class Connection(sqlite3.Connection):
        """Whose other side makes the catalog once it has been asked whose it is."""

        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            found = super().execute(sql, *rest)
            if sql == "PRAGMA application_id" and not made:
                made.append(sql)
                row = found.fetchall()
                Catalog(path, writable=True).close()
                return super().execute(f"SELECT {row[0][0]}")
            return found

    with closing(sqlite3.connect(path)) as begun:
        begun.execute("PRAGMA journal_mode = WAL")
    path.chmod(0o600)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *words, **named: connect(*words, **named, factory=Connection))
    with pytest.raises(EmptyIndex), closing(Catalog(path, writable=False)):
        pass
    assert made
    monkeypatch.undo()
    Catalog(path, writable=False).close()
