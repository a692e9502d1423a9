"""`lowtide index [PATH]`."""

from __future__ import annotations

import sys
import time

import anyio
import click

from lowtide.cli.console import format_bytes, format_count, format_seconds, is_terminal, print_json
from lowtide.cli.options import Options, global_options
from lowtide.cli.running import run
from lowtide.cli.setup import open_host, resolve_root
from lowtide.host import IndexRun
from lowtide.report import IndexReport


@click.command("index")
@click.argument("path", required=False, type=click.Path())
@click.option("--force", is_flag=True, help="Forget what is indexed and start anew.")
@click.option("--yes", is_flag=True, help="Index a home or system folder all the same.")
@global_options
def command(path: str | None, force: bool, yes: bool, options: Options) -> None:
    """Bring the index of PATH up to date.

    PATH is a folder; without it, the workspace around the current folder: the nearest folder with an index, else the git
    root, else the current folder. What has not changed is not read again. Ctrl-C keeps what was committed.
    """
    root = resolve_root(path, indexing=True, consent=yes)

    async def main() -> IndexReport:
        async with open_host(options) as host:
            async with anyio.create_task_group() as group:
                index_run = IndexRun()
                if not options.as_json and not options.quiet:
                    group.start_soon(_show_progress, index_run, host.budget.total_bytes)
                try:
                    report = await host.index(root, force=force, run=index_run)
                finally:
                    index_run.finished.set()
                group.cancel_scope.cancel()
            return report

    report = run(main)
    if options.as_json:
        print_json(report.as_json())
    elif not options.quiet:
        _print_report(report)


def _print_report(report: IndexReport) -> None:
    for message in report.messages:
        click.secho(f"note: {message}", fg="yellow", err=True)
    changed = f"{format_count(report.indexed, 'file')} indexed"
    rest = [f"{report.unchanged:,} unchanged"]
    if report.removed:
        rest.append(f"{report.removed:,} removed")
    rest.append(f"{report.skipped:,} skipped")
    if report.quarantined:
        rest.append(f"{report.quarantined:,} quarantined")
    if report.failed:
        rest.append(f"{report.failed:,} failed")
    click.echo(f"{changed}, {', '.join(rest)} in {format_seconds(report.wall_s)}")
    click.echo(
        f"{format_count(report.symbols, 'symbol')}, {format_count(report.chunks, 'chunk')}, "
        f"{format_bytes(report.disk_bytes)} on disk; "
        f"peak memory {format_bytes(report.peak_anon_bytes)} of {format_bytes(report.budget_bytes)}"
    )
    if report.skip_reasons:
        top = sorted(report.skip_reasons.items(), key=lambda item: -item[1])
        click.echo(
            "skipped: "
            + ", ".join(f"{reason} {count:,}" for reason, count in top)
            + "  (`lowtide why FILE` tells of one)"
        )
    for step, reason in report.ladder:
        click.secho(f"ladder: {step}: {reason}", fg="yellow")


async def _show_progress(index_run: IndexRun, budget_bytes: int) -> None:
    if is_terminal():
        await _draw_bar(index_run, budget_bytes)
    else:
        await _print_lines(index_run, budget_bytes)


async def _draw_bar(index_run: IndexRun, budget_bytes: int) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[files]}"),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[memory]}"),
        console=Console(stderr=True), transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("scanning", total=None, files="", rate="", memory="")
        started = time.monotonic()
        while not index_run.finished.is_set():
            progress = index_run.progress
            if progress is not None:
                seconds = max(0.1, time.monotonic() - started)
                counting = "+" if progress.scanning else ""
                bar.update(
                    task, total=progress.total or None, completed=progress.done, description=index_run.phase,
                    files=f"{progress.done:,}/{progress.total:,}{counting} files", rate=f"{progress.done / seconds:,.0f}/s",
                    memory=f"{format_bytes(index_run.used_bytes())} of {format_bytes(budget_bytes)}",
                )  # fmt: skip
            with anyio.move_on_after(0.1):
                await index_run.finished.wait()


async def _print_lines(index_run: IndexRun, budget_bytes: int) -> None:
    while not index_run.finished.is_set():
        with anyio.move_on_after(5.0):
            await index_run.finished.wait()
            return
        progress = index_run.progress
        if progress is not None:
            counting = " so far" if progress.scanning else ""
            print(
                f"{index_run.phase}: {progress.done:,} of {progress.total:,} files{counting}, "
                f"{format_bytes(index_run.used_bytes())} of {format_bytes(budget_bytes)}",
                file=sys.stderr, flush=True,
            )  # fmt: skip
