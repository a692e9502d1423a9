"""`lowtide import FILE|URL [PATH]`."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lowtide.cli.console import print_json, say, warn
from lowtide.cli.options import Options, global_options
from lowtide.cli.progress import shown
from lowtide.cli.remote import open_door, uri
from lowtide.cli.setup import load, resolve_root
from lowtide.errors import BundleError, RefusedError
from lowtide.models import counted
from lowtide.status import IndexReport

if TYPE_CHECKING:
    from lowtide.index.bundles import Staged


@click.command("import")
@click.argument("source", metavar="FILE|URL")
@click.argument("path", required=False, type=click.Path())
@click.option("--force", is_flag=True, help="Also where there is an index already: it is forgotten.")
@click.option("--yes", is_flag=True, help="Index a home or system folder all the same.")
@global_options
def command(source: str, path: str | None, force: bool, yes: bool, options: Options) -> None:
    """Take over an index that `lowtide export` wrote, and index only what is different in PATH.

    All of it is checked before anything of it is used. Without PATH it is for the workspace around the current folder.
    """
    root = resolve_root(path, indexing=True, consent=yes)
    staged = _stage(source, root, force, options)
    assert staged.carried is not None
    try:
        report = _index(root, staged, yes, options)
    finally:
        staged.discard()
    carried = staged.carried
    if options.as_json:
        print_json({**carried.as_json(), "index": report.as_json()})
    elif not options.quiet:
        for message in report.messages:
            warn(f"note: {message}")
        of = f" of commit {carried.commit[:12]}" if carried.commit else ""
        files = report.files
        say(f"took over {counted(carried.files, 'file')}, {counted(carried.chunks, 'chunk')}{of}")
        done = f"{counted(files.indexed, 'file')} indexed"
        say(f"{done}, {files.unchanged:,} unchanged, {files.removed:,} removed")


def _stage(source: str, root: Path, force: bool, options: Options) -> Staged:
    from lowtide.index.bundles import stage
    from lowtide.index.sharing import download
    from lowtide.index.workspace import Workspace
    from lowtide.system.address import shown_address
    from lowtide.work.model.model_folder import default_model, read_model

    places, config = load(options)
    if "://" not in source and not os.path.exists(source):
        raise BundleError(f"cannot take over {source}", "there is no such file", "check the spelling")
    workspace = Workspace(root, places.index_folder(root))
    if workspace.has_index and not force:
        raise RefusedError(f"{root} has an index already", "", "add --force to take the bundle over in its place")
    recipe = read_model(config.model_path or default_model()).recipe
    with ExitStack() as stack:
        try:
            file = Path(source).absolute()
            if "://" in source:
                file = stack.enter_context(download(places, source, config.share.way))
            return stage(places, file, workspace, recipe)
        except BundleError as error:
            named = shown_address(source) if "://" in source else source
            raise BundleError(f"cannot take over {named}: {error.what}", error.why, error.remedy) from error


def _index(root: Path, staged: Staged, consent: bool, options: Options) -> IndexReport:
    with open_door(options) as door, shown(options) as show:
        question = {"rootUri": uri(root), "staged": staged.folder.name, "consent": consent}
        return IndexReport.from_json(door.ask("lowtide/index", question, lambda _, params: show(params)))
