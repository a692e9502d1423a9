"""A second reading of C and C++: when macros outside of functions left errors, the parser sees the text without them.

Invariant: at most three parses of a text; an answer that is no better than the first reading's is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, Self, TypeVar

import msgspec

from lowtide.models import Reason
from lowtide.work.parse import heads
from lowtide.work.parse.head import KEYWORDS
from lowtide.work.parse.kinds import Found
from lowtide.work.parse.recover import Places

_MUCH = 1_000
_LITTLE = 100
"""So few bytes of errors are not worth a third parse, so short a declaration is looked at again."""
_MAX_EDITS = 2_000
MAX_BYTES = 1 << 20
"""Larger texts are read once."""
_WORD = re.compile(rb"~?\s*[A-Za-z_$\x80-\xff][\w$\x80-\xff]*")
_TEMPLATE = re.compile(rb"<[^<>]*>")


class Part(Protocol):
    """What is asked of a node of a syntax tree."""

    @property
    def kind_id(self) -> int: ...
    @property
    def start_byte(self) -> int: ...
    @property
    def end_byte(self) -> int: ...
    @property
    def is_error(self) -> bool: ...
    @property
    def is_missing(self) -> bool: ...
    @property
    def has_error(self) -> bool: ...
    @property
    def children(self) -> Sequence[Part]: ...


class Tree(Protocol):
    """What is asked of a syntax tree."""

    @property
    def root_node(self) -> Part: ...
    def copy(self) -> Self: ...
    def edit(
        self,
        start_byte: int,
        old_end_byte: int,
        new_end_byte: int,
        start_point: tuple[int, int],
        old_end_point: tuple[int, int],
        new_end_point: tuple[int, int],
        /,
    ) -> None: ...


_Tree = TypeVar("_Tree", bound=Tree)


class Reader(msgspec.Struct, Generic[_Tree], frozen=True):
    """What reads a text."""

    parse: Callable[[bytes, _Tree | None], _Tree]
    """The tree of a source, with that of the version before, told where it differs."""
    find: Callable[[_Tree], tuple[dict[int, Found], Reason | None]]
    """The definitions by the offset of their name; and why there may be more."""
    holders: frozenset[int]
    """Node kinds that hold declarations, or the heads of such."""
    functions: frozenset[int]
    """Those of them that end in a body."""
    declarators: frozenset[int]
    """Those that a function has."""

    def parse_again(self, source: bytes, before: _Tree, edits: Sequence[tuple[int, int]]) -> _Tree:
        """The tree of `source`, which differs from that of `before` in `edits` alone, and is as long."""
        if len(edits) > _MAX_EDITS:
            return self.parse(source, None)
        # What has no error is kept: a third of the cost of a new parse.
        places = Places(source)
        old = before.copy()
        for start, end in edits:
            span = places.span(start, end)
            old.edit(start, end, end, span.start_point, span.end_point, span.end_point)
        return self.parse(source, old)

    def survey(self, tree: _Tree) -> Survey:
        """What of the text has errors."""
        root = tree.root_node
        return survey(root, self.holders, self.functions, self.declarators) if root.has_error else Survey(0, [])


class Survey(msgspec.Struct, frozen=True):
    """What of a text a tree has errors for, outside of the bodies of functions and of values."""

    torn_bytes: int
    sound: list[tuple[int, int]]
    """Declarations without errors beside those that have some; in order."""


class Read(msgspec.Struct, Generic[_Tree], frozen=True):
    """What the best reading gives."""

    source: bytes
    """What the parser saw: as long as the text."""
    tree: _Tree
    found: dict[int, Found]
    partial: Reason | None


def read(source: bytes, tree: _Tree, reader: Reader[_Tree], dialect: heads.Dialect) -> Read[_Tree]:
    """The best reading of a text: the first (of `source`), one without macros, or one without functions' insides."""
    first = reader.survey(tree)
    text = source
    torn = first.torn_bytes
    kept: list[tuple[_Tree, list[tuple[int, int]]]] = []  # trees, and where what they show is kept
    if not torn:
        found, partial = reader.find(tree)
        if not any(text[at : item[6].end_byte] in KEYWORDS for at, item in found.items()):
            return Read(source, tree, found, partial)
        torn = 1  # a name that is none: no error shows how the parser came to it
        first = Survey(torn, [])
    better = heads.readable(source, dialect, first.sound)
    if better.text != source:
        again = reader.parse_again(better.text, tree, better.edits)
        again_torn = reader.survey(again).torn_bytes
        if again_torn <= torn:
            if better.branches:
                kept.append((tree, better.branches))
            source, tree, torn = better.text, again, again_torn
    if torn > _MUCH and better.bodies:
        bare = better.without_bodies()
        again = reader.parse_again(bare, tree, better.bodies if source is better.text else better.edits + better.bodies)
        if reader.survey(again).torn_bytes < torn:
            kept.append((tree, better.bodies))
            source, tree = bare, again
    found, partial = reader.find(tree)
    for other, spans in kept:
        more, why = reader.find(other)
        partial = partial or why
        for at, item in more.items():
            if at not in found and _is_within(spans, item, text):
                found[at] = item
    return Read(source, tree, found, partial)


def survey(root: Part, holders: frozenset[int], functions: frozenset[int], declarators: frozenset[int]) -> Survey:
    """What of its text a tree has errors for.

    `holders`: the kinds of nodes that hold declarations, or the heads of such; `functions`: those that end in a body.
    """
    torn = 0
    sound: list[tuple[int, int]] = []
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_error:
            torn += node.end_byte - node.start_byte + 1
            continue
        for child in node.children:
            if child.is_missing:
                torn += 1
            elif child.is_error:
                pending.append(child)
            elif child.has_error:
                if child.kind_id in functions and _has_declarator(child.children, declarators):
                    if not any(part.has_error for part in child.children[:-1]):
                        sound.append((child.start_byte, child.end_byte))
                        continue
                elif child.kind_id in functions:
                    torn += 1
                if child.kind_id in holders:
                    pending.append(child)
            elif child.kind_id in functions and not _has_declarator(child.children, declarators):
                torn += 1
            elif child.kind_id in holders and child.end_byte - child.start_byte >= _LITTLE:
                sound.append((child.start_byte, child.end_byte))
    sound.sort()
    return Survey(torn, sound)


def _has_declarator(parts: Sequence[Part], declarators: frozenset[int]) -> bool:
    """Whether a function has one: `enum Flags MACRO {` is read as one without."""
    return any(part.kind_id in declarators for part in parts)


def drop_misnamed(text: bytes, found: dict[int, Found]) -> None:
    """Remove from `found` (by the offset of the name) what a broken tree calls by a keyword, or by several words."""
    for at, item in list(found.items()):
        name = text[at : item[6].end_byte]
        if _WORD.fullmatch(name):
            if name in KEYWORDS:
                del found[at]
        elif b"operator" not in name and name[:1] != b'"':
            while b"<" in name and (shorter := _TEMPLATE.sub(b"", name)) != name:
                name = shorter
            last = name.rpartition(b"::")[2].strip()
            if not _WORD.fullmatch(last) or last in KEYWORDS:
                del found[at]


def _is_within(spans: list[tuple[int, int]], item: Found, text: bytes) -> bool:
    """Whether a definition is whole inside one of the spans."""
    start, end = item[0], -item[1]
    return any(low <= start and end <= high for low, high in spans) and (
        text[end - 1 : end] in {b";", b"}", b"\n"} or item[3].capture.startswith("definition.macro")
    )
