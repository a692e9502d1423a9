"""`lowtide push URL [PATH]`."""

from __future__ import annotations

from pathlib import Path

import click

from lowtide.cli.console import print_json, say
from lowtide.cli.options import Options, global_options
from lowtide.cli.setup import resolve_root
from lowtide.models import counted
from lowtide.paths import Places

ANSWER_S = 120.0


@click.command("push")
@click.argument("url")
@click.argument("path", required=False, type=click.Path())
@click.option("--token-file", type=click.Path(), help="A file with a token that may push.")
@click.option("--web", default="", metavar="TEMPLATE", help="Where the code can be read: {path}, {start} and {end}.")
@global_options
def command(url: str, path: str | None, token_file: str | None, web: str, options: Options) -> None:
    """Send the index of PATH to the team's gateway at URL, as that of the commit that is checked out.

    Only what the gateway does not have yet is sent. Run `lowtide index` before, in a clone without changes.
    """
    from lowtide.index.workspace import Workspace
    from lowtide.team.push import push
    from lowtide.team.remote import Gate

    places, root = Places.from_environment(), resolve_root(path)
    with Gate(url, Path(token_file).absolute() if token_file else None, ANSWER_S) as gate:
        pushed = push(Workspace(root, places.index_folder(root)), gate, web)
    if options.as_json:
        print_json(pushed.as_json())
    elif not options.quiet:
        what = "is there already" if pushed.already_there else f"{counted(pushed.uploaded, 'chunk')} sent"
        say(f"{pushed.repository} at {pushed.commit[:12]}: {counted(pushed.places, 'place')}, {what}")
