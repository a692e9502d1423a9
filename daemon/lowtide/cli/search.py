"""`lowtide search QUERY [PATH...]`, and exact: `--exact TEXT`, `--regex RE`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from lowtide.answers import Answer, TextAnswer
from lowtide.cli.console import paint, print_json, warn
from lowtide.cli.fresh import FRESH_HELP, Told, ask_showing, with_freshness
from lowtide.cli.hits import check_format, format_option, show_hits, show_lines
from lowtide.cli.lines import LongLine, failed, read_line
from lowtide.cli.narrowing import Narrowing, limit_option, narrowing, narrowing_options
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import open_door, uri
from lowtide.cli.several import Place, ask_each, ask_in_turn, resolve_places
from lowtide.cli.together import refuse_empty, refuse_ignored
from lowtide.core.explained import TOLD, explained
from lowtide.core.freshness import FreshState
from lowtide.errors import UsageError
from lowtide.models import Group, Mode, counted
from lowtide.serve.client import Door, RemoteError

RANKED, LINES = 10, 100
"""Answers without `--limit`: of a search, and of an exact one."""
MOST_RANKED, MOST_LINES = 1000, 100_000
MOST_CONTEXT = 100


class _Exact(msgspec.Struct, frozen=True):
    text: str
    is_regex: bool
    context: int


@click.command("search")
@click.argument("arguments", metavar="QUERY [PATH...]", nargs=-1)
@click.option(
    "--exact", metavar="TEXT", help="Instead of a query: the lines that hold this text, as it is on the disk now."
)
@click.option(
    "--regex", metavar="RE", help="Instead of a query: the lines that match this regular expression (ripgrep's syntax)."
)
@click.option(
    "-C",
    "--context",
    type=click.IntRange(0, MOST_CONTEXT),
    default=0,
    metavar="LINES",
    help="Lines around those of --exact and --regex.",
)
@limit_option(None, MOST_LINES, f"How many answers at most; without --exact and --regex no more than {MOST_RANKED:,}.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default="hybrid",
    show_default=True,
    help="By meaning, by words, or both.",
)
@narrowing_options
@click.option(
    "--terms",
    multiple=True,
    callback=refuse_empty,
    metavar="TERMS",
    help="Likely identifiers and terms of art beside the question, as 'retry_policy backoff' (may be repeated).",
)
@click.option(
    "--group",
    type=click.Choice([group.value for group in Group]),
    default="definition",
    show_default=True,
    help="One hit a definition, or the best of each file.",
)
@click.option("--explain", is_flag=True, help="Say under each hit what its score is made of.")
@click.option(
    "--also",
    "phrasings",
    multiple=True,
    callback=refuse_empty,
    metavar="QUERY",
    help="The same in other words (may be repeated).",
)
@click.option("--fresh", is_flag=True, help=FRESH_HELP)
@click.option("--batch", is_flag=True, help="Read queries as lines from stdin, print one JSON object a line.")
@format_option
@global_options
def command(arguments: tuple[str, ...], options: Options, shape: str, **given: Any) -> int:
    """Search by words and by meaning; or, with --exact or --regex, for the lines of a text.

    \b
    lowtide search "where are retries counted"
    lowtide search -t python -g 'src/**' "parse a date" ~/code/app
    lowtide search --terms "compare_and_swap optimistic_lock" "stop two requests from updating one row"
    lowtide search --exact "->next = NULL" -C 2
    lowtide search --regex 'func \\(\\w+ \\*Server\\) Listen' ~/code/go ~/code/net

    The workspace is kept up to date while it is asked; what an answer may lack is said under it. Of several folders
    the answers are put together; of a folder inside a workspace, only what is below it. Ten answers without -m; a
    hundred lines with --exact or --regex.
    """
    exact = _exact(given)
    check_format(options, shape)
    if given["explain"] and (exact is not None or given["batch"] or shape != "text"):
        raise UsageError("--explain is for a query", "it is one of several, or its answers are lines", "ask it alone")
    narrow = narrowing(given["languages"], given["globs"], given["kinds"])
    if given["batch"]:
        refuse_ignored(("shape",), "--batch", "it prints JSON, an object a line")
    if exact is not None:
        if given["batch"]:
            raise UsageError("--batch takes queries", "--exact and --regex name one text", "leave one of them out")
        beside = "--regex" if exact.is_regex else "--exact"
        refuse_ignored(("terms", "phrasings", "group", "mode"), beside, "lines that match are not ranked")
        if shape != "text":
            refuse_ignored(("context",), "--format vimgrep", "it prints the lines that match, and no others")
        _search_lines(exact, resolve_places(arguments), narrow, given, options, shape)
        return 0
    if given["limit"] is not None and given["limit"] > MOST_RANKED:
        raise UsageError("too many answers", f"{given['limit']}", f"ask for at most {MOST_RANKED:,}")
    if given["context"]:
        raise UsageError("-C is for --exact and --regex", "other answers are whole chunks", "leave it out")
    if given["batch"]:
        if len(arguments) > 1:
            raise UsageError("too many arguments", " ".join(arguments), "queries come on standard input")
        _answer_lines(resolve_places(arguments)[0], narrow, given, options)
        return 0
    if not arguments:
        raise UsageError("no query", "", 'give one: lowtide search "retry a request"')
    _search(arguments[0], resolve_places(arguments[1:]), narrow, given, options, shape)
    return 0


def _exact(given: dict[str, Any]) -> _Exact | None:
    text, pattern = given["exact"], given["regex"]
    if text is not None and pattern is not None:
        raise UsageError("--exact and --regex", "a text is looked for in one way", "leave one of them out")
    if text is None and pattern is None:
        return None
    return _Exact(pattern if text is None else text, text is None, given["context"])


def _search_lines(
    exact: _Exact, places: Sequence[Place], narrow: Narrowing, given: dict[str, Any], options: Options, shape: str
) -> None:
    limit = given["limit"] or LINES
    question = {
        "text": exact.text,
        "regex": exact.is_regex,
        "context": exact.context,
        "limit": limit,
        "fresh": given["fresh"],
    }
    with open_door(options) as door:

        def ask(place: Place) -> Told[TextAnswer]:
            where = {"rootUri": uri(place.root), **place.narrowed(narrow).as_params()}
            return ask_showing(door, "lowtide/findText", {**question, **where}, TextAnswer.from_json, options)

        told = ask_in_turn(places, ask, limit)
    if options.as_json:
        print_json(told.as_json())
        return
    with with_freshness(told.freshness):
        show_lines(told.answer, [place.root for place in places], shape)
        _show_doubts(told, options)


def _search(
    query: str, places: Sequence[Place], narrow: Narrowing, given: dict[str, Any], options: Options, shape: str
) -> None:
    limit = given["limit"] or RANKED
    terms = split_terms(given["terms"])
    with open_door(options) as door:

        def ask(place: Place) -> Told[Answer]:
            # What others have pushed is asked for once; to an editor, as lines of files, it would be of no use.
            is_asked = place == places[0] and shape == "text"
            question = {**_question(place, narrow, given), "query": query, "team": is_asked}
            return ask_showing(door, "lowtide/find", question, Answer.from_json, options)

        told = ask_each(places, ask, limit)
        if shape == "text":
            told = _whose(told)
    if options.as_json:
        print_json(_explained(told) if given["explain"] else told.as_json())
        return
    with with_freshness(told.freshness):
        words = (query, *terms, *given["phrasings"])
        show_hits(told.answer.hits, [place.root for place in places], shape, words, explain=given["explain"])
        _show_doubts(told, options)


def _whose(told: Told[Answer]) -> Told[Answer]:
    """All hits say whose they are, also those of the workspaces beside which the team was not asked."""
    hits = [hit if hit.repository != "" else hit._replace(repository=None) for hit in told.answer.hits]
    return Told(told.answer._replace(hits=hits), told.freshness)


def _question(place: Place, narrow: Narrowing, given: dict[str, Any]) -> dict[str, Any]:
    return {
        "rootUri": uri(place.root),
        "mode": given["mode"],
        "limit": given["limit"] or RANKED,
        "fresh": given["fresh"],
        "terms": list(split_terms(given["terms"])),
        "phrasings": list(given["phrasings"]),
        "group": given["group"],
        "team": True,
        **place.narrowed(narrow).as_params(),
    }


def _answer_lines(place: Place, narrow: Narrowing, given: dict[str, Any], options: Options) -> None:
    with open_door(options) as door:
        _ask_lines(door, _question(place, narrow, given))


def _ask_lines(door: Door, question: dict[str, Any]) -> None:
    while True:
        try:
            if (query := read_line(sys.stdin.buffer)) is None:
                return
            answer = _ask(door, {**question, "query": query})
        except LongLine as error:
            answer = failed(error.beginning, error)
        print_json(answer)
        sys.stdout.flush()


def _ask(door: Door, question: dict[str, Any]) -> dict[str, Any]:
    """The answer, or an object that tells the error: one bad line does not end a batch."""
    try:
        answer: dict[str, Any] = door.ask("lowtide/find", question)
        return answer
    except RemoteError as error:
        return failed(str(question["query"]), error)


def split_terms(given: tuple[str, ...]) -> tuple[str, ...]:
    """The different terms, however they are given: `--terms 'a b' --terms c,d` is four."""
    return tuple(dict.fromkeys(term for each in given for term in each.replace(",", " ").split()))


def _explained(told: Told[Answer]) -> dict[str, Any]:
    """The answer with an `explanation` of each hit: its signals, the largest first, and what they mean."""
    hits = [
        {
            **hit.as_json(),
            "explanation": [
                {"signal": name, "value": value, "meaning": meaning, "adds": name not in TOLD}
                for name, value, meaning in explained(hit.signals)
            ],
        }
        for hit in told.answer.hits
    ]
    return {**told.as_json(), "hits": hits}


def _show_doubts(told: Told[Answer] | Told[TextAnswer], options: Options) -> None:
    """What an answer lacks, and what of it may be old."""
    answer = told.answer
    if answer.degraded:
        warn(paint(f"degraded: {answer.degraded}", "yellow"))
    # Lines that were read from the disk as it is are not old, whatever the index knows.
    is_read = isinstance(answer, TextAnswer) and told.freshness.is_current
    if (count := answer.stale_files) and not is_read:
        since = "it was" if count == 1 else "they were"
        is_worked_on = told.freshness.state in (FreshState.INDEXING, FreshState.CHECKING)
        remedy = "what has changed is being indexed" if is_worked_on else "run `lowtide index`"
        text = f"{counted(count, 'file')} changed since {since} indexed: {remedy}"
        warn(paint(text, "yellow"))
    if not answer.hits and not options.quiet:
        warn("nothing found")
    elif isinstance(answer, Answer) and all(hit.weak for hit in answer.hits) and not options.quiet:
        warn(paint("every hit is a weak one: what was asked is likely not here, or is called otherwise", "yellow"))
