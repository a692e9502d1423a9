"""`lowtide report`: what a report of a fault needs, in one text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lowtide.cli.console import print_json, say, say_lines
from lowtide.cli.options import Options, global_options
from lowtide.cli.setup import asked_budget, load
from lowtide.config.settings import Config, default_budget_bytes
from lowtide.errors import ConfigError
from lowtide.paths import Places, write_private
from lowtide.system.memory import machine_bytes
from lowtide.visible import visible


@click.command("report")
@click.option("--with-paths", is_flag=True, help="With paths, and with every word of the log as it stands.")
@click.option("-n", "--lines", default=200, show_default=True, type=click.IntRange(0, 10_000), help="Of the log's end.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write it to a file, for you alone.")
@global_options
def command(with_paths: bool, lines: int, output: str | None, options: Options) -> None:
    """Collect what a bug report needs: versions, the machine, doctor's checks, the daemon's status, the log's end.

    It holds no source text, and unless you allow it, no path and no name of yours: of what the log says only words of
    Lowtide's own stay. It is printed, and sent nowhere: look through it before you share it.
    """
    from lowtide.serve.bug_report import collect

    places = Places.from_environment()
    complaint = None
    try:
        config = load(options)[1]
    except ConfigError as error:
        complaint, config = error, Config(asked_budget(options) or default_budget_bytes(machine_bytes()))
    report = collect(places, config, complaint, with_paths=with_paths, lines=lines)
    if output is not None:
        write_private(Path(output), "".join(f"{visible(line)}\n" for line in _lines(report)).encode())
    if options.as_json:
        print_json(report)
    elif output is None:
        say_lines(list(_lines(report)))
    elif not options.quiet:
        say(f"written to {output}: look through it before you share it")


def _lines(value: Any, depth: int = 0) -> Iterator[str]:
    """A value of JSON as indented lines, as people read them."""
    margin = "  " * depth
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list) and inner:
                yield f"{margin}{key}:"
                yield from _lines(inner, depth + 1)
            else:
                yield f"{margin}{key}: {_plain(inner)}"
        return
    for inner in value:
        if isinstance(inner, dict | list):
            first, *rest = list(_lines(inner, depth + 1)) or [f"{margin}  -"]
            yield f"{margin}- {first.strip()}"
            yield from rest
        else:
            yield f"{margin}- {_plain(inner)}"


def _plain(value: Any) -> str:
    if value is None or value in ({}, []):
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
