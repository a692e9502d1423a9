"""`lowtide list`."""

from __future__ import annotations

import time

import click

from lowtide.cli.console import Painted, format_bytes, paint, print_json, say
from lowtide.cli.options import Options, global_options
from lowtide.index.inventory import all_indexes
from lowtide.models import counted
from lowtide.paths import Places

_DAY_S = 86_400


@click.command("list")
@global_options
def command(options: Options) -> None:
    """List every index: its folder, its size, when it was last used, and whether the folder is still there."""
    indexes = all_indexes(Places.from_environment())
    if options.as_json:
        print_json({"indexes": [index.as_json() for index in indexes]})
        return
    for index in indexes:
        gone: list[str | Painted] = [] if index.is_there else ["  ", paint("gone", "yellow")]
        say(
            f"{format_bytes(index.size_bytes):>9}  ",
            paint(f"{_age(time.time() - index.used_s):>13}", dim=True),
            "  ",
            paint(index.root, bold=True),
            *gone,
        )
    if not options.quiet:
        total = format_bytes(sum(index.size_bytes for index in indexes))
        say(paint(f"{counted(len(indexes), 'index', 'indexes')}, {total}", dim=True))
        if any(not index.is_there for index in indexes):
            say(paint("`lowtide clear --gone` removes those whose folder is gone", dim=True))


def _age(seconds: float) -> str:
    for unit_s, name in ((_DAY_S, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit_s:
            return f"{counted(int(seconds // unit_s), name)} ago"
    return "just now"
