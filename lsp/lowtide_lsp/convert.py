"""Between the engine's plain data and LSP's: URIs, columns, symbols.

Invariant: a file that an editor has open keeps the URI that the editor gave it.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lowtide.answers import SymbolHit
from lowtide.core.positions import Units, content, from_characters
from lowtide.core.spelling import NameAt, names_at
from lowtide.languages import language_for
from lowtide.models import SymbolKind
from lowtide.system.beneath import Root
from lowtide.wire import SymbolColumns

KIND_NUMBERS = {kind.label: int(kind) for kind in SymbolKind}
MOST_DEPTH = 100
MOST_FILE_BYTES = 4 << 20
MOST_KEPT_BYTES = 1 << 20
_WIDE = re.compile(rb"[\x80-\xff]").search
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")

Json = dict[str, Any]


def real_name(root: Path, shown: str) -> Path:
    """The path of a file whose name is shown; one that is not UTF-8 is shown with `\\xNN`."""
    return root / os.fsdecode(name_in(root, shown))


def name_in(root: Path, shown: str) -> bytes:
    """The same, as the file is called beneath `root`."""
    if "\\x" in shown and not os.path.lexists(root / shown):
        shown = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]).decode("utf-8", "surrogateescape"), shown)
    return os.fsencode(shown)


WideLines = Mapping[int, bytes]
"""The lines of a text that are not all ASCII, by number: in all others every character is one unit."""


class Lines:
    """Lines of files on the disk, for converting columns. It keeps those that are not ASCII, of the files asked for
    last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[tuple[int, int], WideLines]] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def of(self, root: Path, name: bytes, encoding: str = "") -> WideLines:
        """The lines of the file `name` beneath `root` that are not ASCII, in UTF-8; none when it cannot be read.
        Blocking.

        `encoding`: what the index says of it, which spares a look at a file that was ASCII.
        """
        if encoding == "ascii":
            return {}
        path = root / os.fsdecode(name)
        try:
            with Root(root) as opened, opened.open(name, MOST_FILE_BYTES) as file:
                mark = (file.info.st_mtime_ns, file.info.st_size)
                with self._lock:
                    known = self._kept.get(path)
                    if known is not None and known[0] == mark:
                        self._kept.move_to_end(path)
                        return known[1]
                data = file.whole()
        except OSError:
            return {}
        lines = wide_lines(_in_utf8(data, encoding))
        with self._lock:
            self._keep(path, mark, lines)
        return lines

    def _keep(self, path: Path, mark: tuple[int, int], lines: WideLines) -> None:
        before = self._kept.pop(path, None)
        self._kept[path] = mark, lines
        self._kept_bytes += _size(lines) - (_size(before[1]) if before else 0)
        while self._kept_bytes > MOST_KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= _size(self._kept.popitem(last=False)[1][1])


def _size(lines: WideLines) -> int:
    """About what an entry takes."""
    return 400 + sum(len(line) + 120 for line in lines.values())


def _in_utf8(data: bytes, encoding: str) -> bytes:
    if encoding not in ("", "utf-8"):
        try:
            data = data.decode(encoding).encode()
        except (LookupError, ValueError):
            return b""
    return data.removeprefix(b"\xef\xbb\xbf")


def wide_lines(text: bytes) -> WideLines:
    """The lines of a text in UTF-8 that are not ASCII."""
    lines: dict[int, bytes] = {}
    number = counted = place = 0
    while match := _WIDE(text, place):
        start = text.rfind(b"\n", 0, match.start()) + 1
        place = text.find(b"\n", start)
        place = len(text) if place < 0 else place
        number += text.count(b"\n", counted, start)
        counted = start
        lines[number] = text[start:place]
    return lines


def point(lines: WideLines, line: int, column: int, units: Units) -> Json:
    """A position, from a column in characters."""
    if line in lines:
        column = from_characters(lines[line], column, units)
    return {"line": line, "character": column}


def symbol_location(uri: str, symbol: SymbolHit, lines: WideLines, units: Units) -> Json:
    """The place of a symbol's name."""
    line, column = symbol.name_range
    end = column + len(symbol.name)
    return {"uri": uri, "range": {"start": point(lines, line, column, units), "end": point(lines, line, end, units)}}


def workspace_symbol(uri: str, symbol: SymbolHit, lines: WideLines, units: Units) -> Json:
    """A `WorkspaceSymbol`, which is a `SymbolInformation` too."""
    answer = {
        "name": symbol.name or "?",
        "kind": KIND_NUMBERS.get(symbol.kind, 13),
        "location": symbol_location(uri, symbol, lines, units),
    }
    if symbol.container:
        answer["containerName"] = symbol.container
    return answer


class Position(msgspec.Struct, gc=False, frozen=True):
    """LSP's."""

    line: int
    character: int


class Range(msgspec.Struct, gc=False, frozen=True):
    """LSP's."""

    start: Position
    end: Position


class DocumentSymbol(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    """LSP's. An outline has thousands: made and encoded in a third of the time of dictionaries, unseen by the
    collector."""

    name: str
    kind: int
    range: Range
    selection_range: Range
    children: list[DocumentSymbol]
    detail: str = ""


_EXTENSION = int(SymbolKind.OBJECT)
"""What the parser gives no kind: a block that extends a type."""


def outline(rows: Sequence[SymbolColumns], lines: Sequence[bytes], units: Units) -> list[DocumentSymbol]:
    """A text's definitions as a tree, from the parser's rows in the order of the text."""
    if units is not Units.UTF32:
        rows = _in_units(rows, lines, units)
    top: list[DocumentSymbol] = []
    stack: list[tuple[tuple[int, int], list[DocumentSymbol]]] = []
    for name, kind, _, line, column, end_line, end_column, name_line, name_column, signature, _ in rows:
        start, end, name_start = (line, column), (end_line, end_column), (name_line, name_column)
        if not start <= name_start <= end:
            name_start = start  # the specification wants it inside
        name_end = min((name_start[0], name_start[1] + length_in(name, units)), end)
        children: list[DocumentSymbol] = []
        item = DocumentSymbol(
            name or "?",
            kind or _EXTENSION,
            Range(Position(*start), Position(*end)),
            Range(Position(*name_start), Position(*name_end)),
            children,
            signature,
        )
        while (stack and stack[-1][0] < end) or (stack and stack[-1][0] <= start):
            stack.pop()  # it is over, or overlaps: a tree has no place for that but beside
        (stack[-1][1] if stack else top).append(item)
        if len(stack) < MOST_DEPTH:
            stack.append((end, children))
    return top


def length_in(name: str, units: Units) -> int:
    """How many units a name has."""
    if units is Units.UTF32 or name.isascii():
        return len(name)
    return len(name.encode("utf-8" if units is Units.UTF8 else "utf-16-le", "replace")) // (
        1 if units is Units.UTF8 else 2
    )


def _in_units(rows: Sequence[SymbolColumns], lines: Sequence[bytes], units: Units) -> Sequence[SymbolColumns]:
    """The rows with the columns of lines that are not ASCII counted anew."""
    wide = {number for number, line in enumerate(lines) if not line.isascii()}
    if not wide:
        return rows

    def column(line: int, characters: int) -> int:
        return from_characters(lines[line], characters, units) if line in wide else characters

    return [
        (*row[:4], column(row[3], row[4]), row[5], column(row[5], row[6]), row[7], column(row[7], row[8]), *row[9:])
        for row in rows
    ]


def flat(items: Sequence[DocumentSymbol], uri: str, container: str = "") -> list[Json]:
    """The same as `SymbolInformation`, for clients that know no tree."""
    found: list[Json] = []
    for item in items:
        row: Json = {"name": item.name, "kind": item.kind, "location": {"uri": uri, "range": item.range}}
        if container:
            row["containerName"] = container
        found.append(row)
        found += flat(item.children, uri, item.name)
    return found


def names_under(line: bytes, column_bytes: int, path: str) -> list[NameAt]:
    """The name at a byte of a line of the file at `path`, as its language spells it, then otherwise; nothing for
    none."""
    text = content(line).decode("utf-8", "replace")
    return names_at(text, len(line[:column_bytes].decode("utf-8", "ignore")), fence_language(path))


def fence_language(path: str) -> str:
    """What a Markdown code block of this file's language is called."""
    language = language_for(os.fsencode(path), b"")
    return language.name if language else ""
