"""`lowtide status [PATH]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from lowtide.cli.console import format_bytes, paint, print_json, say
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import find_client, here, is_embedded, uri
from lowtide.cli.setup import resolve_root
from lowtide.cli.together import refuse_ignored
from lowtide.errors import UsageError
from lowtide.models import counted
from lowtide.paths import Places
from lowtide.serve.client import END_S


@click.command("status")
@click.argument("path", required=False, type=click.Path())
@click.option("--all", "everything", is_flag=True, help="Every index of yours, not only this workspace's.")
@click.option("--watch", is_flag=True, help="A live view of the daemon, until Ctrl-C.")
@click.option("--history", is_flag=True, help="The daemon's memory over the last hours, against its budget.")
@global_options
def command(path: str | None, everything: bool, watch: bool, history: bool, options: Options) -> None:
    """Show the budget, the memory in use, and what the index of PATH holds.

    With the daemon running, these are its figures; what it has not open is looked at here, and its integrity checked.
    """
    if everything:
        refuse_ignored(("path",), "--all", "all of them are shown")
    if watch or history:
        if history:
            refuse_ignored(("watch",), "--history", "there is one view at a time")
        view_name, why = ("--history", "it is of the whole daemon") if history else ("--watch", "it shows them all")
        refuse_ignored(("path", "everything"), view_name, why)
        from lowtide.cli import watch as view

        if watch and options.as_json:
            raise UsageError("--watch has no --json", "it goes on and on", "ask again and again without --watch")
        if is_embedded(options):
            raise UsageError("--embedded has no history", "only the daemon has one", "leave --embedded out")
        view.show_history(options) if history else view.watch(options)
        return
    root = None if everything else resolve_root(path)
    outside = None
    if root is not None and path is None and not Places.from_environment().index_folder(root).exists():
        root, outside = None, root  # in no workspace: those that there are
    status = _ask(root, options)
    if options.as_json:
        print_json(status)
    else:
        _print(status, outside)


def _ask(root: Path | None, options: Options) -> dict[str, Any]:
    """The daemon's Status, or this process's when there is none; with the workspaces that are not open."""
    client = None if is_embedded(options) else find_client(options)
    status: dict[str, Any]
    if client is not None:
        with client:
            status = client.ask("lowtide/status", {}, within_s=END_S)
    else:
        with here(options) as door:
            status = door.ask("lowtide/status", {})
    return _with_closed(status, root) if client or is_embedded(options) else _without_daemon(_with_closed(status, root))


def _with_closed(status: dict[str, Any], root: Path | None) -> dict[str, Any]:
    """With the indexes that nobody has open, every check of them done; of `root` alone if there is one."""
    from lowtide.index.report import describe_workspace
    from lowtide.index.workspace import Workspace

    places = Places.from_environment()
    found = [(root, places.index_folder(root))] if root else places.list_indexes()
    live = {workspace["rootUri"]: workspace for workspace in status["workspaces"]}
    wanted = [
        live.pop(uri(where), None) or describe_workspace(Workspace(where, folder)).as_json()
        for where, folder in found
        if folder.exists()
    ]
    damaged = [each["damage"] for each in wanted if each["damage"]]
    failed = [each["error"] for each in wanted if each["error"]]
    if status["health"] == "ok" and (damaged or failed):
        message = f"{len(damaged)} damaged" if damaged else failed[0]
        status = {**status, "health": "error", "message": message}
    return {**status, "workspaces": wanted + (list(live.values()) if root is None else [])}


def _without_daemon(status: dict[str, Any]) -> dict[str, Any]:
    """What this process found, without its own memory: it would be taken for the daemon's, and there is none."""
    status["memory"] |= {"usedBytes": 0, "peakBytes": 0, "mappedBytes": 0, "processes": []}
    status["message"] = status["message"] or "the daemon does not run; commands and editors start it"
    return status


def _print(status: dict[str, Any], outside: Path | None) -> None:
    memory, ladder = status["memory"], status["ladder"]
    colour = {"ok": "green", "warning": "yellow", "error": "red"}[status["health"]]
    because = f": {status['message']}" if status["message"] else ""
    say(f"Lowtide {status['version']}: ", paint(status["health"], colour), f", {status['state']}{because}")
    say(
        f"  memory   {format_bytes(memory['usedBytes'])} of {format_bytes(memory['budgetBytes'])} in "
        f"{counted(len(memory['processes']), 'process', 'processes')}, mapped "
        f"{format_bytes(memory['mappedBytes'])}"
    )
    say(f"  ladder   {ladder['step']}", f": {ladder['reason']}" if ladder["reason"] else "")
    if progress := status["progress"]:
        now = f", {progress['file']}" if progress["file"] else ""
        say(f"  doing    {progress['done']:,} of {counted(progress['total'], 'file')}{now}")
    if not status["workspaces"]:
        say("  no index yet: run `lowtide index` in a workspace")
    elif outside is not None:
        say(f"  no index for {outside}; these are all of yours:")
    for workspace in status["workspaces"]:
        _print_workspace(workspace)


def _in_graphs(workspace: dict[str, Any]) -> str:
    held = workspace.get("graphVectors", 0)
    return f" ({held:,} in graphs, the others compared one by one)" if held else ""


def _print_workspace(workspace: dict[str, Any]) -> None:
    say(f"  {Path(unquote(urlsplit(workspace['rootUri']).path))}")
    say(
        f"    {counted(workspace['files'], 'file')}, {counted(workspace['symbols'], 'symbol')}, "
        f"{counted(workspace['chunks'], 'chunk')}, {counted(workspace['vectors'], 'vector')}"
        f"{_in_graphs(workspace)}, "
        f"{format_bytes(workspace['diskBytes'])} on disk"
    )
    names = ("pending", "stale", "skipped", "quarantined")
    rest = [f"{workspace[name]:,} {name}" for name in names if workspace[name]]
    if rest:
        say("    " + ", ".join(rest))
    if workspace.get("before"):
        say(f"    waiting: {counted(workspace['before'], 'workspace')} before it")
    if watching := workspace.get("watch"):
        more = f": {watching['reason']}" if watching["reason"] else ""
        say(f"    {watching['mode']}{more}" + (f"; {watching['remedy']}" if watching["remedy"] else ""))
    for message in workspace["messages"]:
        say(f"    {message}")
    known = ("pending", "damage", "error", "before", "messages")
    if workspace.get("incomplete") and not any(workspace.get(name) for name in known):
        say(paint("    not all of it is indexed yet: `lowtide index` goes on", "yellow"))
    if workspace["damage"]:
        say(paint(f"    damaged: {workspace['damage']}; run `lowtide index` to build it anew", "red"))
    if workspace["error"]:
        say(paint(f"    {workspace['error']}", "red"))
