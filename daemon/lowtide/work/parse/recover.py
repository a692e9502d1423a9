"""Finds definitions by the look of their first line, where a broken text left the parser without them.

A class whose brace is missing turns into an error node in which methods are calls and blocks; a macro before a function
in C can hide it and its neighbours. What a person sees at once is then found by pattern and by indentation, as taggers
do.

Invariant: only for a text that does not parse; never inside a comment or a string; adds definitions, ends those that
the parser let run on, removes none but those named by a word that begins a statement; time is linear in the text and
bounded by `stop`.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence, Set
from functools import cache

import msgspec

from lowtide.languages.language import Language
from lowtide.languages.recovery import BY_INDENTATION, INITIALISERS, INSIDES, RECOVERIES, STATEMENTS
from lowtide.work.parse.kinds import CLASSES, FUNCTIONS, Found, Pattern, pattern_of
from lowtide.work.parse.node import Captures, Node

_MAX_RECOVERED = 5_000
_MAX_CHILDREN = 20_000
"""Of the root: asking it what stands at a place passes over them."""
_MAX_BYTES = 1 << 20
_TAB = 8
_REACH = 200
_LABEL = re.compile(rb"(?:^|\n)[ \t]*\w+[ \t]*:\Z")


_HASH = 35


class Span(msgspec.Struct, frozen=True):
    """A stretch of the text, where others have a node of the tree."""

    start_byte: int
    end_byte: int
    start_point: tuple[int, int]
    end_point: tuple[int, int]
    kind_id: int = 0
    child_count: int = 0

    @property
    def byte_range(self) -> tuple[int, int]:
        """First byte and end."""
        return self.start_byte, self.end_byte

    @property
    def children(self) -> Sequence[Node]:
        """None."""
        return ()

    def child_by_field_id(self, id: int, /) -> Node | None:
        """None."""
        return None


def recover(
    text: bytes,
    language: Language,
    root: Node,
    found: dict[int, Found],
    is_code: Callable[[int], bool],
    stop: float,
) -> None:
    """Add to `found` (by the offset of the name) what the patterns of `language` find and the tree does not show.

    `is_code` says of an offset whether it is outside of comments and strings; `stop` is a time of this thread's CPU
    clock.
    """
    heads = _heads(language.name)
    if heads is None or len(text) > _MAX_BYTES or root.child_count > _MAX_CHILDREN:
        return
    for at in [at for at, item in found.items() if text[at : item[6].end_byte] in STATEMENTS]:
        del found[at]
    taken = {text.rfind(b"\n", 0, at) + 1 for at in found}
    matches: list[re.Match[bytes]] = []
    # The text is searched with a line feed in front: an offset there is one more than in the text.
    for match in heads.search.finditer(b"\n" + text):
        at = match.start(match.lastindex or 0) - 1
        line_start = text.rfind(b"\n", 0, at) + 1
        if line_start in taken:
            continue
        if time.thread_time() > stop or len(matches) > _MAX_RECOVERED:
            break
        if (language.name not in INITIALISERS or not _is_initialiser(text, match.start())) and is_code(at):
            taken.add(line_start)
            matches.append(match)
    if not matches:
        return
    places = Places(text)
    recovered: set[int] = set()
    for match in matches:
        group = match.lastindex or 0
        pattern, container = heads.patterns[group]
        at, name_end = match.start(group) - 1, match.end(group) - 1
        start = match.start() + len(text[match.start() : at]) - len(text[match.start() : at].lstrip())
        end = _end_of_directive(text, at) if text[start] == _HASH else end_by_indentation(text, start, match.end() - 1)
        whole = places.span(start, max(end, name_end))
        more: Captures | None = None
        if container:
            more = {"container": [places.span(match.start(container) - 1, match.end(container) - 1)]}
        found[at] = (start, -whole.end_byte, at, pattern, whole, whole, places.span(at, name_end), more)
        recovered.add(at)
    is_indented = language.name in BY_INDENTATION
    _end_run_on(text, places, found, found.keys() if is_indented else recovered, CLASSES if is_indented else FUNCTIONS)


def recover_inside(
    text: bytes, language: Language, found: dict[int, Found], within: tuple[int, int], stop: float
) -> None:
    """Add to `found` what the patterns of `language` for the inside of brackets find in text[within[0]:within[1]]."""
    heads = _heads_inside(language.name)
    if heads is None or within[1] - within[0] > _MAX_BYTES:
        return
    places: Places | None = None
    for match in heads.search.finditer(text, *within):
        group = match.lastindex or 0
        at, name_end = match.span(group)
        if at in found:
            continue
        if time.thread_time() > stop or len(found) > _MAX_RECOVERED:
            break
        places = places or Places(text)
        start = match.start() + len(match[0]) - len(match[0].lstrip())
        whole = places.span(start, _end_inside(text, match.end(), within[1]))
        found[at] = (
            start,
            -whole.end_byte,
            at,
            heads.patterns[group][0],
            whole,
            whole,
            places.span(at, name_end),
            None,
        )


def _end_inside(text: bytes, start: int, end: int) -> int:
    """Where the item ends whose head ends at `start`: at a semicolon, or where the braces close that it opens."""
    depth = 0
    for match in _MARK.finditer(text, start, end):
        mark = match[0]
        if mark in b"{([":
            depth += 1
        elif mark in b"})]":
            depth -= 1
            if depth < 0:
                return match.start()
            if not depth and mark == b"}":
                return match.end()
        elif mark == b";" and not depth:
            return match.end()
    return end


_MARK = re.compile(rb"\"(?:[^\"\\]|\\.)*\"|//[^\n]*|[{}()\[\];]", re.DOTALL)


def _is_initialiser(text: bytes, line_start: int) -> bool:
    """Whether the line goes on with what the one above left open; an access label leaves nothing open."""
    above = text[max(0, line_start - _REACH) : line_start].rstrip()
    return above[-1:] in {b",", b":", b"?", b"(", b"="} and _LABEL.search(above) is None


def _end_run_on(text: bytes, places: Places, found: dict[int, Found], known: Set[int], kinds: Set[int]) -> None:
    """End what the parser let run on: a function (or another of `kinds`) that holds one of `known` no deeper
    indented."""
    around: list[tuple[int, int, int]] = []  # end, indentation, offset of the name
    for at, item in sorted(found.items(), key=lambda entry: entry[1][:3]):
        start, end = item[0], -item[1]
        while around and around[-1][0] <= start:
            around.pop()
        kind = item[3].kind
        if kind not in FUNCTIONS and kind not in kinds:
            continue
        depth = _indentation(text, start)
        if at in known:
            while around and around[-1][1] >= depth and start > found[around[-1][2]][0]:
                _, _, outer = around.pop()
                old = found[outer]
                close = old[0] + len(text[old[0] : start].rstrip())
                whole = places.span(old[0], max(close, old[6].end_byte))
                found[outer] = (old[0], -whole.end_byte, old[2], old[3], whole, old[5], old[6], old[7])
        around.append((end, depth, at))


def _indentation(text: bytes, start: int) -> int:
    line = text.rfind(b"\n", 0, start) + 1
    head = text[line:start]
    return len(head.expandtabs(_TAB)) - len(head.expandtabs(_TAB).lstrip())


def end_by_indentation(text: bytes, start: int, head_end: int) -> int:
    """Where the definition ends whose first line is indented as at `start`: at a closer as deep, or before what is not
    deeper."""
    line = text.rfind(b"\n", 0, start) + 1
    indentation = text[line:start]
    match = _outer(
        len(indentation.expandtabs(_TAB)) if b"\t" in indentation else len(indentation), b"\t" in indentation
    ).search(text, head_end)
    if match is None:
        return len(text.rstrip())
    if match["closer"]:
        return match.end("closer")
    return start + len(text[start : match.start()].rstrip())


@cache
def _outer(width: int, is_tabs: bool) -> re.Pattern[bytes]:
    """The first line not deeper than `width`, save an opening brace, a directive, a comment and a label's line."""
    if is_tabs:
        width //= _TAB
        lead = rb"^\t{0,%d}" % width
    else:
        lead = rb"^ {0,%d}" % width
    return re.compile(
        lead + rb"(?:(?P<closer>\}(?:[ \t]*[;,)]+)?|end\b;?)|(?![ \t\r\n{#)\]]|//|/\*|\*|--|public:|private:|protected:"
        rb"|\w+:[ \t]*\r?$)[^\n])",
        re.MULTILINE,
    )


def _end_of_directive(text: bytes, start: int) -> int:
    """The end of a preprocessor line, with the lines that a backslash joins to it."""
    end = start
    while True:
        end = text.find(b"\n", end)
        if end < 0:
            return len(text)
        if not text[start:end].rstrip(b"\r").endswith(b"\\"):
            return end
        end += 1


class Places:
    """Lines and columns of offsets."""

    def __init__(self, text: bytes) -> None:
        self._starts = [0, *(match.end() for match in re.finditer(b"\n", text))]

    def span(self, start: int, end: int) -> Span:
        """The stretch from byte `start` to byte `end`."""
        return Span(start, end, self._point(start), self._point(end))

    def _point(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset) - 1
        return line, offset - self._starts[line]


class _Heads(msgspec.Struct, frozen=True):
    search: re.Pattern[bytes]
    """All of a language's patterns; each has a group for the name, the last that it matches."""
    patterns: dict[int, tuple[Pattern, int]]
    """By the group of the name: what it finds, and the group of the container, 0 for none."""


@cache
def _heads(language: str) -> _Heads | None:
    # Led by the line feed, a plain character, the search skips to it ten times as fast.
    return _joined(RECOVERIES.get(language, ()), b"\n")


@cache
def _heads_inside(language: str) -> _Heads | None:
    return _joined(INSIDES.get(language, ()), b"")


def numbered(patterns: Iterable[str]) -> str:
    """Patterns as the alternatives of one, each with its number behind the names of its groups `name`, `container`."""
    return "|".join(
        pattern.replace("(?P<name>", f"(?P<name{index}>").replace("(?P<container>", f"(?P<container{index}>")
        for index, pattern in enumerate(patterns)
    )


def _joined(recoveries: Sequence[tuple[str, str]], lead: bytes) -> _Heads | None:
    if not recoveries:
        return None
    joined = numbered(source for _, source in recoveries)
    search = re.compile(lead + b"(?:" + joined.encode() + b")", re.MULTILINE)
    groups = search.groupindex
    return _Heads(
        search,
        {
            groups[f"name{index}"]: (pattern_of(label), groups.get(f"container{index}", 0))
            for index, (label, _) in enumerate(recoveries)
        },
    )
