"""What a parser sees of a text that holds others: a component's scripts, a notebook's cells.

Everything else is made blank, so that each byte stays where it was. A notebook's lines are strings in JSON: there the
byte before a line (its quote) becomes a line feed, so that code has its own columns, and `Moved` counts lines and
columns of the file again.

Invariant: a view is as long as its text, and valid UTF-8; time is linear in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right

import msgspec

from lowtide.languages import by_name, language_called, language_for
from lowtide.languages.language import Language, View
from lowtide.work.parse.chunk import ChunkRow
from lowtide.work.parse.kinds import SymbolRow
from lowtide.work.parse.rewrite import BLANK

_SCRIPT = re.compile(rb"<script\b([^<>]{0,500})>(.*?)(?:</script\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_NO_CODE = re.compile(rb"\btype\s*=\s*[\"']?(?:text/(?!(?:java|type|ecma)script)|application/(?:ld\+)?json|importmap)")
_FRONT = re.compile(rb"\A\s*---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)

_JSON = re.compile(rb"\"(?>(?:[^\"\\]++|\\.)*)\"|[{}\[\]]", re.DOTALL)
_KEY_END = re.compile(rb"[ \t\r\n]*+:")
_PIECE = re.compile(rb"(?:\\\\)+(?:\\n)?|(?:\\\")+|\\u[0-9a-fA-F]{4}|\\.|[^\\]++", re.DOTALL)
_MAGIC = re.compile(rb"^[ \t]*[%!?][^\n]*", re.MULTILINE)
_CELL_MAGIC = re.compile(rb"\s*%%(?!(?:time|timeit|capture|prun)\b)\w")
_MOST_DEPTH = 200


def scripts(text: bytes) -> bytes:
    """A component of Vue, Svelte or Astro with nothing but what is in its scripts."""
    seen = bytearray(text.translate(BLANK))
    for match in _SCRIPT.finditer(text):
        if not _NO_CODE.search(match[1]):
            seen[match.start(2) : match.end(2)] = match[2]
    if (front := _FRONT.match(text)) is not None:
        seen[front.start(1) : front.end(1)] = front[1]
    return bytes(seen)


class Notebook(msgspec.Struct, frozen=True):
    """A notebook's cells."""

    language: Language | None
    """Of its code; None when it is not known."""
    readable: bytes
    """What people wrote, code and prose; all else is blank."""
    code: bytes
    """The code alone, without the commands of the notebook itself."""


class _Frame(msgspec.Struct):
    is_object: bool
    key: bytes = b""
    kind: bytes = b""
    source: list[tuple[int, int]] = msgspec.field(default_factory=list)


def notebook(text: bytes) -> Notebook:
    """The cells of a notebook (nbformat 3 and later). Whatever `text` is, it never raises: at worst there are none."""
    readable, code = bytearray(b" ") * len(text), bytearray(b" ") * len(text)
    name = b""
    frames = [_Frame(False)]
    for match in _JSON.finditer(text):
        start, end = match.span()
        mark = text[start]
        frame = frames[-1]
        if mark in b"{[":
            if len(frames) > _MOST_DEPTH:
                break
            frames.append(_Frame(mark == 123))
        elif mark in b"}]":
            if len(frames) > 1:
                frames.pop()
                if frame.source and frame.is_object:
                    _show(text, frame, readable, code)
        elif frame.is_object and _KEY_END.match(text, end):
            frame.key = text[start + 1 : end - 1] if end - start < 40 else b""
        elif frame.is_object:
            around = frames[-2].key if len(frames) > 1 else b""
            if frame.key == b"cell_type":
                frame.kind = text[start + 1 : end - 1]
            elif frame.key in (b"source", b"input"):
                frame.source.append((start, end))
            elif (around, frame.key) in _LANGUAGE_KEYS:
                name = text[start + 1 : end - 1][:40]
        elif len(frames) > 1 and frames[-2].key in (b"source", b"input"):
            frames[-2].source.append((start, end))
    language = language_called(name.decode("utf-8", "replace")) if name else by_name("python")
    return Notebook(language, bytes(readable), bytes(code))


def readable(path: bytes, text: bytes) -> bytes:
    """What people wrote of the text of the file at `path`: all of it, but for a notebook."""
    language = language_for(path, b"")
    return notebook(text).readable if language is not None and language.view is View.CELLS else text


_LANGUAGE_KEYS = frozenset({(b"language_info", b"name"), (b"kernelspec", b"language")})


def _show(text: bytes, cell: _Frame, readable: bytearray, code: bytearray) -> None:
    """Write a cell's lines where they stand."""
    if cell.kind not in (b"code", b"markdown", b"raw", b"heading"):
        return
    first, last = cell.source[0][0], cell.source[-1][1]
    shown = bytearray(b" ") * (last - first)
    is_line_start = True
    for start, end in cell.source:
        if is_line_start:
            shown[start - first] = 10
        piece = _PIECE.sub(_unescaped, text[start + 1 : end - 1])
        shown[start + 1 - first : end - 1 - first] = piece
        is_line_start = piece.endswith(b"\n")
    readable[first:last] = shown
    if cell.kind == b"code" and not _CELL_MAGIC.match(shown):
        code[first:last] = _MAGIC.sub(lambda match: match[0].translate(BLANK), bytes(shown))
    else:
        code[first:last] = shown.translate(BLANK)  # with its lines, so that both count them alike


def _unescaped(match: re.Match[bytes]) -> bytes:
    """A piece of a JSON string as it means, as long as it is written."""
    piece = match[0]
    if piece[0] != 92:
        return piece.translate(BLANK) if b"\n" in piece else piece
    mark = piece[1]
    if mark == 34:
        return b'"' * (len(piece) // 2) + b" " * (len(piece) // 2)  # they may begin a line, and open a longer string
    if mark == 92:
        ends_line = piece.endswith(b"n")
        count = len(piece) // 2 - ends_line
        return b" " * (count + ends_line) + b"\\" * count + b"\n" * ends_line
    if mark == 117:
        character = chr(int(piece[2:6], 16)).encode("utf-8", "ignore")
        return character.rjust(len(piece)) if not character[:1].isspace() else b" " * len(piece)
    return {110: b" \n", 116: b" \t", 47: b" /"}.get(mark, b" " * len(piece))


class Moved:
    """Lines and columns of a file, from those of a view of it."""

    def __init__(self, view: bytes, text: bytes) -> None:
        self._view = view
        self._text = text
        self._view_lines = _starts(view)
        self._lines = _starts(text)

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Line and column of the file; columns are characters."""
        start = self._view_lines[min(line, len(self._view_lines) - 1)]
        head = self._view[start : start + 4 * column]
        offset = start + (column if head.isascii() else len(head.decode("utf-8", "ignore")[:column].encode()))
        number = bisect_right(self._lines, offset) - 1
        before = self._text[self._lines[number] : offset]
        return number, len(before) if before.isascii() else len(before.decode("utf-8", "ignore"))

    def rows(self, rows: list[SymbolRow]) -> list[SymbolRow]:
        """Definitions, each with its places in the file."""
        return [
            (*row[:3], *self.place(row[3], row[4]), *self.place(row[5], row[6]), *self.place(row[7], row[8]), *row[9:])
            for row in rows
        ]

    def chunks(self, rows: list[ChunkRow]) -> list[ChunkRow]:
        """Chunks, each with its lines in the file."""
        moved: list[ChunkRow] = []
        for start, end, _, _, symbol in rows:
            last = start + len(self._view[start:end].rstrip())
            lines = (bisect_right(self._lines, offset) - 1 for offset in (start, max(start, last - 1)))
            moved.append((start, end, *lines, symbol))  # type: ignore[arg-type]
        return moved


def _starts(text: bytes) -> list[int]:
    return [0, *(match.end() for match in re.finditer(b"\n", text))]
