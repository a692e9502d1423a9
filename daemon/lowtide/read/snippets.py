"""What a hit shows of its file, and what a hit is compared by: read from the disk as it is when the answer is made.

A chunk's bytes are counted in UTF-8 without a mark of byte order. In a file of another encoding they are found by
reading it from its start on, a piece at a time, and counting what each piece is in UTF-8: one piece is held, never the
file.

Invariant: whatever stands in a hit's place by now (nothing, a link, a pipe, a device, a file a thousand times as long),
it costs a hit its text and no more: a bounded read, and no wait.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection
from typing import NamedTuple

from lowtide.core.passage import LINES, first_shown
from lowtide.store.rows import ChunkRow, FileRow, is_unchanged
from lowtide.system.beneath import CannotRead, PlainFile, Refusal, Root
from lowtide.work.sniff import is_encoding

CHARACTERS = 1200
TEXT_BYTES = 4 * CHARACTERS
"""Read of a chunk to be shown or compared: a character takes four bytes at most, and no chunk is longer."""
PIECE_BYTES = 1 << 16
"""Of a file that is not UTF-8, decoded at a time."""
FURTHEST_BYTES = 4 << 20
"""Of such a file, looked through for a chunk; a file is not indexed beyond, unless the user said so."""
ANSWER_BYTES = 32 << 20
"""Of all such files of one answer: about a third of a second. The hits behind it are shown without text."""
_UTF8 = ("utf-8", "ascii", "")
_BOM = codecs.BOM_UTF8


class Shown(NamedTuple):
    """What a hit shows: some lines of its chunk."""

    text: str
    is_stale: bool
    """The file is no longer what was indexed."""
    first_line: int
    """From 0."""


class Snippets:
    """The texts of one answer's hits."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._left_bytes = ANSWER_BYTES

    def of(
        self, row: ChunkRow, known: FileRow | None, stems: Collection[str] = (), *, is_named: bool = False
    ) -> Shown | None:
        """What is shown of a chunk for a question of these word stems; None when the file is gone.

        `known`: the file as the index has it; `is_named`: the question names the chunk's definition.
        """
        if (read := self._text(row, known)) is None:
            return None
        text, is_stale = read
        if row.end_line > row.start_line and "\n" not in text:
            text = text.replace("\r", "\n")  # the file's lines end so
        shown = shown_of(text, row.start_line, row.symbol_start_line, stems, is_named=is_named)
        return shown._replace(is_stale=is_stale)

    def _text(self, row: ChunkRow, known: FileRow | None) -> tuple[str, bool] | None:
        """A chunk's beginning, and whether its file is no longer what was indexed; no text when it cannot be told."""
        is_utf8 = known is None or known.encoding in _UTF8
        most_bytes = TEXT_BYTES + len(_BOM) if is_utf8 else min(FURTHEST_BYTES, self._left_bytes)
        try:
            with self._root.open(row.path, most_bytes) as file:
                info = file.info
                stale = known is None or not is_unchanged(known, info)
                if stale and info.st_size > max(FURTHEST_BYTES, known.size_bytes if known else 0):
                    return "", True
                if known is None or known.encoding in _UTF8:
                    start = row.start_byte
                    if known is not None and known.encoding == "utf-8" and file.read(len(_BOM)) == _BOM:
                        start += len(_BOM)
                    file.seek(start)
                    data = file.read(min(row.end_byte - row.start_byte, TEXT_BYTES))
                else:
                    data = self._decoded(file, known.encoding, row)
        except CannotRead as error:
            return None if error.refusal is Refusal.MISSING else ("", True)
        return data.decode("utf-8", "replace"), stale

    def _decoded(self, file: PlainFile, encoding: str, row: ChunkRow) -> bytes:
        """A chunk of a file of another encoding, in UTF-8."""
        if not is_encoding(encoding):
            return b""
        start, wanted = row.start_byte, min(row.end_byte - row.start_byte, TEXT_BYTES)
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        found, passed, is_first = b"", 0, True
        while len(found) < wanted and (piece := file.read(PIECE_BYTES)):
            self._left_bytes -= len(piece)
            text = decoder.decode(piece)
            if is_first and text:
                text, is_first = text.removeprefix("\ufeff"), False
            utf8 = text.encode("utf-8", "replace")
            found += utf8[max(0, start - passed) :][: wanted - len(found)]
            passed += len(utf8)
        return found


def shown_of(
    text: str, start_line: int, symbol_start_line: int, stems: Collection[str], *, is_named: bool = False
) -> Shown:
    """What is shown of a chunk's text that begins at `start_line`; `is_named`: the question names its definition."""
    lines = _lines(text)
    first = first_shown(lines, symbol_start_line - start_line, stems, is_named=is_named) if stems or is_named else 0
    while first < len(lines) - 1 and not lines[first].strip():
        first += 1  # it begins where something stands
    return Shown(shorten("\n".join(lines[first:])), False, start_line + first)


def shorten(text: str) -> str:
    """The first lines of a text, as they are shown."""
    return "\n".join(_lines(text)[:LINES])[:CHARACTERS].strip("\n").rstrip()


def _lines(text: str) -> list[str]:
    """The lines as the index and editors count them: a form feed in one, as GNU's sources have it, ends none."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines if lines[-1] else lines[:-1]


def text_to_compare(root: Root, row: ChunkRow) -> str:
    """A chunk's text, to be compared with a question word by word; nothing when it cannot be read.

    Of a file that is not UTF-8 these are not quite the chunk's bytes: it is ranked a little worse, and no more.
    """
    try:
        content = root.read(row.path, min(row.end_byte - row.start_byte, TEXT_BYTES), row.start_byte)
    except CannotRead:
        return ""
    return content.data.decode("utf-8", "replace")
