"""`lowtide bench vectors`: how the vector store does on this machine, at any size."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from lowtide.cli.console import (
    drawing,
    format_bytes,
    format_seconds,
    is_terminal,
    print_json,
    say,
    warn,
)
from lowtide.cli.options import Options, global_options
from lowtide.cli.running import run
from lowtide.cli.setup import load
from lowtide.cli.together import refuse_ignored
from lowtide.models import counted

if TYPE_CHECKING:
    from lowtide.bulk.build import BulkPlan, BulkProgress, BulkStore
    from lowtide.bulk.sources import VectorSource
    from lowtide.config.settings import Config
    from lowtide.pool.pool import WorkerPool


class _Job(msgspec.Struct, frozen=True):
    """What is to be measured, and where."""

    options: Options
    config: Config
    base: Path
    home: Path
    source: VectorSource
    element: str
    queries: int
    piece_rows: int | None
    progress: BulkProgress


@click.group("bench")
@global_options
def command(options: Options) -> None:
    """Measure Lowtide on this machine."""


@command.command("vectors")
@click.option("--count", type=click.IntRange(1, 1 << 32), default=100_000, show_default=True, help="How many vectors.")
@click.option("--dims", type=click.IntRange(1, 65_536), default=1_536, show_default=True, help="Components of each.")
@click.option(
    "--element",
    type=click.Choice(["int8", "float16"]),
    default="int8",
    show_default=True,
    help="How a component is stored.",
)
@click.option(
    "--input",
    "file",
    type=click.Path(),
    help="A .npy file of floats, a row a vector, in place of test data; its last rows are the queries.",
)
@click.option("--queries", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many are asked.")
@click.option("--seed", type=click.IntRange(0, 1 << 31), default=1, show_default=True, help="Of the test data.")
@click.option("--piece-rows", type=click.IntRange(1, 1 << 24), help="Vectors in a piece; else what the budget allows.")
@click.option("--folder", type=click.Path(), help="Where to build; else in Lowtide's cache folder.")
@click.option("--keep", is_flag=True, help="Do not delete what was built when it is done.")
@click.option("--plan", "plan_only", is_flag=True, help="Only say what it would take.")
@global_options
def vectors(
    count: int,
    dims: int,
    element: str,
    file: str | None,
    queries: int,
    seed: int,
    piece_rows: int | None,
    folder: str | None,
    keep: bool,
    plan_only: bool,
    options: Options,
) -> None:
    """Build, search and measure a store of vectors.

    It is built piece by piece under the budget, searched, and compared with the truth.

    Memory, disk and time are predicted first, and refused when they do not fit (exit 4). Stopped in any way, the same
    command goes on with the pieces that are there. The test data is clustered and made from the seed, block by block.
    """
    from lowtide.bulk.bench import store_key
    from lowtide.bulk.build import BulkProgress
    from lowtide.bulk.sources import ClusteredSource, FileSource
    from lowtide.paths import make_private

    if file is not None:
        refuse_ignored(("count", "dims", "seed"), "--input", "the file says how many vectors there are, and which")
    if plan_only:
        refuse_ignored(("keep",), "--plan", "nothing is built")
    places, config = load(options)
    source: VectorSource = (
        FileSource.at(Path(file), queries) if file is not None else ClusteredSource(count, dims, seed)
    )
    base = places.cache / "bench"
    home = Path(folder).absolute() if folder else base / store_key(source, element)
    make_private(base)
    progress = BulkProgress()
    job = _Job(options, config, base, home, source, element, queries, piece_rows, progress)
    try:
        answer = run(lambda: _measure(job, plan_only, keep))
    except KeyboardInterrupt:
        done = progress.kept_pieces + progress.made_pieces
        if progress.total_pieces:
            warn(f"{done} of {counted(progress.total_pieces, 'piece')} are saved in {home}")
        raise
    if options.as_json:
        print_json(answer)
    elif plan_only:
        _print_plan(answer, source)
    else:
        _print_report(answer)


async def _measure(job: _Job, plan_only: bool, keep: bool) -> dict[str, Any]:
    """What building and searching take, or with `plan_only` what is predicted of them."""
    from lowtide.bulk.bench import trial
    from lowtide.bulk.build import BulkStore
    from lowtide.core.budget import Budget
    from lowtide.core.ladder import Ladder
    from lowtide.pool.pool import WorkerPool
    from lowtide.store.vectors.list_segment import Element
    from lowtide.system import memory

    options, config = job.options, job.config
    memory.use_one_arena()
    cores = min(memory.cpu_count(), 8)
    async with WorkerPool(Budget(config.budget_bytes), Ladder(cores), niceness=config.niceness) as pool:
        with _shown(options, pool, config.budget_bytes) as show:
            store = BulkStore(job.home, job.source, Element(job.element))
            plan = store.plan(pool, cores, job.piece_rows)
            show("trying", 0, 0)
            predicted_s = await trial(store, pool, plan, job.base)
            predicted = {
                "predicted_peak_anon_bytes": plan.predicted_peak_anon_bytes,
                "predicted_wall_s": round(predicted_s, 1),
                "predicted_disk_bytes": plan.predicted_disk_bytes,
                "pieces": plan.pieces,
                "piece_rows": plan.piece_rows,
                "workers": plan.workers,
                "budget_bytes": config.budget_bytes,
            }
            if plan_only:
                return predicted
            if not options.as_json and not options.quiet:
                _print_plan(predicted, job.source)
            answer = await _build_and_search(job, store, plan, predicted_s, pool, show)
            if not keep:
                store.remove()
            return answer


async def _build_and_search(
    job: _Job, store: BulkStore, plan: BulkPlan, predicted_s: float, pool: WorkerPool, show: Show
) -> dict[str, Any]:
    from lowtide.bulk import bench as vector_bench

    source, progress = job.source, job.progress
    pool.guard.peak_bytes = 0
    await vector_bench.follow(
        store.build(pool, plan, progress), lambda: show("building", progress.rows_seen, source.count)
    )
    began = time.monotonic()
    lease_bytes = vector_bench.truth_lease_bytes(source, job.queries)
    truth = await vector_bench.find_truth(source, pool, job.base, job.queries, plan.workers, lease_bytes, show)
    truth_s = time.monotonic() - began
    asked = await vector_bench.read_queries(source, job.queries)
    searches = await vector_bench.search_all(store, asked, truth, pool, show)
    return vector_bench.report(store, plan, predicted_s, progress, truth, searches, pool, truth_s)


def _print_plan(plan: dict[str, Any], source: Any) -> None:
    say(
        f"{counted(source.count, 'vector')} of {source.dims}: {counted(plan['pieces'], 'piece')} of "
        f"{plan['piece_rows']:,}, {counted(plan['workers'], 'worker')}"
    )
    say(
        f"predicted: peak {format_bytes(plan['predicted_peak_anon_bytes'])} of {format_bytes(plan['budget_bytes'])}, "
        f"{format_seconds(plan['predicted_wall_s'])}, {format_bytes(plan['predicted_disk_bytes'])} on disk"
    )


def _print_report(answer: dict[str, Any]) -> None:
    from rich.table import Table

    predicted, build, search, hardness = (answer[name] for name in ("predicted", "build", "search", "hardness"))
    table = Table(show_header=True, header_style="bold")
    table.add_column("what")
    table.add_column("measured", justify="right")
    table.add_column("predicted", justify="right")
    kept = f" ({build['kept_pieces']} kept)" if build["kept_pieces"] else ""
    damaged = f" ({build['damaged_pieces']} damaged, made anew)" if build["damaged_pieces"] else ""
    rate = f"{build['vectors_per_s']:,} vectors/s" if build["vectors_per_s"] else "nothing to build"
    rows = [
        ("pieces", f"{build['pieces']}{kept}{damaged}", ""),
        ("building", format_seconds(build["wall_s"]), format_seconds(predicted["wall_s"])),
        ("", rate, ""),
        ("CPU of it", format_seconds(build["cpu_s"]), ""),
        *((f"  {name}", format_seconds(seconds), "") for name, seconds in build["stages_cpu_s"].items()),
        ("saving, in all pieces", format_seconds(build["save_s"]), ""),
        ("on disk", format_bytes(answer["disk_bytes"]), format_bytes(predicted["disk_bytes"])),
        (
            "peak anonymous memory",
            format_bytes(answer["peak_anon_bytes"]),
            format_bytes(predicted["peak_anon_bytes"]),
        ),
        ("over the budget", format_bytes(answer["overshoot_bytes"]), ""),
        ("opening, checksums and all", format_seconds(search["open_s"]), ""),
        (f"a search, p50 of {search['queries']}", f"{search['p50_ms']} ms", ""),
        ("p95", f"{search['p95_ms']} ms", ""),
        ("p95 of its CPU time", f"{search['cpu_p95_ms']} ms", ""),
        ("p95 the first time", f"{search['first_p95_ms']} ms", ""),
        ("recall@10", f"{search['recall_at_10']:.3f}", ""),
        ("recall@10 of a plain 1-bit scan", f"{hardness['one_bit_recall_at_10']:.3f}", ""),
        ("local dimension, contrast", f"{hardness['local_intrinsic_dimension']}, {hardness['relative_contrast']}", ""),
    ]
    for row in rows:
        table.add_row(*row)
    drawing(soft_wrap=sys.stdout is None or not sys.stdout.isatty()).print(table)


Show = Callable[[str, int, int], None]


@contextmanager
def _shown(options: Options, pool: Any, budget_bytes: int) -> Iterator[Show]:
    """A bar on a terminal, a line now and then elsewhere, nothing for --json and --quiet."""
    if options.as_json or options.quiet:
        yield lambda phase, done, total: None
    elif is_terminal():
        with _bar(pool, budget_bytes) as show:
            yield show
    else:
        told = time.monotonic()

        def line(phase: str, done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told >= 5.0:
                told = time.monotonic()
                memory = f"{format_bytes(pool.used_bytes)} of {format_bytes(budget_bytes)}"
                warn(f"{phase}: {done:,} of {total:,}, {memory}")

        yield line


@contextmanager
def _bar(pool: Any, budget_bytes: int) -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[counted]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[memory]}"),
        console=drawing(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=None, counted="", rate="", memory="")
        began, before, phase_now = time.monotonic(), 0, ""

        def show(phase: str, done: int, total: int) -> None:
            nonlocal began, before, phase_now
            if phase != phase_now:
                began, before, phase_now = time.monotonic(), done, phase
                bar.reset(task)
            rate = (done - before) / max(0.1, time.monotonic() - began)
            bar.update(
                task,
                total=total or None,
                completed=done,
                description=phase,
                counted=f"{done:,}/{total:,}" if total else "",
                rate=f"{rate:,.0f}/s" if total else "",
                memory=f"{format_bytes(pool.used_bytes)} of {format_bytes(budget_bytes)}",
            )

        yield show
