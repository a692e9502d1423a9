"""Finds the fields that methods set on their own object: `self.level = 0`, `self.x, self.y = place`, `self.name: str`.

By the line and not by the tree: the insides of functions are searched by nothing else, and this costs one look at each
place where the object is named.

Invariant: time is linear in the text; nothing inside a comment or a string is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from lowtide.work.parse.kinds import Found, pattern_of
from lowtide.work.parse.recover import Span

_REACH = 300
"""Bytes of a line that are looked at, on either side."""
_TARGET = rb"[(\[*]{0,4}[A-Za-z_][\w.]*+[)\]]{0,4}[ \t]*+"
_BEFORE = re.compile(
    # A statement on the line of its head, or behind another.
    rb"[ \t]*+(?P<head>(?:if|elif|else|try|except|finally|for|while|with|def|async)\b[^\n]*:[ \t]+|[^\n#\"']*;[ \t]*)?"
    rb"(?P<targets>(?:" + _TARGET + rb"[,=](?!=)[ \t]*+)*[(\[*]{0,4})\Z"
)
_ALONE = re.compile(rb"[ \t]*+\Z")
_AFTER = re.compile(
    rb"[)\]]{0,4}[ \t]*+(?:,[ \t]*+(?:" + _TARGET + rb",?[ \t]*+)?)*[)\]]{0,4}[ \t]*+(?::[^\n=]*)?=(?!=)"
)
_ANNOTATED = re.compile(rb"[ \t]*+:[ \t]*+[A-Za-z_\"']")
_PATTERN = pattern_of("member")


def add(
    text: bytes, pattern: str, found: dict[int, Found], is_code: Callable[[int], bool], within: tuple[int, int]
) -> None:
    """Add to `found` (by the offset of the name) what lines of text[within[0]:within[1]] set.

    `pattern` (see `Language.members`) matches up to the end of a name; `is_code` says of an offset whether it is
    outside of comments and strings.
    """
    line_count = last = 0
    for match in _compiled(pattern).finditer(text, *within):
        at, end = match.span(1)
        if at in found or (start := _statement(text, match.start(), end)) < 0 or not is_code(match.start()):
            continue
        line_count += text.count(b"\n", last, start)
        last = start
        line_start = text.rfind(b"\n", 0, start) + 1
        line_end = text.find(b"\n", end)
        stop = start + len(text[start : line_end if line_end >= 0 else len(text)].rstrip())
        whole = Span(start, stop, (line_count, start - line_start), (line_count, stop - line_start))
        name = Span(at, end, (line_count, at - line_start), (line_count, end - line_start))
        found[at] = (start, -stop, at, _PATTERN, whole, whole, name, None)


def _statement(text: bytes, start: int, end: int) -> int:
    """Where the statement begins that gives the attribute text[start:end] a value or a type; -1 when none does."""
    reach = max(0, start - _REACH)
    line = max(reach, text.rfind(b"\n", reach, start) + 1)
    after = text[end : end + _REACH]
    if _AFTER.match(after):
        before = _BEFORE.match(text[line:start])
        return line + before.start("targets") if before else -1
    return start if _ANNOTATED.match(after) and _ALONE.match(text[line:start]) else -1


@cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode())
