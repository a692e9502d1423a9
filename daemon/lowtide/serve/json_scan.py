"""What a JSON text would make if it were decoded: how deep it is, how many values, how many bytes. Nothing is built.

A text of n bytes can take 30 n when it is decoded (`[[],[],…`), or 0.5 n (one string of escapes): so it is weighed
first.

Invariant: memory does not grow with the text; a few ns a byte of text, 0.5 µs a value.
Invariant: `weigh` is never below what decoding takes (measured with CPython 3.11 to 3.13).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import numpy as np

OBJECT_BYTES = 256
"""A dictionary with its first entries."""
LIST_BYTES = 96
VALUE_BYTES = 80
"""A number, or a short string that is like no other, with its place in what holds it."""
LINE_BYTES = 41
"""What a line of a text takes beyond its bytes, once it is kept as one."""

_PIECE_BYTES = 1 << 18
"""Of the text, looked through at a time."""
_HALF = re.compile(rb"\\u[dD][89abAB]")
_KNOWN_BYTES = 16
_MOST_KNOWN = 256


class Weight(msgspec.Struct, frozen=True):
    """Of one text: nesting at the deepest, and all values; both may be more than the truth when they are over the
    limits."""

    depth: int
    value_count: int
    size_bytes: int
    """What decoding it takes, the text itself not counted."""


class TooMuch(Exception):
    """A text is too deep or of too many values; the text says which."""


def weigh(text: bytes | bytearray, most_depth: int, most_values: int) -> Weight:
    """Look through `text`. TooMuch as soon as a limit is passed."""
    count = text.count
    objects, lists = count(b"{"), count(b"[")
    rough = objects + lists + count(b",") + count(b":")
    if objects + lists > most_depth or rough > most_values:
        # They may stand in strings, as those of a source text do.
        depth, objects, lists, rough = _look_through(text, most_depth, most_values)
    else:
        depth = objects + lists
    strings = _width(text) * len(text) + LINE_BYTES * count(b"\\n")
    return Weight(depth, rough, objects * OBJECT_BYTES + lists * LIST_BYTES + rough * VALUE_BYTES + strings)


def _look_through(text: bytes | bytearray, most_depth: int, most_values: int) -> tuple[int, int, int, int]:
    """(depth, objects, lists, all values) of what stands outside strings."""
    depth = deepest = objects = lists = separators = 0
    known: dict[bytes, tuple[int, int, int, int]] = {}
    for start, stop in _gaps(text):
        gap = bytes(text[start:stop]) if stop - start <= _KNOWN_BYTES else b""
        counts = known.get(gap)
        if counts is None:
            counts = _count(text, start, stop)
            if gap and len(known) < _MOST_KNOWN:
                known[gap] = counts
        opened, listed, separated, closed = counts
        objects += opened
        lists += listed
        separators += separated
        if objects + lists + separators > most_values:
            raise TooMuch(f"it has more than {most_values:,} values")
        highest = depth + opened + listed
        if highest > most_depth:
            highest = depth + _depth_of(text, start, stop)
            if highest > most_depth:
                raise TooMuch(f"it is more than {most_depth} levels deep")
        deepest = max(deepest, highest)
        depth = max(0, depth + opened + listed - closed)
    return deepest, objects, lists, objects + lists + separators


def _gaps(text: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """The spans between strings. What a string that does not end holds counts as one: the text is not JSON then."""
    inside, begin = False, 0  # where the string, or the gap, that goes on began
    for base, piece in _without_escapes(text):
        at = piece.find(b'"')
        while at >= 0:
            quote = base + at
            if inside:
                begin = quote + 1
            else:
                if quote > begin:
                    yield begin, quote
                begin = quote
            inside = not inside
            at = piece.find(b'"', at + 1)
    if begin < len(text):
        yield begin, len(text)


def _without_escapes(text: bytes | bytearray) -> Iterator[tuple[int, bytes | bytearray]]:
    """Pieces with their places, in which each quote begins or ends a string: escaped ones are blanked, in C and not one
    by one."""
    start = 0
    while start < len(text):
        stop = min(start + _PIECE_BYTES, len(text))
        piece = text[start:stop]
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        if backslashes % 2:
            stop = min(stop + 1, len(text))  # what the last one escapes
            piece = text[start:stop]
        yield start, piece.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
        start = stop


def _count(text: bytes | bytearray, start: int, stop: int) -> tuple[int, int, int, int]:
    """Objects and lists that begin, separators, and how many end."""
    objects, lists, commas, colons, ends, list_ends = (
        text.count(mark, start, stop) for mark in (b"{", b"[", b",", b":", b"}", b"]")
    )
    return objects, lists, commas + colons, ends + list_ends


def _depth_of(text: bytes | bytearray, start: int, stop: int) -> int:
    """Of a part without strings; its brackets are few enough by now to be looked at one by one."""
    depth = deepest = 0
    for bracket in re.finditer(rb"[\[{]++|[\]}]++", memoryview(text)[start:stop]):
        length = bracket.end() - bracket.start()
        if bracket[0][:1] in (b"[", b"{"):
            depth += length
            deepest = max(deepest, depth)
        else:
            depth -= length
    return deepest


def _width(text: bytes | bytearray) -> int:
    """Bytes that a byte of a string can take: as Python keeps it, twice in UTF-8, and once more where half a character
    is."""
    highest = int(np.frombuffer(text, np.uint8).max()) if text else 0
    escapes = text.find(b"\\u") >= 0
    if highest >= 0xF0 or (escapes and _HALF.search(text)):
        return 10
    return 5 if highest >= 0xC4 or escapes else 3
