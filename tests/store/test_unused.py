"""Vectors that no chunk uses go in time, in short steps, and never one that is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tests.store.test_catalog import put, result

from lowtide.index import upkeep as segments
from lowtide.index.upkeep import maintain
from lowtide.index.workspace import Workspace
from lowtide.store.catalog import Catalog

DAY_NS = 24 * 3600 * 10**9


class Clock:
    now_ns = 1_000 * DAY_NS

    def time_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(segments, "time", clock)
    monkeypatch.setattr(segments, "COLLECT_ROWS", 3)
    return clock


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "index").mkdir()
    return Workspace(tmp_path, tmp_path / "index")


@pytest.fixture
def catalog(workspace: Workspace) -> Iterator[Catalog]:
    with workspace.writing() as (opened, _):
        yield opened


def settle(workspace: Workspace, catalog: Catalog, *, may_collect: bool = True) -> None:
    async def play() -> None:
        await maintain(workspace, catalog, may_collect=lambda: may_collect)

    anyio.run(play)


def test_unused_vectors_go_after_a_week_and_used_ones_stay(
    workspace: Workspace, catalog: Catalog, clock: Clock
) -> None:
    names = [f"name{number}" for number in range(8)]
    put(catalog, b"a.py", result(*names))
    settle(workspace, catalog)
    put(catalog, b"a.py", result("name1", "other"))
    clock.now_ns += DAY_NS
    settle(workspace, catalog)  # seven are unused from here on
    assert catalog.counts().vectors == 9
    put(catalog, b"b.py", result("name2"))  # which one branch needed is needed again
    clock.now_ns += 6 * DAY_NS
    settle(workspace, catalog)
    assert catalog.counts().vectors == 9
    clock.now_ns += 2 * DAY_NS
    settle(workspace, catalog, may_collect=False)
    assert catalog.counts().vectors == 9, "never while a run works"
    settle(workspace, catalog)
    assert catalog.counts().vectors == 3
    for path in (b"a.py", b"b.py"):
        row = catalog.file(path)
        assert row is not None
        assert all(chunk.vector_id is not None for chunk in catalog.chunks_of_file(row.file_id))
    assert [bool(catalog.find_vector(name.encode().ljust(16, b"\0"))) for name in names] == [
        False,
        True,
        True,
        False,
        False,
        False,
        False,
        False,
    ]


def test_very_many_unused_vectors_go_at_once(
    workspace: Workspace, catalog: Catalog, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "UNUSED_COUNT", 4)
    put(catalog, b"a.py", result(*(f"name{number}" for number in range(8))))
    settle(workspace, catalog)
    put(catalog, b"a.py", result("name1"))
    settle(workspace, catalog)
    assert catalog.counts().vectors == 1
