"""`lowtide status [PATH]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from lowtide.cli.console import format_bytes, format_count, print_json
from lowtide.cli.options import Options, global_options
from lowtide.cli.running import run
from lowtide.cli.setup import open_host, resolve_root


@click.command("status")
@click.argument("path", required=False, type=click.Path())
@click.option("--all", "everything", is_flag=True, help="Every index of yours, not only this workspace's.")
@global_options
def command(path: str | None, everything: bool, options: Options) -> None:
    """Show the budget, the memory in use, and what the index of PATH holds; its integrity is checked."""
    root = None if everything else resolve_root(path)

    async def main() -> dict[str, Any]:
        async with open_host(options) as host:
            return host.status(root)

    status = run(main)
    if options.as_json:
        print_json(status)
        return
    memory, ladder = status["memory"], status["ladder"]
    colour = {"ok": "green", "warning": "yellow", "error": "red"}[status["health"]]
    click.echo(
        f"Lowtide {status['version']}: {click.style(status['health'], fg=colour)}, {status['state']}"
        + (f": {status['message']}" if status["message"] else "")
    )
    click.echo(
        f"  memory   {format_bytes(memory['usedBytes'])} of {format_bytes(memory['budgetBytes'])}, mapped {format_bytes(memory['mappedBytes'])}"
    )
    click.echo(f"  ladder   {ladder['step']}" + (f": {ladder['reason']}" if ladder["reason"] else ""))
    if not status["workspaces"]:
        click.echo("  no index yet: run `lowtide index` in a workspace")
    for workspace in status["workspaces"]:
        click.echo(f"  {Path(unquote(urlsplit(workspace['rootUri']).path))}")
        click.echo(
            f"    {format_count(workspace['files'], 'file')}, {format_count(workspace['symbols'], 'symbol')}, "
            f"{format_count(workspace['chunks'], 'chunk')}, {format_count(workspace['vectors'], 'vector')}, {format_bytes(workspace['diskBytes'])} on disk"
        )
        rest = {name: workspace[name] for name in ("stale", "skipped", "failed", "quarantined") if workspace[name]}
        if rest:
            click.echo("    " + ", ".join(f"{count:,} {name}" for name, count in rest.items()))
        if workspace["damage"]:
            click.secho(f"    damaged: {workspace['damage']}; run `lowtide index` to build it anew", fg="red")
