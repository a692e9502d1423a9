"""Finds the definitions in a syntax tree.

How it stays cheap (measured: a query that walks the whole tree costs a quarter of the parse, whatever it looks for):
a query with `@scope` captures is run on each scope by itself, only `scan_depth` levels down, so the insides of
functions are never walked. Between scopes the deadline is checked now and then. `QueryCursor`'s `progress_callback` is
not used: in 0.26.1 it reads a dead stack frame and crashes.

Invariant: time and memory grow with the text, never with the depth of its tree.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from lowtide.languages.language import Language
from lowtide.models import Reason
from lowtide.work.parse import recover
from lowtide.work.parse.grammar import Cursor, Grammar, SyntaxNode
from lowtide.work.parse.kinds import Found, Pattern
from lowtide.work.parse.symbols import MAX_SYMBOLS

_UNSCOPED_DEPTH = 200
"""Deeper than this no definition is looked for: a node's cost in a query grows with its depth."""
_WINDOW_BYTES = 1 << 18
_MAX_WINDOWS = 4
"""Each window passes over the children before it: more would cost more than they save."""
_CHECK_BYTES = 1 << 16
"""After so much text the clock is looked at: that costs more than searching a small scope."""
_SCOPE_BYTES = 1 << 10
"""What a scope counts for beside its text."""
_EVERYWHERE = (0, (1 << 32) - 1)
_MAX_SCOPES = 100_000
_WIDE = 5_000
_WIDE_COST = 10**9
_MAX_DECLARATORS = 16
_MAX_INSIDES = 2_000
"""Nodes of a text whose insides are read as texts of their own."""
clock = time.thread_time
"""What deadlines are told by: a busy machine takes no file's symbols."""


def find(
    grammar: Grammar,
    language: Language,
    text: bytes,
    root: SyntaxNode,
    stop: float,
    within: tuple[int, int] | None = None,
) -> tuple[dict[int, Found], Reason | None]:
    """The definitions by the offset of their name; and why the search ended early, if it did.

    `stop`: a time of `clock`. `within`: only what reaches into these bytes.
    """
    search = _Search(grammar, language, text, stop)
    search.through(root, within)
    return search.found, search.partial


class _Search:
    """The search of one tree: what has been found, and the scopes that are still to be searched.

    Invariant: no scope is searched twice.
    """

    __slots__ = (
        "_cursor",
        "_functions",
        "_grammar",
        "_insides",
        "_language",
        "_nested",
        "_patterns",
        "_pending",
        "_seen",
        "_stop",
        "_text",
        "found",
        "partial",
    )

    def __init__(self, grammar: Grammar, language: Language, text: bytes, stop: float) -> None:
        self.found: dict[int, Found] = {}
        self.partial: Reason | None = None
        self._grammar = grammar
        self._language = language
        self._text = text
        self._stop = stop
        self._patterns = grammar.patterns
        self._nested = grammar.nested
        self._cursor = grammar.cursor(language.scan_depth or _UNSCOPED_DEPTH)
        self._pending: list[SyntaxNode] = []
        self._functions: list[SyntaxNode] = []  # those that are searched to their full depth
        self._insides: list[SyntaxNode] = []  # kept, for a node's id is its place in memory
        self._seen: set[int] = set()

    def through(self, root: SyntaxNode, within: tuple[int, int] | None) -> None:
        """Search `root`, only what reaches into the bytes `within`, and each scope in it."""
        self._seen.add(root.id)
        self._add(root, self._pending)
        function_cursor: Cursor | None = None
        unchecked = _CHECK_BYTES
        while self._pending or self._functions:
            if self._pending:
                node, cursor = self._pending.pop(), self._cursor
            else:
                if function_cursor is None:
                    function_cursor = self._grammar.function_cursor(_UNSCOPED_DEPTH)
                node, cursor = self._functions.pop(), function_cursor
            start, end = node.byte_range
            for window in [within] if within and node is root else _windows(start, end):
                unchecked += _SCOPE_BYTES + min(end - start, _WINDOW_BYTES)
                if unchecked > _CHECK_BYTES:
                    unchecked = 0
                    if clock() > self._stop:
                        self.partial = Reason.DEADLINE
                        return
                cursor.set_byte_range(*window)
                self._take(cursor.matches(node))
                if len(self.found) >= MAX_SYMBOLS or len(self._seen) > _MAX_SCOPES:
                    self.partial = Reason.TOO_LARGE
                    return

    def _add(self, scope: SyntaxNode, pending: list[SyntaxNode]) -> None:
        if is_costly(scope):
            self.partial = Reason.COSTLY
        else:
            pending.append(scope)

    def _take(self, matches: Iterable[tuple[int, dict[str, list[SyntaxNode]]]]) -> None:
        """Note the definitions that a query found, and the scopes."""
        found, patterns = self.found, self._patterns
        for index, captures in matches:
            pattern = patterns[index]
            if pattern.capture:
                new = self._definition(pattern, captures)
                if new is None:
                    continue
                old = found.setdefault(new[2], new)
                if old[3] is not new[3]:
                    found[new[2]] = _merge(old, new)
            if pattern.scope in captures:
                self._enter(pattern.scope, captures[pattern.scope])

    def _definition(self, pattern: Pattern, captures: dict[str, list[SyntaxNode]]) -> Found | None:
        """A match as a definition; None for what has no name, or more than one."""
        if "name" in captures:
            name = captures["name"][0]
        elif "declarator" in captures:
            name, is_function = _declared(self._grammar, captures["declarator"][0])
            if name.kind_id == self._grammar.structured_binding:
                return None  # another pattern finds each of its names
            if is_function and pattern.as_function is not None:
                pattern = pattern.as_function
        else:
            return None
        whole = inner = captures[pattern.capture][0]
        start, end = whole.byte_range
        if len(captures) <= pattern.captures:
            return start, -end, name.start_byte, pattern, whole, whole, name, None
        if "inner" in captures:
            inner = captures["inner"][0]
        if tail := captures.get("end") or captures.get("rest"):
            end = tail[0].end_byte
        return start, -end, name.start_byte, pattern, whole, inner, name, captures

    def _enter(self, capture: str, scopes: Sequence[SyntaxNode]) -> None:
        """Have scopes searched that `capture` found, each once."""
        for scope in scopes:
            if (capture != "scope" and not self._holds_nested(scope)) or scope.id in self._seen:
                continue
            self._seen.add(scope.id)
            if capture == "scope.inside":
                if len(self._insides) < _MAX_INSIDES:
                    self._insides.append(self._inside(scope))
                    self._pending.append(self._insides[-1])
            elif capture == "scope.nested" and self._language.searches_functions:
                self._add(scope, self._functions)
            else:
                self._add(scope, self._pending)

    def _holds_nested(self, scope: SyntaxNode) -> bool:
        """Whether a text looks as if it held definitions; True in a language that cannot be asked."""
        start, end = scope.byte_range
        for matches in self._nested:
            if matches(self._text, start, end) is not None:
                return True
        return not self._nested

    def _inside(self, node: SyntaxNode) -> SyntaxNode:
        """What stands between a node's brackets, read as a text of its own; every place in it is one of the whole
        text.

        What does not parse so is added to `found` by its looks.
        """
        first, last = node.children[0], node.children[-1]
        root = self._grammar.parse_between(self._text, first, last)
        if root.has_error:
            recover.recover_inside(
                self._text, self._language, self.found, (first.end_byte, last.start_byte), self._stop
            )
        return root


def _declared(grammar: Grammar, node: SyntaxNode) -> tuple[SyntaxNode, bool]:
    """The name inside a declarator of the C family, and whether it is a function's: `*(*f(int))[3]` declares f."""
    is_function = False
    for _ in range(_MAX_DECLARATORS):
        kind = node.kind_id
        inner = None if kind == grammar.operator_cast else node.child_by_field_id(grammar.declarator_field)
        if inner is None:
            if not node.named_child_count or kind == grammar.operator_cast or kind not in grammar.wrappers:
                break
            inner = next((child for child in node.named_children if child.kind_id in grammar.declarators), None)
            if inner is None:
                break
        if kind != grammar.parenthesized_declarator:
            is_function = kind == grammar.function_declarator
        node = inner
    return node, is_function or node.kind_id == grammar.operator_cast


def _windows(start: int, end: int) -> list[tuple[int, int]]:
    """Stretches of a node to search one by one: a small one is searched whole.

    Between them the deadline is looked at, and the memory of what was found is freed.
    """
    if end - start <= _WINDOW_BYTES:
        return [_EVERYWHERE]
    size = max(_WINDOW_BYTES, (end - start) // _MAX_WINDOWS + 1)
    return [(at, min(at + size, end)) for at in range(start, end, size)]


def is_costly(node: SyntaxNode) -> bool:
    """Whether a query of the node would not end: for each child it looks for the next that has a name."""
    count = node.child_count
    return count > _WIDE and count * count // (node.named_child_count + 1) > _WIDE_COST


def _merge(old: Found, new: Found) -> Found:
    """One symbol from two matches with the same name node: the wider range, the more specific kind, the inner head."""
    wide, narrow = (old, new) if old[:2] <= new[:2] else (new, old)
    pattern = wide[3] if wide[3].rank >= narrow[3].rank else narrow[3]
    more = {**(wide[7] or {}), **(narrow[7] or {})} or None
    return (wide[0], wide[1], wide[2], pattern, wide[4], narrow[5], wide[6], more)
