"""`lowtide why FILE`."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from lowtide.cli.console import format_count, hang, paint, print_json, say, say_lines
from lowtide.cli.options import Options, global_options
from lowtide.cli.setup import load
from lowtide.index.workspace import Workspace
from lowtide.models import display_path
from lowtide.read.explain import explain_file


@click.command("why")
@click.argument("file", type=click.Path(readable=False))
@global_options
def command(file: str, options: Options) -> None:
    """Say whether FILE is indexed, stale, skipped or quarantined, and by which rule."""
    places, config = load(options)
    # The parent is resolved, the name is not: a symbolic link is asked about itself.
    path = Path(os.path.abspath(file))
    path = Path(os.path.realpath(path.parent)) / path.name
    is_folder = os.path.isdir(path) and not os.path.islink(path)
    root = places.find_index_root(path if is_folder else path.parent)
    answer = explain_file(Workspace(root, places.index_folder(root)), path, config)
    if options.as_json:
        print_json(answer)
    else:
        _print(answer)


def _print(answer: dict[str, Any]) -> None:
    colours = {"indexed": "green", "stale": "yellow", "skipped": "yellow", "quarantined": "red", "failed": "red"}
    status = paint(answer["status"], colours.get(answer["status"], "yellow"), bold=True)
    say(f"{display_path(os.fsencode(answer['path']))}: ", status)
    if answer["reason"]:
        say_lines(hang("  reason   ", answer["reason"]))
    if answer["rule"]:
        say(f"  rule     {answer['rule']}")
    if answer["status"] in ("indexed", "stale", "quarantined"):
        say(f"  holds    {format_count(answer['symbols'], 'symbol')}, {format_count(answer['chunks'], 'chunk')}")
    if answer["indexed_at"]:
        say(f"  indexed  {datetime.fromisoformat(answer['indexed_at']).astimezone():%Y-%m-%d %H:%M:%S}")
    if answer["remedy"]:
        say_lines(hang("  to do    ", answer["remedy"]))
