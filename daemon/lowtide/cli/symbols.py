"""`lowtide symbols QUERY [PATH]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lowtide.answers import SymbolHit, Symbols
from lowtide.cli.console import Painted, paint, print_json, say, warn
from lowtide.cli.fresh import FRESH_HELP, ask_showing, with_freshness
from lowtide.cli.hits import check_format, format_option, from_here, vimgrep
from lowtide.cli.narrowing import kind_option, limit_option, parse_kinds
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import open_door, uri
from lowtide.cli.setup import resolve_root
from lowtide.cli.together import refuse_empty_name


@click.command("symbols")
@click.argument("query")
@click.argument("path", required=False, type=click.Path())
@limit_option(20, 1000)
@kind_option
@click.option("--fresh", is_flag=True, help=FRESH_HELP)
@format_option
@global_options
def command(query: str, path: str | None, limit: int, options: Options, **given: Any) -> None:
    """Find definitions by a fuzzy name: a prefix, camel humps (`HtRe`), a part, or letters in order.

    A qualified name (`Parser.parse`, `net::Socket`) narrows by what contains it.
    """
    check_format(options, given["shape"])
    refuse_empty_name(query, "give a name, or a part of one: lowtide symbols HttpResp")
    root = resolve_root(path)
    question = {
        "query": query,
        "rootUri": uri(root),
        "limit": limit,
        "kinds": [kind.label for kind in parse_kinds(given["kinds"])],
        "fresh": given["fresh"],
    }
    with open_door(options) as door:
        told = ask_showing(door, "lowtide/symbols", question, Symbols.from_json, options)
    if options.as_json:
        print_json(told.as_json())
        return
    with with_freshness(told.freshness):
        for symbol in told.answer.symbols:
            _print(symbol, root, given["shape"])
        if not told.answer.symbols and not options.quiet:
            warn("nothing found")


def _print(symbol: SymbolHit, root: Path, shape: str) -> None:
    if shape == "vimgrep":
        what = f"{symbol.qualified} {symbol.kind}" + (f": {symbol.signature}" if symbol.signature else "")
        say(vimgrep(from_here(root, symbol.path), symbol.line, symbol.column, what))
        return
    container = f"{symbol.container}." if symbol.container else ""
    name: list[str | Painted] = [
        paint(container, dim=True),
        paint(symbol.name, bold=True),
        " ",
        paint(symbol.kind, dim=True),
    ]
    say(*name, "  ", paint(symbol.path, "magenta"), ":", paint(symbol.line, "green"))
    if symbol.signature:
        say(paint(f"    {symbol.signature}", dim=True))
