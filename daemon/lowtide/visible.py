"""Text that others wrote, made fit for a terminal and a log: nothing in it acts, hides or lies about what stands there.

Invariant: what comes out has no control character, escape, line break, change of writing direction or invisible
character; each is shown as what it is. Standard library only: every command and every editor's shim uses this.
"""

from __future__ import annotations

import re

_JOINERS = "\u200c\u200d"
_ACTING = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # line breaks, directions
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # what takes no room, or looks like none
    "\ud800-\udfff"
)
_JOINED = f"[^\x00-\x7f{_ACTING}{_JOINERS}]"
"""Letters and pictures: between two of them a joiner means something, elsewhere it hides."""
_HIDDEN = re.compile(f"[{_ACTING}]|(?<!{_JOINED})[{_JOINERS}]|[{_JOINERS}](?!{_JOINED})")


_QUOTED_BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\udc([89a-f][0-9a-f])")
MOST_CHARACTERS, HEAD_CHARACTERS, TAIL_CHARACTERS = 2000, 1500, 400
"""Of a part of a message: what to add to a configuration by hand has less than so many."""


def visible(text: str) -> str:
    """`text` on one line, its hidden characters as `\\x1b`, `\\u202e`; bytes of a name that are not UTF-8 as
    `\\xNN`."""
    return _HIDDEN.sub(lambda match: _shown(ord(match[0])), text)


def bounded(text: str) -> str:
    """A part of a message, cut down in its middle where what it repeats of an argument or a name is very long; bytes
    that are not UTF-8 as `\\xNN`, also where Python has quoted them."""
    text = _QUOTED_BYTE.sub(r"\1\\x\2", text)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:HEAD_CHARACTERS]}…{text[-TAIL_CHARACTERS:]}"


def visible_json(text: str) -> str:
    """JSON whose strings mean what they did, and hide nothing from who looks at it.

    Bytes of a name that are not UTF-8 become `\\\\xNN`, as people are shown them.
    """
    return _HIDDEN.sub(lambda match: _in_json(ord(match[0])), text)


def _shown(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # as Python escapes the bytes of a name
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_json(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\\\x{code - 0xDC00:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
