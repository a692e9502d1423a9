"""Columns in all three encodings, and edits: against Python's own strings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.positions import Units, from_bytes, from_characters, to_bytes
from lowtide.read.unsaved.buffer import TextBuffer, split_lines

PIECES = ["a", "é", "漢", "😀", "👩‍👩‍👧", "e\u0301", "\t", " ", "ß", "\u200d", "\U0010ffff", "x y"]
LINES = st.lists(st.sampled_from(PIECES)).map("".join)
TEXTS = st.lists(st.sampled_from([*PIECES, "\n", "\r\n", "\r", "\n\n"])).map("".join)
UNITS = st.sampled_from(list(Units))


def length(text: str, units: Units) -> int:
    """Code units of a string, by Python's codecs."""
    match units:
        case Units.UTF8:
            return len(text.encode())
        case Units.UTF16:
            return len(text.encode("utf-16-le")) // 2
        case Units.UTF32:
            return len(text)


@given(LINES, UNITS, st.sampled_from(["", "\n", "\r\n"]))
def test_columns_round_trip_at_every_character(text: str, units: Units, end: str) -> None:
    line = (text + end).encode()
    for index in range(len(text) + 1):
        byte = len(text[:index].encode())
        column = length(text[:index], units)
        assert from_bytes(line, byte, units) == column
        assert from_characters(line, index, units) == column
        assert to_bytes(line, column, units) == byte


@given(LINES, UNITS, st.integers(0, 200))
def test_any_column_means_the_start_of_a_character_or_the_end(text: str, units: Units, column: int) -> None:
    byte = to_bytes((text + "\n").encode(), column, units)
    assert byte <= len(text.encode())
    before = text.encode()[:byte].decode()
    assert length(before, units) <= column
    if len(before) < len(text):
        assert length(text[: len(before) + 1], units) > column


POSITIONS = st.tuples(st.integers(0, 5), st.integers(0, 12))


@given(TEXTS, st.lists(st.tuples(POSITIONS, POSITIONS, TEXTS), max_size=5), UNITS)
def test_edits_do_what_they_do_to_a_string(
    text: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]], units: Units
) -> None:
    buffer = TextBuffer(text)
    for start, end, new in edits:
        lines = split_lines(text.encode())

        def offset(position: tuple[int, int], lines: list[bytes] = lines) -> int:
            line, column = position
            if line >= len(lines):
                return sum(map(len, lines))
            return sum(map(len, lines[:line])) + to_bytes(lines[line], column, units)

        first, last = sorted((start, end))
        data = text.encode()
        cut = buffer.cut(start, end, units)
        assert cut == data[offset(first) : offset(last)]
        text = (data[: offset(first)] + new.encode() + data[offset(last) :]).decode()
        buffer.replace(start, end, new, units)
        assert buffer.text() == text.encode()
        assert buffer.lines == split_lines(text.encode())
