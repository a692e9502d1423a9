"""The definitions behind hits, whole: what an agent reads instead of opening the files.

Invariant: text is read from the disk as it is now, beneath the root, and no more of it than was asked for in all.
Invariant: a definition is shown whole or not at all; what does not fit is told by its signature and documentation.
Threads: a question's own, with a connection of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from lowtide.answers import Definition
from lowtide.core.positions import Units
from lowtide.read.text_pieces import TooLong, read_pieces
from lowtide.store.catalog import Catalog
from lowtide.store.details import NO_DETAILS
from lowtide.store.rows import FileRow, SymbolSpan, is_unchanged
from lowtide.system.beneath import CannotRead, read_beneath

MOST_CHARACTERS = 400_000
"""Of all code in one answer."""
LARGEST_SHARE = 0.6
"""Of what is left one definition may take so much: the next ones are wanted, too."""
FURTHEST_LINE = 200_000
"""Definitions behind it are not read: all lines before them would have to be."""
_CHARACTER_BYTES = 4


class Place(msgspec.Struct, frozen=True):
    """What is wanted: a definition of this name around these lines, which count from 1."""

    path: bytes
    start_line: int
    end_line: int
    name: str
    container: str


def read_definitions(
    catalog: Catalog, root: bytes, places: Sequence[Place], characters: int, stopped: Callable[[], bool]
) -> list[Definition | None]:
    """The definition of each place, None where the index has none there now; code in their order as far as `characters`
    go.

    A place without a name is no definition: its lines are read as they are.
    """
    left = min(characters, MOST_CHARACTERS)
    found: list[Definition | None] = []
    for place in places:
        known = catalog.file(place.path)
        if known is None or stopped() or not is_as_indexed(root, known):
            found.append(None)
            continue
        span = _span_of(place, catalog.symbol_spans(known.file_id)) if place.name else None
        if place.name and span is None:
            found.append(None)
            continue
        first, last = (span.start_line, span.end_line) if span else (place.start_line - 1, place.end_line - 1)
        code = _lines(root, known, first, last, int(left * LARGEST_SHARE))
        left -= len(code)
        told = catalog.details([span.symbol_id]).get(span.symbol_id, NO_DETAILS) if span else NO_DETAILS
        found.append(Definition(first + 1, last + 1, told.signature, told.doc, code))
    return found


def is_as_indexed(root: bytes | Path, known: FileRow) -> bool:
    """Whether the file is still the one that the index tells of; else its lines are others."""
    try:
        info = read_beneath(root, known.path, 0).info
    except CannotRead:
        return False
    return is_unchanged(known, info)


def _span_of(place: Place, spans: Iterable[SymbolSpan]) -> SymbolSpan | None:
    """The innermost definition of that name that shares lines with the place; several are told apart by their
    beginning."""
    best: SymbolSpan | None = None
    for span in spans:
        if span.start_line > place.end_line - 1:
            break
        if (span.name, span.container) != (place.name, place.container) or span.end_line < place.start_line - 1:
            continue
        best = span
    return best


def _lines(root: bytes, known: FileRow, first: int, last: int, most: int) -> str:
    """Lines `first` to `last`, from 0; nothing when they are more than `most` characters, or cannot be read."""
    if most <= 0 or last > FURTHEST_LINE:
        return ""
    lines: list[bytes] = []
    size = 0
    try:
        for piece in read_pieces(root, known.path, Units.UTF32, known.encoding):
            texts = piece.lines()
            if piece.first_line + len(texts) <= first:
                continue
            for number, line in enumerate(texts, piece.first_line):
                if not first <= number <= last:
                    continue
                if number == first + len(lines) - 1:
                    lines[-1] += line  # it goes on from the piece before
                else:
                    lines.append(line)
                size += len(line) + 1
                if size > _CHARACTER_BYTES * most:
                    return ""
            if piece.first_line + len(texts) > last + 1:
                break
    except (OSError, TooLong):
        return ""
    text = b"\n".join(line.removesuffix(b"\r") for line in lines).decode("utf-8", "replace").rstrip()
    return text if len(text) <= most else ""
