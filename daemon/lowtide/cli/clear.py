"""`lowtide clear [PATH]`, `--gone`, `--all`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from lowtide.cli.console import format_bytes, print_json, say, warn
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import find_client, is_embedded, uri
from lowtide.cli.setup import resolve_root
from lowtide.errors import LowtideError, PathError, UsageError
from lowtide.index.inventory import all_indexes
from lowtide.models import counted
from lowtide.paths import ROOT_FILE, Places, real_path


@click.command("clear")
@click.argument("path", required=False, type=click.Path())
@click.option("--gone", is_flag=True, help="The indexes of all folders that are no longer there.")
@click.option("--all", "everything", is_flag=True, help="All indexes of yours.")
@global_options
def command(path: str | None, gone: bool, everything: bool, options: Options) -> int:
    """Remove the index of PATH. Your files are not touched.

    PATH may be a folder that is gone. A folder on a disk that is not mounted just now counts as gone for --gone: its
    index is made anew when it is back.
    """
    if (path is not None) + gone + everything > 1:
        raise UsageError("one of PATH, --gone and --all", "", "leave the others out")
    places = Places.from_environment()
    if gone or everything:
        indexes = [index for index in all_indexes(places) if everything or not index.is_there]
        return _clear_all([(index.root, index.folder) for index in indexes], options)
    root = _gone(places, path) or resolve_root(path)
    folder = places.index_folder(root)
    if not folder.exists():
        raise PathError(f"no index for {root}", "it has not been indexed", "nothing has to be removed")
    (cleared,) = _clear([(root, folder)], options)
    if options.as_json:
        print_json(cleared)
    elif not options.quiet:
        _say(cleared)
    return 0


def _say(cleared: dict[str, Any]) -> None:
    anew = "; it is open in an editor or being indexed, and made anew" if cleared["begins_anew"] else ""
    say(f"removed the index of {cleared['root']} ({format_bytes(cleared['freed_bytes'])}){anew}")


def _gone(places: Places, path: str | None) -> Path | None:
    """The root that PATH was, if an index is of it and the folder is there no more; else None."""
    if not path or os.path.isdir(path):
        return None
    root = real_path(Path(path))
    return root if (places.index_folder(root) / ROOT_FILE).exists() else None


def _clear_all(indexes: Sequence[tuple[Path, Path]], options: Options) -> int:
    """Each of them; one that cannot be removed keeps none of the others."""
    cleared = _clear(indexes, options, goes_on=True)
    failed = [each for each in cleared if "error" in each]
    freed = sum(each["freed_bytes"] for each in cleared)
    if options.as_json:
        print_json({"cleared": cleared, "freed_bytes": freed})
    elif not options.quiet:
        for each in cleared:
            if "error" not in each:
                _say(each)
        say(f"{counted(len(cleared) - len(failed), 'index', 'indexes')} removed, {format_bytes(freed)} freed")
    for each in failed:
        warn(f"lowtide: {each['root']}: {each['error']['message']}; {each['error']['remedy']}")
    return 1 if failed else 0


def _clear(indexes: Sequence[tuple[Path, Path]], options: Options, *, goes_on: bool = False) -> list[dict[str, Any]]:
    # A daemon that has a workspace open holds its lock: it is the one to clear it.
    client = None if is_embedded(options) or not indexes else find_client(options)
    cleared: list[dict[str, Any]] = []
    try:
        for root, folder in indexes:
            try:
                if client is None:
                    from lowtide.index.workspace import Workspace

                    freed, anew = Workspace(root, folder).clear(), False
                else:
                    answer = client.ask("lowtide/clear", {"rootUri": uri(root)})
                    # A daemon that was started before an upgrade within one version does not say it.
                    freed, anew = answer["freed_bytes"], answer.get("begins_anew", False)
            except LowtideError as error:
                if not goes_on:
                    raise
                found = {"kind": error.kind, "message": error.message, "remedy": error.remedy}
                cleared.append({"root": str(root), "freed_bytes": 0, "error": found})
                continue
            cleared.append({"root": str(root), "freed_bytes": freed, "begins_anew": anew})
    finally:
        if client is not None:
            client.close()
    return cleared
