"""How an answer stands to the disk, in words, and waiting for what is there.

Invariant: it is said on standard error: standard output holds the answer alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from lowtide.cli.console import paint, warn
from lowtide.cli.options import Options
from lowtide.core.freshness import Freshness
from lowtide.serve.client import Door

FRESH_HELP = "Wait until what is on the disk is in the index, then answer."


class Answering(Protocol):
    """A value of `lowtide.answers`."""

    def as_json(self) -> dict[str, Any]:
        """As commands print it."""


A_co = TypeVar("A_co", bound=Answering, covariant=True)


class Told(msgspec.Struct, Generic[A_co], frozen=True):
    """An answer, and how it stands to the disk."""

    answer: A_co
    freshness: Freshness

    def as_json(self) -> dict[str, Any]:
        """As commands print it."""
        return {**self.answer.as_json(), "freshness": self.freshness.as_json()}


def ask_showing(
    door: Door, method: str, question: dict[str, Any], read: Callable[[dict[str, Any]], A_co], options: Options
) -> Told[A_co]:
    """The answer, as `read` makes it of JSON; while a question that is to be `fresh` waits, how far the index is."""
    if question["fresh"]:
        from lowtide.cli.progress import shown

        with shown(options) as show:
            told = door.ask(method, question, lambda _, params: show(params))
    else:
        told = door.ask(method, question)
    return Told(read(told), Freshness.from_json(told["freshness"]))


@contextmanager
def with_freshness(freshness: Freshness) -> Iterator[None]:
    """A line under an answer that may lack something; before it in a pipe, which may be closed before its end."""
    if sys.stdout is not None and sys.stdout.isatty():
        yield
        _print_freshness(freshness)
    else:
        _print_freshness(freshness)
        yield


def _print_freshness(freshness: Freshness) -> None:
    if words := freshness.words:
        warn(paint(words, "yellow"))
