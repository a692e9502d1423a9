"""`lowtide plan [PATH]`."""

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
)
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import here, uri
from lowtide.cli.setup import resolve_root
from lowtide.models import counted


@click.command("plan")
@click.argument("path", required=False, type=click.Path())
@click.option("--yes", is_flag=True, help="Plan for a home or system folder all the same.")
@global_options
def command(path: str | None, yes: bool, options: Options) -> None:
    """Say what indexing PATH would take: files, time, disk and memory. Nothing is written."""
    root = resolve_root(path, indexing=True, consent=yes)
    with here(options) as door:
        answer = door.ask("lowtide/plan", {"rootUri": uri(root), "consent": yes})
    if options.as_json:
        print_json(answer)
        return
    say(f"{answer['root']}")
    languages = ", ".join(f"{name} {count:,}" for name, count in list(answer["languages"].items())[:6])
    rows = [
        ("files", f"{answer['files']:,} ({format_bytes(answer['source_bytes'])}); {languages}"),
        ("skipped", ", ".join(f"{reason} {count:,}" for reason, count in answer["skipped"].items()) or "none"),
        ("folders", f"{answer['watches']:,} to watch"),
        ("time", f"about {format_seconds(answer['predicted_wall_s'])}"),
        (
            "disk",
            f"about {format_bytes(answer['predicted_disk_bytes'])}, {format_bytes(answer['free_disk_bytes'])} free",
        ),
        (
            "memory",
            f"peak about {format_bytes(answer['predicted_peak_anon_bytes'])} of {format_bytes(answer['budget_bytes'])}",
        ),
    ]
    for name, text in rows:
        say_lines(hang(f"  {name:<8} ", text))
    if answer["last_run"]:
        last = answer["last_run"]
        say(
            f"  {'last run':<8} {counted(last['files']['indexed'], 'file')} in {format_seconds(last['wall_s'])}, "
            f"peak {format_bytes(last['peak_anon_bytes'])}, {format_bytes(last['disk_bytes'])} on disk"
        )
    say(paint(f"  {'verdict':<8} {answer['verdict']}", "green" if answer["fits"] else "red"))
