"""`lowtide bench vectors`: builds a bulk store, searches it, and compares with the truth.

The truth is every row compared with every query in float32, by workers, block by block; it is kept on the disk by the
parameters that it belongs to, part by part, so that it is made once and goes on where it was stopped.

Invariant: the figures are of the public way in: `BulkStore` builds, `VectorIndex` searches, one query at a time.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec
import numpy as np
import numpy.typing as npt

from lowtide import wire
from lowtide.bulk.build import BulkPlan, BulkProgress, BulkStore, spread
from lowtide.bulk.sources import BLOCK_ROWS, VectorSource
from lowtide.core.budget import MIB
from lowtide.errors import CorruptIndex
from lowtide.pool.pool import WorkerPool
from lowtide.pool.worker import Ended
from lowtide.store.vectors.vector_index import VectorIndex
from lowtide.system.memory import give_back, own_mapped_bytes, read_pressure
from lowtide.tasks import task_group

LIMIT = 10
ROUNDS = 3
"""How often every query is asked; the first time is told apart, for it finds pages that nobody has read yet."""
TRIAL_ROWS = 4_096
_TRUTH_ROWS = 65_536
_PRESSURE_EVERY = 50
_TRUTH_VERSION = 1

Show = Callable[[str, int, int], None]
"""Told (phase, done, total) now and then."""


class Truth(msgspec.Struct, frozen=True):
    """The nearest rows of each query, and how hard they are to find."""

    ids: npt.NDArray[np.int64]
    one_bit_recall: float
    """Of the ten nearest, how many are among the ten nearest by the plain signs of the components."""
    local_dimension: float
    """Local intrinsic dimension: the maximum-likelihood estimate from 100 neighbours (Amsaleg et al. 2015), median."""
    relative_contrast: float
    """Mean distance over nearest distance (He et al. 2012), median: the nearer to 1, the harder."""

    def as_json(self) -> dict[str, float]:
        """How hard the data is."""
        return {
            "one_bit_recall_at_10": round(self.one_bit_recall, 4),
            "local_intrinsic_dimension": round(self.local_dimension, 1),
            "relative_contrast": round(self.relative_contrast, 3),
        }


class Searches(msgspec.Struct):
    """What searching took and found."""

    open_s: float = 0.0
    first_s: list[float] = msgspec.field(default_factory=list)
    later_s: list[float] = msgspec.field(default_factory=list)
    cpu_s: list[float] = msgspec.field(default_factory=list)
    """Of the later ones, in CPU time: steadier where others use the machine."""
    recall: float = 0.0
    released: int = 0
    """How often mapped pages were given back, because the machine was short."""
    mapped_bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """In milliseconds."""
        return {
            "open_s": round(self.open_s, 2),
            "queries": len(self.first_s),
            "p50_ms": _percentile_ms(self.later_s, 0.5),
            "p95_ms": _percentile_ms(self.later_s, 0.95),
            "p99_ms": _percentile_ms(self.later_s, 0.99),
            "cpu_p50_ms": _percentile_ms(self.cpu_s, 0.5),
            "cpu_p95_ms": _percentile_ms(self.cpu_s, 0.95),
            "first_p50_ms": _percentile_ms(self.first_s, 0.5),
            "first_p95_ms": _percentile_ms(self.first_s, 0.95),
            "recall_at_10": round(self.recall, 4),
            "mapped_bytes": self.mapped_bytes,
            "pages_given_back": self.released,
        }


def store_key(source: VectorSource, element: str) -> str:
    """The name of the folder that the store is built in: the same for the same vectors."""
    mark = hashlib.blake2b(f"{element} {source.spec()}".encode(), digest_size=6).hexdigest()
    return f"vectors-{source.count}x{source.dims}-{element}-{mark}"


async def trial(store: BulkStore, pool: WorkerPool, plan: BulkPlan, folder: Path) -> float:
    """Build a small piece in `folder` and throw it away: the seconds that building the whole will take."""
    rows = min(TRIAL_ROWS, store.source.count)
    target = f"piece-trial-{time.monotonic_ns():x}.seg"
    task = wire.PieceTask(str(folder), target, store.source.spec(), 0, rows, str(store.element))
    try:
        async with pool.lease(plan.lease_bytes, 0, "") as (worker, _):
            began = time.monotonic()
            await pool.run(worker, task, file_deadline_s=lambda _: 120.0)
            (folder / target).unlink()
            # The second time without imports and without the source's own making: those are paid once for each worker.
            middle = time.monotonic()
            await pool.run(worker, task, file_deadline_s=lambda _: 120.0)
            second_s = time.monotonic() - middle
            worker.kill(Ended.RECYCLED)
        return max(0.0, middle - began - second_s) + second_s / rows * store.source.count / plan.workers * _BEYOND_TRIAL
    finally:
        (folder / target).unlink(missing_ok=True)


_BEYOND_TRIAL = 1.2
"""A whole piece has more lists than the trial's, waits for the disk, and workers share the processor's caches
(measured)."""


async def follow(work: Awaitable[object], tell: Callable[[], None]) -> None:
    """Await `work`, and call `tell` ten times a second meanwhile."""
    finished = anyio.Event()

    async def look() -> None:
        while not finished.is_set():
            tell()
            with anyio.move_on_after(0.1):
                await finished.wait()

    async with task_group() as group:
        group.start_soon(look)
        await work
        finished.set()


async def read_queries(source: VectorSource, count: int) -> npt.NDArray[np.float32]:
    """The queries, made once in this process."""
    return await anyio.to_thread.run_sync(source.queries, count)


async def find_truth(
    source: VectorSource, pool: WorkerPool, folder: Path, queries: int, workers: int, lease_bytes: int, show: Show
) -> Truth:
    """The true nearest of each query; parts that an earlier run has made are not made again."""
    mark = hashlib.blake2b(f"{_TRUTH_VERSION} {queries} {source.spec()}".encode(), digest_size=8).hexdigest()
    spans = [(first, min(source.count, first + _TRUTH_ROWS)) for first in range(0, source.count, _TRUTH_ROWS)]
    paths = [folder / f"truth-{mark}-{first}.npz" for first, _ in spans]
    parts = [_load(path) for path in paths]
    tasks = [
        wire.TruthTask(str(path), source.spec(), first, stop, queries)
        for path, part, (first, stop) in zip(paths, parts, spans, strict=True)
        if part is None
    ]
    seen: dict[int, int] = {}

    def saw(number: int, rows: int) -> None:
        seen[number] = rows
        show("truth", sum(seen.values()), sum(task.stop - task.first for task in tasks))

    await spread(pool, workers, lease_bytes, tasks, saw)
    whole = [part or _load(path) for path, part in zip(paths, parts, strict=True)]
    if any(part is None for part in whole):
        raise CorruptIndex("the ground truth cannot be read back", f"in {folder}", "run the command again")
    return _merged([part for part in whole if part is not None], source.count)


def _load(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in ("ids", "cosines", "bit_ids", "bit_products", "sums")}
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _merged(parts: list[dict[str, npt.NDArray[Any]]], count: int) -> Truth:
    ids, cosines = _best(parts, "ids", "cosines")
    bit_ids, _ = _best(parts, "bit_ids", "bit_products")
    shared = [len(set(a[:LIMIT]) & set(b[:LIMIT])) for a, b in zip(ids.tolist(), bit_ids.tolist(), strict=True)]
    held = cosines[:, : min(cosines.shape[1], count)].astype(np.float64)
    away = np.sqrt(np.maximum(2 - 2 * held, 1e-12))
    with np.errstate(divide="ignore"):
        local = -1 / np.mean(np.log(away[:, :-1] / away[:, -1:]), axis=1) if away.shape[1] > 2 else np.zeros(len(away))
    mean = np.sqrt(np.maximum(2 - 2 * sum(part["sums"] for part in parts) / count, 1e-12))
    return Truth(
        ids[:, :LIMIT],
        float(np.mean(shared)) / min(LIMIT, count),
        float(np.median(local)),
        float(np.median(mean / away[:, 0])),
    )


def _best(
    parts: list[dict[str, npt.NDArray[Any]]], ids: str, values: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    all_ids = np.concatenate([part[ids] for part in parts], axis=1)
    all_values = np.concatenate([part[values] for part in parts], axis=1)
    order = np.argsort(-all_values, axis=1, kind="stable")[:, : parts[0][ids].shape[1]]
    return np.take_along_axis(all_ids, order, axis=1), np.take_along_axis(all_values, order, axis=1)


async def search_all(
    store: BulkStore, queries: npt.NDArray[np.float32], truth: Truth, pool: WorkerPool, show: Show
) -> Searches:
    """Ask every query ROUNDS times, one at a time, in another order each time."""
    result = Searches()
    began = time.perf_counter()
    index = await anyio.to_thread.run_sync(store.open)
    result.open_s = time.perf_counter() - began
    hits, random = 0, np.random.default_rng(0)
    for turn in range(ROUNDS):
        for asked, number in enumerate(random.permutation(len(queries)).tolist()):
            began, cpu = time.perf_counter(), time.thread_time()
            found, _ = index.search(queries[number], LIMIT)
            (result.later_s if turn else result.first_s).append(time.perf_counter() - began)
            if turn:
                result.cpu_s.append(time.thread_time() - cpu)
            hits += 0 if turn else len(set(found.tolist()) & set(truth.ids[number].tolist()))
            await anyio.lowlevel.checkpoint()
            if asked % _PRESSURE_EVERY == 0:
                pool.measure()
                show("searching", turn * len(queries) + asked, ROUNDS * len(queries))
                result.released += _relieve(index)
    result.recall = hits / max(1, min(LIMIT, store.source.count) * len(queries))
    result.mapped_bytes = own_mapped_bytes()
    pool.measure()
    return result


def _relieve(index: VectorIndex) -> int:
    """Give mapped pages back when the machine is short of memory; 1 when it was."""
    if not read_pressure().is_short:
        return 0
    index.release()
    give_back()
    return 1


def report(
    store: BulkStore,
    plan: BulkPlan,
    predicted_s: float,
    progress: BulkProgress,
    truth: Truth,
    searches: Searches,
    pool: WorkerPool,
    truth_s: float,
) -> dict[str, Any]:
    """Everything that `--json` says."""
    budget, peak = pool.budget.total_bytes, pool.peak_bytes
    made = progress.made_pieces == progress.total_pieces
    rows = sum(min(plan.piece_rows, store.source.count - at * plan.piece_rows) for at in range(progress.made_pieces))
    stages = {name.removeprefix("cpu "): round(value, 2) for name, value in progress.figures.items() if "cpu " in name}
    return {
        "count": store.source.count,
        "dims": store.source.dims,
        "element": str(store.element),
        "budget_bytes": budget,
        "predicted": {
            "peak_anon_bytes": plan.predicted_peak_anon_bytes,
            "wall_s": round(predicted_s, 1),
            "disk_bytes": plan.predicted_disk_bytes,
        },
        "build": {
            "pieces": progress.total_pieces,
            "piece_rows": plan.piece_rows,
            "workers": plan.workers,
            "kept_pieces": progress.kept_pieces,
            "damaged_pieces": progress.damaged_pieces,
            "wall_s": round(progress.wall_s, 2),
            "cpu_s": round(progress.cpu_s, 2),
            "vectors_per_s": round(rows / progress.wall_s) if rows else None,
            "stages_cpu_s": stages,
            "save_s": round(progress.figures.get("wall write", 0.0), 2),
        },
        "peak_anon_bytes": peak,
        "overshoot_bytes": max(0, peak - budget),
        "peak_to_predicted": round(peak / plan.predicted_peak_anon_bytes, 3) if made else None,
        "disk_bytes": store.disk_bytes,
        "folder": str(store.folder),
        "search": searches.as_json(),
        "hardness": truth.as_json(),
        "truth_s": round(truth_s, 1),
    }


def truth_lease_bytes(source: VectorSource, queries: int) -> int:
    """What a worker may grow by while it looks for the truth."""
    reading = source.held_bytes + source.block_bytes + BLOCK_ROWS * (source.dims * 14 + queries * 24)
    return reading + queries * (source.dims * 12 + 4096) + 56 * MIB


def _percentile_ms(values: list[float], share: float) -> float | None:
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1e3, 2) if values else None
