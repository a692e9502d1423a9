"""Fuses what the lexical index, the vectors and a candidate's own features say into one order.

The core is a weighted sum of the cosine and BM25, each scaled over the candidates; it beat reciprocal rank fusion. On
top come what a person would look at (`rank_features.py`), what stands in a chunk word by word, and what the hits of a
file say of each other (`support.py`). Weights were chosen with bench/rank_eval.py on projects left out in turn.

Invariant: pure; the constants here and in those two are the whole tuning.
Invariant: a definition is answered once, by its best chunk, however many of its chunks were found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lowtide.core.asked import Asked, Kind
from lowtide.core.candidate import Candidate, Near, Ranked, definition
from lowtide.core.explained import TOLD
from lowtide.core.rank_features import Features
from lowtide.core.support import supported, with_their_files, without_overloads_in_front

DENSE_WEIGHT = 0.7
"""Of the cosine; the rest is BM25's. When one of them has nothing to say, the other counts alone."""
DENSE_MESSAGE_WEIGHT = 0.5
"""The same for what a program wrote: its words stand in the code."""
DENSE_FLOOR = 0.5
"""What cosine counts as nothing: this much of the lowest among the candidates."""

SHORTLIST = 50
"""So many of the first candidates are looked at word by word."""
NEAR_WEIGHT = 0.3
"""How near the words of a chunk come to each of the query's, from the farthest of the shortlist to the nearest."""
NEAR_HEAD_WEIGHT = 0.2
"""The same of the name, signature and documentation of its definition."""
NEAR_LENGTH = 0.045
"""A chunk of e times as many tokens comes so much nearer by chance."""
NEAR_LEXICAL = 0.8
"""What is left of BM25's weight when the words are looked at one by one besides."""
VERBATIM_WEIGHT, VERBATIM_MESSAGE_WEIGHT = 0.4, 0.8
"""The whole query stands in the chunk as it is; a program wrote it."""

GATHERED = frozenset((Kind.SENTENCE, Kind.NAME))
"""Questions to which all chunks of a definition speak together; what one thing does is said in one of them."""
SUPPORTED = frozenset((Kind.SENTENCE, Kind.NAME))
"""Questions whose answer may be a file: its further hits support its best."""
_IN_WORDS = (Kind.SENTENCE, Kind.ACTION)
_EVIDENCE = frozenset(("lexical", "dense", "near", "near_head", "verbatim", "concept", "closeness"))
_PASTED = (Kind.MESSAGE, Kind.TRACE)


def fuse(asked: Asked, candidates: Sequence[Candidate], near: Mapping[int, Near] | None = None) -> list[Ranked]:
    """The candidates, best first, one for each definition; of equal ones the earlier in path and lines.

    `near`: what looking at the shortlist gave, by chunk.
    """
    ranked = rank_chunks(asked, candidates)
    return best_of_each(asked, refine(asked.kind, ranked, near) if near else ranked, candidates)


def rank_chunks(asked: Asked, candidates: Sequence[Candidate]) -> list[Ranked]:
    """The candidates, best first, all of them."""
    scale, features = _Scale(asked.kind, candidates), Features(asked)
    scored = []
    for candidate in candidates:
        signals = scale.signals(candidate) | features.of(candidate)
        score = _sum(signals)
        scored.append((-score, candidate.path, candidate.start_line, candidate.chunk_id, signals))
    scored.sort(key=lambda item: item[:4])
    return [Ranked(chunk_id, -negative, signals) for negative, _, _, chunk_id, signals in scored]


def refine(kind: Kind, ranked: Sequence[Ranked], near: Mapping[int, Near]) -> list[Ranked]:
    """`ranked` in the order that it has with what looking at the shortlist gave; of equal ones the earlier stays so."""
    closeness = _closeness(near, VERBATIM_MESSAGE_WEIGHT if kind in _PASTED else VERBATIM_WEIGHT)
    kept = NEAR_LEXICAL if any(each.tokens for each in near.values()) else 1.0
    refined = []
    for each in ranked:
        score, signals = each.score, each.signals
        lexical = signals.get("lexical", 0.0)
        more = closeness.get(each.chunk_id)
        if more:
            score += _sum(more)
            signals = signals | more
        if lexical and kept != 1.0:
            score -= lexical - kept * lexical
            signals = {**signals, "lexical": kept * lexical}
        refined.append(Ranked(each.chunk_id, score, signals))
    refined.sort(key=lambda each: -each.score)
    return refined


def best_of_each(asked: Asked, ranked: Sequence[Ranked], candidates: Sequence[Candidate]) -> list[Ranked]:
    """The best chunk of each definition, in the order that their files give."""
    by_id = {candidate.chunk_id: candidate for candidate in candidates}
    if asked.kind in GATHERED:
        ranked = gathered(ranked, candidates)
    answered = set()
    once = []
    for each in ranked:
        key = definition(by_id[each.chunk_id])
        if key not in answered:
            answered.add(key)
            once.append(each)
    if asked.kind in SUPPORTED:
        once = supported(once, [by_id[each.chunk_id].path for each in once])
    if asked.is_of_one_thing:
        once = with_their_files(once, [by_id[each.chunk_id].path for each in once])
    if asked.kind in _IN_WORDS:
        found = (by_id[each.chunk_id] for each in once)
        once = without_overloads_in_front(once, [(each.path, each.container, each.name) for each in found])
    return once


def gathered(ranked: Sequence[Ranked], candidates: Sequence[Candidate]) -> list[Ranked]:
    """`ranked` with each definition's best chunk speaking for all of its chunks: the best of each signal, and none for
    being further in."""
    by_id = {candidate.chunk_id: candidate for candidate in candidates}
    groups: dict[tuple[str, int, str], list[Ranked]] = {}
    for each in ranked:
        groups.setdefault(definition(by_id[each.chunk_id]), []).append(each)
    again = []
    for group in groups.values():
        first = group[0]
        if len(group) > 1:
            signals = {name: value for name, value in first.signals.items() if name != "inner"}
            for other in group[1:]:
                for name in _EVIDENCE & other.signals.keys():
                    signals[name] = max(signals.get(name, 0.0), other.signals[name])
            first = Ranked(first.chunk_id, _sum(signals), signals)
        again.append(first)
    again.sort(key=lambda each: -each.score)
    return again


def _sum(signals: Mapping[str, float]) -> float:
    total = 0.0
    for name, value in signals.items():
        if name not in TOLD:
            total += value
    return total


def _closeness(near: Mapping[int, Near], verbatim_weight: float) -> dict[int, dict[str, float]]:
    """The signals of the shortlist, each from its farthest to its nearest; only what is not zero."""
    texts = {number: each.text - NEAR_LENGTH * math.log1p(each.tokens) for number, each in near.items()}
    heads = {number: each.head for number, each in near.items()}
    signals: dict[int, dict[str, float]] = {number: {} for number in near}
    for name, weight, values in (("near", NEAR_WEIGHT, texts), ("near_head", NEAR_HEAD_WEIGHT, heads)):
        farthest, nearest = min(values.values(), default=0.0), max(values.values(), default=0.0)
        for number, value in values.items():
            if value > farthest:
                signals[number][name] = weight * (value - farthest) / (nearest - farthest)
    for number, each in near.items():
        if each.verbatim:
            signals[number]["verbatim"] = verbatim_weight * each.verbatim
        if each.tokens:
            signals[number]["closeness"] = texts[number]
    return signals


class _Scale:
    """Brings the two sides to 0..1 over the candidates."""

    def __init__(self, kind: Kind, candidates: Sequence[Candidate]) -> None:
        bm25 = [candidate.bm25 for candidate in candidates if candidate.bm25 is not None]
        cosines = [candidate.cosine for candidate in candidates if candidate.cosine is not None]
        weight = DENSE_MESSAGE_WEIGHT if kind in _PASTED else DENSE_WEIGHT
        self._most = max(bm25, default=0.0)
        self._low = DENSE_FLOOR * min(cosines, default=0.0)
        self._span = max(cosines, default=0.0) - self._low
        self._dense_weight = 0.0 if self._span <= 0 else weight if self._most > 0 else 1.0

    def signals(self, candidate: Candidate) -> dict[str, float]:
        signals = {}
        if candidate.bm25 is not None:
            signals["bm25"] = candidate.bm25
            if self._most > 0:
                signals["lexical"] = (1 - self._dense_weight) * candidate.bm25 / self._most
        if candidate.cosine is not None:
            signals["cosine"] = candidate.cosine
            if self._span > 0:
                signals["dense"] = self._dense_weight * (candidate.cosine - self._low) / self._span
        return signals
