"""`lowtide refs NAME [PATH...]`."""

from __future__ import annotations

from pathlib import Path

import click

from lowtide.answers import References
from lowtide.cli.console import Painted, paint, print_json, say, warn
from lowtide.cli.fresh import FRESH_HELP, ask_showing, with_freshness
from lowtide.cli.hits import check_format, format_option, from_here, marked, vimgrep
from lowtide.cli.narrowing import limit_option
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import open_door, uri
from lowtide.cli.setup import resolve_root
from lowtide.cli.together import refuse_empty_name


@click.command("refs")
@click.argument("name")
@click.argument("path", required=False, type=click.Path())
@limit_option(100, 2000)
@click.option("--fresh", is_flag=True, help=FRESH_HELP)
@format_option
@global_options
def command(name: str, path: str | None, limit: int, fresh: bool, shape: str, options: Options) -> None:
    """Show where a name is used, file by file, with the definition that holds each use.

    \b
    lowtide refs RetryPolicy
    lowtide refs 'Parser.parse(' ~/code/app

    Files that define it come first, then those near them. A name is all that is known: comments and strings count.
    """
    check_format(options, shape)
    refuse_empty_name(name, "give a name: lowtide refs RetryPolicy")
    root = resolve_root(path)
    question = {"name": name, "rootUri": uri(root), "limit": limit, "fresh": fresh}
    with open_door(options) as door:
        told = ask_showing(door, "lowtide/references", question, References.from_json, options)
    answer = told.answer
    if options.as_json:
        print_json(told.as_json())
        return
    with with_freshness(told.freshness):
        _print(answer, root, shape)
        if answer.truncated:
            warn(paint(f"the first {len(answer.refs):,}: there may be more; -m shows more", "yellow"))
        if not options.quiet:
            _say_what_was_meant(answer)


def _say_what_was_meant(answer: References) -> None:
    """Of several words the last is the name: whoever meant a text would take its uses for those of all of it."""
    found = "" if answer.refs else "nothing found"
    if answer.name != answer.query.strip() and " " in answer.query.strip():
        name = f"of the name `{answer.name}`; `lowtide search --exact` looks for a text"
        warn(f"{found} {name}" if found else name)
    elif found:
        warn(found)


def _print(answer: References, root: Path, shape: str) -> None:
    wanted = answer.name
    last = None
    for ref in answer.refs:
        if shape == "vimgrep":
            say(vimgrep(from_here(root, ref.path), ref.line, ref.column, ref.text))
            continue
        if ref.path != last:
            if last is not None:
                say()
            say(paint(ref.path, "magenta"))
            last = ref.path
        text = ref.text.strip()
        at = text.find(wanted)
        shown = marked(text, [(at, at + len(wanted))] if at >= 0 else ())
        holder: list[str | Painted] = ["  ", paint(f"in {ref.holder}", dim=True)] if ref.holder else []
        what: list[str | Painted] = ["  ", paint("definition", "cyan")] if ref.definition else holder
        say("  ", paint(f"{ref.line:>5}", "green"), "  ", *shown, *what)
