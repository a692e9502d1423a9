"""`lowtide index [PATH]`."""

from __future__ import annotations

import click

from lowtide.cli.console import (
    format_bytes,
    format_seconds,
    hang,
    paint,
    print_json,
    say,
    say_lines,
    warn,
)
from lowtide.cli.options import Options, global_options
from lowtide.cli.progress import shown
from lowtide.cli.remote import open_door, uri
from lowtide.cli.setup import resolve_root
from lowtide.models import counted
from lowtide.status import IndexReport


@click.command("index")
@click.argument("path", required=False, type=click.Path())
@click.option("--force", is_flag=True, help="Forget what is indexed and start anew.")
@click.option("--yes", is_flag=True, help="Index a home or system folder all the same.")
@global_options
def command(path: str | None, force: bool, yes: bool, options: Options) -> None:
    """Bring the index of PATH up to date.

    PATH is a folder; without it, the workspace around the current folder: the nearest folder with an index, else the
    git root, else the current folder. What has not changed is not read again. Ctrl-C keeps what was committed.
    """
    root = resolve_root(path, indexing=True, consent=yes)

    with open_door(options) as door, shown(options) as show:
        question = {"rootUri": uri(root), "force": force, "consent": yes}
        report = IndexReport.from_json(door.ask("lowtide/index", question, lambda _, params: show(params)))
    if options.as_json:
        print_json(report.as_json())
    elif not options.quiet:
        _print_report(report)


def _print_report(report: IndexReport) -> None:
    for message in report.messages:
        warn(paint(f"note: {message}", "yellow"))
    files = report.files
    others = {"removed": files.removed, "skipped": files.skipped, "quarantined": files.quarantined}
    rest = [f"{files.unchanged:,} unchanged", *(f"{count:,} {name}" for name, count in others.items() if count)]
    say(f"{counted(files.indexed, 'file')} indexed, {', '.join(rest)} in {format_seconds(report.wall_s)}")
    say(
        f"{counted(report.symbols, 'symbol')}, {counted(report.chunks, 'chunk')}, "
        f"{format_bytes(report.disk_bytes)} on disk; "
        f"peak memory {format_bytes(report.peak_anon_bytes)} of {format_bytes(report.budget_bytes)}"
    )
    if predicted := report.predicted:
        text = (
            f"predicted: {format_seconds(predicted.predicted_wall_s)}, "
            f"{format_bytes(predicted.predicted_disk_bytes)} on disk, "
            f"peak {format_bytes(predicted.predicted_peak_anon_bytes)}"
        )
        say(paint(text, dim=True))
    if report.skipped_by_reason:
        top = sorted(report.skipped_by_reason.items(), key=lambda item: -item[1])
        counts = ", ".join(f"{reason} {count:,}" for reason, count in top)
        say_lines(hang("skipped: ", f"{counts} (`lowtide why FILE` tells of one)"))
    for step in report.ladder:
        say(paint(f"ladder: {step.step}: {step.reason}", "yellow"))
