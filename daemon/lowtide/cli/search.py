"""`lowtide search QUERY [PATH]`."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from lowtide.cli.console import Painted, format_count, paint, print_json, say, warn
from lowtide.cli.fresh import FRESH_HELP, ask_showing, with_freshness
from lowtide.cli.lines import LongLine, failed, read_line
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import is_embedded, open_client, uri
from lowtide.cli.setup import resolve_root
from lowtide.errors import UsageError
from lowtide.languages import LANGUAGES, language_called
from lowtide.models import Mode, SymbolKind
from lowtide.serve.client import Client, RemoteError

KINDS = {kind.label: kind for kind in SymbolKind}


@click.command("search")
@click.argument("arguments", metavar="QUERY [PATH]", nargs=-1)
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many answers at most.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default="hybrid",
    show_default=True,
    help="By meaning, by words, or both.",
)
@click.option("--lang", "languages", multiple=True, metavar="NAME", help="Only this language (may be repeated).")
@click.option(
    "--glob",
    "globs",
    multiple=True,
    metavar="GLOB",
    help="Only paths that match, as `src/**` or `*.py` (may be repeated).",
)
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind: function, class, method (may be repeated)."
)
@click.option(
    "--terms",
    multiple=True,
    metavar="TERMS",
    help="Likely identifiers and terms of art beside the question, as 'retry_policy backoff' (may be repeated).",
)
@click.option("--also", "phrasings", multiple=True, metavar="QUERY", help="The same in other words (may be repeated).")
@click.option("--fresh", is_flag=True, help=FRESH_HELP)
@click.option("--batch", is_flag=True, help="Read queries as lines from stdin, print one JSON object a line.")
@global_options
def command(
    arguments: tuple[str, ...],
    limit: int,
    mode: str,
    languages: tuple[str, ...],
    globs: tuple[str, ...],
    kinds: tuple[str, ...],
    terms: tuple[str, ...],
    phrasings: tuple[str, ...],
    fresh: bool,
    batch: bool,
    options: Options,
) -> int:
    """Search by words and by meaning.

    \b
    lowtide search "where are retries counted"
    lowtide search --lang python --glob 'src/**' "parse a date" ~/code/app
    lowtide search --terms "compare_and_swap optimistic_lock" "stop two requests from updating one row"

    The workspace is kept up to date while it is asked; what an answer may lack is said under it.
    """
    if len(arguments) > (1 if batch else 2):
        raise UsageError("too many arguments", " ".join(arguments), "quote a query of several words")
    if not batch and not arguments:
        raise UsageError("no query", "", 'give one: lowtide search "retry a request"')
    path = (arguments[0] if arguments else None) if batch else (arguments[1] if len(arguments) > 1 else None)
    wanted_languages, wanted_kinds = parse_languages(languages), parse_kinds(kinds)
    wanted_terms = split_terms(terms)
    root = resolve_root(path)

    if is_embedded(options):
        from lowtide.cli import embedded
        from lowtide.read.filters import Filter

        asked = embedded.Search(
            Mode(mode),
            limit,
            Filter(wanted_languages, tuple(globs), wanted_kinds),
            wanted_terms,
            phrasings,
            fresh,
        )
        if batch:
            embedded.answer_lines(asked, root, options)
        else:
            show(embedded.search(arguments[0], asked, root, options), options)
        return 0
    question = {
        "rootUri": uri(root),
        "mode": mode,
        "limit": limit,
        "languages": list(wanted_languages),
        "globs": list(globs),
        "kinds": [kind.label for kind in wanted_kinds],
        "terms": list(wanted_terms),
        "phrasings": list(phrasings),
        "fresh": fresh,
    }
    with open_client(options) as client:
        if batch:
            _ask_lines(client, question)
        else:
            show(ask_showing(client, "lowtide/find", {**question, "query": arguments[0]}, options), options)
    return 0


def _ask_lines(client: Client, question: dict[str, Any]) -> None:
    while True:
        try:
            if (query := read_line(sys.stdin.buffer)) is None:
                return
            answer = _ask(client, {**question, "query": query})
        except LongLine as error:
            answer = failed(error.beginning, error)
        print_json(answer)
        sys.stdout.flush()


def _ask(client: Client, question: dict[str, Any]) -> dict[str, Any]:
    """The answer, or an object that tells the error: one bad line does not end a batch."""
    try:
        answer: dict[str, Any] = client.ask("lowtide/find", question)
        return answer
    except RemoteError as error:
        return failed(str(question["query"]), error)


def show(answer: dict[str, Any], options: Options) -> None:
    """An answer, as the options have it."""
    if options.as_json:
        print_json(answer)
    else:
        _print(answer, options.quiet)


def split_terms(given: tuple[str, ...]) -> tuple[str, ...]:
    """The different terms, however they are given: `--terms 'a b' --terms c,d` is four."""
    return tuple(dict.fromkeys(term for each in given for term in each.replace(",", " ").split()))


def parse_kinds(names: tuple[str, ...]) -> tuple[SymbolKind, ...]:
    """The kinds that users name; UsageError for one that there is not."""
    found = []
    for name in names:
        kind = KINDS.get(name.lower().replace("_", "-").replace(" ", "-"))
        if kind is None:
            raise UsageError(f"no kind {name!r}", "", f"one of: {', '.join(KINDS)}")
        found.append(kind)
    return tuple(found)


def parse_languages(names: tuple[str, ...]) -> tuple[str, ...]:
    """The languages that users name, in any spelling; `text` is what has no grammar. UsageError for one that there is
    not."""
    found: list[str] = []
    for name in names:
        language = language_called(name)
        if language is None and name.lower() != "text":
            known = ", ".join(sorted(language.name for language in LANGUAGES))
            raise UsageError(f"no language {name!r}", "", f"one of: {known}, text")
        found.append(language.name if language else "")
        if found[-1] == "typescript":
            found.append("tsx")
    return tuple(found)


def _print(answer: dict[str, Any], quiet: bool) -> None:
    with with_freshness(answer):
        _print_hits(answer, quiet)


def _print_hits(answer: dict[str, Any], quiet: bool) -> None:
    for hit in answer["hits"]:
        _print_hit(hit)
    if answer["degraded"]:
        warn(paint(f"degraded: {answer['degraded']}", "yellow"))
    if answer["stale_files"]:
        text = f"{format_count(answer['stale_files'], 'file')} changed since it was indexed: run `lowtide index`"
        warn(paint(text, "yellow"))
    if not answer["hits"] and not quiet:
        warn("nothing found")


def _print_hit(hit: dict[str, Any]) -> None:
    name = f"{hit['container']}.{hit['name']}" if hit["container"] else hit["name"]
    place: list[str | Painted] = [paint(hit["path"], "magenta"), ":", paint(hit["start_line"], "green")]
    what: list[str | Painted] = ["  ", paint(name, bold=True), " ", paint(hit["kind"], dim=True)] if name else []
    say(*place, *what, "  ", paint(format(hit["score"], ".2f"), dim=True))
    width = len(str(hit["end_line"]))
    columns = _columns()
    for number, line in enumerate(hit["snippet"].split("\n")[:6], hit["start_line"]):
        text = line.removesuffix("\r").expandtabs(4)
        say("  ", paint(f"{number:>{width}}", "green", dim=True), "  ", text[: columns - width - 5])
    say()


def _columns() -> int:
    try:
        return os.get_terminal_size().columns
    except OSError:
        return 160
