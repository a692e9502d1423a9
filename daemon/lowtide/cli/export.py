"""`lowtide export FILE [PATH]`."""

from __future__ import annotations

from pathlib import Path

import click

from lowtide.cli.console import format_bytes, print_json, say
from lowtide.cli.options import Options, global_options
from lowtide.cli.setup import resolve_root
from lowtide.models import counted
from lowtide.paths import Places


@click.command("export")
@click.argument("file", type=click.Path())
@click.argument("path", required=False, type=click.Path())
@global_options
def command(file: str, path: str | None, options: Options) -> None:
    """Write the index of PATH to FILE, for `lowtide import` on another machine.

    It is written as it is now; run `lowtide index` before, so that it is of what is checked out. It holds names,
    places, words and vectors of your code, and no text of it.
    """
    from lowtide.index.bundles import export
    from lowtide.index.workspace import Workspace

    places, root = Places.from_environment(), resolve_root(path)
    carried = export(places, Workspace(root, places.index_folder(root)), Path(file).absolute())
    if options.as_json:
        print_json(carried.as_json())
    elif not options.quiet:
        of = f" of commit {carried.commit[:12]}" if carried.commit else ""
        what = f"{counted(carried.files, 'file')}, {counted(carried.chunks, 'chunk')}"
        say(f"wrote {format_bytes(carried.size_bytes)}: {what}{of}")
