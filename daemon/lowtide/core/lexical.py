"""Which of a query's words the lexical index is asked for.

A word that stands in a large part of all chunks says little and costs much: BM25 scores every chunk that holds it. So
the rarest words are asked first, and the common ones only while the work stays bounded.

Invariant: pure; the rarest word that occurs at all is always asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

MOST_POSTINGS = 60_000
"""Chunks to score for one query, at most, when rarer words are there (about 0.3 µs each, measured)."""

MOST_WORDS = 128
"""Different words of a query that are looked up: each costs a look at all chunks that hold it."""
MOST_TERMS = 64
"""Of these, so many are asked at most."""

COMMON_WORDS = frozenset(
    "a an and are as at be by can do does for from has have how i if in into is it its of on or that the their then "
    "there "
    "this to was what when where which while who why will with you your".split()
)


class Term(msgspec.Struct, frozen=True):
    """One word of a query with its stem and how many chunks hold it."""

    word: str
    stem: str
    count: int


def informative_words(words: Sequence[str]) -> list[str]:
    """The different words, as they come; of more than MOST_WORDS those that likely say most, known words and numbers
    last.

    A longer word is a rarer one (Zipf's law of abbreviation), and its length is known before any index is asked.
    """
    different = list(dict.fromkeys(words))
    if len(different) <= MOST_WORDS:
        return different
    telling = telling_words(different)
    chosen = set(sorted(telling, key=len, reverse=True)[:MOST_WORDS])  # sorting is stable: of equal ones the earlier
    for word in different:
        if len(chosen) == MOST_WORDS:
            break
        chosen.add(word)
    return [word for word in different if word in chosen]


def telling_words(words: Sequence[str]) -> list[str]:
    """Those that say what is asked: neither common English ones nor numbers."""
    return [word for word in words if word not in COMMON_WORDS and not word.isdigit()]


def choose_terms(terms: Sequence[Term]) -> list[Term]:
    """The terms to ask for, rarest first: those that occur, without common English words unless nothing else is
    left."""
    unique = {term.stem: term for term in terms if term.count}
    kept = [term for term in unique.values() if term.word not in COMMON_WORDS] or list(unique.values())
    kept.sort(key=lambda term: term.count)
    chosen: list[Term] = []
    postings = 0
    for term in kept:
        if chosen and (postings + term.count > MOST_POSTINGS or len(chosen) == MOST_TERMS):
            break
        chosen.append(term)
        postings += term.count
    return chosen
