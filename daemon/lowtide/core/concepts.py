"""Concepts of a question in plain words: the terms of art that its cards give, and how much each counts.

People ask "stop two requests from updating the same row at once"; code says `optimistic_lock`. A table of cards joins
both (`model/concepts`); the cards nearest to a question by its vector give their terms.

A wish ("cancel the others when one of them fails") and what one thing does, as its documentation says it ("Cancel all
timers"), begin alike: with a verb. A wish is what a card has plain words for; it is then answered as any other
question. Documentation in the third person ("Cancels all timers") is never one.

Invariant: pure; of a question at most MOST cards count, and what they give is never more than CONCEPT_WEIGHT and
CONCEPT_NAME_WEIGHT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from lowtide.core.asked import Asked, Kind

LEAST = 0.5
"""A card that is farther from the question by cosine says nothing of it."""
LEAST_OF_WISH = 0.525
"""The same of a question that begins with a verb: most of these are documentation."""
SURE = 0.65
"""One this near counts in full."""
MOST = 2
MOST_TERMS = 6
"""Of a card, the first ones."""
_UNSURE = 0.4
"""What the farthest card counts that counts at all."""
_THIRD_PERSON = re.compile(r"\W{0,8}[A-Za-z]{2,20}(?<!s)s\b")
"""`Returns`, and not `compress`."""


class Concept(msgspec.Struct, frozen=True):
    """A card: how near its plain words come to the question, and its terms, the most telling first."""

    cosine: float
    terms: tuple[str, ...]


def is_in_plain_words(asked: Asked) -> bool:
    """Whether cards may help: not with what names something, was pasted, or is documentation beyond doubt."""
    if asked.kind is Kind.ACTION:
        return _THIRD_PERSON.match(asked.text) is None
    return asked.kind is Kind.SENTENCE and not asked.names and not asked.frames


def with_concepts(asked: Asked, concepts: Iterable[Concept]) -> Asked:
    """A question in plain words with the terms of the cards that are near it; a wish becomes a sentence."""
    near = nearest(concepts)
    if asked.kind is not Kind.ACTION:
        return replace(asked, concepts=term_weights(near))
    if not near or near[0].cosine < LEAST_OF_WISH:
        return asked
    return replace(asked, kind=Kind.SENTENCE, concepts=term_weights(near))


def term_weights(concepts: Iterable[Concept]) -> dict[str, float]:
    """How much each term counts, 0 to 1."""
    weights: dict[str, float] = {}
    for concept in nearest(concepts):
        sureness = (concept.cosine - LEAST) / (SURE - LEAST)
        weight = _UNSURE + (1 - _UNSURE) * min(1.0, sureness)
        for term in concept.terms[:MOST_TERMS]:
            weights[term] = max(weight, weights.get(term, 0.0))
    return weights


def nearest(concepts: Iterable[Concept]) -> Sequence[Concept]:
    """Those that count, the nearest first."""
    near = [concept for concept in concepts if concept.cosine >= LEAST]
    return sorted(near, key=lambda concept: -concept.cosine)[:MOST]
