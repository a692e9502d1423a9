"""Fuses what the lexical index, the vectors and a candidate's own features say into one order.

The core is a weighted sum of the cosine and BM25, each scaled over the candidates; it beat reciprocal rank fusion. On
top come what a person would look at: does the name say it, the file, the enclosing definition, is it the beginning of a
definition, is it a test. Weights were chosen with bench/rank_eval.py on projects left out in turn.

Invariant: pure; the constants below are the whole tuning.
Invariant: a definition is answered once, by its best chunk, however many of its chunks were found.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lowtide.models import SymbolKind

DENSE_WEIGHT = 0.7
"""Of the cosine; the rest is BM25's. When one of them has nothing to say, the other counts alone."""
DENSE_FLOOR = 0.5
"""What cosine counts as nothing: this much of the lowest among the candidates."""

NAME_SHARE_WEIGHT = 0.11
"""How much of the name the query says."""
NAME_QUERY_WEIGHT = 0.06
"""How much of the query the name says."""
NAME_BOTH_WEIGHT = 0.21
EXACT_NAME_WEIGHT = 0.5
"""The query is the name, and nothing else."""
FILE_WEIGHT = 0.1
FOLDER_WEIGHT = 0.04
CONTAINER_WEIGHT = 0.03
INNER_PENALTY = 0.09
"""A chunk that does not begin its definition."""
NAMELESS_PENALTY = 0.07
"""A chunk outside every definition."""
VALUE_PENALTY = 0.05
"""A constant, a variable, a field: what does something is looked for more often."""
DUNDER_PENALTY = 0.04
TEST_PENALTY = 0.35
"""A test, example or fixture, unless the query asks for one."""
PROSE_PENALTY = 0.15
"""A manual, readme or release note, unless the query asks for one: the code itself is looked for."""
MADE_PENALTY = 0.2
"""Generated, minified or vendored code."""

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

PARTIAL_HIT = 0.7
"""A word that begins another counts this much: `auth` and `authenticate`."""

_VALUES = frozenset(
    int(kind)
    for kind in (
        SymbolKind.CONSTANT,
        SymbolKind.VARIABLE,
        SymbolKind.FIELD,
        SymbolKind.PROPERTY,
        SymbolKind.ENUM_MEMBER,
        SymbolKind.KEY,
    )
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_COMMON = frozenset(
    "a an and are as at be by can do does for from given has have how i if in into is it its of on or that the their "
    "then "
    "there this to using was what when where which while who why will with you your".split()
)
_ENDINGS = ("ations", "ation", "ings", "ing", "ions", "ion", "ers", "er", "ed", "es", "ly", "s", "e")
_TEST_PATH = re.compile(
    r"(^|/)(tests?|testing|specs?|__tests__|fixtures?|examples?|mocks?)/|(^|/)(test_|tests?\.|conftest\.)|_tests?\."
    r"|\.(test|spec)\."
)
_TEST_WORDS = frozenset(("test", "spec", "fixtur", "exampl", "mock"))
_PROSE_PATH = re.compile(r"\.(txt|rst|md|markdown|adoc|asciidoc|[1-9])$|(^|/)docs?/")
_PROSE_WORDS = frozenset(("doc", "document", "manual", "readm", "changelog", "tutorial", "guid"))
_MADE_PATH = re.compile(
    r"(^|/)(vendor|third_party|thirdparty|node_modules|dist|generated|_generated)/|\.min\.|_pb2\.|\.pb\.|\.generated\."
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that the lexical index or the vectors found. Lines count from 0; kind 0 is no definition.

    `name`, `container` and `symbol_start_line` are those of the innermost definition that holds or begins the chunk,
    empty and -1 when there is none. `bm25` (higher is better) and `cosine` are None where that side did not find it.
    """

    chunk_id: int
    path: str
    name: str
    container: str
    kind: int
    language: str
    start_line: int
    end_line: int
    symbol_start_line: int
    bm25: float | None
    cosine: float | None


@dataclass(frozen=True, slots=True)
class Near:
    """How near a chunk comes to the words of a query, about 0 to 1: its text, of so many tokens, and its definition's
    head."""

    text: float
    tokens: int
    head: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate's place: the score, about 0 to 1.5, and what was added up to it."""

    chunk_id: int
    score: float
    signals: dict[str, float]


def fuse(query: str, candidates: Sequence[Candidate], near: Mapping[int, Near] | None = None) -> list[Ranked]:
    """The candidates, best first, one for each definition; of equal ones the earlier in path and lines.

    `near`: what looking at the shortlist gave, by chunk.
    """
    ranked = rank_chunks(query, candidates)
    return first_of_each(refine(ranked, near) if near else ranked, candidates)


def rank_chunks(query: str, candidates: Sequence[Candidate]) -> list[Ranked]:
    """The candidates, best first, all of them."""
    scale, features = _Scale(candidates), _Features(query)
    scored = []
    for candidate in candidates:
        signals = scale.signals(candidate) | features.of(candidate)
        score = sum(value for name, value in signals.items() if name not in ("bm25", "cosine"))
        scored.append((-score, candidate.path, candidate.start_line, candidate.chunk_id, signals))
    scored.sort(key=lambda item: item[:4])
    return [Ranked(chunk_id, -negative, signals) for negative, _, _, chunk_id, signals in scored]


def refine(ranked: Sequence[Ranked], near: Mapping[int, Near]) -> list[Ranked]:
    """`ranked` in the order that it has with what looking at the shortlist gave; of equal ones the earlier stays so."""
    closeness = _closeness(near)
    refined = []
    for each in ranked:
        lexical = NEAR_LEXICAL * each.signals.get("lexical", 0.0)
        more = closeness.get(each.chunk_id, {}) | ({"lexical": lexical} if lexical else {})
        score = each.score + sum(more.values()) - each.signals.get("lexical", 0.0)
        refined.append(Ranked(each.chunk_id, score, each.signals | more))
    refined.sort(key=lambda each: -each.score)
    return refined


def first_of_each(ranked: Sequence[Ranked], candidates: Sequence[Candidate]) -> list[Ranked]:
    """The first of each definition."""
    by_id = {candidate.chunk_id: candidate for candidate in candidates}
    answered = set()
    once = []
    for each in ranked:
        key = definition(by_id[each.chunk_id])
        if key not in answered:
            answered.add(key)
            once.append(each)
    return once


def _closeness(near: Mapping[int, Near]) -> dict[int, dict[str, float]]:
    """The signals of the shortlist, each from its farthest to its nearest; only what is not zero."""
    texts = {number: each.text - NEAR_LENGTH * math.log1p(each.tokens) for number, each in near.items()}
    heads = {number: each.head for number, each in near.items()}
    signals: dict[int, dict[str, float]] = {number: {} for number in near}
    for name, weight, values in (("near", NEAR_WEIGHT, texts), ("near_head", NEAR_HEAD_WEIGHT, heads)):
        farthest, nearest = min(values.values(), default=0.0), max(values.values(), default=0.0)
        for number, value in values.items():
            if value > farthest:
                signals[number][name] = weight * (value - farthest) / (nearest - farthest)
    return signals


def definition(candidate: Candidate) -> tuple[str, int, str]:
    """What tells definitions apart; text outside every definition stands for itself."""
    if candidate.name:
        return candidate.path, candidate.symbol_start_line, candidate.name
    return candidate.path, candidate.start_line, ""


class _Scale:
    """Brings the two sides to 0..1 over the candidates."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        bm25 = [candidate.bm25 for candidate in candidates if candidate.bm25 is not None]
        cosines = [candidate.cosine for candidate in candidates if candidate.cosine is not None]
        self._most = max(bm25, default=0.0)
        self._low = DENSE_FLOOR * min(cosines, default=0.0)
        self._span = max(cosines, default=0.0) - self._low
        self._dense_weight = 0.0 if self._span <= 0 else DENSE_WEIGHT if self._most > 0 else 1.0

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


class _Features:
    """What candidates themselves add and take away, for one query. Many share a path, a name or a word."""

    def __init__(self, query: str) -> None:
        self._query = query.strip().lower()
        self._asked = frozenset(_query_stems(query))
        self._asks_for_tests = bool(self._asked & _TEST_WORDS)
        self._asks_for_prose = bool(self._asked & _PROSE_WORDS)
        self._hits: dict[str, float] = {}
        self._places: dict[str, dict[str, float]] = {}
        self._names: dict[str, dict[str, float]] = {}
        self._containers: dict[str, float] = {}

    def of(self, candidate: Candidate) -> dict[str, float]:
        """Only what is not zero."""
        path, name, container = candidate.path, candidate.name, candidate.container
        place = self._places.get(path)
        if place is None:
            place = self._places[path] = self._of_path(path)
        named = self._names.get(name)
        if named is None:
            named = self._names[name] = self._of_name(name)
        features = place | named
        if container:
            share = self._containers.get(container)
            if share is None:
                share = self._containers[container] = self._said(stems(container.rpartition(".")[2]))[1]
            if share:
                features["container"] = CONTAINER_WEIGHT * share
        if candidate.kind in _VALUES:
            features["value"] = -VALUE_PENALTY
        if name and candidate.start_line > candidate.symbol_start_line:
            features["inner"] = -INNER_PENALTY
        return features

    def _of_path(self, path: str) -> dict[str, float]:
        folder, _, file = path.rpartition("/")
        lower = path.lower()
        features = {
            "file": FILE_WEIGHT * self._said(stems(file.partition(".")[0]))[1],
            "folder": FOLDER_WEIGHT * self._said(stems(folder))[1],
            "test": -TEST_PENALTY * (not self._asks_for_tests and _TEST_PATH.search(lower) is not None),
            "prose": -PROSE_PENALTY * (not self._asks_for_prose and _PROSE_PATH.search(lower) is not None),
            "made": -MADE_PENALTY * (_MADE_PATH.search(lower) is not None),
        }
        return {signal: value for signal, value in features.items() if value}

    def _of_name(self, name: str) -> dict[str, float]:
        if not name:
            return {"nameless": -NAMELESS_PENALTY}
        said, share = self._said(stems(name))
        covered = min(1.0, said / len(self._asked)) if self._asked else 0.0
        features = {
            "name": NAME_SHARE_WEIGHT * share + NAME_QUERY_WEIGHT * covered + NAME_BOTH_WEIGHT * share * covered**0.5,
            "exact": EXACT_NAME_WEIGHT * (name.lower() == self._query),
            "dunder": -DUNDER_PENALTY * name.startswith("__"),
        }
        return {signal: value for signal, value in features.items() if value}

    def _said(self, words: tuple[str, ...]) -> tuple[float, float]:
        """How many of the words the query says, and which share of them."""
        said = 0.0
        for word in words:
            hit = self._hits.get(word)
            if hit is None:
                hit = self._hits[word] = self._hit(word)
            said += hit
        return said, said / len(words) if words else 0.0

    def _hit(self, word: str) -> float:
        if word in self._asked:
            return 1.0
        if len(word) >= 3:
            for other in self._asked:
                if len(other) >= 3 and (other.startswith(word) or word.startswith(other)):
                    return PARTIAL_HIT
        return 0.0


def _query_stems(query: str) -> tuple[str, ...]:
    words = [word.lower() for word in _WORD.findall(query)]
    return tuple(_stem(word) for word in words if word not in _COMMON) or tuple(_stem(word) for word in words)


@lru_cache(maxsize=4096)
def stems(identifier: str) -> tuple[str, ...]:
    """The words of an identifier or path, lower case, without their endings."""
    return tuple(_stem(word.lower()) for word in _WORD.findall(identifier))


def _stem(word: str) -> str:
    """A crude stem, only ever compared with others of its kind: `parsing`, `parser` and `parsed` are `pars`."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
