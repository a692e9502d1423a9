"""Lines and columns of symbols: in characters, without trailing white space, from the end of a name.

Invariant: time is linear in the text.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left

from lowtide.work.parse.kinds import SymbolRow
from lowtide.work.parse.node import Node

_LINE_FEED = re.compile(b"\n")
_CONTINUATIONS = re.compile(b"[\x80-\xbf]+")


def count_characters(text: bytes, made: list[SymbolRow]) -> None:
    """Turn the columns of the rows from bytes into characters."""
    lines = array("L", [0])
    lines.extend(match.end() for match in _LINE_FEED.finditer(text))
    runs = array("L")
    before = array("L", [0])  # bytes that begin no character, before each run of them
    for match in _CONTINUATIONS.finditer(text):
        runs.append(match.start())
        before.append(before[-1] + match.end() - match.start())

    def characters(line: int, column: int) -> int:
        start = lines[line]
        return column - before[bisect_left(runs, start + column)] + before[bisect_left(runs, start)]

    for index, row in enumerate(made):
        line, column, end_line, end_column, name_line, name_column = row[3:9]
        start, end, name = (
            characters(line, column),
            characters(end_line, end_column),
            characters(name_line, name_column),
        )
        if (start, end, name) != (column, end_column, name_column):
            made[index] = (*row[:3], line, start, end_line, end, name_line, name, *row[9:])


def before_blanks(text: bytes, start: int, end: int, line: int, column: int) -> tuple[int, int]:
    """Where text[start:end] ends without its trailing white space; it starts at `line` and `column`."""
    last = start + len(text[start:end].rstrip())
    newline = text.rfind(b"\n", start, last)
    return line + text.count(b"\n", start, last), last - newline - 1 if newline >= 0 else column + last - start


def point_before(text: bytes, node: Node, from_end: int) -> tuple[int, int]:
    """Line and byte of what begins `from_end` bytes before the node's end, which may be on a line above."""
    line, column = node.end_point
    if from_end <= column:
        return line, column - from_end
    place = node.end_byte - from_end
    return line - text.count(b"\n", place, node.end_byte), place - (text.rfind(b"\n", 0, place) + 1)
