"""Work grows as it should, counted in steps of SQLite's and vectors compared, which a busy machine does not change.

What is bounded here was measured and given room of a half: a gross regression (a scan of a whole table, a row written
twice, everything read again) is many times that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import anyio
import pytest
from tests.store.indexes import WORDS, absorb, make_index, put, vector_of

from lowtide.index.upkeep import maintain
from lowtide.index.workspace import Workspace
from lowtide.models import Mode
from lowtide.read.request import SearchRequest
from lowtide.read.snapshot import Embedding, Snapshot
from lowtide.store.catalog import Catalog
from lowtide.store.vectors import scan, vectors

SMALL, LARGE = 200, 600
STEPS_AT_ONCE = 50


class Counting(sqlite3.Connection):
    """Counts the steps of the virtual machine of all connections; other handlers are asked as well."""

    steps = 0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.set_progress_handler(None, 0)

    def set_progress_handler(self, handler: Callable[[], Any] | None, n: int) -> None:
        def count() -> int:
            Counting.steps += STEPS_AT_ONCE
            return 1 if handler is not None and handler() else 0

        super().set_progress_handler(count, STEPS_AT_ONCE)


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Counting))


def steps_of(call: Callable[[], Any]) -> int:
    before = Counting.steps
    call()
    return Counting.steps - before


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Workspace]:
    made = {}
    for files in (SMALL, LARGE):
        workspace = make_index(tmp_path_factory.mktemp(f"of{files}"), files)
        with workspace.writing() as (catalog, _):
            absorb(workspace, catalog)
            anyio.run(maintain, workspace, catalog)
        made[files] = workspace
    return made


async def encode(query: str) -> bytes:
    return vector_of(query)


def search(snapshot: Snapshot) -> None:
    request = SearchRequest(" ".join(WORDS[:3]), Mode.HYBRID, 10)
    assert anyio.run(snapshot.search, request, Embedding(encode, "tests")).hits


def symbols(snapshot: Snapshot) -> None:
    assert snapshot.symbols(WORDS[0][:3], limit=20)


@pytest.mark.parametrize(("ask", "most"), [(search, 60_000), (symbols, 12_000)])
def test_a_question_of_a_larger_index_reads_no_more_rows(
    indexes: dict[int, Workspace], ask: Callable[[Snapshot], None], most: int
) -> None:
    """What is read is what is shown and ranked, whatever the size: no table is looked through."""
    taken = {}
    for files, workspace in indexes.items():
        with closing(Snapshot(workspace)) as snapshot:
            ask(snapshot)
            taken[files] = steps_of(partial(ask, snapshot))
    assert taken[LARGE] <= 1.5 * taken[SMALL] + 2_000, taken
    assert taken[LARGE] <= most, taken


def write_eight(workspace: Workspace, catalog: Catalog) -> None:
    texts = [f"late_{number} {' '.join(WORDS[:6])}" for number in range(6)]
    for number in range(8):
        put(workspace, catalog, f"late{number}.py", "python", texts)


def renew(workspace: Workspace, before: Snapshot) -> None:
    Snapshot(workspace, before).close()


def test_a_file_is_written_at_the_same_cost_in_a_larger_index(indexes: dict[int, Workspace]) -> None:
    taken = {}
    for files, workspace in indexes.items():
        with workspace.writing() as (catalog, _):
            taken[files] = steps_of(partial(write_eight, workspace, catalog))
    assert taken[LARGE] <= 1.3 * taken[SMALL], taken
    assert taken[LARGE] <= 8 * 2_500, taken


def test_a_new_snapshot_reads_only_what_is_new(indexes: dict[int, Workspace]) -> None:
    taken = {}
    for files, workspace in indexes.items():
        with closing(Snapshot(workspace)) as before:
            with workspace.writing() as (catalog, _):
                put(workspace, catalog, "newest.py", "python", [f"newest {' '.join(WORDS[:6])}"])
            taken[files] = steps_of(partial(renew, workspace, before))
    assert taken[LARGE] <= 1.3 * taken[SMALL] + 1_000, taken


def test_vectors_that_are_compared_grow_no_faster_than_the_index(
    indexes: dict[int, Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flat segments: each row once a question."""
    compared = 0
    dots = vectors.dots

    def counted(matrix: Any, vector: Any) -> Any:
        nonlocal compared
        compared += len(matrix)
        return dots(matrix, vector)

    monkeypatch.setattr(scan, "dots", counted)
    for workspace in indexes.values():
        with closing(Snapshot(workspace)) as snapshot, closing(workspace.reading()) as catalog:
            compared = 0
            snapshot._segments.search_vectors(vector_of("anything"), 10)
            assert compared == catalog.count_rows("vectors")
