"""`lowtide why FILE`."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from lowtide.cli.console import hang, paint, print_json, say, say_lines, warn
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import is_embedded, open_client, uri
from lowtide.cli.setup import check_named, load
from lowtide.models import counted, display_path
from lowtide.paths import ROOT_FILE, Places
from lowtide.serve.client import DaemonError
from lowtide.visible import bounded


@click.command("why")
@click.argument("file", type=click.Path(readable=False))
@global_options
def command(file: str, options: Options) -> None:
    """Say whether FILE is indexed, stale, skipped or quarantined, and by which rule."""
    check_named(file)
    places = Places.from_environment()
    # The parent is resolved, the name is not: a symbolic link is asked about itself.
    path = Path(os.path.abspath(file))
    path = Path(os.path.realpath(path.parent)) / path.name
    is_folder = os.path.isdir(path) and not os.path.islink(path)
    root = places.find_index_root(path if is_folder else path.parent)
    has_index = (places.index_folder(root) / ROOT_FILE).exists()
    answer = _ask(path, options) if has_index else None
    if answer is None:
        answer = _look(path, root, options)
    if options.as_json:
        print_json(answer)
    else:
        # Where no workspace is, no root is known that a path could be relative to.
        _print(answer if has_index or _is_around_here(root) else {**answer, "path": display_path(os.fsencode(path))})


def _is_around_here(root: Path) -> bool:
    try:
        return Path.cwd().is_relative_to(root)
    except OSError:
        return False


def _ask(path: Path, options: Options) -> dict[str, Any] | None:
    """The daemon's answer: it compares the workspace with the disk. None without it: then what is there must do."""
    if is_embedded(options):
        return None
    try:
        with open_client(options) as client:
            answer: dict[str, Any] = client.ask("lowtide/explain", {"uri": uri(path)})
            return answer
    except DaemonError as error:
        warn(f"{error.message}: this is what the disk says")
        return None


def _look(path: Path, root: Path, options: Options) -> dict[str, Any]:
    from lowtide.index.workspace import Workspace
    from lowtide.read.explain import explain_file

    places, config = load(options)
    return explain_file(Workspace(root, places.index_folder(root)), path, config)


def _print(answer: dict[str, Any]) -> None:
    colours = {"indexed": "green", "stale": "yellow", "skipped": "yellow", "quarantined": "red"}
    status = paint(answer["status"], colours.get(answer["status"], "yellow"), bold=True)
    say(f"{bounded(display_path(os.fsencode(answer['path'])))}: ", status)
    if answer["reason"]:
        say_lines(hang("  reason   ", answer["reason"]))
    if answer["rule"]:
        say(f"  rule     {answer['rule']}")
    if answer["status"] in ("indexed", "stale", "quarantined"):
        say(f"  holds    {counted(answer['symbols'], 'symbol')}, {counted(answer['chunks'], 'chunk')}")
    if answer["indexed_at"]:
        say(f"  indexed  {datetime.fromisoformat(answer['indexed_at']).astimezone():%Y-%m-%d %H:%M:%S}")
    if answer["remedy"]:
        say_lines(hang("  to do    ", answer["remedy"]))
