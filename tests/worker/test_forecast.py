"""What a run records of itself, and what the next one is predicted to take."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import anyio
import pytest

from lowtide.config.settings import Config
from lowtide.core.budget import MIB, MODEL_BYTES, CostModel
from lowtide.index.forecast import Forecaster
from lowtide.index.shared import Stay
from lowtide.models import FileStat
from lowtide.paths import Places
from lowtide.serve.app import opened
from lowtide.serve.host import Host
from lowtide.store.catalog import Catalog
from lowtide.system.memory import own_anonymous_bytes


def tiny_files(root: Path, count: int) -> Path:
    for number in range(count):
        path = root / f"d{number % 20}" / f"m{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"def tiny_function_{number}(value):\n    return value + {number}\n")
    return root


def test_very_many_tiny_files_are_predicted_by_the_runs_before(tmp_path: Path) -> None:
    first, second = tiny_files(tmp_path / "first", 1500), tiny_files(tmp_path / "second", 1000)

    async def play() -> None:
        places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
        async with opened(places, Config((256 << 20) + own_anonymous_bytes()), Stay.BRIEF) as service:
            report = await service.index(first, "test")
            workspace = service.host.workspace(first)
            with closing(Catalog(workspace.catalog_path, writable=False)) as catalog:
                recorded = catalog.last_run()
            assert recorded is not None
            assert recorded["wall_s"] > 0
            assert recorded["cpu_s"] > 0
            assert (recorded["wall_s"], recorded["cpu_s"]) == (round(report.wall_s, 3), round(report.cpu_s, 3))
            assert abs(report.disk_bytes - workspace.disk_bytes()) < 100_000, "with nothing left in the log"

            predicted = await service.host.plan(second)  # of which nothing is known but what this machine did elsewhere
            took = await service.index(second, "test")
            assert took.cpu_s / 2 <= predicted["predicted_cpu_s"] <= 2 * took.cpu_s
            assert took.disk_bytes / 2 <= predicted["predicted_disk_bytes"] <= 2 * took.disk_bytes

    anyio.run(play)


def test_a_plan_counts_the_files_that_are_indexed_where_a_name_may_be_a_text_or_binary(tmp_path: Path) -> None:
    root = tiny_files(tmp_path / "tree", 3)
    tables = b"\xde\x12\x04\x95\0\0\0\0\x02\0\0\0\x1c\0\0\0" * 8
    for name, data in {
        "locale.mo": tables,
        "TABLES.MO": tables,
        "tank.mo": b"model Tank\n  Real level;\nend Tank;\n",
        "wide.mo": "model Wide\nend Wide;\n".encode("utf-16-le"),
        "shape.obj": b"v 0 0 0\nv 1 1 1\nf 1 2 1\n",
        "made.obj": b"\x64\x86\x03\0\0\0\0\0\x1c\0\0\0" * 8,
    }.items():
        (root / name).write_bytes(data)

    async def play() -> None:
        places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
        async with opened(places, Config((256 << 20) + own_anonymous_bytes()), Stay.BRIEF) as service:
            predicted = await service.host.plan(root)
            report = await service.index(root, "test")
            assert (predicted["files"], predicted["skipped"]) == (6, {"binary": 3})
            assert (report.files.indexed, report.files.skipped) == (6, 3)
            again = await service.index(root, "test")
            assert (again.files.indexed, again.files.unchanged, again.files.skipped) == (0, 6, 3)
            (root / "locale.mo").write_text("model Locale\nend Locale;\n")
            (root / "tank.mo").write_bytes(tables)
            last = await service.index(root, "test")
            assert (last.files.indexed, last.files.unchanged, last.files.skipped) == (1, 5, 3)

    anyio.run(play)


@pytest.mark.parametrize(
    ("files", "source_mib", "budget_mib", "peak_mib"),
    [(4787, 40, 256, 104), (10_296, 76, 256, 156), (13_877, 125, 256, 141), (83_200, 1028, 512, 232)],
    ids=["django", "go", "boost", "linux"],
)
def test_the_peak_that_is_predicted_grows_with_the_tree(
    files: int, source_mib: int, budget_mib: int, peak_mib: int
) -> None:
    """`peak_mib`: what `bench.index` measured, with two workers."""
    forecaster = Forecaster(budget_bytes=budget_mib * MIB, worker_count=2, model_bytes=MODEL_BYTES, costs=CostModel())
    for number in range(files):
        forecaster.add(FileStat(b"d/m%d.txt" % number, source_mib * MIB // files, 0, number))
    assert 0.8 * peak_mib <= forecaster.result().predicted_peak_anon_bytes / MIB <= 1.2 * peak_mib


def test_what_an_index_takes_on_disk_counts_its_log(tmp_path: Path) -> None:
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
    (tmp_path / "tree").mkdir()

    async def play() -> None:
        async with Host(places, Config((256 << 20) + own_anonymous_bytes())) as host:
            workspace = host.workspace(tmp_path / "tree")
            with workspace.writing() as (catalog, _):
                with catalog.transaction():
                    for number in range(500):
                        catalog.set_meta(f"key{number}", "x" * 1000)
                files = list(workspace.folder.iterdir())
                assert {path.name for path in files} >= {"catalog.sqlite-wal", "catalog.sqlite-shm"}
                assert workspace.disk_bytes() == sum(path.stat().st_blocks * 512 for path in files)

    anyio.run(play)
