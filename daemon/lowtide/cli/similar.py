"""`lowtide similar FILE:LINE[-LINE] [PATH]`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import click

from lowtide.answers import Answer
from lowtide.cli.console import print_json, warn
from lowtide.cli.fresh import FRESH_HELP, ask_showing, with_freshness
from lowtide.cli.hits import check_format, format_option, show_hits
from lowtide.cli.narrowing import limit_option, narrowing, narrowing_options
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import open_door, uri
from lowtide.cli.setup import resolve_root
from lowtide.cli.several import Place
from lowtide.errors import PathError, UsageError
from lowtide.paths import Places, real_path

_PLACE = re.compile(r"(.+?):(\d{1,9})(?:-(\d{1,9}))?(?::.*)?", re.DOTALL)


@click.command("similar")
@click.argument("place", metavar="FILE:LINE[-LINE]")
@click.argument("path", required=False, type=click.Path())
@limit_option(10, 1000)
@narrowing_options
@click.option("--fresh", is_flag=True, help=FRESH_HELP)
@format_option
@global_options
def command(place: str, path: str | None, limit: int, fresh: bool, shape: str, options: Options, **given: Any) -> None:
    """Find code that means what some lines mean; of one line, what the definition around it means.

    \b
    lowtide similar src/retry.py:12
    lowtide similar src/retry.py:12-30 -t python
    """
    check_format(options, shape)
    narrow = narrowing(given["languages"], given["globs"], given["kinds"])
    file, first, last = _split(place)
    root, name = _beneath(file, path)
    question = {
        "rootUri": uri(root),
        "path": name,
        "line": first,
        "endLine": last,
        "limit": limit,
        "fresh": fresh,
        **Place(root).narrowed(narrow).as_params(),
    }
    with open_door(options) as door:
        told = ask_showing(door, "lowtide/similarTo", question, Answer.from_json, options)
    if options.as_json:
        print_json(told.as_json())
        return
    with with_freshness(told.freshness):
        show_hits(told.answer.hits, [root], shape)
        if not told.answer.hits and not options.quiet:
            warn("nothing found")


def _split(place: str) -> tuple[str, int, int | None]:
    match = _PLACE.fullmatch(place)
    if match is None:
        raise UsageError(f"no place in a file: {place!r}", "", "name it as FILE:LINE or FILE:LINE-LINE")
    first, last = int(match[2]), int(match[3]) if match[3] else None
    if first < 1 or (last is not None and last < first):
        raise UsageError(f"no lines of a file: {place!r}", "lines count from 1", "name the first, then the last")
    return match[1], first, last


def _beneath(file: str, path: str | None) -> tuple[Path, str]:
    """The workspace, and the file's path in it. PathError."""
    whole = Path(file) if os.path.exists(file) else None
    if path is not None or whole is None:
        root = resolve_root(path)
        inside = real_path(whole.parent) / whole.name if whole is not None else root / file
    else:
        inside = real_path(whole.parent) / whole.name
        root = Places.from_environment().find_index_root(inside.parent)
    if root not in inside.parents:
        raise PathError(f"{file} is not in {root}", "", "name a file of that workspace")
    return root, str(inside.relative_to(root))
