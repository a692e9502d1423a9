"""Which brackets of a C or C++ text belong together, and which of its conditionals tear them apart.

`#ifdef A` `class X : B {` `#else` `class X {` `#endif` opens one brace for a compiler and two for a parser without a
preprocessor: of such a conditional only the first branch is kept.

Invariant: one pass; time and memory are linear in the text; nothing in a comment, a string or a directive is a bracket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

COMMENT = rb"//[^\n\\]*(?:\\(?s:.)[^\n\\]*)*|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/"
STRING = (
    rb'R"(?P<fence>[^()\\\s"]{0,16})\([^)]{0,4096}(?:\)(?!(?P=fence)")[^)]{0,4096}){0,64}\)(?P=fence)"'
    rb'|"[^"\\\n]*(?:\\(?s:.)[^"\\\n]*)*"?'
    rb"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'"
)
DIRECTIVE = rb"#[^\n\\/]*(?:(?:\\(?:\r?\n)?|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/|/)[^\n\\/]*)*"
_BRACKET = re.compile(
    rb"(?P<bracket>[(){}\[\]])|"
    + COMMENT
    + rb"|^[ \t]*(?P<directive>"
    + DIRECTIVE
    + rb")|"
    + STRING
    + rb"|\b\d[\w.']+",
    re.MULTILINE,
)
_CONDITION = re.compile(rb"#[ \t]*(if|el|endif)\w*[ \t]*(0[ \t\r]*(?=$|/))?", re.MULTILINE)
_OPENING = {41: 40, 125: 123, 93: 91}
_MAX_DEPTH = 1_000


class Conditional(msgspec.Struct):
    """An `#if` with its branches."""

    directives: list[tuple[int, int]]
    """First byte and end of each of its directives; the last is the `#endif`."""
    kept: int = 0
    """The branch that is read when only one can be: the first, behind `#if 0` the second (there may be none)."""
    is_cut: bool = False
    """Whether only that one is left in the text."""

    def cuts(self) -> list[tuple[int, int]]:
        """What goes when one branch is kept: the directives, and the other branches."""
        spans: list[tuple[int, int]] = []
        for branch, (start, end) in enumerate(self.directives):
            following = self.directives[branch + 1][0] if branch + 1 < len(self.directives) else end
            spans.append((start, end if branch == self.kept else following))
        return spans


class Brackets(msgspec.Struct):
    """What `match` finds."""

    closing: dict[int, int] = msgspec.field(default_factory=dict)
    """From the offset of an opening bracket to that of the one that closes it."""
    conditionals: dict[int, Conditional] = msgspec.field(default_factory=dict)
    """By the first byte of each of their directives."""
    torn: list[Conditional] = msgspec.field(default_factory=list)
    """Those with a branch that opens or closes what it does not close or open itself."""


class _Open(msgspec.Struct):
    conditional: Conditional
    before: list[int]
    """The brackets that were open at its `#if`."""
    branches: list[list[int]] = msgspec.field(default_factory=list)
    """Those that were at the end of each branch."""


def match(text: bytes, sound: Sequence[tuple[int, int]] = (), within: tuple[int, int] | None = None) -> Brackets:
    """The brackets and the conditionals of `text`, or of a part of it; what is in `sound`, in order, is passed over."""
    found = Brackets()
    closing = found.closing
    open_brackets: list[int] = []
    open_conditionals: list[_Open] = []
    for token in _tokens(text, sound, *(within or (0, len(text)))):
        kind = token.lastgroup
        if kind == "bracket":
            at = token.start()
            byte = text[at]
            opening = _OPENING.get(byte)
            if opening is None:
                open_brackets.append(at)
            elif open_brackets and text[open_brackets[-1]] == opening:
                closing.setdefault(open_brackets.pop(), at)
            elif byte == 125:
                # What a brace closes holds what was left open: `if (a {` … `}`.
                depth = next((n for n in range(len(open_brackets) - 1, -1, -1) if text[open_brackets[n]] == 123), -1)
                if depth >= 0:
                    closing.setdefault(open_brackets[depth], at)
                    del open_brackets[depth:]
        elif kind == "directive" and (condition := _CONDITION.match(text, token.start("directive"))) is not None:
            open_brackets = _branch(found, open_conditionals, open_brackets, condition, token.span("directive"))
    return found


def _tokens(text: bytes, sound: Sequence[tuple[int, int]], low: int, high: int) -> Iterator[re.Match[bytes]]:
    at = low
    for start, end in sound:
        yield from _BRACKET.finditer(text, at, start)
        at = end
    yield from _BRACKET.finditer(text, at, high)


def _branch(
    found: Brackets,
    open_conditionals: list[_Open],
    brackets: list[int],
    condition: re.Match[bytes],
    span: tuple[int, int],
) -> list[int]:
    """Take in a conditional's directive; the brackets that are open behind it."""
    word = condition[1]
    if word == b"if":
        conditional = Conditional([span], kept=1 if condition[2] else 0)
        found.conditionals[span[0]] = conditional
        if len(open_conditionals) < _MAX_DEPTH and len(brackets) < _MAX_DEPTH:
            open_conditionals.append(_Open(conditional, list(brackets)))
        return brackets
    if not open_conditionals:
        return brackets
    present = open_conditionals[-1]
    conditional = present.conditional
    conditional.directives.append(span)
    found.conditionals[span[0]] = conditional
    present.branches.append(brackets)
    if word == b"el":
        return list(present.before)
    open_conditionals.pop()
    if any(branch != present.before for branch in present.branches):
        found.torn.append(conditional)
    return present.branches[conditional.kept] if conditional.kept < len(present.branches) else present.before
