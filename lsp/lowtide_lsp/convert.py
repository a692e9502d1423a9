"""Between the engine's plain data and LSP's: URIs, columns, symbols.

Invariant: a file that an editor has open keeps the URI that the editor gave it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lowtide.core.positions import Units, content, from_characters
from lowtide.models import SymbolKind
from lowtide.overlay import Document
from lowtide.work.languages import language_for
from lowtide.work.wire import SymbolColumns

KIND_NUMBERS = {kind.label: int(kind) for kind in SymbolKind}
MOST_DEPTH = 100
MOST_FILE_BYTES = 4 << 20
MOST_KNOWN = 4096
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")

Json = dict[str, Any]


def path_of(uri: str) -> Path | None:
    """The absolute path of a `file:` URI of this machine, else None."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme.lower() != "file" or parts.netloc not in ("", "localhost"):
        return None
    path = os.fsdecode(unquote(parts.path, errors="surrogateescape").encode("utf-8", "surrogateescape"))
    if not path.startswith("/") or "\0" in path:
        return None
    return Path(os.path.normpath(path))


def real_name(root: Path, shown: str) -> Path:
    """The path of a file whose name is shown; one that is not UTF-8 is shown with `\\xNN`."""
    path = root / shown
    if "\\x" in shown and not path.exists():
        raw = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]).decode("utf-8", "surrogateescape"), shown)
        return root / raw
    return path


class Lines:
    """Lines of files on the disk, for converting columns; remembers which files are ASCII, whose columns need no look."""

    def __init__(self) -> None:
        self._ascii: dict[Path, tuple[int, int]] = {}

    def of(self, path: Path) -> Sequence[bytes] | None:
        """The file's lines; None when they are all ASCII, or cannot be read. Blocking."""
        try:
            info = path.stat()
            mark = (info.st_mtime_ns, info.st_size)
            if self._ascii.get(path) == mark or info.st_size > MOST_FILE_BYTES:
                return None
            data = path.read_bytes()
        except (OSError, ValueError):
            return None
        if data.isascii():
            if len(self._ascii) >= MOST_KNOWN:
                self._ascii.clear()
            self._ascii[path] = mark
            return None
        return data.removeprefix(b"\xef\xbb\xbf").split(b"\n")


def point(lines: Sequence[bytes] | None, line: int, column: int, units: Units) -> Json:
    """A position, from a column in characters; `lines` None means that every character is one unit."""
    if lines is not None and 0 <= line < len(lines):
        column = from_characters(lines[line], column, units)
    return {"line": line, "character": column}


def symbol_location(uri: str, symbol: Json, lines: Sequence[bytes] | None, units: Units) -> Json:
    """The place of a symbol's name."""
    line, column = symbol["name_range"]
    end = column + len(symbol["name"])
    return {
        "uri": uri, "range": {"start": point(lines, line, column, units), "end": point(lines, line, end, units)}
    }  # fmt: skip


def workspace_symbol(uri: str, symbol: Json, lines: Sequence[bytes] | None, units: Units) -> Json:
    """A `WorkspaceSymbol`, which is a `SymbolInformation` too."""
    answer = {
        "name": symbol["name"] or "?", "kind": KIND_NUMBERS.get(symbol["kind"], 13),
        "location": symbol_location(uri, symbol, lines, units),
    }  # fmt: skip
    if symbol["container"]:
        answer["containerName"] = symbol["container"]
    return answer


def outline(rows: Sequence[SymbolColumns], lines: Sequence[bytes], units: Units) -> list[Json]:
    """`DocumentSymbol`s as a tree, from the parser's rows in the order of the text."""
    if units is not Units.UTF32:
        rows = _in_units(rows, lines, units)
    top: list[Json] = []
    stack: list[tuple[tuple[int, int], list[Json]]] = []
    for name, kind, _, line, column, end_line, end_column, name_line, name_column, signature, _ in rows:
        start, end, name_start = (line, column), (end_line, end_column), (name_line, name_column)
        if not start <= name_start <= end:
            name_start = start  # the specification wants it inside
        name_end = min((name_start[0], name_start[1] + _length(name, units)), end)
        children: list[Json] = []
        item: Json = {
            "name": name or "?",
            "kind": kind or 13,
            "range": {
                "start": {"line": line, "character": column},
                "end": {"line": end_line, "character": end_column},
            },
            "selectionRange": {
                "start": {"line": name_start[0], "character": name_start[1]},
                "end": {"line": name_end[0], "character": name_end[1]},
            },
            "children": children,
        }
        if signature:
            item["detail"] = signature
        while (stack and stack[-1][0] < end) or (stack and stack[-1][0] <= start):
            stack.pop()  # it is over, or overlaps: a tree has no place for that but beside
        (stack[-1][1] if stack else top).append(item)
        if len(stack) < MOST_DEPTH:
            stack.append((end, children))
    return top


def _length(name: str, units: Units) -> int:
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


def flat(items: Sequence[Json], uri: str, container: str = "") -> list[Json]:
    """The same as `SymbolInformation`, for clients that know no tree."""
    found: list[Json] = []
    for item in items:
        row = {"name": item["name"], "kind": item["kind"], "location": {"uri": uri, "range": item["range"]}}
        if container:
            row["containerName"] = container
        found.append(row)
        found += flat(item["children"], uri, item["name"])
    return found


_WORD = re.compile(r"[\w$]+")
_QUALIFIER = re.compile(r"([\w$]+)\s*(?:\.|::|->|#|\\)\s*\Z")


def word_at(line: bytes, column_bytes: int) -> tuple[str, str, int, int]:
    """The name at a byte of a line, what it is qualified with, and its first and end byte; an empty name for none."""
    text = content(line).decode("utf-8", "replace")
    place = len(line[:column_bytes].decode("utf-8", "ignore"))
    for match in _WORD.finditer(text):
        if match.start() <= place <= match.end():
            before = _QUALIFIER.search(text, 0, match.start())
            start = len(text[: match.start()].encode())
            return match[0], before[1] if before else "", start, start + len(match[0].encode())
    return "", "", 0, 0


def lines_of(document: Document | None, lines: Lines, path: Path) -> Sequence[bytes] | None:
    """The lines that a place in a file counts in: the editor's when it has the file open."""
    return document.buffer.lines if document is not None else lines.of(path)


def fence_language(path: str) -> str:
    """What a Markdown code block of this file's language is called."""
    language = language_for(os.fsencode(path), b"")
    return language.name if language else ""
