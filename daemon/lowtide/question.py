"""What of a question is looked at, so that none is dangerous: a pasted log is answered by its beginning, and it is said.

Invariant: pure; every list and text of a question is bounded here, wherever it came from, and what is cut is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Question:
    """A query as it is asked."""

    text: str
    """Its beginning, all of it as a rule."""
    words: tuple[str, ...]
    """The different words that are looked for."""
    reasons: tuple[str, ...] = ()
    """What the answer lacks by that, for its `degraded`."""

    @property
    def gist(self) -> str:
        """What candidates are compared with word by word: the text, or the words alone when it has very many."""
        return self.text if len(self.words) < MOST_WORDS else " ".join(self.words)


def read_question(query: str) -> Question:
    """UsageError for an empty query."""
    text, reasons = query[:MOST_QUERY_CHARACTERS], []
    if not text.strip():
        raise UsageError("an empty query", "", "say what to look for")
    if len(query) > len(text):
        reasons.append(f"only the first {MOST_QUERY_CHARACTERS:,} characters of the query are looked at")
    words = informative_words(query_words(text))
    return Question(text, tuple(words), tuple(reasons))


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
