"""Where a name is used: the lines in which it stands as a whole word, with the definition that holds each.

The lexical index says which files may have it, the files themselves say where, as they are now.

Invariant: a name is all that is known: comments and strings count, and two things of one name are not told apart.
Invariant: a line with a private key in it is not shown.
Invariant: what is held grows with the limit alone, whatever the files are; a line is shown by its part around the name.
Threads: a question's own, with a connection of its own.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from lowtide.answers import Reference, References, SymbolHit
from lowtide.core.aside import is_test
from lowtide.core.pasted import readings
from lowtide.core.plan import Differing
from lowtide.core.positions import Units, from_bytes, line_end
from lowtide.core.spelling import standing_alone
from lowtide.core.symbol_rank import folders_between, is_held, split_query
from lowtide.errors import UsageError
from lowtide.models import SymbolKind, display_path
from lowtide.read.definitions import is_as_indexed
from lowtide.read.filters import look
from lowtide.read.question import check_symbol
from lowtide.read.text_pieces import Piece, TooLong, read_pieces
from lowtide.read.unread import as_it_would_be_indexed
from lowtide.store.catalog import Catalog
from lowtide.store.lexical.index import LexicalIndex
from lowtide.store.rows import IndexedFile, SymbolSpan
from lowtide.system.beneath import Root
from lowtide.work.keys import holds_none, key_spans
from lowtide.work.words import query_words

FilesWith = Callable[[str, int, Callable[[], bool]], tuple[list[bytes], bool]]
"""Of a name, a limit and who may stop it: files that may hold the name, and whether there are more."""

MOST_FILES = 10_000
"""Files whose words have the name are looked through."""
MOST_LOOKED_AT = 50_000
"""Files that have a name's words somewhere, of which those are found that have the name."""
LONGEST_S = 10.0
"""Looking through files ends by then; what there is by then is the answer, and it is said that there may be more."""
MOST_LINE_BYTES = 400
"""Of a line, around the name."""
_BEFORE_BYTES = 120
_HOLD = frozenset(
    {
        SymbolKind.MODULE,
        SymbolKind.NAMESPACE,
        SymbolKind.CLASS,
        SymbolKind.INTERFACE,
        SymbolKind.STRUCT,
        SymbolKind.ENUM,
        SymbolKind.FUNCTION,
        SymbolKind.METHOD,
        SymbolKind.CONSTRUCTOR,
        SymbolKind.OPERATOR,
    }
)
"""Kinds that hold a use however short they are; others do when they go over several lines."""


class Editor(msgspec.Struct, frozen=True):
    """What an editor's question adds: what `offset` counts, and the files that it has open with other texts, which it
    answers for itself."""

    units: Units = Units.UTF32
    open_files: frozenset[bytes] = frozenset()


NO_EDITOR = Editor()


class Defined(msgspec.Struct, frozen=True):
    """Where the name is defined, by the index."""

    path: str
    line: int
    """From 1."""


class Places(msgspec.Struct, frozen=True):
    """Where a name may be used: files in the order in which they are looked through."""

    name: str
    definitions: frozenset[Defined]
    files: Sequence[bytes]
    is_cut: bool
    """There are more files."""


class _Line(msgspec.Struct):
    number: int
    """From 0."""
    column: int
    offset: int
    text: str
    holder: str = ""


def last_name(name: str) -> tuple[str, list[str]]:
    """The name that is looked for, and those that a qualified one stands in. UsageError when it is none."""
    check_symbol(name)
    meant = readings(name)
    parts = meant[0] if meant else []
    if not parts or not query_words(parts[-1]):
        raise UsageError("no name to look for", repr(name[:80]), "give the name of something that is defined")
    return parts[-1], parts[:-1]


def look_up(files_with: FilesWith, name: str, symbols: Sequence[SymbolHit], stopped: Callable[[], bool]) -> Places:
    """Where to look for `name`; `symbols`: what `find_symbols` found for it. UsageError when it is no name."""
    last, outer = last_name(name)
    held = [part.lower() for part in outer]
    named = [symbol for symbol in symbols if symbol.name == last]
    # What stands just there, if anything does; else what is near it, as for a symbol search.
    just = [symbol for symbol in named if split_query(symbol.container.lower())[-len(held) :] == held] if held else []
    near = [symbol for symbol in named if is_held(symbol.container, symbol.path, held)]
    defined = frozenset(Defined(symbol.path, symbol.line) for symbol in just or near)
    files, is_cut = files_with(last, MOST_FILES, stopped)
    return Places(last, defined, _nearest_first(files, {place.path for place in defined}), is_cut)


def files_with_name(
    catalog: Catalog, lexical: LexicalIndex, root: bytes | Path, name: str, limit: int, stopped: Callable[[], bool]
) -> tuple[list[bytes], bool]:
    """Paths of files that may hold a name as a whole word, in the order they were indexed in; at most `limit`, and
    whether there are more.

    Of a name of several words the index tells where all of them are, not whether they stand together: where that is in
    more files than are wanted, the files are looked at, until `stopped`. So are all files while the index is damaged
    or not made yet.
    """
    words = query_words(name)
    if lexical.is_complete:
        most = limit + 1 if len(words) == 1 else MOST_LOOKED_AT
        paths = catalog.paths_of_chunks(sorted(lexical.files_with_words(words, most, partial(look, stopped))))
        if len(paths) <= limit or len(words) == 1:
            return paths[:limit], len(paths) > limit
    else:
        paths = [file.path for file in islice(catalog.every_indexed_file(), MOST_LOOKED_AT)]
    ends_s = time.monotonic() + LONGEST_S
    found: list[bytes] = []
    for path in paths:
        if stopped() or time.monotonic() > ends_s:
            return found, True
        if _may_hold(root, path, name.encode()):
            if len(found) == limit:
                return found, True
            found.append(path)
    return found, len(paths) >= MOST_LOOKED_AT


def with_differing(
    files_with: FilesWith,
    root: bytes | Path,
    differing: Differing,
    unread: dict[bytes, IndexedFile],
    name: str,
    limit: int,
    stopped: Callable[[], bool],
) -> tuple[list[bytes], bool]:
    """What `files_with` gives, and those of the files that are not in the index as they are that may hold the name:
    `unread` is told what these are."""
    found, is_cut = files_with(name, limit, stopped)
    known = set(found)
    with Root(root) as opened:
        for stat in differing.files:
            if stopped():
                return found, True
            if not _may_hold(root, stat.path, name.encode("utf-8", "replace")):
                continue
            if (file := as_it_would_be_indexed(opened, stat, differing)) is not None:
                unread[stat.path] = file
                found += [] if stat.path in known else [stat.path]
    return found, is_cut or not differing.is_whole


def _may_hold(root: bytes | Path, path: bytes, name: bytes) -> bool:
    """Whether a file has a name's bytes; taken for true where its encoding hides them, or there is too much to look
    at."""
    try:
        for piece in read_pieces(root, path, Units.UTF32):
            if name in piece.text or b"\0" in piece.text:
                return True
    except TooLong:
        return True
    except OSError:
        pass  # gone, or no plain file any more
    return False


def find_references(
    catalog: Catalog,
    root: bytes | Path,
    places: Places,
    limit: int,
    stopped: Callable[[], bool],
    editor: Editor = NO_EDITOR,
    unread: Mapping[bytes, IndexedFile] = MappingProxyType({}),
) -> References:
    """The first `limit` lines that have the name: in files that define it first, then in those near them, tests
    last. `unread`: what files are that the index does not know as they are."""
    ends_s = time.monotonic() + LONGEST_S
    name = places.name.encode("utf-8", "replace")
    finds = cache(lambda language: standing_alone(name, language).search)
    found: list[Reference] = []
    is_cut = places.is_cut
    for path in places.files:
        if stopped() or time.monotonic() > ends_s:
            return References(tuple(found), True, places.name)
        if path in editor.open_files:
            continue
        known = catalog.file(path)
        # One more than is wanted, so that it is known whether there are more.
        most = limit + 1 - len(found)
        like = unread.get(path) or known
        search = finds(like.language if like is not None else "")
        pieces = read_pieces(root, path, editor.units, like.encoding if like else "")
        lines, goes_on = _lines_with(pieces, search, most, editor.units, lambda: time.monotonic() > ends_s)
        is_cut = is_cut or goes_on
        if lines and known is not None and is_as_indexed(root, known):
            _find_holders(lines, catalog.symbol_spans(known.file_id))
        found += _references(display_path(path), lines, places.definitions)
        if len(found) > limit:
            return References(tuple(found[:limit]), True, places.name)
    return References(tuple(found), is_cut, places.name)


class OpenText(msgspec.Struct, frozen=True):
    """A text that an editor has open."""

    path: str
    """As shown."""
    language: str
    text: bytes
    spans: Sequence[SymbolSpan]
    """Its definitions, in the order of their beginnings."""


def references_in(document: OpenText, name: str, limit: int, units: Units) -> list[Reference]:
    """The first `limit` lines of an open text that have the name. UsageError when it is none."""
    last, outer = last_name(name)
    held = [part.lower() for part in outer]
    search = standing_alone(last.encode("utf-8", "replace"), document.language).search
    piece = Piece(0, 0, 0, document.text, line_end(document.text))
    lines, _ = _lines_with((piece,), search, limit, units, lambda: False)
    _find_holders(lines, iter(document.spans))
    named = [span for span in document.spans if span.name == last and is_held(span.container, document.path, held)]
    return _references(document.path, lines, frozenset(Defined(document.path, span.name_line + 1) for span in named))


def _references(shown: str, lines: Sequence[_Line], definitions: Collection[Defined]) -> list[Reference]:
    return [
        Reference(
            shown,
            line.number + 1,
            line.column + 1,
            line.text,
            line.holder,
            Defined(shown, line.number + 1) in definitions,
            line.offset,
        )
        for line in lines
    ]


def _nearest_first(files: Sequence[bytes], defining: set[str]) -> list[bytes]:
    """Files that define it, then by how many folders lie between them and the nearest of those; tests last."""
    folders = [path.split("/")[:-1] for path in sorted(defining)]

    def rank(path: bytes) -> tuple[bool, bool, int, bytes]:
        shown = display_path(path)
        parts = shown.split("/")[:-1]
        nearest = min((folders_between(parts, each) for each in folders), default=0)
        return shown not in defining, is_test(shown), nearest, path

    return sorted(files, key=rank)


def _lines_with(
    pieces: Iterable[Piece], search: Callable[..., Any], most: int, units: Units, is_late: Callable[[], bool]
) -> tuple[list[_Line], bool]:
    """At most `most` lines, and whether the file goes on behind what was looked through."""
    lines: list[_Line] = []
    last = -1
    try:
        for piece in pieces:
            if is_late():
                return lines, True
            if search(piece.text) is None:
                continue
            for line in _in_piece(piece, search, units):
                if line.number != last:
                    lines.append(line)
                    last = line.number
                if len(lines) >= most:
                    return lines, True
    except TooLong:
        return lines, True
    except OSError:
        pass  # gone, or no plain file any more
    return lines, False


def _in_piece(piece: Piece, search: Callable[..., Any], units: Units) -> Iterator[_Line]:
    keys = key_spans(piece.text)
    begins = ends = 0
    for number, line in enumerate(piece.lines(), piece.first_line):
        begins, ends = ends, ends + len(line) + len(piece.end)
        if (match := search(line)) is None or (keys and not holds_none(begins, ends, keys)):
            continue
        goes_on = number == piece.first_line
        column = (piece.characters if goes_on else 0) + from_bytes(line, match.start(), Units.UTF32)
        offset = (piece.units if goes_on else 0) + from_bytes(line, match.start(), units)
        is_long = len(line) > MOST_LINE_BYTES
        start = max(0, match.start() - _BEFORE_BYTES) if is_long else 0
        # Half a character at either end of a part is left out.
        text = line[start : start + MOST_LINE_BYTES].decode("utf-8", "ignore" if is_long else "replace")
        yield _Line(number, column, offset, text.rstrip())


def _find_holders(lines: Sequence[_Line], spans: Iterator[SymbolSpan]) -> None:
    """Give each line, in order, the innermost definition around it; `spans` come in the order of their beginnings."""
    numbers = [line.number for line in lines]
    for span in spans:
        first = bisect_left(numbers, span.start_line)
        if first == len(numbers):
            return
        if span.kind not in _HOLD and span.end_line == span.start_line:
            continue
        for line in lines[first : bisect_right(numbers, span.end_line)]:
            if line.number != span.name_line:
                line.holder = f"{span.container}.{span.name}" if span.container else span.name
