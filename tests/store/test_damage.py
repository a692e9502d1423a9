"""Damage to any page of an index is met or does no harm, is remembered by whoever meets it, and ends with the next
writer."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.store.test_catalog import put, result

from lowtide.config.settings import Config
from lowtide.errors import CorruptIndex, IndexGone, PathError
from lowtide.index.report import describe_workspace
from lowtide.index.upkeep import maintain, new_name
from lowtide.index.workspace import REBUILT, Workspace
from lowtide.models import Mode
from lowtide.read.explain import explain_file
from lowtide.read.request import SearchRequest
from lowtide.read.snapshot import Embedding, Snapshot
from lowtide.store.catalog import Catalog

FILES = 60
OBJECTS = [
    "meta",
    "files",
    "sqlite_autoindex_files_1",
    "file_words",
    "symbols",
    "details",
    "sqlite_sequence",
    "chunks",
    "chunks_by_vector",
    "vectors",
    "vectors_by_hash",
    "vector_data",
    "unused_vectors",
    "segments",
    "runs",
    "dead_words",
]


def word(stem: str, number: int) -> str:
    """One word, whatever the rules for parts of words are."""
    return stem + "".join(chr(ord("k") + int(digit)) for digit in f"{number:02}")


def fill(catalog: Catalog) -> None:
    for number in range(FILES):
        put(catalog, b"m%d.py" % number, result(word("alpha", number), word("beta", number), content=b"%d" % number))
    catalog.set_meta("recipe", "none")
    catalog.record_run({"of": "all"}, has_changed=True)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sound index with a few segments."""
    home = tmp_path_factory.mktemp("sound")
    root = home / "tree"
    root.mkdir()
    for number in range(FILES):
        (root / f"m{number}.py").write_text(
            f"def {word('alpha', number)}(): pass\ndef {word('beta', number)}(): pass\n"
        )
    workspace = Workspace(root, home / "index")
    with workspace.writing() as (catalog, _):
        fill(catalog)
        anyio.run(maintain, workspace, catalog)
    assert len(list(workspace.folder.glob("*.seg"))) == 2
    return home


@pytest.fixture
def workspace(sound: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(sound / "index", tmp_path / "index")
    return Workspace(sound / "tree", tmp_path / "index")


async def no_vector(_: str) -> bytes:
    raise AssertionError("words alone were asked")


def ask(question: Callable[[Snapshot], Any], workspace: Workspace) -> Any:
    with closing(Snapshot(workspace)) as snapshot:
        return question(snapshot)


def words(snapshot: Snapshot) -> list[str]:
    request = SearchRequest(word("alpha", 7), Mode.LEXICAL)
    return [hit.path for hit in anyio.run(snapshot.search, request, Embedding(no_vector, "none")).hits]


QUESTIONS: dict[str, Callable[[Workspace], Any]] = {
    "search": partial(ask, words),
    "symbols": partial(ask, lambda snapshot: [found.path for found in snapshot.symbols(word("alpha", 7), limit=1)]),
    "references": partial(ask, lambda snapshot: snapshot.files_with(word("alpha", 7), limit=9)),
    "why": lambda workspace: explain_file(workspace, workspace.root / "m7.py", Config(1 << 28))["symbols"],
}
RIGHT: dict[str, Any] = {"search": ["m7.py"], "symbols": ["m7.py"], "references": ([b"m7.py"], False), "why": 2}


def overwrite_pages(catalog: Path, name: str) -> int:
    """Write over every page of a table or an index; returns how many there were."""
    with closing(sqlite3.connect(catalog)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the log would answer for the pages
        size = raw.execute("PRAGMA page_size").fetchone()[0]
        pages = [row[0] for row in raw.execute("SELECT pageno FROM dbstat WHERE name = ?", (name,))]
    with catalog.open("r+b") as file:
        for page in pages:
            assert page > 1
            file.seek((page - 1) * size)
            file.write(b"\xa5" * size)
    return len(pages)


@pytest.mark.parametrize("name", OBJECTS)
def test_damaged_table_is_met_told_remembered_and_built_anew(workspace: Workspace, name: str) -> None:
    assert overwrite_pages(workspace.catalog_path, name)
    for question, call in QUESTIONS.items():
        try:
            assert call(workspace) == RIGHT[question], question
        except CorruptIndex:
            assert workspace.is_marked, question
            (workspace.folder / "damaged").unlink(missing_ok=True)
    # Whatever no question needed, `status` finds.
    assert describe_workspace(workspace).damage
    assert workspace.is_marked
    with workspace.writing() as (catalog, mended):
        assert mended == [REBUILT]
        fill(catalog)
    assert not workspace.is_marked
    assert {question: call(workspace) for question, call in QUESTIONS.items()} == RIGHT
    assert not describe_workspace(workspace).damage


def test_every_table_and_index_is_damaged_in_turn(sound: Path) -> None:
    with closing(sqlite3.connect(sound / "index" / "catalog.sqlite")) as raw:
        there = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE rootpage > 0")}
    assert there == set(OBJECTS)


def test_writer_that_meets_damage_leaves_the_mark(workspace: Workspace) -> None:
    overwrite_pages(workspace.catalog_path, "chunks_by_vector")
    with pytest.raises(CorruptIndex), workspace.writing() as (catalog, mended):
        assert mended == []
        put(catalog, b"m7.py", result("gamma"))
    with workspace.writing() as (catalog, mended):
        assert mended == [REBUILT]
        assert catalog.counts().files == 0


def test_text_that_is_none_is_damage(workspace: Workspace) -> None:
    with closing(sqlite3.connect(workspace.catalog_path)) as raw, raw:
        raw.execute("UPDATE files SET language = CAST(x'ff61' AS TEXT)")
    with pytest.raises(CorruptIndex):
        QUESTIONS["search"](workspace)
    assert workspace.is_marked


@pytest.mark.parametrize("kind", ["names", "vectors"])
def test_segment_written_over_while_it_is_open_is_noticed_at_the_next_question(workspace: Workspace, kind: str) -> None:
    with closing(Snapshot(workspace)) as snapshot:
        assert not snapshot.is_outdated
        (path,) = workspace.folder.glob(f"{kind}-*.seg")
        data = bytearray(path.read_bytes())
        data[400] ^= 0x10
        path.write_bytes(data)
        assert snapshot.is_outdated
        with closing(Snapshot(workspace, snapshot)) as fresh:
            assert [found.path for found in fresh.symbols(word("alpha", 7), limit=1)] == ["m7.py"]
            assert workspace.has_damaged_segments


def test_writer_does_not_write_to_a_catalog_that_is_gone(workspace: Workspace) -> None:
    with workspace.writing() as (catalog, _):
        shutil.rmtree(workspace.folder)
        with pytest.raises(IndexGone):
            put(catalog, b"new.py", result("gamma"))
        with pytest.raises(PathError):
            workspace.reading().close()
    with workspace.writing() as (catalog, _):
        assert catalog.counts().files == 0


def test_writer_stops_when_its_lock_is_gone_for_another_may_hold_the_new_one(workspace: Workspace) -> None:
    with workspace.writing() as (catalog, _):
        (workspace.folder / "lock").unlink()
        with workspace.writing() as (other, _):
            put(other, b"new.py", result("gamma"))
        with pytest.raises(IndexGone):
            put(catalog, b"new.py", result("delta"))


def test_emptied_catalog_is_none_and_is_made_anew(workspace: Workspace) -> None:
    workspace.catalog_path.write_bytes(b"")
    with pytest.raises(PathError):
        workspace.reading().close()
    with workspace.writing() as (catalog, _):
        fill(catalog)
    assert QUESTIONS["search"](workspace) == RIGHT["search"]


def test_names_of_segments_are_never_used_twice_and_pass_the_check() -> None:
    assert len({new_name("vectors") for _ in range(100)}) == 100
