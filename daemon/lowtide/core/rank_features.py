"""What a candidate itself adds and takes away: does the name say it, the file, the enclosing definition, is it a test.

Invariant: pure; the constants below are the whole tuning.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lowtide.core.aside import is_aside, is_made
from lowtide.core.asked import Asked, Kind, Name
from lowtide.core.candidate import Candidate
from lowtide.core.symbol_rank import is_held, split_query
from lowtide.models import SymbolKind

NAME_SHARE_WEIGHT = 0.11
"""How much of the name the query says."""
NAME_QUERY_WEIGHT = 0.06
"""How much of the query the name says."""
NAME_BOTH_WEIGHT = 0.21
EXACT_NAME_WEIGHT = 2.5
"""The query is the name, and nothing else."""
SAID_NAME_WEIGHT = 0.3
"""The query says the very name, among other words."""
OTHER_CASE = 0.5
"""What is left of either when only the capitals differ."""
SOMEWHERE_WITHIN, ELSEWHERE = 0.9, 0.5
"""What is left when the definition stands not right within what was named, but further in, or in its file; or
elsewhere."""
VALUE_OF_OTHER_CASE = 0.3
FUNCTION_NAMED, VALUE_NAMED, VALUE_BY_A_WORD = 0.97, 0.85, 0.4
"""What is left for what is no type, no function, and is a word of everyday language."""
DEEPER_NAMED, MOST_FOLDERS = 0.015, 8
"""What each folder costs a definition that was asked for by name alone."""
FILE_NAMED = 0.08
"""What it gains when its file has its name."""
CONCEPT_WEIGHT, CONCEPT_NAME_WEIGHT = 0.3, 0.3
"""Terms of art for what the question says in plain words stand in it; the name is one."""
CONCEPT_WITHIN = 0.7
"""What is left when such a term is but a part of the name."""
FRAME_WEIGHT = 0.8
"""The place was pasted."""
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
_TYPES = frozenset(
    int(kind)
    for kind in (
        SymbolKind.CLASS,
        SymbolKind.INTERFACE,
        SymbolKind.STRUCT,
        SymbolKind.ENUM,
        SymbolKind.MODULE,
        SymbolKind.NAMESPACE,
    )
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_COMMON = frozenset(
    "a an and are as at be by can do does for from given has have how i if in into is it its of on or that the their"
    " then there this to using was what when where which while who why will with you your".split()
)
_ENDINGS = ("ations", "ation", "ings", "ing", "ions", "ion", "ers", "er", "ed", "es", "ly", "s", "e")
_BY_LAST = {
    last: tuple(ending for ending in _ENDINGS if ending[-1] == last) for last in {each[-1] for each in _ENDINGS}
}
_TEST_WORDS = frozenset(("test", "spec", "fixtur", "exampl", "mock"))
_PROSE_PATH = re.compile(r"\.(txt|rst|md|markdown|adoc|asciidoc|[1-9])$|(^|/)docs?/")
_PROSE_WORDS = frozenset(("doc", "document", "manual", "readm", "changelog", "tutorial", "guid"))


class Features:
    """What candidates themselves add and take away, for one query. Many share a path, a name or a word."""

    def __init__(self, asked: Asked) -> None:
        self._kind = asked.kind
        self._asked = frozenset(query_stems(asked.gist))
        self._asks_for_tests = asked.asks_for_tests or bool(self._asked & _TEST_WORDS)
        self._asks_for_prose = bool(self._asked & _PROSE_WORDS)
        self._wanted: dict[str, list[Name]] = {}
        for name in (*asked.names, *asked.guessed):
            self._wanted.setdefault(name.own.lower(), []).append(name)
        self._concepts = [(frozenset(stems(term)), weight) for term, weight in asked.concepts.items()]
        self._surest = max(asked.concepts.values(), default=0.0)
        self._hits = _Hits(self._asked)
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
        if candidate.concept:
            features["concept"] = CONCEPT_WEIGHT * self._surest * candidate.concept
        if candidate.kind in _VALUES:
            features["value"] = -VALUE_PENALTY
        if name and candidate.start_line > candidate.symbol_start_line:
            features["inner"] = -INNER_PENALTY
        if candidate.frame:
            features["frame"] = FRAME_WEIGHT * candidate.frame
        if self._wanted and (wanted := self._wanted.get(own_name(name).lower())):
            is_whole = self._kind is Kind.NAME
            weight = EXACT_NAME_WEIGHT if is_whole else SAID_NAME_WEIGHT
            features["exact"] = weight * max(how_named(each, candidate, is_whole) for each in wanted)
        return features

    def _of_path(self, path: str) -> dict[str, float]:
        folder, _, file = path.rpartition("/")
        features = {}
        if share := self._said(stems(file.partition(".")[0]))[1]:
            features["file"] = FILE_WEIGHT * share
        if share := self._said(stems(folder))[1]:
            features["folder"] = FOLDER_WEIGHT * share
        if not self._asks_for_tests and is_aside(path):
            features["test"] = -TEST_PENALTY
        if not self._asks_for_prose and _PROSE_PATH.search(path.lower()):
            features["prose"] = -PROSE_PENALTY
        if is_made(path):
            features["made"] = -MADE_PENALTY
        return features

    def _of_name(self, name: str) -> dict[str, float]:
        if not name:
            return {"nameless": -NAMELESS_PENALTY}
        features = {}
        said, share = self._said(stems(name))
        if said:
            covered = min(1.0, said / len(self._asked))
            features["name"] = (
                NAME_SHARE_WEIGHT * share + NAME_QUERY_WEIGHT * covered + NAME_BOTH_WEIGHT * share * covered**0.5
            )
        if name.startswith("__"):
            features["dunder"] = -DUNDER_PENALTY
        if self._concepts and (concept := self._of_concepts(name)):
            features["concept_name"] = CONCEPT_NAME_WEIGHT * concept
        return features

    def _of_concepts(self, name: str) -> float:
        """How much the terms count that a name is, or has in it."""
        own = frozenset(stems(name))
        named = ((terms, weight) for terms, weight in self._concepts if terms and terms <= own)
        return max((weight * (1.0 if terms == own else CONCEPT_WITHIN) for terms, weight in named), default=0.0)

    def _said(self, words: tuple[str, ...]) -> tuple[float, float]:
        """How many of the words the query says, and which share of them."""
        if not words:
            return 0.0, 0.0
        said = 0.0
        for word in words:
            said += self._hits[word]
        return said, said / len(words)


class _Hits(dict[str, float]):
    """By stem how much a query of these stems says it: 1, less for a part of it, or nothing."""

    def __init__(self, asked: frozenset[str]) -> None:
        super().__init__(dict.fromkeys(asked, 1.0))
        self._long = tuple(word for word in asked if len(word) >= 3)
        self._beginnings = {word[:3] for word in self._long}

    def __missing__(self, word: str) -> float:
        self[word] = hit = PARTIAL_HIT if self._is_part(word) else 0.0
        return hit

    def _is_part(self, word: str) -> bool:
        return word[:3] in self._beginnings and any(
            other.startswith(word) or word.startswith(other) for other in self._long
        )


def how_named(wanted: Name, candidate: Candidate, is_whole: bool) -> float:
    """How exactly a definition of a name, capitals aside, is the one that is wanted: by capitals, by what it stands in,
    by kind and place.

    `is_whole`: the name is all that was asked. A word of everyday language is then the name of a variable, too.
    """
    is_value = candidate.kind in _VALUES
    exactness = 1.0
    if own_name(candidate.name) != wanted.own:
        exactness = VALUE_OF_OTHER_CASE if is_value and not wanted.own.islower() else OTHER_CASE
    if wanted.outer:
        outer = [part.lower() for part in wanted.outer]
        held = split_query(candidate.container.lower())
        if held[-len(outer) :] != outer:
            exactness *= SOMEWHERE_WITHIN if is_held(candidate.container, candidate.path, outer) else ELSEWHERE
    if is_whole:
        if is_value:
            is_word = wanted.own.isalpha() and wanted.own.islower() and not wanted.outer
            exactness *= VALUE_BY_A_WORD if is_word else VALUE_NAMED
        elif candidate.kind not in _TYPES:
            exactness *= FUNCTION_NAMED
        exactness *= 1 - DEEPER_NAMED * min(candidate.path.count("/"), MOST_FOLDERS)
        file = candidate.path.rpartition("/")[2].partition(".")[0]
        exactness += FILE_NAMED * (stems(file) == stems(wanted.own))
    return exactness


def own_name(name: str) -> str:
    """The last part of a definition's name: a module may be called by all that it stands in."""
    parts = split_query(name) if "." in name or ":" in name or "\\" in name else ()
    return parts[-1] if parts else name


def query_stems(query: str) -> tuple[str, ...]:
    """The stems of a question's words, without the common ones unless there are no others."""
    words = [word.lower() for word in _WORD.findall(query)]
    return tuple(_stem(word) for word in words if word not in _COMMON) or tuple(_stem(word) for word in words)


@lru_cache(maxsize=4096)
def stems(identifier: str) -> tuple[str, ...]:
    """The words of an identifier or path, lower case, without their endings."""
    return tuple(_stem(word.lower()) for word in _WORD.findall(identifier))


@lru_cache(maxsize=8192)
def _stem(word: str) -> str:
    """A crude stem, only ever compared with others of its kind: `parsing`, `parser` and `parsed` are `pars`."""
    for ending in _BY_LAST.get(word[-1:], ()):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
