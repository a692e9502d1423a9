"""How an answer stands to the disk, in words, and waiting for what is there.

Invariant: it is said on standard error: standard output holds the answer alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lowtide.cli.console import paint, warn
from lowtide.cli.options import Options
from lowtide.core.freshness import Freshness
from lowtide.serve.client import Door

FRESH_HELP = "Wait until what is on the disk is in the index, then answer."


def ask_showing(door: Door, method: str, question: dict[str, Any], options: Options) -> dict[str, Any]:
    """The answer; while a question that is to be `fresh` waits, how far the index is."""
    answer: dict[str, Any]
    if not question["fresh"]:
        answer = door.ask(method, question)
        return answer
    from lowtide.cli.progress import shown

    with shown(options) as show:
        answer = door.ask(method, question, lambda _, params: show(params))
    return answer


@contextmanager
def with_freshness(answer: dict[str, Any]) -> Iterator[None]:
    """A line under an answer that may lack something; before it in a pipe, which may be closed before its end."""
    if sys.stdout is not None and sys.stdout.isatty():
        yield
        _print_freshness(answer)
    else:
        _print_freshness(answer)
        yield


def _print_freshness(answer: dict[str, Any]) -> None:
    if words := Freshness.from_json(answer["freshness"]).words:
        warn(paint(words, "yellow"))
