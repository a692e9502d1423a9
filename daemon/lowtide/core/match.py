"""Fuzzy matching of one name: does it match, how well, and where.

A match falls into a band: exact, prefix, words (each piece of the query begins a word of the name: `gfn`, `getfn` and
`filen` all match `getFileName`), substring, subsequence. A better band always wins; within one, what the query covers
of the name counts most, then how well it sits, then whether capitals agree.

Invariant: pure; `store/names/names.py` finds and scores the same, many names at a time, and is tested against this.
Invariant: every position of a name is one character of it, also beyond ASCII: folding never changes a length.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from enum import IntEnum

MOST_NAME_CHARACTERS = 255
"""Only the beginning of a longer name is looked at."""
MOST_FUZZY_CHARACTERS = 64
"""A longer query matches only whole names, beginnings and substrings."""
MOST_PIECES = 4
"""More pieces than this are no worse."""

COVERAGE_WEIGHT = 0.6
QUALITY_WEIGHT = 0.3
CASE_WEIGHT = 0.05
PLAIN_PREFIX_QUALITY = 0.5
"""Of a prefix that ends inside a word; one that ends with a word has 1."""
FEW_PIECES_QUALITY = 0.7
SAME_START_QUALITY = 0.3
SCORE_DIGITS = 4
"""To which scores are rounded in answers."""


class Band(IntEnum):
    """How a query matches; the whole part of a score."""

    SUBSEQUENCE = 1
    SUBSTRING = 2
    WORDS = 3
    PREFIX = 4
    EXACT = 5


def clean_query(query: str) -> str:
    """The query as it is matched: without white space."""
    return "".join(query.split())


def fold(text: str) -> str:
    """Lower case, one character for one; a character whose lower case is longer, or becomes ASCII, stays."""
    if text.isascii():
        return text.lower()
    return "".join(_fold_character(character) for character in text)


def _fold_character(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 and lower.isascii() == character.isascii() else character


def word_starts(name: str) -> list[bool]:
    """Where words begin: `getHTTPResponse_v2` at g, H, R, _, v, 2. Every separator counts as a word of its own."""
    starts = []
    for index, character in enumerate(name):
        before = name[index - 1] if index else ""
        after = name[index + 1] if index + 1 < len(name) else ""
        starts.append(
            not before.isalnum()
            or not character.isalnum()
            or character.isdigit() != before.isdigit()
            or (character.isupper() and (not before.isupper() or after.islower()))
        )
    return starts


def match(query: str, name: str) -> float | None:
    """How well `name` matches, None when it does not: the band plus a fraction below 1."""
    query, name = clean_query(query), name[:MOST_NAME_CHARACTERS]
    folded_query, folded_name = fold(query), fold(name)
    starts = word_starts(name)
    band = _band(folded_query, folded_name, starts)
    if band is None:
        return None
    quality = _quality(band, folded_query, folded_name, starts)
    case = _band(query, name, starts) is band
    return band + COVERAGE_WEIGHT * len(query) / len(name) + QUALITY_WEIGHT * quality + CASE_WEIGHT * case


def positions(query: str, name: str) -> list[int]:
    """The characters of `name` that the query matches, ascending, for showing them; empty when it does not match."""
    query, whole = fold(clean_query(query)), fold(name[:MOST_NAME_CHARACTERS])
    starts = word_starts(name[:MOST_NAME_CHARACTERS])
    band = _band(query, whole, starts)
    if band is None:
        return []
    if band is Band.WORDS:
        return _place_words(query, whole, starts)
    if band is Band.SUBSEQUENCE:
        return _place_subsequence(query, whole)
    first = whole.find(query)
    return list(range(first, first + len(query)))


def _band(query: str, name: str, starts: list[bool]) -> Band | None:
    if not query or len(query) > len(name):
        return None
    if name.startswith(query):
        return Band.EXACT if len(query) == len(name) else Band.PREFIX
    fuzzy = len(query) <= MOST_FUZZY_CHARACTERS
    if fuzzy and not _is_subsequence(query, name):
        return None
    if fuzzy and _count_pieces(query, name, starts):
        return Band.WORDS
    if query in name:
        return Band.SUBSTRING
    return Band.SUBSEQUENCE if fuzzy else None


def _quality(band: Band, query: str, name: str, starts: list[bool]) -> float:
    if band is Band.EXACT:
        return 1.0
    if band is Band.PREFIX:
        return 1.0 if starts[len(query)] else PLAIN_PREFIX_QUALITY
    if band is Band.WORDS:
        return FEW_PIECES_QUALITY / _count_pieces(query, name, starts) + SAME_START_QUALITY * (query[0] == name[0])
    if band is Band.SUBSTRING:
        return 1.0 - name.find(query) / len(name)
    places = _place_subsequence(query, name)
    return len(query) / (places[-1] - places[0] + 1)


def _is_subsequence(query: str, name: str) -> bool:
    letters = iter(name)
    return all(character in letters for character in query)


def _count_pieces(query: str, name: str, starts: list[bool]) -> int:
    """Into how few pieces the query splits, each at the start of a word, in order; 0 when it does not; at most
    MOST_PIECES.

    A Shift-And automaton for each number of pieces: bit j of `at` is set when query[: j + 1] is matched and its last
    character is this one, of `ever` when it was at any earlier one.
    """
    places: dict[str, int] = {}
    for index, character in enumerate(query):
        places[character] = places.get(character, 0) | 1 << index
    end = 1 << (len(query) - 1)
    # The last level stands for that many pieces or more: it may follow itself.
    at, ever = [0] * MOST_PIECES, [0] * MOST_PIECES
    for character, start in zip(name, starts, strict=True):
        here = places.get(character, 0)
        for level in range(MOST_PIECES - 1, -1, -1):
            entry = 1 if level == 0 else ever[level - 1] << 1
            if level == MOST_PIECES - 1:
                entry |= ever[level] << 1
            at[level] = (at[level] << 1 | (entry if start else 0)) & here
        for level in range(MOST_PIECES):
            ever[level] |= at[level]
    return next((level + 1 for level in range(MOST_PIECES) if ever[level] & end), 0)


def _place_words(query: str, name: str, starts: list[bool]) -> list[int]:
    """The places of a match with the fewest pieces, the earliest of those."""
    worst = len(query) + 1
    # fewest[j][i]: pieces needed to match query[j:] when name[i] begins a new one.
    fewest = [[worst] * (len(name) + 1) for _ in range(len(query) + 1)]
    best_after = [[worst] * (len(name) + 2) for _ in range(len(query) + 1)]
    best_after[len(query)] = [0] * (len(name) + 2)
    for index in range(len(query) - 1, -1, -1):
        for place in range(len(name) - 1, -1, -1):
            if starts[place]:
                length = 0
                while (
                    index + length < len(query)
                    and place + length < len(name)
                    and name[place + length] == query[index + length]
                ):
                    length += 1
                    rest = 1 + best_after[index + length][place + length]
                    fewest[index][place] = min(fewest[index][place], rest)
            best_after[index][place] = min(fewest[index][place], best_after[index][place + 1])
    places: list[int] = []
    index = place = 0
    while index < len(query):
        wanted = best_after[index][place]
        while fewest[index][place] != wanted:
            place += 1
        length = 1
        while 1 + best_after[index + length][place + length] != wanted:
            length += 1
        places += range(place, place + length)
        index, place = index + length, place + length
    return places


def _place_subsequence(query: str, name: str) -> list[int]:
    """Each character at its first place after the one before."""
    places: list[int] = []
    place = -1
    for character in query:
        place = name.find(character, place + 1)
        places.append(place)
    return places


def least_wanted(scores: Iterable[float], limit: int) -> float:
    """Below which nothing more is among the best `limit`, given the rounded scores of what was found before; else
    0.0."""
    best = heapq.nlargest(limit, scores)
    return max(0.0, best[-1] - 10.0**-SCORE_DIGITS) if len(best) >= limit > 0 else 0.0
