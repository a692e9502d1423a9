"""What in the head of a C, C++ or Objective-C declaration is a macro, told by where it stands.

A declaration has one type and one name: `static void noinline_for_stack heavy(void)` has a word too many, and so has
`int balance_ GUARDED_BY(mu_) = 0`. What is too many is blanked; a macro that defines what it is given is rewritten so
that the grammar reads it as a declaration: `static DEFINE_MUTEX(lock);` as `static DEFINE_MUTEX lock ;`.

Invariant: an edit keeps its length and its lines; the time is linear in the head.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lowtide.work.parse.declaration import Declaration
from lowtide.work.parse.head import (
    CAPITALS,
    ELABORATED,
    FIRST_ARGUMENT,
    KEYWORDS,
    TAILS,
    Edit,
    Head,
    Kind,
    Scope,
    Token,
    blank,
    blank_call,
    has_group,
    is_alone,
    is_called,
    is_macro,
)
from lowtide.work.parse.statements import without_statements

_MACRO_TYPE = re.compile(rb"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+[ \t]*(\([^()]*(?:\([^()]*\)[^()]*)*\))")


def edits(head: Head) -> list[Edit]:
    """What to change in a head so that a parser without a preprocessor reads it."""
    if not head.tokens:
        return []
    changes: list[Edit] = []
    rest = without_statements(head, changes)
    if not rest:
        return changes
    if head.scope is Scope.ENUM:
        _enumerator(head, rest, changes)
        return changes
    first = rest[0].text
    if first == b"export" and head.is_cpp:
        changes.append(blank(rest[0]))
        rest = rest[1:]
        first = rest[0].text if rest else b""
    if first in {b"module", b"import"} and head.is_cpp and head.end == b";" and not has_group(rest):
        changes.append((rest[0].start, rest[-1].end, b""))
        return changes
    body = next((place for place, token in enumerate(rest) if token.kind is Kind.BRACES), -1)
    if body >= 0 and opens_class(rest[:body], is_cpp=head.is_cpp) >= 0:
        _behind_body(rest[:body], rest[body + 1 :], changes, is_cpp=head.is_cpp)
        return changes
    if first in {b"-", b"+"}:
        _method(head, rest, changes)
        return changes
    if first == b"@" and len(rest) > 3 and rest[1].text == b"interface":
        # `@interface GENERIC(Name, …) : GENERIC(Base, …)`, and not `@interface Name (Category)`.
        for place, token in enumerate(rest):
            name = FIRST_ARGUMENT.match(head.text, rest[place + 1].start) if is_called(rest, place) else None
            if name is not None and CAPITALS.fullmatch(token.text):
                changes += [(token.start, name.start(1), b""), (name.end(1), rest[place + 1].end, b"")]
        return changes
    if first == b"@" and len(rest) > 1 and rest[1].text == b"property":
        rest = rest[3:] if is_called(rest, 1) else rest[2:]
        first = b""
    if first == b"using" and len(rest) > 1:
        value = next((place for place, token in enumerate(rest) if token.text == b"="), 0)
        changes += [blank(token) for token in rest[2:value] if token.kind in {Kind.WORD, Kind.GROUP}]
    if first in {b"using", b"static_assert", b"asm", b"__asm__", b"@", b"concept"} or not rest:
        return changes
    Declaration(head, rest, changes).read()
    return changes


def _behind_body(head: Sequence[Token], tail: Sequence[Token], changes: list[Edit], *, is_cpp: bool) -> None:
    """`struct … {…} __packed name[2] SECTION(x);`: of the words behind the body one is the name."""
    words: list[int] = []
    for place, token in enumerate(tail):
        if token.kind is Kind.WORD and token.text not in KEYWORDS:
            words.append(place)
        elif token.text in {b"=", b","}:
            break
    plain = [place for place in words if not is_macro(tail[place].text, is_cpp=is_cpp)]
    name = plain[0] if plain else -1
    if not plain and words and any(token.text == b"typedef" for token in head):
        name = next((place for place in words if not is_called(tail, place)), -1)
    for place in words:
        if place != name:
            changes += blank_call(tail, place)


def opens_class(tokens: Sequence[Token], *, is_cpp: bool) -> int:
    """Where in a head that a `{` ends the `class`, `struct`, `union` or `enum` stands whose body it begins; else -1."""
    for index, token in enumerate(tokens):
        if token.text in ELABORATED and token.text != b"typename":
            break
        if (
            token.kind is Kind.GROUP
            and index
            and tokens[index - 1].kind is Kind.WORD
            and not is_macro(tokens[index - 1].text, is_cpp=is_cpp)
        ):
            return -1
    else:
        return -1
    last = index
    for place in range(index + 1, len(tokens)):
        token = tokens[place]
        if token.text in {b":", b"="}:
            return index if token.text == b":" and _is_named(tokens, index, place) else -1
        if token.kind is Kind.GROUP:
            before = tokens[place - 1]
            # `struct a f(int) {`, `struct a *f(int) {` — and not `struct ATTRIBUTE(x) a {`.
            if place + 1 == len(tokens) or tokens[place + 1].text in TAILS:
                return index if before.kind is Kind.WORD and place - index == 2 else -1
        elif token.text in {b"*", b"&"}:
            return -1
        last = place
    return index if last >= index else -1


def _is_named(tokens: Sequence[Token], index: int, colon: int) -> bool:
    return not any(token.kind is Kind.GROUP and place - index > 2 for place, token in enumerate(tokens[:colon]))


def class_name(head: Head, key: int, changes: list[Edit]) -> bytes:
    """The name of the class, struct, union or enum whose body begins behind the head; blanks what stands around it."""
    tokens = head.tokens
    for place, token in enumerate(tokens[:key]):
        if token.kind is Kind.WORD and token.text not in KEYWORDS:
            changes += blank_call(tokens, place)
    begin = key + 1
    if tokens[key].text == b"enum" and begin < len(tokens) and tokens[begin].text in {b"class", b"struct"}:
        begin += 1
    end = begin
    while end < len(tokens) and tokens[end].text != b":":
        end += 1
    words = [
        place
        for place in range(begin, end)
        if tokens[place].kind is Kind.WORD and tokens[place].text not in {b"final", b"sealed", b"alignas"}
    ]
    named = [place for place in words if not head.is_macro(tokens[place].text)] or [
        place for place in words if not is_called(tokens, place)
    ]
    if not named:
        return b""
    # Before the name stand its attributes; what stands behind it looks like one.
    name = named[-1]
    if not is_called(tokens, name):
        for place in words:
            if place != name:
                changes += blank_call(tokens, place)
    return tokens[name].text


def _enumerator(head: Head, tokens: Sequence[Token], changes: list[Edit]) -> None:
    """Of an enumerator its name and its value are left."""
    if is_called(tokens, 0) and (len(tokens) == 2 or tokens[2].text == b"="):
        # A macro names it, or makes several.
        comma = head.text.find(b",", tokens[-1].end) if head.end == b"," else -1
        changes.append((tokens[0].start, comma + 1 if comma >= 0 else tokens[-1].end, b""))
        return
    at = 0
    while at < len(tokens) and tokens[at].kind is Kind.WORD:
        behind = at + 2 if is_called(tokens, at) else at + 1
        is_last = behind == len(tokens)
        if not is_called(tokens, at) and (is_last or not is_alone(head.text, tokens[at].start, tokens[at].end)):
            break
        if not is_last and tokens[behind].kind is not Kind.WORD:
            break
        # A macro that stands for enumerators.
        changes.append((tokens[at].start, tokens[behind - 1].end, b""))
        if is_last:
            return
        at = behind
    for token in tokens[at + 1 :]:
        if token.text == b"=":
            break
        if token.kind in {Kind.WORD, Kind.GROUP, Kind.STRING}:
            changes.append(blank(token))


def _method(head: Head, tokens: Sequence[Token], changes: list[Edit]) -> None:
    """Of a method of Objective-C its type and its selector are left: `- (void)log:(int)a MACRO(1, 2);`."""
    colons = [place for place, token in enumerate(tokens) if token.text == b":"]
    words = [place for place, token in enumerate(tokens) if token.kind is Kind.WORD]
    # The last parameter is the first word behind the last colon; without one, the selector is the first word.
    begin = colons[-1] if colons else 0
    last = next((place for place in words if place > begin), len(tokens))
    for token in tokens:
        if token.kind is Kind.GROUP:
            changes += [
                (*match.span(1), b"") for match in _MACRO_TYPE.finditer(head.text, token.start + 1, token.end - 1)
            ]
    for place in words:
        if place > last:
            changes += blank_call(tokens, place)
