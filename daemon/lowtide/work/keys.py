"""Private keys in a text: where they stand, and the text without them.

A file that is a key, or data that holds one, is left out whole. A program that holds one (a sample in a test) loses
that part alone: the key's characters are blanked, so that every other place in the text stays where it was, and the
chunks that held them are not kept.

Invariant: a mark alone (`-----BEGIN PRIVATE KEY-----`), as programs that read keys write it, is no key.
Invariant: what is blanked has the same length and the same lines as before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lowtide.languages import HEAD_BYTES, language_for

Span = tuple[int, int]
"""Start and end of a key, in bytes."""

_MARKS = (b"PRIVATE KEY-----", b"PRIVATE KEY BLOCK-----")
_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
    # line ends, as such or as written in a string; headers as `Proc-Type: 4,ENCRYPTED`; then the key itself
    rb"(?:[\s\"'+,#*/]|\\r|\\n|[A-Za-z-]{1,20}: [^\n]{1,80}\n){1,200}[A-Za-z0-9+/]{40}"
)
_BODY_END = re.compile(rb"-----END [^\n-]{0,60}-----|[^\sA-Za-z0-9+/=\"'\\,:#*-]")
"""A key goes on to its end mark, or to a character that no key has, however it is written."""
MOST_KEY_BYTES = 16 << 10
MOST_LINE_BYTES = 1000
"""Of a line that stands for a file."""
LEAST_PROGRAM_BYTES = 150
"""A program has so much beside the keys that it holds; less only names them."""
_MAY_BE_KEYS = frozenset({b"key", b"p8"})
"""Extensions of keys that other files have too (a slide show, a cartridge): what they hold tells."""
_BARE_KEY = re.compile(rb"\s*(?:[A-Za-z0-9+/=_:.-]{16,}\s+){0,400}[A-Za-z0-9+/=_:.-]{16,}\s*")
_WORD = re.compile(rb"[^\s]")


def key_spans(utf8: bytes) -> list[Span]:
    """Where private keys stand in a text, in order, none overlapping."""
    spans: list[Span] = []
    for mark in _MARKS:
        position = utf8.find(mark)
        while position >= 0:
            position += len(mark)
            if found := _KEY.search(utf8, max(0, position - 120), position + 1000):
                end = _BODY_END.search(utf8, found.end(), found.end() + MOST_KEY_BYTES)
                spans.append((found.start(), end.end() if end else min(len(utf8), found.end() + MOST_KEY_BYTES)))
                position = max(position, spans[-1][1])
            position = utf8.find(mark, position)
    return _joined(sorted(spans))


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def may_lose_a_part(path: bytes, utf8: bytes, spans: Sequence[Span]) -> bool:
    """Whether a text that holds keys is a program with more to it than they are."""
    language = language_for(path, utf8[:HEAD_BYTES])
    held = sum(end - start for start, end in spans)
    return language is not None and not language.is_data and len(utf8) - held >= LEAST_PROGRAM_BYTES


def is_bare_key(path: bytes, utf8: bytes) -> bool:
    """Whether a file that its name lets be a key is one: nothing but one word, or a few of the same look."""
    extension = path.rpartition(b"/")[2].rpartition(b".")[2].lower()
    return extension in _MAY_BE_KEYS and _BARE_KEY.fullmatch(utf8[:MOST_KEY_BYTES]) is not None


def blank(utf8: bytes, spans: Sequence[Span]) -> bytes:
    """The text with every character of a key but white space as an `x`."""
    pieces: list[bytes] = []
    position = 0
    for start, end in spans:
        pieces += (utf8[position:start], _WORD.sub(b"x", utf8[start:end]))
        position = end
    return b"".join((*pieces, utf8[position:]))


def line_beside(utf8: bytes, spans: Sequence[Span]) -> tuple[int, int, int, int] | None:
    """The first line with anything in it that no key touches, as a chunk: its start, where it ends or what is shown of
    it does, and its number from 0, twice."""
    start = 0
    while start < len(utf8):
        end = utf8.find(b"\n", start) + 1 or len(utf8)
        if holds_none(start, end, spans) and not utf8[start:end].isspace():
            number = utf8.count(b"\n", 0, start)
            end = min(end, start + MOST_LINE_BYTES)
            while end < len(utf8) and utf8[end] & 0xC0 == 0x80:
                end -= 1
            return start, end, number, number
        start = end
    return None


def holds_none(start: int, end: int, spans: Sequence[Span]) -> bool:
    """Whether no key stands between two places of a text."""
    return not any(first < end and start < last for first, last in spans)
