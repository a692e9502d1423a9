"""`lowtide clear [PATH]`."""

from __future__ import annotations

import click

from lowtide.cli.console import format_bytes, print_json, say
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import find_client, is_embedded, uri
from lowtide.cli.setup import resolve_root
from lowtide.errors import PathError
from lowtide.index.workspace import Workspace
from lowtide.paths import Places


@click.command("clear")
@click.argument("path", required=False, type=click.Path())
@global_options
def command(path: str | None, options: Options) -> None:
    """Remove the index of PATH. Your files are not touched."""
    root = resolve_root(path)
    workspace = Workspace(root, Places.from_environment().index_folder(root))
    if not workspace.folder.exists():
        raise PathError(f"no index for {root}", "it has not been indexed", "nothing has to be removed")
    # A daemon that has the workspace open holds its lock: it is the one to clear it.
    client = None if is_embedded(options) else find_client()
    if client is None:
        freed = workspace.clear()
    else:
        with client:
            freed = client.ask("lowtide/clear", {"rootUri": uri(root)})["freed_bytes"]
    if options.as_json:
        print_json({"root": str(root), "freed_bytes": freed})
    elif not options.quiet:
        say(f"removed the index of {root} ({format_bytes(freed)})")
