"""The lines of a text that hold another text, or match a regular expression: as ripgrep finds them.

RE2 finds patterns in linear time and in bounded memory, whatever they are; a plain text is found by Python itself. Of
RE2's meaning one thing is another than ripgrep's: its `\\b` knows the letters of ASCII alone. So a pattern with `\\b`
is first looked for without it, and a line beyond ASCII that is found so is judged with every word border marked in
it.

Invariant: the only module that imports re2; a match lies within one line, and no line is found twice.
Threads: a Matcher is one question's; RE2 lets other threads go on while it looks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Protocol

import msgspec
import re2

from lowtide.core import pattern as patterns
from lowtide.core.evidence import Evidence, evidence_of
from lowtide.errors import UsageError

MOST_MARKS = 100
"""Matches shown of one line."""
MOST_TEXT_CHARACTERS = 4096
_REMEDY = "the syntax is that of `rg`: https://docs.rs/regex/latest/regex/#syntax; `--exact` takes a text as it is"


class Line(msgspec.Struct, frozen=True):
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
        self._marked = _finder(text, pattern.marked or pattern.re2, one_line=False)

    def marks(self, line: bytes) -> tuple[tuple[int, int], ...]:
        return _all_marks(self._ascii, line) if line.isascii() else self._marks(_MarkedLine(line))

    def _marks(self, line: _MarkedLine) -> tuple[tuple[int, int], ...]:
        marks: list[tuple[int, int]] = []
        place = 0
        while place < len(line.places) and len(marks) < MOST_MARKS:
            if (found := self._marked(line.text, line.starts[place])) is None:
                break
            first, last = bisect_left(line.starts, found[0]), bisect_left(line.ends, found[1])
            marks.append((line.places[first], line.places[last]))
            place = max(last, first + 1)
        return tuple(marks)


def _all_marks(find: _Finds, line: bytes) -> tuple[tuple[int, int], ...]:
    marks: list[tuple[int, int]] = []
    place = 0
    while place <= len(line) and len(marks) < MOST_MARKS and (found := find(line, place)) is not None:
        marks.append(found)
        place = max(found[1], found[0] + 1)
    return tuple(marks)


class _MarkedLine:
    """A line with signs at each place between its characters (`core/pattern.py`).

    Of each place, in order: where its first sign is in `text`, where its assertions are judged, and which byte of the
    line it is.
    """

    def __init__(self, line: bytes) -> None:
        characters = line.decode("utf-8", "replace")
        pieces, self.starts, self.ends, self.places = [patterns.BEGINNING.encode()], [0], [1], [0]
        length, at = 1, 0
        before = False
        for number, character in enumerate(characters):
            is_word = patterns.is_word(character)
            behind = patterns.INNER
            if number == len(characters) - 1:
                behind = patterns.LAST + (patterns.BORDER if is_word else patterns.NO_BORDER)
            sign = patterns.BORDER if is_word != before else patterns.NO_BORDER
            data, signs = character.encode(), behind.encode()
            pieces += (sign.encode(), data, signs)
            length += 1 + len(data)
            self.starts.append(length)
            length += len(signs)
            self.ends.append(length)
            at += len(data)
            self.places.append(at)
            before = is_word
        self.text = b"".join(pieces)


def _literal_finder(wanted: bytes) -> _Finds:
    def find(text: bytes, start: int) -> tuple[int, int] | None:
        place = text.find(wanted, start)
        return (place, place + len(wanted)) if place >= 0 else None

    return find


def _finder(shown: str, pattern: str, *, one_line: bool = True) -> _Finds:
    options = re2.Options()
    options.max_mem = patterns.MOST_REGEX_BYTES // 3
    options.never_nl = one_line
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
