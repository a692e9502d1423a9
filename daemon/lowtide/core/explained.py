"""Why a hit is where it is, in words: what each signal of a score means, and whether an answer is a weak one.

Invariant: pure; it imports nothing that a command would have to wait for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MEANINGS: Mapping[str, str] = {
    "lexical": "words of the question stand in it",
    "dense": "it means what was asked",
    "near": "its words are near to those of the question",
    "near_head": "its name, signature and documentation are near to the question",
    "verbatim": "the question stands in it as it is",
    "exact": "it has the very name that was asked for",
    "name": "its name says the question's words",
    "concept": "terms of art for the question stand in it",
    "concept_name": "its name is a term of art for the question",
    "file": "its file's name says the question's words",
    "folder": "its folder's name says the question's words",
    "container": "what it stands in says the question's words",
    "frame": "it is a place that was pasted",
    "support": "other good hits are in its file",
    "overload": "another of its name and place is before it",
    "inner": "it is not the beginning of its definition",
    "nameless": "it is in no definition",
    "value": "it is a constant, a variable or a field",
    "dunder": "its name begins with two underscores",
    "test": "it is a test, an example or a fixture",
    "prose": "it is documentation",
    "made": "it is generated or vendored",
}
"""The signals that a score is the sum of."""
TOLD: Mapping[str, str] = {
    "bm25": "BM25 of the question's words",
    "cosine": "cosine of the vectors",
    "closeness": "how near its words come to the question's",
    "strange": "no word of the question stands anywhere in what is indexed",
}
"""Signals that tell what was found, and add nothing."""

WEAK_BELOW = 0.7
"""Of cosine and closeness together: 3 in 100 right hits have less, and 85 in 100 to questions that have no answer."""
STRANGE_BELOW = 0.95
"""The same where no word of the question is known: by pieces of words alone most of such questions come to 0.7 and more
(on django, nonsense to 0.93 at most, and what is asked in other words to 1.1)."""
_SURE = ("exact", "frame", "verbatim")


def is_weak(signals: Mapping[str, float]) -> bool:
    """Whether a hit with these signals is likely no answer: the best that there is, and far from the question.

    A hit that was not looked at by both vector and words is not judged.
    """
    if any(signals.get(name, 0.0) > 0 for name in _SURE):
        return False
    least = STRANGE_BELOW if signals.get("strange", 0.0) > 0 else WEAK_BELOW
    return "cosine" in signals and "closeness" in signals and signals["cosine"] + signals["closeness"] < least


def explained(signals: Mapping[str, float]) -> Sequence[tuple[str, float, str]]:
    """Signal, what it adds or takes away, and what it means, the largest first; then what is only told."""
    parts = [(name, value, MEANINGS.get(name, name)) for name, value in signals.items() if name not in TOLD]
    parts.sort(key=lambda part: (-abs(part[1]), part[0]))
    return [*parts, *((name, signals[name], TOLD[name]) for name in TOLD if name in signals)]
