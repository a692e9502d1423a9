"""What a search is asked for: the question, what helps to answer it, and what it is narrowed to.

Invariant: a value; whoever asks (a command, an editor, an agent) builds one, and the read path takes it as it is. What
of it is looked at is bounded by `question.py`.
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from lowtide.models import Group, Mode
from lowtide.read.filters import Filter
from lowtide.read.overlay import Overlay
from lowtide.read.question import Question, read_question


class SearchRequest(msgspec.Struct, frozen=True, dict=True):
    """One search."""

    query: str
    mode: Mode = Mode.HYBRID
    limit: int = 10
    narrow: Filter = msgspec.field(default_factory=Filter)
    terms: tuple[str, ...] = ()
    """Likely identifiers and terms of art, as somebody guesses who knows the trade and not this code."""
    phrasings: tuple[str, ...] = ()
    """The same question in other words."""
    group: Group = Group.DEFINITION
    over: Overlay = msgspec.field(default_factory=Overlay)
    """What an editor has not saved."""

    @cached_property
    def question(self) -> Question:
        """What of it is looked at, read once: a pasted stack trace takes ten milliseconds. UsageError for an empty
        query, or more than a question may have."""
        self.narrow.check()
        return read_question(self.query, self.terms, self.phrasings)
