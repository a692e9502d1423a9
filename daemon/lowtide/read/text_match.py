"""The lines of a text that hold another text, or match a regular expression: as ripgrep finds them.

RE2 finds patterns in linear time and in bounded memory, whatever they are; a plain text is found by Python itself. Of
RE2's meaning one thing is another than ripgrep's: its `\\b` knows the letters of ASCII alone. So a pattern with `\\b`
is first looked for without it, and a line beyond ASCII that is found so is judged with every word border marked in
it.

Invariant: the only module that imports re2; a match lies within one line, and no line is found twice.
Threads: a Matcher is one question's; RE2 lets other threads go on while it looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import re2

from lowtide.core import pattern as patterns
from lowtide.core.evidence import Evidence, evidence_of
from lowtide.errors import UsageError

MOST_MARKS = 100
"""Matches shown of one line."""
MOST_TEXT_CHARACTERS = 4096
_REMEDY = "the syntax is that of `rg`: https://docs.rs/regex/latest/regex/#syntax; `--exact` takes a text as it is"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that matches, without its end. Bytes."""

    number: int
    """From 0."""
    start: int
    end: int
    marks: tuple[tuple[int, int], ...]
    """Where the matches stand in the line, the first of them."""


class _Finds(Protocol):
    def __call__(self, text: bytes, start: int) -> tuple[int, int] | None: ...


class Matcher:
    """What is looked for: a text as it stands, or a regular expression. UsageError when it cannot be looked for."""

    def __init__(self, text: str, *, is_regex: bool) -> None:
        self.evidence: Evidence | None
        self._judges: _Judge | None = None
        if is_regex:
            try:
                pattern = patterns.parse(text)
            except patterns.PatternError as error:
                raise _refused(text, str(error)) from None
            self.evidence = evidence_of(pattern.node)
            self._find = _finder(text, pattern.without_borders or pattern.re2)
            if pattern.without_borders is not None:
                self._judges = _Judge(text, pattern)
        else:
            _check_text(text)
            wanted = text.encode("utf-8", "surrogateescape")
            self.evidence = evidence_of(patterns.Literal(text))
            self._find = _literal_finder(wanted)

    def lines(self, text: bytes) -> Iterator[Line]:
        """The lines of a text in UTF-8 that match, in order."""
        place = number = counted = 0
        while place <= len(text) and (found := self._find(text, place)) is not None:
            start = text.rfind(b"\n", 0, found[0]) + 1
            if start == len(text) and text:
                return  # behind the last line's end is no line
            end = text.find(b"\n", start)
            end = len(text) if end < 0 else end
            number += text.count(b"\n", counted, start)
            counted = start
            if marks := self._marks(text, start, end, found):
                yield Line(number, start, end, marks)
            place = end + 1

    def _marks(self, text: bytes, start: int, end: int, first: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        if self._judges is not None:
            return self._judges.marks(text[start:end])
        marks = [(first[0] - start, first[1] - start)]
        place = max(first[1], first[0] + 1)
        while place < end and len(marks) < MOST_MARKS:
            found = self._find(text, place)
            if found is None or found[0] >= end:
                break
            marks.append((found[0] - start, found[1] - start))
            place = max(found[1], found[0] + 1)
        return tuple(marks)


class _Judge:
    """Which matches of a pattern with `\\b` or `\\B` a line really has."""

    def __init__(self, text: str, pattern: patterns.Pattern) -> None:
        self._ascii = _finder(text, pattern.re2)
        self._marked = _finder(text, pattern.marked or pattern.re2)

    def marks(self, line: bytes) -> tuple[tuple[int, int], ...]:
        if line.isascii():
            return _all_marks(self._ascii, line)
        marked, places = _with_borders(line)
        return tuple((places[start], places[end]) for start, end in _all_marks(self._marked, marked))


def _all_marks(find: _Finds, line: bytes) -> tuple[tuple[int, int], ...]:
    marks: list[tuple[int, int]] = []
    place = 0
    while place <= len(line) and len(marks) < MOST_MARKS and (found := find(line, place)) is not None:
        marks.append(found)
        place = max(found[1], found[0] + 1)
    return tuple(marks)


def _with_borders(line: bytes) -> tuple[bytes, list[int]]:
    """A line with a sign at each place, one for a word's border and another elsewhere; and which byte each byte was."""
    text = line.decode("utf-8", "replace")
    pieces: list[bytes] = []
    places: list[int] = []
    at = 0
    before = False
    for character in [*text, ""]:
        is_word = bool(character) and patterns.is_word(character)
        sign = (patterns.BORDER if is_word != before else patterns.NO_BORDER).encode()
        data = character.encode()
        pieces += (sign, data)
        places += [at] * len(sign) + list(range(at, at + len(data)))
        at += len(data)
        before = is_word
    places.append(at)
    return b"".join(pieces), places


def _literal_finder(wanted: bytes) -> _Finds:
    def find(text: bytes, start: int) -> tuple[int, int] | None:
        place = text.find(wanted, start)
        return (place, place + len(wanted)) if place >= 0 else None

    return find


def _finder(shown: str, pattern: str) -> _Finds:
    options = re2.Options()
    options.max_mem = patterns.MOST_REGEX_BYTES // 3
    options.never_nl = True
    options.never_capture = True
    options.log_errors = False
    try:
        # Not by `re2.compile`, which would keep it.
        search = re2._Regexp(pattern.encode(), options).search
    except re2.error as error:
        raise _refused(shown, _words_of(error)) from None

    def find(text: bytes, start: int) -> tuple[int, int] | None:
        match = search(text, start)
        if match is None:
            return None
        first, last = match.span()
        return first, last

    return find


def _words_of(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return "it takes too much memory" if "too large" in text else text


def _refused(text: str, why: str) -> UsageError:
    return UsageError(f"no pattern that can be looked for: {text[:200]!r}", why, _REMEDY)


def _check_text(text: str) -> None:
    if not text:
        raise UsageError("no text to look for", "", "give the text as it stands in a line")
    if len(text) > MOST_TEXT_CHARACTERS:
        raise UsageError("the text is too long", f"{len(text):,} characters", f"give at most {MOST_TEXT_CHARACTERS:,}")
    if "\n" in text:
        raise UsageError("a match lies within one line", "the text has several", "give one of its lines")
