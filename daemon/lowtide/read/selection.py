"""Lines of a file that something similar is looked for: as a person names them, or the definition around one.

Invariant: what is read is bounded by MOST_FILE_BYTES, what is kept by MOST_SELECTED_BYTES, and it lies beneath the
root.
Threads: a question's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

import msgspec

from lowtide.core.positions import Units
from lowtide.errors import PathError
from lowtide.models import display_path
from lowtide.read.text_pieces import TooLong, read_pieces
from lowtide.store.catalog import Catalog

MOST_SELECTED_BYTES = 8 << 10
"""More says no more to a model: a chunk has 1,500."""
FEWEST_LINES = 2
"""A definition of fewer lines is not taken for what a line belongs to: there is more around it."""
MOST_OWN = 32
"""Chunks of the selection itself, which are left out of the answer."""


class Lines(msgspec.Struct, frozen=True):
    """Lines of a file beneath a root, from 1; without `last`, the definition around `first`."""

    path: bytes
    first: int
    last: int | None = None


class Selected(msgspec.Struct, frozen=True):
    """Lines of a file, from 1, both ends included, and their text."""

    path: str
    first: int
    last: int
    text: str

    @property
    def place(self) -> str:
        """As answers name it: `path:first-last`."""
        return f"{self.path}:{self.first}-{self.last}"


class Spanning(Protocol):
    """What has a place."""

    @property
    def path(self) -> str: ...
    @property
    def start_line(self) -> int: ...
    @property
    def end_line(self) -> int: ...


T = TypeVar("T", bound=Spanning)


def select(catalog: Catalog, root: bytes, path: bytes, first: int, last: int | None) -> Selected:
    """Lines `first` to `last` of a file beneath the root, from 1; without `last`, the definition around `first`.

    PathError when they are not there.
    """
    shown = display_path(path)
    known = catalog.file(path)
    if last is None:
        first, last = _definition_around(catalog, known.file_id, first) if known is not None else (first, first)
    if text := _text(root, path, known.encoding if known is not None else "", first, last):
        return Selected(shown, first, last, text)
    raise PathError(f"no text at {shown}:{first}", "the file has no such lines", "name lines that it has")


def others(hits: Iterable[T], selected: Selected) -> list[T]:
    """The hits that are not the selection itself, or a part of it."""
    return [
        hit
        for hit in hits
        if hit.path != selected.path or hit.end_line < selected.first or hit.start_line > selected.last
    ]


def _definition_around(catalog: Catalog, file_id: int, line: int) -> tuple[int, int]:
    """The innermost one of several lines; else the chunk."""
    found = None
    for span in catalog.symbol_spans(file_id):
        if span.start_line >= line:
            break
        if line - 1 <= span.end_line and span.end_line - span.start_line + 1 >= FEWEST_LINES:
            found = (span.start_line + 1, span.end_line + 1)
    if found is None:
        chunks = catalog.chunks_of_file(file_id)
        found = next(
            ((row.start_line + 1, row.end_line + 1) for row in chunks if row.start_line < line <= row.end_line + 1),
            None,
        )
    return found or (line, line)


def _text(root: bytes, path: bytes, encoding: str, first: int, last: int) -> str:
    lines: list[bytes] = []
    held = 0
    try:
        for piece in read_pieces(root, path, Units.UTF8, encoding):
            for number, line in enumerate(piece.lines(), piece.first_line + 1):
                if number > last or held > MOST_SELECTED_BYTES:
                    break
                if number >= first:
                    lines.append(line)
                    held += len(line) + 1
            else:
                continue
            break
    except TooLong:
        pass  # what there was of it
    except OSError as error:
        raise PathError(
            f"cannot read {display_path(path)}", error.strerror or str(error), "name a file that is there"
        ) from None
    return b"\n".join(lines)[:MOST_SELECTED_BYTES].decode("utf-8", "ignore").rstrip()
