"""What a filter leaves: the same as looking at each chunk, in little memory, and the searches ask no others."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from tests.store.indexes import make_index, put, vector_of

from lowtide.answers import Answer
from lowtide.errors import QuestionStopped, UsageError
from lowtide.index.workspace import Workspace
from lowtide.models import Mode, SymbolKind
from lowtide.read import filters
from lowtide.read.answering import never
from lowtide.read.filters import Filter, Selection, Selections
from lowtide.read.request import SearchRequest
from lowtide.read.snapshot import Embedding, Snapshot
from lowtide.store.catalog import Catalog
from lowtide.store.id_set import MANY_IDS, IdSet

FILTERS = [
    Filter(globs=("*",)),
    Filter(globs=("src",)),
    Filter(globs=("*.c", "!src/net")),
    Filter(globs=("file7.*",)),
    Filter(globs=("nothing",)),
    Filter(languages=("c",)),
    Filter(languages=("python", "c")),
    Filter(languages=("go",)),
    Filter(kinds=(SymbolKind.CLASS,)),
    Filter(kinds=(SymbolKind.CLASS, SymbolKind.FUNCTION), globs=("*.py",)),
    Filter(languages=("c",), globs=("!*.h",), kinds=(SymbolKind.METHOD,)),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = make_index(tmp_path_factory.mktemp("filters"), 300)
    with made.writing() as (catalog, _):
        for number in range(0, 300, 11):  # files that went, and came again behind the others
            rows = list(catalog._rows("SELECT path FROM files WHERE path LIKE ?", (f"%/file{number}.%",)))
            catalog.write([], [], [path for (path,) in rows])
            put(made, catalog, f"src/file{number}.py", "python", [f"again_{number} parse retry", "shared text of all"])
    return made


@pytest.fixture
def snapshot(workspace: Workspace) -> Iterator[Snapshot]:
    with closing(Snapshot(workspace)) as opened:
        yield opened


def chunks_one_by_one(catalog: Catalog, narrow: Filter) -> dict[int, int]:
    """Chunk and vector of all that pass."""
    takes = narrow.of_files()
    sql = (
        "SELECT c.id, c.vector_id, f.path, f.language, coalesce(s.kind, 0) FROM chunks c JOIN files f ON f.id = "
        "c.file_id"
        " LEFT JOIN symbols s ON s.id = c.symbol_id"
    )
    return {
        chunk: vector
        for chunk, vector, path, language, kind in catalog._rows(sql)
        if takes(path, language) and (not narrow.kinds or kind in narrow.kinds)
    }


def select(snapshot: Snapshot, narrow: Filter, stopped: Callable[[], bool] = never) -> Selection | None:
    with snapshot._readers.lend(stopped) as catalog:
        return Selections().get(narrow, catalog, stopped)


@pytest.mark.parametrize("block_chunks", [filters.BLOCK_CHUNKS, 7])
@pytest.mark.parametrize("narrow", FILTERS, ids=str)
def test_a_selection_is_what_one_by_one_gives(
    snapshot: Snapshot, workspace: Workspace, narrow: Filter, block_chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "BLOCK_CHUNKS", block_chunks)
    selection = select(snapshot, narrow)
    with snapshot._readers.lend() as catalog:
        expected = chunks_one_by_one(catalog, narrow)
        alive = {chunk for (chunk,) in catalog._rows("SELECT id FROM chunks")}
    if selection is None:
        assert set(expected) == alive
        return
    taken = {chunk for chunk in alive if chunk in selection.chunks}
    assert taken == set(expected)
    highest = max(expected.values(), default=0) + 50
    assert {vector for vector in range(highest) if vector in selection.vectors} == set(expected.values())


def ask(snapshot: Snapshot, query: str, mode: Mode, narrow: Filter | None, limit: int = 1000) -> Answer:
    async def encode(text: str) -> bytes:
        return vector_of(text)

    async def play() -> Answer:
        return await snapshot.search(SearchRequest(query, mode, limit, narrow or Filter()), Embedding(encode, "tests"))

    return anyio.run(play)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("narrow", FILTERS, ids=str)
def test_a_narrow_search_gives_those_of_the_wide_one_that_pass(
    snapshot: Snapshot, narrow: Filter, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowtide.read.snapshot.CANDIDATES", 100_000)
    query = "parse retry socket budget shared"
    takes = narrow.of_files()
    kinds = {kind.label for kind in narrow.kinds}
    languages = {"py": "python", "c": "c", "h": "c"}
    wide = [
        hit.path
        for hit in ask(snapshot, query, mode, None, limit=100_000).hits
        if takes(hit.path.encode(), languages[hit.path.rpartition(".")[2]]) and (not kinds or hit.kind in kinds)
    ]
    assert wide or narrow in (FILTERS[4], FILTERS[7])
    found = [hit.path for hit in ask(snapshot, query, mode, narrow, limit=100_000).hits]
    assert sorted(found) == sorted(wide)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_narrow_search_finds_what_the_wide_one_puts_last(
    snapshot: Snapshot, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowtide.read.snapshot.CANDIDATES", 40)
    wide = {hit.path for hit in ask(snapshot, "parse retry socket", mode, None).hits}
    narrow = ask(snapshot, "parse retry socket", mode, Filter(globs=("file2?.*",))).hits
    assert narrow
    assert all("/file2" in hit.path for hit in narrow)
    assert {hit.path for hit in narrow} - wide


def test_an_asker_who_has_gone_ends_the_selecting(snapshot: Snapshot) -> None:
    with pytest.raises(QuestionStopped):
        select(snapshot, Filter(globs=("src",)), lambda: True)


def test_a_glob_that_cannot_be_taken_is_the_askers_error(snapshot: Snapshot) -> None:
    with pytest.raises(UsageError):
        ask(snapshot, "parse", Mode.HYBRID, Filter(globs=("{a",)))
    assert ask(snapshot, "parse", Mode.HYBRID, None).hits


def test_the_last_few_selections_are_kept(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Filter] = []
    real = filters._select

    def count(narrow: Filter, *rest: Any) -> Selection | None:
        made.append(narrow)
        return real(narrow, *rest)

    monkeypatch.setattr(filters, "_select", count)
    for _ in range(3):
        ask(snapshot, "parse", Mode.HYBRID, FILTERS[1])
    assert made == [FILTERS[1]]
    for narrow in FILTERS[2 : 3 + filters.KEPT]:
        ask(snapshot, "parse", Mode.HYBRID, narrow)
    kept = snapshot.memory()["filters"]
    assert 0 < kept < filters.KEPT * 2_000
    ask(snapshot, "parse", Mode.HYBRID, FILTERS[1])
    assert made[-1] == FILTERS[1]
    snapshot.shrink()
    assert snapshot.memory()["filters"] == 0


def test_selecting_takes_bytes_a_chunk_and_no_objects(tmp_path: Path) -> None:
    """A hundred thousand chunks: sets of their ids would be 15 MB."""
    workspace = make_index(tmp_path, 1)
    chunks = 100_000
    with workspace.writing() as (catalog, _), catalog.transaction():
        run = catalog._db.execute
        run(
            "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO chunks SELECT i, 2 + i / 20, i, NULL, 0, 1, 0, 1, 0 FROM n",
            (chunks + 9,),
        )
        run(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO files SELECT i, CAST('src/f' || i || '.c' AS BLOB), 1, 1, 1, x'', 'c', '', 'indexed', '', "
            "'', 1, 0, 20, 1, 0, 0, '', 0, (i - 2) * 20"
            " FROM n",
            (1 + chunks // 20,),
        )
        run("UPDATE sqlite_sequence SET seq = ? WHERE name IN ('chunks', 'vectors')", (chunks + 20,))
    with closing(Snapshot(workspace)) as snapshot:
        select(snapshot, Filter(globs=("*7.c",)))
        tracemalloc.start()
        selection = select(snapshot, Filter(globs=("*[1-4].c",)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert selection is not None
    assert 0 < len(selection.chunks) < chunks
    assert peak < filters.selecting_bytes(chunks, chunks)


def test_an_id_set_holds_what_it_was_given() -> None:
    ids = np.array([0, 7, 8, 63, 64, 1000, MANY_IDS + 5])
    held = IdSet.of(ids)
    assert len(held) == len(ids)
    for asked in (np.arange(2 * MANY_IDS), np.arange(1500), np.array([MANY_IDS + 5, MANY_IDS + 6])):
        assert np.array_equal(asked[held.mask(asked)], np.intersect1d(asked, ids))
    assert [number for number in (-1, 0, 1, 7, 1000, MANY_IDS + 5, MANY_IDS + 6, 1 << 40) if number in held] == [
        0,
        7,
        1000,
        MANY_IDS + 5,
    ]
    assert not len(IdSet.of(ids[:0]))
    assert not IdSet.of(ids[:0]).mask(np.arange(10)).any()
