"""`lowtide symbols QUERY [PATH]`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread
import click

from lowtide.cli.console import Painted, paint, print_json, say, warn
from lowtide.cli.fresh import FRESH_HELP, ask_showing, print_freshness
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import is_embedded, open_client, uri
from lowtide.cli.running import run
from lowtide.cli.search import parse_kinds
from lowtide.cli.setup import load, open_host, resolve_root
from lowtide.models import SymbolKind
from lowtide.search import Snapshot
from lowtide.workspace import Workspace


@click.command("symbols")
@click.argument("query")
@click.argument("path", required=False, type=click.Path())
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many answers at most.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind: function, class, method (may be repeated)."
)
@click.option("--fresh", is_flag=True, help=FRESH_HELP)
@global_options
def command(query: str, path: str | None, limit: int, kinds: tuple[str, ...], fresh: bool, options: Options) -> None:
    """Find definitions by a fuzzy name: a prefix, camel humps (`HtRe`), a part, or letters in order.

    A qualified name (`Parser.parse`, `net::Socket`) narrows by what contains it.
    """
    wanted = parse_kinds(kinds)
    root = resolve_root(path)
    if is_embedded(options):
        answer = run(lambda: _find_here(query, root, limit, wanted, fresh, options))
    else:
        question = {
            "query": query,
            "rootUri": uri(root),
            "limit": limit,
            "kinds": [kind.label for kind in wanted],
            "fresh": fresh,
        }
        with open_client(options) as client:
            answer = ask_showing(client, "lowtide/symbols", question, options)
    symbols = answer["symbols"]
    if options.as_json:
        print_json(answer)
        return
    for symbol in symbols:
        _print(symbol)
    if not symbols and not options.quiet:
        warn("nothing found")
    print_freshness(answer)


async def _find_here(
    query: str, root: Path, limit: int, kinds: Sequence[SymbolKind], fresh: bool, options: Options
) -> dict[str, Any]:
    """The same without the daemon."""
    if fresh:
        async with open_host(options) as host:
            await host.index(root)
    return await anyio.to_thread.run_sync(_find_as_it_is, query, root, limit, kinds, options)


def _find_as_it_is(query: str, root: Path, limit: int, kinds: Sequence[SymbolKind], options: Options) -> dict[str, Any]:
    from lowtide.comparing import compare_quickly, is_there

    places, config = load(options)
    workspace = Workspace(root, places.index_folder(root))
    freshness = compare_quickly(workspace, config)
    snapshot = Snapshot(workspace)
    try:
        started = time.perf_counter()
        symbols = snapshot.symbols(query, limit=limit, kinds=kinds)
        symbols = [symbol for symbol in symbols if freshness.is_current or is_there(root, symbol["path"])]
        took_ms = (time.perf_counter() - started) * 1000
    finally:
        snapshot.close()
    return {"query": query, "took_ms": round(took_ms, 2), "symbols": symbols, "freshness": freshness.as_json()}


def _print(symbol: dict[str, Any]) -> None:
    container = f"{symbol['container']}." if symbol["container"] else ""
    name: list[str | Painted] = [
        paint(container, dim=True),
        paint(symbol["name"], bold=True),
        " ",
        paint(symbol["kind"], dim=True),
    ]
    say(*name, "  ", paint(symbol["path"], "magenta"), ":", paint(symbol["line"], "green"))
    if symbol["signature"]:
        say(paint(f"    {symbol['signature']}", dim=True))
