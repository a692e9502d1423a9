"""A text as an editor holds it: lines that edits replace in place.

Invariant: an edit costs as much as the lines it touches, however long the text is.
Invariant: lines end at `\\n`; at `\\r` only in a text that has no `\\n`, as parsers and editors count them.
"""

from __future__ import annotations

import re

from lowtide.core.positions import Units, line_end, to_bytes
from lowtide.languages import HEAD_BYTES

Position = tuple[int, int]
"""Line and column, from 0; what a column counts is said beside it."""
_HEAD_LINES = 2_000
_LINES = re.compile(rb"[^\n]*\n|[^\n]+\Z")
_OLD_MAC_LINES = re.compile(rb"[^\r]*\r|[^\r]+\Z")


def split_lines(text: bytes) -> list[bytes]:
    """The lines with their ends; the last one has none, and may be empty."""
    end = line_end(text)
    lines: list[bytes] = (_LINES if end == b"\n" else _OLD_MAC_LINES).findall(text)
    if not lines or lines[-1].endswith(end):
        lines.append(b"")
    return lines


class TextBuffer:
    """One open text, in UTF-8."""

    __slots__ = ("_old_mac", "lines")

    def __init__(self, text: str) -> None:
        self.lines: list[bytes] = []
        self._old_mac = False
        self.set(text)

    def set(self, text: str) -> None:
        """Replace everything. What is no Unicode (half a surrogate pair) becomes `?`."""
        data = text.encode("utf-8", "replace")
        self.lines = split_lines(data)
        self._old_mac = b"\r" in data and b"\n" not in data

    def replace(self, start: Position, end: Position, text: str, units: Units) -> None:
        """Put `text` in place of a range; a position behind the end means the end, a range the wrong way round is
        turned."""
        if end < start:
            start, end = end, start
        first, column = self._clamp(start, units)
        last, end_column = self._clamp(end, units)
        fresh = self.lines[first][:column] + text.encode("utf-8", "replace") + self.lines[last][end_column:]
        if self._old_mac or b"\r" in fresh:
            # Whether a lone `\\r` ends a line depends on the whole text.
            whole = b"".join([*self.lines[:first], fresh, *self.lines[last + 1 :]])
            self.lines = split_lines(whole)
            self._old_mac = b"\r" in whole and b"\n" not in whole
            return
        lines = split_lines(fresh)
        if not lines[-1] and last + 1 < len(self.lines):
            lines.pop()  # the line end that was put in, or was there, stands before the next line
        elif last + 1 < len(self.lines):
            # The range took the line's end with it: what follows joins.
            last += 1
            lines = split_lines(fresh + self.lines[last])
            if not lines[-1] and last + 1 < len(self.lines):
                lines.pop()
        self.lines[first : last + 1] = lines

    def _clamp(self, position: Position, units: Units) -> Position:
        line, column = position
        if line >= len(self.lines):
            return len(self.lines) - 1, len(self.lines[-1])
        return line, to_bytes(self.lines[line], column, units)

    def line(self, number: int) -> bytes:
        """A line with its end; empty behind the last."""
        return self.lines[number] if 0 <= number < len(self.lines) else b""

    def text(self) -> bytes:
        """The whole text."""
        return b"".join(self.lines)

    def head(self) -> bytes:
        """Its first lines, `HEAD_BYTES` at most: enough to know its language."""
        return b"".join(self.lines[:_HEAD_LINES])[:HEAD_BYTES]

    def cut(self, start: Position, end: Position, units: Units) -> bytes:
        """The text of a range."""
        if end < start:
            start, end = end, start
        first, column = self._clamp(start, units)
        last, end_column = self._clamp(end, units)
        if first == last:
            return self.lines[first][column:end_column]
        return b"".join([self.lines[first][column:], *self.lines[first + 1 : last], self.lines[last][:end_column]])
