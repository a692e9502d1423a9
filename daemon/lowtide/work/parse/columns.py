"""Lines and columns of symbols: in characters, without trailing white space, from the end of a name.

Invariant: time is linear in the text.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left

from lowtide.work.parse.kinds import SymbolRow
from lowtide.work.parse.node import Node

_CONTINUATIONS = re.compile(b"[\x80-\xbf]+")


def count_characters(text: bytes, made: list[SymbolRow]) -> None:
    """Turn the columns of the rows from bytes into characters."""
    starts: dict[int, int] = {}  # of the lines that hold more than ASCII: where they begin
    runs = array("L")
    before = array("L", [0])  # bytes that begin no character, before each run of them
    line = counted = 0
    for match in _CONTINUATIONS.finditer(text):
        at, end = match.span()
        runs.append(at)
        before.append(before[-1] + end - at)
        line += text.count(b"\n", counted, at)
        counted = at
        if line not in starts:
            starts[line] = text.rfind(b"\n", 0, at) + 1

    def characters(line: int, column: int) -> int:
        start = starts.get(line)
        if start is None:
            return column
        return column - before[bisect_left(runs, start + column)] + before[bisect_left(runs, start)]

    for index, row in enumerate(made):
        line, column, end_line, end_column, name_line, name_column = row[3:9]
        if line in starts or end_line in starts or name_line in starts:
            start, end, name = (
                characters(line, column),
                characters(end_line, end_column),
                characters(name_line, name_column),
            )
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
