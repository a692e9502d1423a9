"""git's patterns as regular expressions.

Invariant: the same verdict as git's wildmatch for every pattern and path (tests compare with git itself). Our own
translation, for pathspec 1.1 differs from git in POSIX classes and in what a class may match.
Invariant: matching time is at most quadratic in the path. A star that another one follows takes the first place that
fits, atomically: whatever a later place allows, the next star can reach from the first one too.
Source: wildmatch.c and dir.c of git; gitignore(5).
"""

from __future__ import annotations

import re

SPECIAL = frozenset(b"*?[\\")
LONGEST_PATTERN_BYTES = 4096
"""No path is longer, so a longer pattern is not worth its memory: it matches nothing."""

_CLASSES = {
    b"alnum": b"0-9A-Za-z",
    b"alpha": b"A-Za-z",
    b"blank": b" \\t",
    b"cntrl": b"\\x00-\\x1f\\x7f",
    b"digit": b"0-9",
    b"graph": b"\\x21-\\x7e",
    b"lower": b"a-z",
    b"print": b"\\x20-\\x7e",
    b"punct": b"!-/:-@\\[-`{-~",
    b"space": b" \\t\\n\\r",
    b"upper": b"A-Z",
    b"xdigit": b"0-9A-Fa-f",
}
_ACROSS = b"**/"
_ANYTHING = b"**"


def translate(pattern: bytes) -> bytes:
    """The expression (for fullmatch, with DOTALL) of a pattern over whole paths: `*` stays in a folder, `**` need not.

    No capturing groups in it. ValueError for a pattern that matches nothing.
    """
    if len(pattern) > LONGEST_PATTERN_BYTES:
        raise ValueError("a pattern longer than any path")
    segments, joints = _parse(pattern)
    out = bytearray()
    last = len(segments) - 1
    for index, pieces in enumerate(segments):
        body = _segment(pieces, final=index == last)
        if index == 0:
            out += body
        elif index == last:
            out += (b"(?:.*/)?" if joints[index - 1] == _ACROSS else b".*") + body
        else:
            out += (b"(?>(?:.*?/)??" if joints[index - 1] == _ACROSS else b"(?>.*?") + body + b")"
    return bytes(out)


def _parse(pattern: bytes) -> tuple[list[list[bytes]], list[bytes]]:
    """Segments between `**`s, each the pieces between its `*`s; and the kind of each `**`."""
    segments: list[list[bytes]] = [[]]
    joints: list[bytes] = []
    piece = bytearray()
    index, end = 0, len(pattern)
    # git compares what precedes the first special character by itself: `**` right behind it counts as at the start.
    plain_bytes = next((at for at, byte in enumerate(pattern) if byte in SPECIAL), end)
    while index < end:
        byte = pattern[index : index + 1]
        start = index
        index += 1
        if byte == b"*":
            while pattern[index : index + 1] == b"*":
                index += 1
            segments[-1].append(bytes(piece))
            piece.clear()
            whole = start in (0, plain_bytes) or pattern[start - 1 : start] == b"/"
            if index - start < 2 or not whole or not (index == end or pattern.startswith((b"/", b"\\/"), index)):
                continue
            segments.append([])
            joints.append(_ACROSS if pattern.startswith(b"/", index) else _ANYTHING)
            index += joints[-1] == _ACROSS
        elif byte == b"?":
            piece += b"[^/]"
        elif byte == b"[":
            index = _class(pattern, index, piece)
        elif byte == b"\\":
            if index >= end:
                raise ValueError("a backslash at the end")
            piece += re.escape(pattern[index : index + 1])
            index += 1
        else:
            piece += re.escape(byte)
    segments[-1].append(bytes(piece))
    return segments, joints


def _segment(pieces: list[bytes], *, final: bool) -> bytes:
    out = bytearray(pieces[0])
    for index, piece in enumerate(pieces[1:], 1):
        at_end = final and index == len(pieces) - 1
        out += b"[^/]*" + piece if at_end else b"(?>[^/]*?" + piece + b")"
    return bytes(out)


def _class(pattern: bytes, index: int, out: bytearray) -> int:
    """A bracket expression; `index` is behind its `[`. Returns where to go on."""
    end = len(pattern)
    negated = pattern[index : index + 1] in (b"!", b"^")
    if negated:
        index += 1
    body = bytearray()
    first = True
    while True:
        if index >= end:
            raise ValueError("a class without its end")
        byte = pattern[index : index + 1]
        if byte == b"]" and not first:
            break
        first = False
        if byte == b"[" and pattern[index + 1 : index + 2] == b":":
            close = pattern.find(b"]", index + 2)
            if close < 0:
                raise ValueError("a class without its end")
            if close > index + 2 and pattern[close - 1 : close] == b":":
                name = pattern[index + 2 : close - 1]
                if name not in _CLASSES:
                    raise ValueError("an unknown class")
                body += _CLASSES[name]
                index = close + 1
                continue
            body += b"\\["
            index += 1
            continue
        low, index = _literal(pattern, index)
        if pattern[index : index + 1] == b"-" and pattern[index + 1 : index + 2] not in (b"]", b""):
            high, index = _literal(pattern, index + 1)
            if low <= high:
                body += b"\\x%02x-\\x%02x" % (low[0], high[0])
                continue  # a range the wrong way round is its first character, as in git
        body += b"\\x%02x" % low[0]
    if negated:
        out += b"[^/" + body + b"]"
    elif body:
        out += b"(?!/)[" + body + b"]"
    else:
        out += b"(?!)"
    return index + 1


def _literal(pattern: bytes, index: int) -> tuple[bytes, int]:
    if pattern[index : index + 1] == b"\\":
        index += 1
        if index >= len(pattern):
            raise ValueError("a backslash at the end")
    return pattern[index : index + 1], index + 1
