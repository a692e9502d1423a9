"""Macros that stand for declarations on lines of their own: `QT_BEGIN_NAMESPACE`, `Q_OBJECT`, `module_init(start)`.

Invariant: linear in the head; what may be the type or the name of a declaration is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lowtide.work.parse.head import (
    CAPITALS,
    DEFINING,
    ELABORATED,
    KEYWORDS,
    TAILS,
    TYPES,
    Edit,
    Head,
    Kind,
    Scope,
    Token,
    defined,
    is_alone,
    is_called,
)


def without_statements(head: Head, changes: list[Edit]) -> Sequence[Token]:
    """The head without the macros that stand in front on lines of their own; they are blanked."""
    tokens = head.tokens
    if head.scope is Scope.ENUM:
        return tokens
    ends = [0]
    while ends[-1] < len(tokens):
        at = ends[-1]
        behind = at + 2 if is_called(tokens, at) else at + 1
        if not _is_statement(head, at, behind):
            break
        ends.append(behind)
    while len(ends) > 1 and not _stands_alone(head, tokens[ends[-1] :], head.is_macro(tokens[ends[-2]].text)):
        ends.pop()
    for at, behind in pairwise(ends):
        word = tokens[at].text
        made: list[Edit] = []
        if behind == at + 2 and DEFINING.fullmatch(word):
            made = defined(head.text, word, (tokens[at + 1].start, tokens[at + 1].end), is_closed=False)
        changes += made
        if not made:
            changes.append((tokens[at].start, tokens[behind - 1].end, b""))
    return tokens[ends[-1] :]


def _is_statement(head: Head, at: int, behind: int) -> bool:
    """Whether the word at `at`, with its arguments, may be a macro that stands for a declaration."""
    token = head.tokens[at]
    if token.kind is not Kind.WORD or token.text in KEYWORDS or token.text in TAILS or token.text in TYPES:
        return False
    if behind == at + 1 and not head.is_macro(token.text):
        return False
    last = token.text.rpartition(b"::")[2]
    return last != head.class_name and is_alone(head.text, token.start, head.tokens[behind - 1].end)


def _stands_alone(head: Head, tokens: Sequence[Token], behind_macro: bool) -> bool:
    """Whether these are a declaration without what stands before them: they have a type, or need none.

    `behind_macro`: what stands before looks like a macro; what follows a name may belong to it.
    """
    if not tokens:
        return head.end == b"}"
    first = tokens[0]
    if first.kind is not Kind.WORD:
        return (
            first.kind is Kind.TEMPLATE
            or first.text in {b"@", b"-", b"+", b"::"}
            or (first.kind is Kind.SQUARE and len(tokens) > 1)
        )
    word = first.text
    if word in TAILS - {b"const", b"volatile"} or (word == b"const" and len(tokens) == 1):
        return False
    if not behind_macro:
        if head.end == b"{" and not _holds_body(head, tokens):
            return False
        if len(tokens) == 2 and CAPITALS.fullmatch(first.text) and is_called(tokens, 0):
            return True
        if all(token.kind is not Kind.WORD or head.is_macro(token.text) or token.text in TAILS for token in tokens):
            return False
    if word in KEYWORDS or word in TYPES or word.rpartition(b"::")[2] == head.class_name or b"~" in word:
        return True
    if head.is_macro(word) and is_called(tokens, 0):
        return True
    return any(token.kind is Kind.WORD for token in tokens[1:2]) or (
        len(tokens) > 2 and tokens[1].text in {b"*", b"&"} and tokens[2].kind is Kind.WORD
    )


def _holds_body(head: Head, tokens: Sequence[Token]) -> bool:
    """Whether a `{` behind these belongs to one of them: a function, a class."""
    return any(
        token.text in ELABORATED
        or token.text == b"namespace"
        or (token.text not in KEYWORDS and is_called(tokens, place) and not head.is_macro(token.text))
        for place, token in enumerate(tokens)
        if token.kind is Kind.WORD
    )
