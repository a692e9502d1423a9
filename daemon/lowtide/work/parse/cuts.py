"""Where the syntax allows a text to be cut into chunks.

Invariant: atoms follow each other in the text, each at the start of a line; at most `_MAX_DEPTH` levels of the tree and
`_MAX_CHILDREN` children of a node are looked at, by a loop and not by recursion.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from lowtide.work.parse import chunk
from lowtide.work.parse.chunk import ALONE, HEAD, JOIN, Atom
from lowtide.work.parse.node import Node

_MAX_CHILDREN = 20_000
"""A node with more children is cut by lines: a list of nodes costs more memory than its text."""
_MAX_DEPTH = 100
_GRAIN_BYTES = 200
_START = attrgetter("start_byte")
SPLIT_BYTES = chunk.MAX_BYTES - 60
"""What is larger is cut inside; what closes it (a brace, `#endif`) may then still join its last part."""


class Outline(msgspec.Struct, frozen=True):
    """The symbols' places; parallel lists in the order of the symbols."""

    starts: list[int]
    ends: list[int]
    parents: list[int]
    """The index of the symbol around each; -1 at top level."""
    big_starts: list[int]
    """Where definitions begin that should stand alone, ascending."""
    big_lines: dict[int, bool]
    """Their lines; True for a function."""
    overloads: dict[int, tuple[int, int]]
    """Of a function with overload signatures directly above it: the byte and the line at which the first begins."""


def atoms(
    text: bytes, root: Node, outline: Outline, comments: frozenset[int]
) -> tuple[list[Atom], dict[int, int], dict[int, int]]:
    """Where the text may be cut, the sizes that groups aim at (see `chunk.pack`), and where comments lead to code.

    `comments`: the kinds of nodes that stay with what follows them. The last: from a line to the byte at which the
    comments directly above it begin.
    """
    walk = _Walk(text, outline, comments)
    if text and root.child_count <= _MAX_CHILDREN:
        walk.through(root)
    return walk.found, walk.targets, walk.leads


class _Walk:
    """Goes through nodes in the order of the text, into those that are too large for one chunk.

    Invariant: what has been noted lies before the node at hand.
    """

    __slots__ = (
        "_big_lines",
        "_big_starts",
        "_comments",
        "_groups",
        "_last_line",
        "_lead",
        "_reached",
        "_text",
        "_waiting",
        "_waiting_end",
        "_waiting_line",
        "found",
        "leads",
        "targets",
    )

    def __init__(self, text: bytes, outline: Outline, comments: frozenset[int]) -> None:
        self.found: list[Atom] = [(0, 0, 0, JOIN)]
        self.targets: dict[int, int] = {}
        self.leads: dict[int, int] = {}
        self._text = text
        self._big_starts = outline.big_starts
        self._big_lines = outline.big_lines
        self._comments = comments
        self._groups = 1
        self._waiting = self._waiting_end = self._waiting_line = -1  # comments that wait for what they document
        self._lead = -1  # where they begin, also when they are too long to wait
        self._reached = 0  # the end of what has been passed
        self._last_line = -1

    def through(self, root: Node) -> None:
        """Note every place in `root` where the text may be cut."""
        comments = self._comments
        big_lines = self._big_lines
        stack = [(iter(root.children), 0)]
        while stack:
            nodes, group = stack[-1]
            for node in nodes:
                start, end = node.byte_range
                line, column = node.start_point
                cut = start - column
                is_first = line != self._last_line and cut >= self._reached
                if is_first:
                    if self._lead >= 0:
                        self._part(start, group)
                    if node.kind_id in comments:
                        self._wait(cut, line, end, group)
                        continue
                    if self._lead >= 0:
                        self.leads[line] = self._lead
                        self._lead = -1
                is_big = line in big_lines
                size = end - (self._waiting if self._waiting >= 0 else start)
                descends = size > chunk.SOFT_BYTES and self._descends(node, size, line, len(stack))
                if is_first and (is_big or self._waiting >= 0):
                    group = self._begin(cut, line, size, group, descends)
                elif is_first and not descends:
                    self._last_line = line
                    self.found.append((cut, line, group, JOIN))
                if descends:
                    # Comments may end on the line where this begins: their place comes before all that is in here.
                    self._let_go(group)
                    if _holds_big(self._big_starts, start, end):
                        stack.append((iter(node.children), group))
                        break
                    _statements(self._text, node, group, comments, self.found)
                    self._reached = end
                elif end > self._reached:
                    self._reached = end
            else:
                stack.pop()
        self._let_go(0)

    def _wait(self, cut: int, line: int, end: int, group: int) -> None:
        """Have a comment wait for what it documents, with those directly above it."""
        if self._waiting < 0:
            self._waiting, self._waiting_line = cut, line
            if self._lead < 0:
                self._lead = cut
        self._waiting_end = self._reached = end
        if end - self._waiting > SPLIT_BYTES:
            self._let_go(group)

    def _part(self, start: int, group: int) -> None:
        """End the wait of the comments when an empty line parts them from what begins at `start`."""
        if self._text.count(b"\n", self._waiting_end, start) > 1:
            self._let_go(group)
            self._lead = -1

    def _let_go(self, group: int) -> None:
        """Note the comments that wait, if any, as a part of their own."""
        if self._waiting >= 0:
            self.found.append((self._waiting, self._waiting_line, group, JOIN))
            self._waiting = -1

    def _descends(self, node: Node, size: int, line: int, depth: int) -> bool:
        """Whether the inside of a node, so large with the comments above it, is cut."""
        if size > SPLIT_BYTES:
            return 0 < node.child_count <= _MAX_CHILDREN and depth < _MAX_DEPTH
        # A function that fits into a chunk stays whole.
        return not self._big_lines.get(line, False) and _holds_big(self._big_starts, node.start_byte, node.end_byte)

    def _begin(self, cut: int, line: int, size: int, group: int, descends: bool) -> int:
        """Note a definition that stands alone, or what comments wait for, with these; the group of what is inside."""
        self._last_line = line
        if descends and self._waiting >= 0 and self._waiting_end - self._waiting > SPLIT_BYTES // 2:
            self._let_go(group)
        flag = JOIN
        if line in self._big_lines:
            flag = HEAD if descends else ALONE
            if descends:
                group = self._groups
                self._groups += 1
                if self._big_lines[line]:
                    self.targets[group] = size // -(-size // chunk.TEXT_BYTES) + 100
        if self._waiting >= 0:
            cut, line = self._waiting, self._waiting_line
            self._waiting = -1
        self.found.append((cut, line, group, flag))
        return group


def _holds_big(big_starts: list[int], start: int, end: int) -> bool:
    """Whether a definition that should stand alone begins inside."""
    inside = bisect_right(big_starts, start)
    return inside < len(big_starts) and big_starts[inside] < end


def _statements(text: bytes, large_node: Node, group: int, comments: frozenset[int], found: list[Atom]) -> None:
    """Cuts between the parts of a large node, one for about `_GRAIN_BYTES`; most parts are never visited."""
    stack: list[tuple[Sequence[Node], int]] = [(large_node.children, 0)]
    last = found[-1][0]
    while stack:
        nodes, index = stack.pop()
        while index < len(nodes):
            node = nodes[index]
            start = node.start_byte
            following = bisect_left(nodes, start + _GRAIN_BYTES, index + 1, key=_START)
            large = following - 1
            start_of_large, end_of_large = nodes[large].byte_range
            is_large = end_of_large - start_of_large > SPLIT_BYTES and nodes[large].child_count <= _MAX_CHILDREN
            if not is_large and large > index and nodes[large].kind_id in comments:
                following = large
            for place in (index, large) if is_large and large > index else (index,):
                line, column = nodes[place].start_point
                cut = nodes[place].start_byte - column
                if cut > last and not text[cut : cut + column].strip():
                    found.append((cut, line, group, JOIN))
                    last = cut
            index = following
            if is_large and len(stack) < _MAX_DEPTH:
                stack.append((nodes, index))
                nodes, index = nodes[large].children, 0
