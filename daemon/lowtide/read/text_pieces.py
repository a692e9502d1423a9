"""A file's text in pieces, however long it is: a name is looked for in each by itself.

Invariant: a piece ends with a line, or behind a byte that is part of no word, so that no word lies across two; at most
twice MOST_PIECE_BYTES are in memory, and what a longer word takes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from lowtide.core.positions import Units, from_bytes, line_end
from lowtide.system.beneath import Root
from lowtide.work.sniff import is_encoding

WORD_BYTE = rb"[A-Za-z0-9_$\x80-\xff]"
UTF8 = ("utf-8", "ascii", "")
MOST_PIECE_BYTES = 1 << 20
MOST_FILE_BYTES = 256 << 20
"""Of one file, looked through for a name: about a second's work."""
_LAST_WORD = re.compile(rb"%b*\Z" % WORD_BYTE)


class Piece(msgspec.Struct, frozen=True):
    """Lines without their ends; the first may go on from the piece before, of which `units` and `characters` stand in
    it."""

    first_line: int
    units: int
    characters: int
    text: bytes
    end: bytes
    """What ends a line."""

    def lines(self) -> list[bytes]:
        """The first, and those that begin in this piece."""
        return self.text.split(self.end)


class TooLong(Exception):
    """A file goes on behind what is looked through of one."""


def read_pieces(root: bytes | Path, name: bytes, units: Units, encoding: str = "") -> Iterator[Piece]:
    """The text of the file `name` beneath `root` in UTF-8, its mark of byte order left out. Blocking.

    `encoding`: what it is written in, when that is not UTF-8. OSError when it cannot be read, TooLong behind the first
    MOST_FILE_BYTES.
    """
    with Root(root) as opened, opened.open(name, MOST_FILE_BYTES) as file:
        read = decoding(file.read, encoding) if encoding not in UTF8 and is_encoding(encoding) else file.read
        block = read(MOST_PIECE_BYTES)
        end, is_sure = b"\n", False
        rest = block.removeprefix(b"\xef\xbb\xbf")
        line = before_units = before_characters = 0
        while block or rest:
            block = read(MOST_PIECE_BYTES)
            if not is_sure:
                if block and rest.endswith(b"\r") and b"\n" not in rest:
                    rest += block  # it may be half of a line end
                    continue
                # The first that there is tells of all.
                end, is_sure = line_end(rest), b"\r" in rest or b"\n" in rest
            cut = _cut(rest, end) if block else len(rest)
            text, rest = rest[:cut], rest[cut:] + block
            if not text:
                continue
            yield Piece(line, before_units, before_characters, text, end)
            count = text.count(end)
            last = text[text.rfind(end) + 1 :]
            if count:
                line, before_units, before_characters = line + count, 0, 0
            before_units += from_bytes(last, len(last), units)
            before_characters += from_bytes(last, len(last), Units.UTF32)
        if file.is_cut:
            raise TooLong


def decoding(read: Callable[[int], bytes], encoding: str) -> Callable[[int], bytes]:
    """Reads so many bytes of another encoding by `read`, and gives them in UTF-8; nothing only at the end."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")

    def decoded(count: int) -> bytes:
        while data := read(count):
            if text := decoder.decode(data):
                return text.encode("utf-8", "replace")
        return decoder.decode(b"", final=True).encode("utf-8", "replace")

    return decoded


def _cut(text: bytes, end: bytes) -> int:
    """Where a piece of the text ends: behind its last line, or before the word that goes on."""
    if place := text.rfind(end) + 1:
        return place
    return _last_word(text)


def _last_word(text: bytes) -> int:
    """Where the word begins that the text ends in."""
    place = len(text)
    while place > 0:
        start = max(0, place - 256)
        tail = _LAST_WORD.search(text, start)
        if tail is None or tail.start() > start:
            return tail.start() if tail is not None else place
        place = start
    return 0
