"""Cuts a text into the spans that are embedded.

Invariant: the chunks of a text follow each other without gap or overlap from its first byte to its last; each starts
at the start of a line, unless a line alone is longer than `MAX_BYTES`, and never inside a character; without its
trailing white space none is longer than `MAX_BYTES`.

Sizes are bytes of the UTF-8 text. This module sees numbers and text only: `work/parse/parse.py` says where the syntax
allows a cut (an `Atom`), `pack` joins what is too small, `chunk_lines` serves text without a grammar.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

MAX_BYTES = 1500
"""No chunk is longer."""
SOFT_BYTES = 1200
"""Small neighbours are joined up to about this size: what is no definition of its own gains nothing from smaller
chunks."""
MIN_BYTES = 180
"""A definition of this size stands alone; smaller chunks are joined with a neighbour where the syntax allows it.

Measured on 750 questions about 8,700 functions: NDCG@10 is 0.705 with 300 here, 0.719 with 200, 0.725 with 180 to 120.
"""
TEXT_BYTES = 1200
"""What runs of lines without a syntax aim at."""
_TINY_BYTES = 70
"""Less than this does not stand alone when it can be helped."""
_FILLER_BYTES = 400
_NEWLINE = 10

ChunkRow = tuple[int, int, int, int, int]
"""The fields of `models.Chunk`, in order."""
Atom = tuple[int, int, int, int]
"""Start (a line's first byte), its line, the group (what it may be joined with), and an `ALONE`/`JOIN` flag."""

JOIN = 0
ALONE = 1
"""The atom begins a definition of `MIN_BYTES` or more."""
HEAD = 2
"""The atom begins a definition whose inside is other atoms of the same group."""

_HEAD_BYTES = 60
"""But the head of a class may, from this size on."""

_CLOSER = re.compile(rb"[\s})\];,]*(?:(?:end|fi|done|esac)\b;?|#[ \t]*endif[^\n]*|[})\]]+[^\n]{0,40})?\s*\Z")
_SPACE = b" \t\r\n\f\v"


def chunk_lines(text: bytes) -> list[ChunkRow]:
    """Chunks of a text without a grammar: whole paragraphs where they fit, else whole lines."""
    rows: list[ChunkRow] = []
    _split_lines(text, 0, len(text), 0, TEXT_BYTES, rows)
    return rows


def pack(text: bytes, atoms: Iterable[Atom], targets: dict[int, int]) -> list[ChunkRow]:
    """Join atoms into chunks.

    `atoms` in the order of the text, each ending where the next starts; `targets`: the size to which a group's atoms
    are joined (`SOFT_BYTES` for a group that is not in it). The symbol of every row is -1.
    """
    spans: list[tuple[int, int]] = []
    open_start, open_line, open_group = 0, 0, -1
    size = 0
    is_closed = False
    is_head = False
    pending = iter(atoms)
    following = next(pending, None)
    while following is not None:
        start, line, group, flag = following
        if start >= len(text):
            break  # a node without text, behind the last line
        following = next(pending, None)
        atom = (following[0] if following is not None else len(text)) - start
        if size == 0:
            pass
        elif size + atom > MAX_BYTES and size + _solid(text, start, start + atom) > MAX_BYTES:
            spans.append((open_start, open_line))
            open_start, open_line, size = start, line, 0
        elif atom <= 64 and _CLOSER.match(text, start, start + atom):
            size += atom
            continue
        elif _is_cut(size, atom, is_closed, is_head, group == open_group, flag, targets.get(group, SOFT_BYTES)):
            spans.append((open_start, open_line))
            open_start, open_line, size = start, line, 0
        if not size:
            is_head = flag == HEAD
        size += atom
        open_group = group
        is_closed = flag == ALONE
    if text:
        spans.append((open_start, open_line))
    rows: list[ChunkRow] = []
    end = len(text)
    for index in range(len(spans) - 1, -1, -1):
        start, line = spans[index]
        solid = _solid(text, start, end)
        if solid <= MAX_BYTES:
            rows.append((start, end, line, line + text.count(b"\n", start, start + solid), -1))
        else:
            parts: list[ChunkRow] = []
            _split_lines(text, start, end, line, TEXT_BYTES, parts)
            rows.extend(reversed(parts))
        end = start
    rows.reverse()
    return rows


def _is_cut(size: int, atom: int, is_closed: bool, is_head: bool, same_group: bool, flag: int, target: int) -> bool:
    """Whether an atom of `atom` bytes begins a new chunk after an open chunk of `size` bytes."""
    if is_closed:
        return True
    if flag != JOIN:
        return size >= (_HEAD_BYTES if is_head else _TINY_BYTES)
    if not same_group:
        return size >= MIN_BYTES
    return size + atom > target and size >= MIN_BYTES


def _solid(text: bytes, start: int, end: int) -> int:
    """The length of text[start:end] without its trailing white space."""
    if end > start and text[end - 1] not in _SPACE:
        return end - start
    tail = max(start, end - 64)
    solid = len(text[tail:end].rstrip())
    return tail - start + solid if solid else len(text[start:end].rstrip())


def _split_lines(text: bytes, start: int, end: int, line: int, target: int, rows: list[ChunkRow]) -> None:
    """Append chunks of whole lines that cover text[start:end], cut at blank lines where there are any."""
    while start < end:
        if _solid(text, start, end) <= MAX_BYTES:
            cut = end
        else:
            cut = _best_cut(text, start, min(end, start + MAX_BYTES), target)
            blank = _after_space(text, cut, end)
            # Blank lines belong to what stands above them; a line's indentation stays with the line.
            newline = text.rfind(b"\n", cut, blank)
            cut = blank if blank == end else (newline + 1 if newline >= 0 else cut)
        solid = _solid(text, start, cut)
        rows.append((start, cut, line, line + text.count(b"\n", start, start + solid), -1))
        line += text.count(b"\n", start, cut)
        start = cut


def _best_cut(text: bytes, start: int, limit: int, target: int) -> int:
    """Where to end a chunk that starts at `start` and must end by `limit`: a blank line, else a line, else a word."""
    wish = min(limit, start + target)
    blank = text.rfind(b"\n\n", start + MIN_BYTES, wish)
    if blank >= 0:
        return blank + 2
    newline = text.rfind(b"\n", start, wish)
    if newline < 0:
        newline = text.rfind(b"\n", start, limit)
    if newline >= 0:
        return newline + 1
    space = text.rfind(b" ", start + MIN_BYTES, limit)
    if space >= 0:
        return space + 1
    while limit > start + 1 and limit < len(text) and text[limit] & 0xC0 == 0x80:
        limit -= 1
    return limit


def _after_space(text: bytes, start: int, end: int) -> int:
    match = _NOT_SPACE.search(text, start, end)
    return match.start() if match else end


_NOT_SPACE = re.compile(rb"[^ \t\r\n\f\v]")


def is_filler(text: bytes, start: int, end: int) -> bool:
    """Whether text[start:end] is a further piece of a long line of data: an icon as base64, a table of numbers.

    Its first piece says what there is to say; the others only cost.
    """
    if start == 0 or text[start - 1] == _NEWLINE or end - start < _FILLER_BYTES:
        return False
    piece = text[start:end]
    return piece.isascii() and len(piece.split()) * 100 < len(piece) and _NEWLINE not in piece.rstrip()


def attach_symbols(
    rows: list[ChunkRow], starts: list[int], ends: list[int], parents: list[int], frames: frozenset[int] = frozenset()
) -> list[ChunkRow]:
    """The rows with each chunk's symbol.

    That is the innermost definition around the chunk's start. When there is none, or only a frame, it is the one that
    fills half of the chunk from where the first begins, else the first. When there is one around, it is one that begins
    in the chunk and fills half of it, or three quarters when the one around begins here too: the head of a class is the
    class. Never a part of a definition that the chunk holds whole. `starts` ascending, where the comments above begin;
    `parents`: the index of the definition around each, -1 at top level; `frames`: those that only hold others (a
    namespace) or say nothing (the name that guards a header): they name a chunk that has nothing else.
    """
    attached: list[ChunkRow] = []
    for start, end, first, last, _ in rows:
        after = bisect_right(starts, start - 1)
        holder = after - 1
        while holder >= 0 and ends[holder] <= start:
            holder = parents[holder]
        while after < len(starts) and starts[after] < end:
            largest = _largest(after, end, starts, ends)
            filled = min(ends[largest], end) - starts[largest]
            if holder < 0 or holder in frames:
                following = largest if 2 * filled >= end - starts[after] else after
                if following in frames and holder >= 0 and ends[following] <= end:
                    after = following + 1  # it may hold something that it is not
                    continue
                holder = following
            elif filled < (end - start) * (0.75 if starts[holder] >= start else 0.5):
                break
            else:
                holder = largest
            if ends[holder] <= end and holder not in frames:
                break
            after = holder + 1
        attached.append((start, end, first, last, holder))
    return attached


def _largest(index: int, end: int, starts: list[int], ends: list[int]) -> int:
    """Of definition `index` and its neighbours that begin before `end`, the one that fills most until there."""
    largest, most = index, 0
    while index < len(starts) and starts[index] < end:
        filled = min(ends[index], end) - starts[index]
        if filled > most:
            largest, most = index, filled
        inside = ends[index]
        index += 1
        while index < len(starts) and starts[index] < inside:
            index += 1
    return largest
