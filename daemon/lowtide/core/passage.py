"""Which lines of a chunk are shown: those that say most of what was asked, with the beginning of the definition where
it can be.

Invariant: pure; never a comment alone where the definition that it documents is in the chunk.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

LINES = 12
HEAD_WORTH = 1.5
"""How many words of the question the beginning of the definition is worth."""
_FEWEST_LETTERS = 3
_LINES_OF_CODE = 4
"""Shown of a definition at least, from its beginning."""
_COMMENTS = ("#", "//", "/*", "*", "--", ";", "%", '"""', "'''", "<!--", "(*", "{-")


def first_shown(lines: Sequence[str], head: int, stems: Collection[str], *, is_named: bool = False) -> int:
    """The first of the `LINES` lines that are shown; `head`: where the definition begins, negative when that is not
    in it; `is_named`: the definition was asked for by its name, and its beginning is shown whatever else says more."""
    if len(lines) <= LINES:
        return 0
    starts = range(len(lines) - LINES + 1)
    if is_named and 0 <= head < len(lines):
        # What says as much as others is shown from the beginning of the definition on, not up to it.
        starts = range(min(head, starts[-1]), max(-1, head - LINES), -1)
    wanted = [stem for stem in stems if len(stem) >= _FEWEST_LETTERS]
    said = [{stem for stem in wanted if stem in line} for line in map(str.lower, lines)]
    best, most = 0, -1.0
    for start in starts:
        worth = len(set().union(*said[start : start + LINES])) + HEAD_WORTH * (start <= head < start + LINES)
        if worth > most:
            best, most = start, worth
    shown = lines[best : best + LINES]
    if head >= 0 and all(not line.strip() or line.lstrip().startswith(_COMMENTS) for line in shown):
        best = min(max(best, head + _LINES_OF_CODE - LINES), head)
    return best
