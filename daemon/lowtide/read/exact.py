"""Exact search: the lines that hold a text or match a regular expression, in the files as they are on the disk now.

The words of what is looked for tell which files may have it (`store/lexical/text_candidates.py`); these are read, by
path, until there are as many lines as are wanted. A pattern without a whole word, or part of one, is looked for in
every file.

What the disk has and the index has not yet is looked through besides, as far as it is known (`core/plan.Differing`).
Left out is what the index leaves out: other files, and lines with private keys. Of a file in another encoding the
text is searched, not its bytes.

Invariant: what is held is bounded by the room that was lent (`room_bytes`): an answer that would take more is cut, and
says so; of files one piece is held.
Threads: a question's own, with a connection of its own.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from lowtide.answers import TextAnswer, TextHit, milliseconds_since
from lowtide.core.pattern import MOST_REGEX_BYTES
from lowtide.core.plan import NOTHING_DIFFERS, Differing
from lowtide.errors import QuestionStopped
from lowtide.models import FileStat, SymbolKind, display_path
from lowtide.read.filters import Filter
from lowtide.read.text_pieces import UTF8, decoding
from lowtide.read.unread import as_it_would_be_indexed, with_unread
from lowtide.store.catalog import Catalog
from lowtide.store.connections import Connections
from lowtide.store.lexical.index import LexicalIndex
from lowtide.store.lexical.text_candidates import files_that_may_hold
from lowtide.store.rows import IndexedFile, SymbolSpan, is_unchanged
from lowtide.system.beneath import CannotRead, PlainFile, Root
from lowtide.work.keys import blank, key_spans
from lowtide.work.sniff import is_encoding

if TYPE_CHECKING:  # so that only who looks for a pattern has the engine in memory
    from lowtide.read.text_match import Line, Matcher

PIECE_BYTES = 1 << 20
"""Of a file, looked through at a time; a longer line is cut there."""
_LOOKING_BYTES = 8 * PIECE_BYTES
"""What looking takes at most beside the answer and compiled patterns: a piece, decoded and joined."""
MOST_LINES = 100_000
MOST_CONTEXT = 100
LEAST_ANSWER_BYTES, MOST_ANSWER_BYTES = 1 << 20, 64 << 20
"""What an answer may take until it is sent, whatever is asked for: as much as there is room for, between these."""
_HIT_BYTES = 2048
"""A line that matches, and what it is sent as, beside its text."""
_LINE_BYTES = 96
_ASCII_BYTES, _CHARACTER_BYTES = 6, 12
"""Of a character: in a line, in the message that it is part of (as wide as the widest there), and in its bytes."""
LONGEST_S = 60.0
"""Looking through files ends by then, and it is said that there may be more."""
MOST_CHARACTERS = 1000
"""Of a line, around its first match."""
_BEFORE_CHARACTERS = 200
_BOM = codecs.BOM_UTF8


class TextRequest(msgspec.Struct, frozen=True):
    """What is looked for, and how much of it is wanted."""

    text: str
    is_regex: bool = False
    limit: int = 100
    context: int = 0
    """Lines above and below a match."""
    narrow: Filter = msgspec.field(default_factory=Filter)


class Asking(msgspec.Struct, frozen=True):
    """A question at work: what finds its lines, how it is stopped, and when it was asked, on the clock of
    `perf_counter`."""

    request: TextRequest
    matcher: Matcher
    stopped: Callable[[], bool]
    started: float
    answer_bytes: int = MOST_ANSWER_BYTES


def room_bytes(request: TextRequest, most_bytes: int) -> tuple[int, int]:
    """What a question takes at most when there are `most_bytes` for it, and the answer's part of that."""
    looking = _LOOKING_BYTES + (MOST_REGEX_BYTES if request.is_regex else 0)
    lines = 1 + 2 * request.context
    asked_for = request.limit * (_HIT_BYTES + lines * (_LINE_BYTES + _CHARACTER_BYTES * MOST_CHARACTERS))
    there_is = max(LEAST_ANSWER_BYTES, min(MOST_ANSWER_BYTES, (most_bytes - looking) // 2))
    answer = min(asked_for, there_is)
    return looking + answer, answer


def find_text(
    readers: Connections,
    files: Sequence[IndexedFile] | None,
    root: bytes,
    asking: Asking,
    differing: Differing = NOTHING_DIFFERS,
) -> TextAnswer:
    """The first lines that match, by path and line, of `files`, of all of them for None; and of those that differ from
    what is indexed. StoreError and its kinds, QuestionStopped."""
    search = _Search(asking, differing)
    with readers.lend_moving() as catalog, Root(root) as opened:  # reading many files takes a while
        indexed = catalog.every_indexed_file() if files is None else files
        for file in with_unread(indexed, differing.files):
            search.look_through(opened, file, catalog)
            if search.is_over:
                break
    request, took_ms = asking.request, milliseconds_since(asking.started)
    stale = len({hit.path for hit in search.hits if hit.stale})
    # What stands in a definition is known of what is indexed alone.
    has_seen_disk = differing.is_whole and not (differing.files and request.narrow.kinds)
    hits = tuple(search.hits)
    return TextAnswer(
        request.text, search.reason, took_ms, stale, search.truncated, search.files_read, hits, has_seen_disk
    )


def candidates(
    catalog: Catalog, lexical: LexicalIndex, matcher: Matcher, stopped: Callable[[], bool]
) -> Sequence[IndexedFile] | None:
    """The files that may have what is looked for, by path; None: all may. StoreError and its kinds, QuestionStopped."""
    # What a damaged or unfinished lexical index lacks is looked for in every file.
    if matcher.evidence is None or not lexical.is_complete:
        return None
    chunks = files_that_may_hold(lexical, matcher.evidence, stopped)
    if chunks is None:
        return None
    return sorted(catalog.indexed_files_with(sorted(chunks)), key=lambda file: file.path)


class _Search:
    """One question, file by file."""

    def __init__(self, asking: Asking, differing: Differing) -> None:
        self._request = request = asking.request
        self._matcher = asking.matcher
        self._stopped = asking.stopped
        self._differing = differing
        self._takes = request.narrow.of_files()
        self._ends_s = time.monotonic() + LONGEST_S
        self._left_bytes = asking.answer_bytes
        self._is_cut = False
        self.hits: list[TextHit] = []
        self.files_read = 0
        self.is_over = False
        self.truncated = False
        self.reason: str | None = None

    def look_through(self, root: Root, file: IndexedFile | FileStat, catalog: Catalog) -> None:
        """Add what the file has. QuestionStopped."""
        if self._stopped():
            raise QuestionStopped("the question was stopped")
        if isinstance(file, IndexedFile):
            self._look_through(root, file, catalog)
        elif (known := as_it_would_be_indexed(root, file, self._differing)) is not None:
            row = catalog.file(file.path)
            # It may be in by now.
            if row is not None:
                known = known._replace(file_id=row.file_id, size_bytes=row.size_bytes, mtime_ns=row.mtime_ns)
            self._look_through(root, known, catalog)
        if not self.is_over and time.monotonic() > self._ends_s:
            self._end(f"only what could be looked through in {LONGEST_S:.0f} s was")

    def _look_through(self, root: Root, known: IndexedFile, catalog: Catalog) -> None:
        if not self._takes(known.path, known.language):
            return
        self.files_read += 1
        try:
            with root.open(known.path, 1 << 62) as file:
                is_stale = not is_unchanged(known, file.info)
                spans = catalog.symbol_spans(known.file_id) if known.file_id and not is_stale else iter(())
                found = self._hits_of(file, known, is_stale, _Holders(spans))
        except CannotRead:
            return  # gone, or no plain file any more
        for hit in found:
            if len(self.hits) == self._request.limit:
                self._end(None)
                return
            self.hits.append(hit)
        if self._is_cut:
            self._end("the answer is cut, for it is very long: ask for fewer lines, or for less around them")

    def _end(self, reason: str | None) -> None:
        self.is_over = self.truncated = True
        self.reason = reason

    def _must_end(self) -> bool:
        return time.monotonic() > self._ends_s or self._stopped()

    def _hits_of(self, file: PlainFile, known: IndexedFile, is_stale: bool, holders: _Holders) -> list[TextHit]:
        found: list[TextHit] = []
        kinds = self._request.narrow.kinds
        most = self._request.limit + 1 - len(self.hits)
        shown = display_path(known.path)
        first_line = 0
        for text in _pieces(file, known.encoding, self._must_end):
            keys, shown_text = None, text
            for line in self._matcher.lines(text):
                holder = holders.of(first_line + line.number)
                # What is not asked for takes nothing of the answer's room.
                if kinds and (holder is None or holder.kind not in kinds):
                    continue
                if keys is None:
                    keys = key_spans(text)
                    shown_text = blank(text, keys) if keys and self._request.context else text
                if keys and any(start < line.end and line.start < end for start, end in keys):
                    continue
                hit = _hit(shown, shown_text, line, first_line, self._request.context, is_stale)
                if holder is not None:
                    label = SymbolKind(holder.kind).label
                    hit = hit._replace(kind=label, name=holder.name, container=holder.container)
                self._left_bytes -= _bytes_of(hit)
                if self._left_bytes < 0 and (found or self.hits):
                    self._is_cut = True
                    return found
                found.append(hit)
                if len(found) >= most:
                    return found
            if self._must_end():
                break
            first_line += text.count(b"\n")
        return found


class _Holders:
    """The innermost definition around each line of a file, asked for line by line in order; `spans` come in the order
    of their beginnings."""

    def __init__(self, spans: Iterator[SymbolSpan]) -> None:
        self._spans = spans
        self._next: SymbolSpan | None = None
        self._begun: list[SymbolSpan] = []

    def of(self, line: int) -> SymbolSpan | None:
        """Of a line, counted from 0."""
        while (span := self._next or next(self._spans, None)) is not None and span.start_line <= line:
            self._begun.append(span)
            self._next = None
        self._next = span
        while self._begun and self._begun[-1].end_line < line:
            self._begun.pop()
        return self._begun[-1] if self._begun else None


def _pieces(file: PlainFile, encoding: str, must_end: Callable[[], bool]) -> Iterator[bytes]:
    """The text in UTF-8, without its mark of byte order, in pieces that end with a line where one ends; lines that end
    in a lone carriage return, in a text without line feeds, end in these here. Nothing more once it must end."""
    is_utf8 = encoding in UTF8 or not is_encoding(encoding)
    wanted = min(PIECE_BYTES, file.info.st_size + 1) if is_utf8 else PIECE_BYTES
    read = _reader(file, encoding)
    rest = read(wanted)
    is_whole = is_utf8 and len(rest) < wanted
    if b"\r" in rest and b"\n" not in rest:
        is_old_mac = is_whole or not _has_line_feed(partial(read, PIECE_BYTES), must_end)
        file.seek(0)
        read = _reader(file, encoding, is_old_mac=is_old_mac)
        rest = read(wanted)
    rest = rest.removeprefix(_BOM)
    while not is_whole and (more := read(PIECE_BYTES)):
        cut = rest.rfind(b"\n") + 1 or len(rest)
        yield rest[:cut]
        rest = rest[cut:] + more
    yield rest


def _has_line_feed(read: Callable[[], bytes], must_end: Callable[[], bool]) -> bool:
    """Whether one follows, as far as there is time to look: a file may be endless."""
    while not must_end() and (more := read()):
        if b"\n" in more:
            return True
    return False


def _reader(file: PlainFile, encoding: str, *, is_old_mac: bool = False) -> Callable[[int], bytes]:
    """Reads the file on, in UTF-8."""
    read: Callable[[int], bytes] = file.read
    if encoding not in UTF8 and is_encoding(encoding):
        read = decoding(lambda count: file.read(count // 2), encoding)
    return (lambda count: read(count).replace(b"\r", b"\n")) if is_old_mac else read


def _hit(path: str, text: bytes, line: Line, first_line: int, context: int, is_stale: bool) -> TextHit:
    data = text[line.start : line.end]
    first = len(data[: line.marks[0][0]].decode("utf-8", "replace"))
    shown, cut = _shown(data, first)
    marks = []
    for start, end in line.marks:
        begins = len(data[:start].decode("utf-8", "replace")) - cut
        ends = begins + len(data[start:end].decode("utf-8", "replace"))
        if begins >= len(shown) and begins:
            break
        marks.append((begins, min(ends, len(shown))))
    before, after = _around(text, line, context)
    return TextHit(path, first_line + line.number + 1, first + 1, shown, tuple(marks), before, after, is_stale)


def _bytes_of(hit: TextHit) -> int:
    """What a line takes until it is sent."""
    texts = (hit.text, *hit.before, *hit.after)
    return _HIT_BYTES + sum(
        _LINE_BYTES + (_ASCII_BYTES if text.isascii() else _CHARACTER_BYTES) * len(text) for text in texts
    )


def _shown(data: bytes, first: int) -> tuple[str, int]:
    """A line as it is shown, and how many of its characters are left out before that."""
    text = data.decode("utf-8", "replace").removesuffix("\r")
    if len(text) <= MOST_CHARACTERS:
        return text, 0
    cut = max(0, min(first - _BEFORE_CHARACTERS, len(text) - MOST_CHARACTERS))
    return text[cut : cut + MOST_CHARACTERS], cut


def _around(text: bytes, line: Line, context: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines above and below, as far as they are in this piece of the file."""
    before: list[str] = []
    end = line.start - 1
    while len(before) < context and end >= 0:
        start = text.rfind(b"\n", 0, end) + 1
        before.append(_shown(text[start:end], 0)[0])
        end = start - 1
    after: list[str] = []
    start = line.end + 1
    while len(after) < context and start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        after.append(_shown(text[start:end], 0)[0])
        start = end + 1
    return tuple(reversed(before)), tuple(after)
