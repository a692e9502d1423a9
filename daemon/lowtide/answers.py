"""What questions are answered with, as values: hits, lines, symbols, uses. The daemon writes each as JSON, and whoever
asked reads it from there: commands, agents, the one that merges in what a team's index knows.

Invariant: what `from_json` reads is what `as_json` wrote; names are those of the command line's `--json`; fields may be
added, never renamed.
Invariant: named tuples, and an import of the standard library's smallest: `lowtide mcp` reads them too, and loads
neither dataclasses nor msgspec.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

Json = dict[str, Any]
T = TypeVar("T")


class Definition(NamedTuple):
    """A whole definition that a hit is of, or in. Lines count from 1, inclusive; `signature` is its text up to its
    body. `doc` and `code` are None where code was not asked for; `code` is empty when it did not fit."""

    start_line: int
    end_line: int
    signature: str
    doc: str | None = None
    code: str | None = None

    def as_json(self) -> Json:
        """The `definition` of a hit or a symbol."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Hit(NamedTuple):
    """One answer of a search. Lines count from 1, inclusive; `signals` tell how the score came about. Figures have four
    digits."""

    path: str
    start_line: int
    end_line: int
    kind: str
    name: str
    container: str
    score: float
    snippet: str
    signals: Mapping[str, float]
    stale: bool
    weak: bool
    """Whether it is likely no answer."""
    more: int
    """Of an answer with one hit a file: how many others the file has."""
    snippet_line: int
    """The first line of the snippet."""
    definition: Definition | None = None
    """The hit's own lines are the best part of it."""
    repository: str | None = ""
    """Of the team's index: whose it is. None for one of this workspace where the team was asked, empty where not."""
    commit: str = ""
    age_s: int = 0
    url: str = ""
    root: str = ""
    """Of an answer from several workspaces: which."""

    @property
    def qualified(self) -> str:
        """The name with what it stands in."""
        return _qualified(self.container, self.name)

    def as_json(self) -> Json:
        """One of the `hits` of `lowtide search --json`."""
        told = self._asdict()
        told["definition"] = self.definition and self.definition.as_json()
        absent = [] if self.repository else ["commit", "age_s", "url"]
        absent += ["repository"] if self.repository == "" else []
        absent += [] if self.root else ["root"]
        return {name: value for name, value in told.items() if name not in absent}

    @classmethod
    def from_json(cls, told: Json) -> Hit:
        """What `as_json` wrote."""
        return _read(cls, told)._replace(definition=_definition(told))


class Answer(NamedTuple):
    """The answer to a search."""

    query: str
    degraded: str | None
    """What it lacks, and why, for people."""
    stale_files: int
    took_ms: float
    hits: Sequence[Hit]

    def as_json(self) -> Json:
        """The object of `lowtide search --json`."""
        return self._asdict() | {"hits": [hit.as_json() for hit in self.hits]}

    @classmethod
    def from_json(cls, told: Json) -> Answer:
        """What `as_json` wrote."""
        return _read(cls, told)._replace(hits=tuple(map(Hit.from_json, told["hits"])))


class TextHit(NamedTuple):
    """A line that holds a text. It and its first match's column count from 1; `marks` are where it matches, in
    characters of `text`."""

    path: str
    line: int
    column: int
    text: str
    marks: Sequence[tuple[int, int]]
    before: Sequence[str]
    after: Sequence[str]
    stale: bool
    """The file is no longer what was indexed, so that what holds the line is not known."""
    kind: str = "text"
    name: str = ""
    container: str = ""
    root: str = ""
    """Of an answer from several workspaces: which."""

    @property
    def qualified(self) -> str:
        """The name of what holds it, with what that stands in."""
        return _qualified(self.container, self.name)

    def as_json(self) -> Json:
        """One of the `hits` of `lowtide search --exact --json`."""
        told = {
            "path": self.path,
            "start_line": self.line,
            "end_line": self.line,
            "column": self.column,
            "kind": self.kind,
            "name": self.name,
            "container": self.container,
            "score": 1.0,
            "snippet": self.text,
            "marks": [list(mark) for mark in self.marks],
            "before": list(self.before),
            "after": list(self.after),
            "signals": {"exact": 1.0},
            "stale": self.stale,
        }
        return told | {"root": self.root} if self.root else told

    @classmethod
    def from_json(cls, told: Json) -> TextHit:
        """What `as_json` wrote."""
        marks = tuple((start, end) for start, end in told["marks"])
        lines = {"line": told["start_line"], "text": told["snippet"], "marks": marks}
        return _read(cls, told | lines)._replace(before=tuple(told["before"]), after=tuple(told["after"]))


class TextAnswer(NamedTuple):
    """The lines that were found, file by file; `truncated` when there may be more."""

    query: str
    degraded: str | None
    took_ms: float
    stale_files: int
    truncated: bool
    files_read: int
    hits: Sequence[TextHit]
    has_seen_disk: bool = False
    """What was not in the index as it is on the disk was looked through besides, all of it: its freshness is made of
    that, and it is not sent."""

    def as_json(self) -> Json:
        """The object of `lowtide search --exact --json`."""
        told = self._asdict() | {"hits": [hit.as_json() for hit in self.hits]}
        del told["has_seen_disk"]
        return told

    @classmethod
    def from_json(cls, told: Json) -> TextAnswer:
        """What `as_json` wrote."""
        return _read(cls, told)._replace(hits=tuple(map(TextHit.from_json, told["hits"])))


class SymbolHit(NamedTuple):
    """A definition that was found by name. `path` as shown, beneath its root; `range` (line, column, end line, end
    column) and `name_range` (line, column) count from 0, columns in characters; in a file whose `encoding` is `ascii`
    those are the same in any unit."""

    name: str
    kind: str
    container: str
    path: str
    score: float
    signature: str
    doc: str
    range: tuple[int, int, int, int]
    name_range: tuple[int, int]
    encoding: str = ""
    definition: Definition | None = None
    """With its code, where that was asked for."""

    @property
    def line(self) -> int:
        """Where its name stands, from 1."""
        return self.name_range[0] + 1

    @property
    def column(self) -> int:
        """The same."""
        return self.name_range[1] + 1

    @property
    def qualified(self) -> str:
        """The name with what it stands in."""
        return _qualified(self.container, self.name)

    def as_json(self) -> Json:
        """One of the `symbols` of `lowtide symbols --json`."""
        told = {
            "name": self.name,
            "kind": self.kind,
            "container": self.container,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "score": self.score,
            "signature": self.signature,
            "doc": self.doc,
            "range": list(self.range),
            "name_range": list(self.name_range),
            "encoding": self.encoding,
        }
        return told | {"definition": self.definition.as_json()} if self.definition else told

    @classmethod
    def from_json(cls, told: Json) -> SymbolHit:
        """What `as_json` wrote."""
        line, column, end_line, end_column = told["range"]
        place, at = (line, column, end_line, end_column), told["name_range"]
        return _read(cls, told)._replace(range=place, name_range=(at[0], at[1]), definition=_definition(told))


class Symbols(NamedTuple):
    """The symbols that match a name, best first."""

    query: str
    took_ms: float
    symbols: Sequence[SymbolHit]

    def as_json(self) -> Json:
        """The object of `lowtide symbols --json`."""
        return self._asdict() | {"symbols": [symbol.as_json() for symbol in self.symbols]}

    @classmethod
    def from_json(cls, told: Json) -> Symbols:
        """What `as_json` wrote."""
        return _read(cls, told)._replace(symbols=tuple(map(SymbolHit.from_json, told["symbols"])))


class Reference(NamedTuple):
    """One line with a name. Line and column count from 1, the column in characters, to the first place in it."""

    path: str
    line: int
    column: int
    text: str
    holder: str
    """The innermost definition around it, with what that stands in; empty outside any, and where the file has
    changed."""
    definition: bool
    offset: int = 0
    """Where the name begins in its line, from 0, in the units of an editor that asks; not sent."""

    def as_json(self) -> Json:
        """One of the `refs` of `lowtide refs --json`."""
        return {name: value for name, value in self._asdict().items() if name != "offset"}


class References(NamedTuple):
    """Where a name is used, file by file; `truncated` when there may be more."""

    refs: Sequence[Reference]
    truncated: bool
    name: str
    """The one that was looked for: the last of those that were asked with."""
    query: str = ""
    took_ms: float = 0.0

    def as_json(self) -> Json:
        """The object of `lowtide refs --json`."""
        return {
            "query": self.query,
            "name": self.name,
            "took_ms": self.took_ms,
            "refs": [each.as_json() for each in self.refs],
            "truncated": self.truncated,
        }

    @classmethod
    def from_json(cls, told: Json) -> References:
        """What `as_json` wrote; a daemon that was started before an upgrade within one version does not say which name
        it looked for."""
        found = _read(cls, {"name": told["query"].strip(), **told})
        return found._replace(refs=tuple(_read(Reference, each) for each in told["refs"]))


def milliseconds_since(started_s: float) -> float:
    """How long it took, of two digits; `started_s` on the clock of `perf_counter`."""
    return round((time.perf_counter() - started_s) * 1000, 2)


def _qualified(container: str, name: str) -> str:
    return f"{container}.{name}" if container else name


def _read(kind: type[T], told: Json) -> T:
    """Its fields, as far as they are told; others are of a newer Lowtide's."""
    names: Sequence[str] = kind._fields  # type: ignore[attr-defined]
    return kind(**{name: told[name] for name in names if name in told})


def _definition(told: Json) -> Definition | None:
    given = told.get("definition")
    return _read(Definition, given) if given else None
