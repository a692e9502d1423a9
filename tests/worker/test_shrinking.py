"""What was deleted leaves the disk: an index of a tree of which most has gone is about as large as a fresh one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from tests.e2e.contents import differences, read_contents
from tests.e2e.harness import python_module
from tests.worker.test_seeding import index, places_of

from lowtide.index import lexicon, spare_pages, upkeep
from lowtide.index.workspace import Workspace
from lowtide.store import upkeep as store_upkeep
from lowtide.store.catalog import Catalog
from lowtide.store.lexical.generation import read_listing

FILES = 150


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a small tree passes, and no week's waiting."""
    monkeypatch.setattr(lexicon, "LEAST_DEAD", 100)
    monkeypatch.setattr(upkeep, "UNUSED_COUNT", 0)
    monkeypatch.setattr(upkeep, "UNUSED_FACTOR", 1.0)
    monkeypatch.setattr(spare_pages, "VACUUM_PAGES", 16)
    monkeypatch.setattr(store_upkeep, "LEAST_FREE_PAGES", 16)


def fill(root: Path) -> None:
    for number in range(FILES):
        path = root / f"pkg{number % 5}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(python_module(number, 12))


def filled(tmp_path: Path) -> Workspace:
    """The tree, indexed."""
    root = tmp_path / "tree"
    fill(root)
    index(root, tmp_path / "home")
    return Workspace(root, places_of(tmp_path / "home").index_folder(root))


def leave_one(catalog: Catalog) -> None:
    """Take all files but the first out of the catalog."""
    for number in range(1, FILES):
        catalog.write([], [], [f"pkg{number % 5}/module{number}.py".encode()])


def delete_two_thirds(root: Path) -> None:
    for number in range(FILES):
        if number % 3:
            (root / f"pkg{number % 5}" / f"module{number}.py").unlink()


def test_two_thirds_deleted_leave_what_a_fresh_index_has(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    fill(root)
    index(root, tmp_path / "home")
    workspace = Workspace(root, places_of(tmp_path / "home").index_folder(root))
    full = workspace.disk_bytes()
    delete_two_thirds(root)
    index(root, tmp_path / "home")
    index(root, tmp_path / "home")  # the words of what is left
    index(root, tmp_path / "fresh")
    fresh = Workspace(root, places_of(tmp_path / "fresh").index_folder(root))
    assert differences(read_contents(workspace.catalog_path), read_contents(fresh.catalog_path)) == []
    assert fresh.disk_bytes() < 0.6 * full
    assert workspace.disk_bytes() < 1.25 * fresh.disk_bytes()
    with closing(Catalog(workspace.catalog_path, writable=False)) as catalog:
        row = catalog.lexical_segment()
        assert row is not None
        assert read_listing(workspace.folder / row.name, row).deleted == 0
    report = index(root, tmp_path / "home")
    assert report.files.indexed == 0, "it is not made anew again and again"


def test_a_step_gives_back_as_many_pages_as_it_was_told(tmp_path: Path) -> None:
    workspace = filled(tmp_path)
    with workspace.writing() as (catalog, _):
        leave_one(catalog)
        assert catalog.spare_pages() > 8
        assert catalog.give_back_pages(8) == 8


def test_a_first_index_keeps_no_page_of_what_was_on_its_way(tmp_path: Path) -> None:
    """Words wait in the catalog until they are in the lexical index, and vectors until they are in a segment."""
    workspace = filled(tmp_path)
    with closing(Catalog(workspace.catalog_path, writable=False)) as catalog:
        assert catalog.pending_bytes() == 0
        assert catalog.spare_pages() == 0


def test_a_question_waits_for_no_page_that_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader in the middle of a view sees what it saw, and a writer gets its turn between two steps."""
    workspace = filled(tmp_path)
    with workspace.writing() as (catalog, _):
        leave_one(catalog)
        steps = 0
        give_back = catalog.give_back_pages

        def between_two(limit: int) -> int:
            nonlocal steps
            steps += 1
            assert limit <= 16
            with closing(sqlite3.connect(workspace.catalog_path, timeout=0)) as other:
                other.execute("INSERT OR REPLACE INTO meta VALUES ('other', ?)", (str(steps),))
                other.commit()
            return give_back(limit)

        monkeypatch.setattr(catalog, "give_back_pages", between_two)
        with closing(workspace.reading()) as reader, reader.view():
            before = reader.counts()
            anyio.run(upkeep.maintain, workspace, catalog)
            assert reader.counts() == before
        assert steps > 2
        assert catalog.spare_pages() == 0
        assert catalog.get_meta("other") == str(steps)
