"""How much of a question stands in a text as it stands in the question: what was pasted is found by its longest run.

Invariant: pure; at most `MOST_WORDS` words of a question are looked for, each in time proportional to the text.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_WORDS = 64
_BY_CHANCE = 2
"""Two words in a row stand in many texts."""


class Verbatim:
    """A question's words, in the runs between what changes from one time to the next."""

    def __init__(self, runs: Sequence[Sequence[str]]) -> None:
        left = MOST_WORDS
        self._runs: list[Sequence[str]] = []
        for run in runs:
            if left > 0 and run:
                self._runs.append(run[:left])
                left -= len(run)
        self._count = sum(map(len, self._runs))

    def share(self, words: str) -> float:
        """0 when no more than two words in a row stand in `words` (joined by single spaces), 1 when all do."""
        if self._count <= _BY_CHANCE:
            return 0.0
        text = f" {words} "
        longest = max(self._longest(run, text) for run in self._runs)
        return max(0.0, (longest - _BY_CHANCE) / (self._count - _BY_CHANCE))

    def _longest(self, run: Sequence[str], text: str) -> int:
        longest = 0
        for start in range(len(run)):
            while start + longest < len(run) and f" {' '.join(run[start : start + longest + 1])} " in text:
                longest += 1
        return longest
