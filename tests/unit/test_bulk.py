"""Plans of a bulk store, its manifest, and where vectors come from. Building is tested from end to end."""

from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.bulk import bench as vector_bench
from lowtide.bulk.build import MOST_PIECE_ROWS, BulkPlan, BulkStore
from lowtide.bulk.manifest import NAME, Manifest, Piece
from lowtide.bulk.sources import BLOCK_ROWS, ClusteredSource, FileSource, open_source
from lowtide.core.budget import MIB, Budget
from lowtide.errors import BudgetError, RefusedError, StoreError, UsageError
from lowtide.pool.pool import WorkerPool
from lowtide.store.rows import Segment
from lowtide.store.vectors.list_segment import Element
from lowtide.store.vectors.vector_index import VectorIndex
from lowtide.system.memory import Pressure


@dataclass
class Pool:
    """Stands for a pool whose process holds 36 MiB."""

    budget: Budget = field(default_factory=lambda: Budget(512 * MIB))

    def measure(self) -> None:
        self.budget.daemon_bytes = 36 * MIB


def plan(
    budget_mib: int, count: int, dims: int, workers: int = 2, folder: Path = Path("/nowhere"), rows: int | None = None
) -> BulkPlan:
    store = BulkStore(folder, ClusteredSource(count, dims))
    return store.plan(pool(budget_mib), workers, rows)


def pool(budget_mib: int) -> WorkerPool:
    return cast(WorkerPool, Pool(Budget(budget_mib * MIB)))


class Roomy(BulkStore):
    """On a disk without end."""

    def _check_disk(self, plan: BulkPlan) -> None:
        pass


def test_pieces_follow_the_budget() -> None:
    plans = [plan(budget, 1_000_000, 1536) for budget in (176, 256, 512, 2048)]
    assert [each.piece_rows for each in plans] == sorted(each.piece_rows for each in plans)
    assert [each.workers for each in plans] == [1, 1, 2, 2]
    assert plans[-1].piece_rows == 62_500  # sixteen equal ones, below the most
    assert plans[-1].pieces * plans[-1].piece_rows >= 1_000_000


def test_floats_are_never_held_whole() -> None:
    assert plan(2048, 1_000_000, 1536).predicted_peak_anon_bytes < 1_000_000 * 1536 * 4 // 10


@given(
    budget_mib=st.integers(64, 4096),
    count=st.integers(1, 5_000_000),
    dims=st.integers(1, 4096),
    workers=st.integers(1, 8),
)
def test_every_plan_fits_or_names_a_budget_that_does(budget_mib: int, count: int, dims: int, workers: int) -> None:
    store = Roomy(Path("/nowhere"), ClusteredSource(count, dims))
    try:
        made = store.plan(pool(budget_mib), workers)
    except BudgetError as error:
        named = re.search(r"--budget (\d+)MiB", error.remedy)
        assert named
        assert int(named[1]) > budget_mib
        budget_mib = int(named[1])
        made = store.plan(pool(budget_mib), workers)
    assert made.predicted_peak_anon_bytes <= budget_mib * MIB
    assert (made.pieces - 1) * made.piece_rows < count <= made.pieces * made.piece_rows
    assert 1 <= made.workers <= workers
    assert made.piece_rows <= MOST_PIECE_ROWS


def test_too_small_a_disk_is_refused_with_what_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10 << 30, 9 << 30, 1 << 30))
    with pytest.raises(RefusedError, match="of disk are needed"):
        plan(2048, 1_000_000, 1536, folder=tmp_path)
    assert plan(2048, 100_000, 1536, folder=tmp_path).pieces == 2


def test_a_build_goes_on_with_the_pieces_that_it_began_with(tmp_path: Path) -> None:
    source = ClusteredSource(100_000, 64)
    Manifest(source.spec(), Element.INT8, source.count, 7_000).write(tmp_path)
    assert plan(2048, 100_000, 64, folder=tmp_path).piece_rows == 7_000
    assert plan(2048, 100_001, 64, folder=tmp_path).piece_rows != 7_000  # other vectors


def segment(number: int) -> Segment:
    return Segment(f"piece-{number}", "lists", number * 10, number * 10 + 9, 10, 1234, 5678)


def test_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest("source", Element.FLOAT16, 30, 10)
    for number in (2, 0):
        manifest = manifest.with_piece(Piece(number, segment(number)))
        manifest.write(tmp_path)
    assert Manifest.read(tmp_path, "source", Element.FLOAT16) == manifest
    assert [piece.number for piece in manifest.pieces] == [0, 2]
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert Manifest.read(tmp_path, "other", Element.FLOAT16) is None
    assert Manifest.read(tmp_path, "source", Element.INT8) is None


def test_any_damage_of_the_manifest_reads_as_none(tmp_path: Path) -> None:
    Manifest("source", Element.INT8, 10, 10, (Piece(0, segment(0)),)).write(tmp_path)
    sound = (tmp_path / NAME).read_bytes()
    for at in range(0, len(sound), 3):
        if sound[at : at + 1] == b"\n":
            continue
        (tmp_path / NAME).write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        assert Manifest.read(tmp_path, "source", Element.INT8) is None
    (tmp_path / NAME).write_bytes(sound[:-4])
    assert Manifest.read(tmp_path, "source", Element.INT8) is None


def test_an_unfinished_store_is_not_opened(tmp_path: Path) -> None:
    source = ClusteredSource(1000, 16)
    with pytest.raises(StoreError, match="not complete"):
        BulkStore(tmp_path, source).open()
    Manifest(source.spec(), Element.INT8, 1000, 500).write(tmp_path)
    with pytest.raises(StoreError, match="not complete"):
        BulkStore(tmp_path, source).open()


def test_test_data_is_the_same_in_whatever_blocks_it_is_read() -> None:
    source = ClusteredSource(3 * BLOCK_ROWS, 40, seed=5)
    whole = source.read(0, 3 * BLOCK_ROWS)
    for start, stop in ((0, 10), (1000, 1100), (BLOCK_ROWS, 2 * BLOCK_ROWS), (500, 2500)):
        assert (source.read(start, stop) == whole[start:stop]).all()
    assert (cast(Any, open_source(source.spec())).read(7, 9) == whole[7:9]).all()
    assert not (ClusteredSource(BLOCK_ROWS, 40, seed=6).read(0, 10) == whole[:10]).any()
    rows = {row.tobytes() for row in whole}
    assert not any(query.tobytes() in rows for query in source.queries(50))
    assert (source.queries(50) == ClusteredSource(9, 40, seed=5).queries(50)).all()


def test_files_keep_back_their_last_rows_and_notice_a_change(tmp_path: Path) -> None:
    rows = np.arange(240, dtype=np.float64).reshape(60, 4)
    np.save(tmp_path / "v.npy", rows)
    source = FileSource.at(tmp_path / "v.npy", 10)
    assert (source.count, source.dims) == (50, 4)
    assert (source.read(3, 7) == rows[3:7]).all()
    assert source.read(3, 7).dtype == np.float32
    assert (open_source(source.spec()).queries(10) == rows[50:]).all()
    np.save(tmp_path / "v.npy", rows[:55])
    with pytest.raises(UsageError, match="was changed"):
        source.read(3, 7)


def test_pages_are_given_back_when_the_machine_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    monkeypatch.setattr(VectorIndex, "release", lambda _: given.append(True))
    for available, expected in ((8 << 30, 0), (100 << 20, 1)):
        monkeypatch.setattr(vector_bench, "read_pressure", lambda free=available: Pressure(free, 16 << 30))
        assert vector_bench._relieve(VectorIndex([])) == expected
    assert given == [True]


def test_a_source_is_told_in_json() -> None:
    assert json.loads(ClusteredSource(5, 6, 7).spec()) == {"kind": "clustered", "count": 5, "dims": 6, "seed": 7}
