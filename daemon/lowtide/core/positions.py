"""Columns of a line, counted in UTF-8, UTF-16 or UTF-32 code units.

Invariant: a column inside a character counts as its start, one behind the line's end as its end; a tab, a combining
mark and a joiner are characters like any other.
"""

from __future__ import annotations

from enum import StrEnum


class Units(StrEnum):
    """What a column counts."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


def line_end(text: bytes) -> bytes:
    """What ends the lines of a text."""
    return b"\r" if b"\r" in text and b"\n" not in text else b"\n"


def content(line: bytes) -> bytes:
    """The line without its end."""
    return line.rstrip(b"\r\n") if line.endswith((b"\n", b"\r")) else line


def to_bytes(line: bytes, column: int, units: Units) -> int:
    """The byte of `line` (UTF-8, with or without its end) that `column` of the given units means."""
    text = content(line)
    if text.isascii():
        return min(column, len(text))
    if units is Units.UTF8:
        column = min(column, len(text))
        while 0 < column < len(text) and text[column] & 0xC0 == 0x80:
            column -= 1
        return column
    characters = text.decode("utf-8", "replace")
    if units is Units.UTF32:
        return len(characters[:column].encode())
    encoded = characters.encode("utf-16-le")[: 2 * column]
    return len(encoded.decode("utf-16-le", "ignore").encode())


def from_characters(line: bytes, column: int, units: Units) -> int:
    """The column of `line` (UTF-8) behind its first `column` characters."""
    if units is Units.UTF32 or line.isascii():
        return column
    head = line.decode("utf-8", "replace")[:column]
    return len(head.encode()) if units is Units.UTF8 else len(head.encode("utf-16-le")) // 2


def from_bytes(line: bytes, column_bytes: int, units: Units) -> int:
    """How many units stand in `line` (UTF-8) before a byte."""
    head = line[:column_bytes]
    if units is Units.UTF8 or head.isascii():
        return len(head)
    characters = head.decode("utf-8", "ignore")
    return len(characters) if units is Units.UTF32 else len(characters.encode("utf-16-le")) // 2
