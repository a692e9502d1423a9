"""Text to search words: lower case, identifiers split, one space between words.

`getHTTPResponse_v2` becomes `get http response v 2`. The lexical index stores these words,
the default model is fed with them, and queries go through the same rules, so that all three agree.

Rules, for ASCII: words are runs of letters or of digits; a capital after a small letter begins a word (`camelCase`),
and so does the last capital of a run before a small letter (`HTTPServer`), except for a plural (`URLs`). Beyond ASCII:
runs of letters or of digits as Unicode has them (digits of two scripts are two words), lower-cased letter by letter. Of
a run of Chinese, Japanese or Korean each two neighbours are a word: its pairs are in any longer run with it.

Invariant: numpy and the standard library only; temporary memory does not grow with the text (blocks of `_BLOCK_BYTES`);
`query_words(text)` is `split_words` of the same text as one span.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np

_BLOCK_BYTES = 1 << 16
"""Text worked on at once; larger blocks leave the processor's cache and are slower."""

_CUT = 0xFF
"""Joins spans inside a block: a byte that UTF-8 never uses."""

_SEPARATOR, _LOWER, _UPPER, _DIGIT, _OTHER, _SPAN = range(6)
_DROP, _KEEP, _BREAK, _BREAK_IF_LOWER_FOLLOWS = range(4)


def _byte_tables() -> tuple[bytes, bytes]:
    """256-byte tables: the byte as it is written, and its class. Bytes of non-ASCII characters stay as they are."""
    written, classes = bytearray(b" " * 256), bytearray(256)
    for byte in range(256):
        character = chr(byte)
        if byte == _CUT:
            written[byte], classes[byte] = ord("\n"), _SPAN
        elif byte >= 0x80:
            written[byte], classes[byte] = byte, _OTHER
        elif character.isdigit():
            written[byte], classes[byte] = byte, _DIGIT
        elif character.isalpha():
            written[byte], classes[byte] = ord(character.lower()), _UPPER if character.isupper() else _LOWER
    return bytes(written), bytes(classes)


def _pair_table() -> bytes:
    """What to do with a byte, by `class of the byte before << 3 | its own class`."""
    table = bytearray(256)
    for before in range(6):
        for own in range(6):
            action = _KEEP
            if own == _SEPARATOR:
                action = _DROP if before in (_SEPARATOR, _SPAN) else _KEEP
            elif before in (_SEPARATOR, _SPAN) or own == _SPAN:
                action = _KEEP
            elif (before == _DIGIT) != (own == _DIGIT) or (before == _LOWER and own == _UPPER):
                action = _BREAK
            elif before == _UPPER and own == _UPPER:
                action = _BREAK_IF_LOWER_FOLLOWS
            table[before << 3 | own] = action
    return bytes(table)


_WRITTEN, _CLASSES = _byte_tables()
_ACTIONS = _pair_table()
_WORD = re.compile(r"[^\W\d_]+|[0-9]+|[^\D0-9]+")
_UNSPACED = re.compile(
    "[\u3005-\u3007\u3041-\u3096\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff]+"
)
"""Scripts in which words stand without spaces between them, or with what is bent at their ends."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s(?![a-z]))|_")


def split_words(text: bytes, boundaries: Sequence[int]) -> list[str]:
    """The words of each span of `text` between two neighbours of `boundaries`, joined by single spaces.

    `text` is valid UTF-8; `boundaries` are byte offsets, ascending, at character borders: n + 1 of them give n strings.
    A word never reaches over a boundary. About 6 ns a byte for ASCII.
    """
    spans: list[str] = []
    for block, count in _blocks(text, boundaries):
        if count == 1 and len(block) > _BLOCK_BYTES:
            pieces = split_words(block, _cuts(block))
            spans.append(" ".join(filter(None, pieces)))
            continue
        words = _split_block(block).decode("utf-8", "replace").split("\n", count)[:count]
        spans.extend(span.strip() if span.isascii() else " ".join(_unicode_words(span)) for span in words)
    return spans


def split_texts(texts: Sequence[str]) -> list[str]:
    """The words of each text, by the rules of `split_words`."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    return split_words(b"".join(encoded), list(accumulate(map(len, encoded), initial=0)))


def query_words(text: str) -> list[str]:
    """The words of a short text, by the rules of `split_words`."""
    return _unicode_words(_CAMEL.sub(" ", text))


def _unicode_words(text: str) -> list[str]:
    # A capital sigma becomes the plain small one wherever it stands, so that lower-casing never depends on what
    # follows.
    words = _WORD.findall(text.replace("Σ", "σ").lower())
    if _UNSPACED.search(text) is None:
        return words
    return [part for word in words for part in _parts(word)]


def _parts(word: str) -> Iterator[str]:
    """The word, or what is found of one in which Chinese, Japanese or Korean stands: each pair of neighbours, and the
    rest."""
    position = 0
    for match in _UNSPACED.finditer(word):
        start, end = match.span()
        if start > position:
            yield word[position:start]
        yield from (word[at : min(at + 2, end)] for at in range(start, max(start + 1, end - 1)))
        position = end
    if position < len(word):
        yield word[position:]


def _blocks(text: bytes, boundaries: Sequence[int]) -> Iterator[tuple[bytes, int]]:
    """Spans joined by `_CUT` into blocks, with the number of spans in each; a span longer than a block stands alone."""
    pieces: list[bytes] = []
    size = 0
    for start, end in pairwise(boundaries):
        if pieces and size + end - start > _BLOCK_BYTES:
            yield bytes([_CUT]).join(pieces), len(pieces)
            pieces, size = [], 0
        pieces.append(text[start:end])
        size += end - start
    if pieces:
        yield bytes([_CUT]).join(pieces), len(pieces)


def _cuts(span: bytes) -> list[int]:
    """Boundaries that cut a long span into blocks, after white space where there is any, else between characters."""
    cuts = [0]
    while (start := cuts[-1]) < len(span):
        end = start + _BLOCK_BYTES
        if end < len(span):
            space = max(span.rfind(b" ", start, end), span.rfind(b"\n", start, end))
            if space > start:
                end = space + 1
            else:
                while span[end] & 0xC0 == 0x80:
                    end -= 1
        cuts.append(min(end, len(span)))
    return cuts


def _split_block(block: bytes) -> bytes:
    """The words of a block, with spans ended by a line feed; spans may begin or end with one space.

    One pass per table: each byte's action comes from its class and that of the byte before; dropped bytes become NUL,
    which a last `translate` removes (no NUL is left by then: as a separator it was written as a space).
    """
    if not block:
        return b""
    classes = np.frombuffer(block.translate(_CLASSES), np.uint8)
    pairs = np.empty(len(block), np.uint8)
    pairs[0] = _SPAN << 3
    np.left_shift(classes[:-1], 3, out=pairs[1:])
    pairs |= classes
    actions = np.frombuffer(pairs.tobytes().translate(_ACTIONS), np.uint8)
    written = np.frombuffer(block.translate(_WRITTEN), np.uint8) * (actions != _DROP)
    breaks = np.flatnonzero(actions == _BREAK)
    capitals = np.flatnonzero(actions == _BREAK_IF_LOWER_FOLLOWS)
    if len(capitals):
        follows = np.append(classes, (_SPAN, _SPAN))
        last_of_run = follows[capitals + 1] == _LOWER
        plural = (written.take(capitals + 1, mode="clip") == ord("s")) & (follows[capitals + 2] != _LOWER)
        breaks = np.sort(np.concatenate([breaks, capitals[last_of_run & ~plural]]))
    return np.insert(written, breaks, ord(" ")).tobytes().translate(None, b"\0")
