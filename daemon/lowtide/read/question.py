"""What of a question is looked at, so that none is dangerous: a pasted log is answered by its beginning, and it is
said.

Invariant: pure; every list and text of a question is bounded here, wherever it came from, and what is cut is told.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from lowtide.core.asked import Asked, understand
from lowtide.core.lexical import MOST_WORDS, informative_words
from lowtide.errors import UsageError
from lowtide.work.words import query_words

MOST_QUERY_CHARACTERS = 32 << 10
"""Of a question; a stack trace has some 10,000."""
MOST_SYMBOL_CHARACTERS = 1024
"""Of a symbol's name with all that it stands in."""
MOST_NAMES = 64
"""Languages, globs, or kinds of one question."""
MOST_GLOB_CHARACTERS = 1024
MOST_GIVEN_TERMS = 32
"""Beside a question."""
MOST_TERM_CHARACTERS = 128
MOST_PHRASINGS = 8


class Question(msgspec.Struct, frozen=True):
    """A query as it is asked."""

    text: str
    """Its beginning, all of it as a rule."""
    asked: Asked
    """What it is, and what is looked up for it."""
    words: tuple[str, ...]
    """The different words that are looked for, those of its terms and other phrasings too."""
    reasons: tuple[str, ...] = ()
    """What the answer lacks by that, for its `degraded`."""

    @property
    def gist(self) -> str:
        """What candidates are compared with by meaning and word by word; the words alone when there are very many."""
        return self.asked.gist


def read_question(query: str, terms: Sequence[str] = (), phrasings: Sequence[str] = ()) -> Question:
    """UsageError for an empty query, for more terms or phrasings than a question may have, or longer ones."""
    _check_help(terms, phrasings)
    text, reasons = query[:MOST_QUERY_CHARACTERS], []
    if not text.strip():
        raise UsageError("an empty query", "", "say what to look for")
    if len(query) > len(text):
        reasons.append(f"only the first {MOST_QUERY_CHARACTERS:,} characters of the query are looked at")
    said, named = (tuple(filter(None, map(str.strip, given))) for given in (phrasings, terms))
    asked = understand(text, named, said)
    words = informative_words(query_words(asked.gist))
    if len(words) == MOST_WORDS:
        asked = replace(asked, text=" ".join(words), constant="", help="")
    return Question(text, asked, tuple(words), tuple(reasons))


def _check_help(terms: Sequence[str], phrasings: Sequence[str]) -> None:
    for what, most, each, characters in (
        ("terms", MOST_GIVEN_TERMS, terms, MOST_TERM_CHARACTERS),
        ("phrasings", MOST_PHRASINGS, phrasings, MOST_SYMBOL_CHARACTERS),
    ):
        if len(each) > most:
            raise UsageError(f"too many {what}", f"{len(each)}", f"give at most {most}")
        if any(len(text) > characters for text in each):
            raise UsageError(f"one of the {what} is too long", "", f"write at most {characters:,} characters")


def check_names(what: str, names: Sequence[object]) -> None:
    """UsageError for more languages, globs or kinds than a question may name, or longer ones."""
    if len(names) > MOST_NAMES:
        raise UsageError(f"too many {what}", f"{len(names)}", f"name at most {MOST_NAMES}")
    if any(isinstance(name, str) and len(name) > MOST_GLOB_CHARACTERS for name in names):
        raise UsageError(f"one of the {what} is too long", "", f"write at most {MOST_GLOB_CHARACTERS:,} characters")


def check_symbol(query: str) -> None:
    """UsageError for what is longer than any name."""
    if len(query) > MOST_SYMBOL_CHARACTERS:
        raise UsageError(
            "no symbol has so long a name", f"{len(query):,} characters", f"write at most {MOST_SYMBOL_CHARACTERS:,}"
        )
