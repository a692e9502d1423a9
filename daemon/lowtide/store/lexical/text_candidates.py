"""Which files may hold a text, by their words: all that exact search asks of the lexical index.

Invariant: a file whose words satisfy the evidence is among the answers; others may be.
Invariant: a question's memory is the ids of the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lowtide.core.evidence import Each, Either, Evidence, WordPart
from lowtide.errors import QuestionStopped
from lowtide.store.lexical.index import LexicalIndex

FEW_FILES = 64
"""Reading so few is cheaper than asking more of the index."""
MANY_FILES = 20_000
"""A word in more of them tells too little to be looked up."""
SHORTEST_PART = 2
"""A shorter part of a word is in nearly every file."""

Found = frozenset[int]
"""Files, by the ids of their first chunks."""


def files_that_may_hold(lexical: LexicalIndex, evidence: Evidence, stopped: Callable[[], bool]) -> Found | None:
    """The files that may satisfy `evidence`, by their first chunks; None for "any". CorruptSegment, QuestionStopped."""
    return _Asking(lexical, stopped).files(evidence)


class _Asking:
    """One question."""

    def __init__(self, lexical: LexicalIndex, stopped: Callable[[], bool]) -> None:
        self._lexical = lexical
        self._stopped = stopped

    def _look(self) -> None:
        if self._stopped():
            raise QuestionStopped("the question was stopped")

    def files(self, evidence: Evidence) -> Found | None:
        self._look()
        if isinstance(evidence, WordPart):
            return self._with_part(evidence)
        if isinstance(evidence, Each):
            return self._with_each(evidence.parts)
        found: Found = frozenset()
        for part in evidence.parts:
            if (some := self.files(part)) is None:
                return None
            found |= some
        return found

    def _with_each(self, parts: Sequence[Evidence]) -> Found | None:
        """What tells most for least is asked first; the rest only while the files are many."""
        found: Found | None = None
        for evidence in self._by_worth(parts):
            if found is not None and len(found) <= FEW_FILES:
                break
            if found is not None and _is_dear(evidence) and len(found) <= 16 * FEW_FILES:
                break
            some = self.files(evidence)
            if some is not None:
                found = some if found is None else found & some
        return found

    def _by_worth(self, parts: Sequence[Evidence]) -> Iterator[Evidence]:
        whole = [part for part in parts if isinstance(part, WordPart) and part.begins and part.ends]
        yield from sorted(whole, key=lambda part: self._lexical.count_files(part.text))
        yield from sorted((part for part in parts if part not in whole), key=_worth)

    def _with_part(self, part: WordPart) -> Found | None:
        if part.begins and part.ends:
            if self._lexical.count_files(part.text) > MANY_FILES:
                return None
        elif len(part.text) < SHORTEST_PART:
            return None
        found = self._lexical.files_with_part(part.text, part.begins, part.ends, MANY_FILES + 1, self._look)
        return None if len(found) > MANY_FILES else frozenset(found)


def _is_dear(evidence: Evidence) -> bool:
    """Whether it takes a look at every word there is."""
    if isinstance(evidence, WordPart):
        return not evidence.begins
    return any(map(_is_dear, evidence.parts))


def _worth(evidence: Evidence) -> tuple[bool, int]:
    """Lower for what tells more: parts from the beginning, then longer ones, then choices."""
    if isinstance(evidence, WordPart):
        return not evidence.begins, -len(evidence.text)
    if isinstance(evidence, Either):
        return True, 0
    return True, -1
