"""Where the syntax allows a text to be cut into chunks.

Invariant: atoms follow each other in the text, each at the start of a line; at most `_MAX_DEPTH` levels of the tree and
`_MAX_CHILDREN` children of a node are looked at, by a loop and not by recursion.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

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


@dataclass(frozen=True, slots=True)
class Outline:
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
    found: list[Atom] = [(0, 0, 0, JOIN)]
    targets: dict[int, int] = {}
    leads: dict[int, int] = {}
    if root.child_count > _MAX_CHILDREN or not text:
        return found, targets, leads
    big_starts = outline.big_starts
    big_lines = outline.big_lines
    groups = 1
    above_start = above_end = above_line = -1  # a comment that waits for what it documents
    lead = -1  # where it begins, also when it is too long to wait
    previous_end = 0
    last_line = -1
    stack = [(iter(root.children), 0)]
    while stack:
        nodes, group = stack[-1]
        for node in nodes:
            start, end = node.byte_range
            line, column = node.start_point
            cut = start - column
            is_first = line != last_line and cut >= previous_end
            if lead >= 0 and is_first and text.count(b"\n", above_end, start) > 1:
                if above_start >= 0:
                    found.append((above_start, above_line, group, JOIN))
                above_start = lead = -1
            if is_first and node.kind_id in comments:
                if above_start < 0:
                    above_start, above_line = cut, line
                    lead = cut if lead < 0 else lead
                above_end = previous_end = end
                if end - above_start > SPLIT_BYTES:
                    found.append((above_start, above_line, group, JOIN))
                    above_start = -1
                continue
            if is_first and lead >= 0:
                leads[line] = lead
                lead = -1
            size = end - (above_start if above_start >= 0 else start)
            is_big = line in big_lines
            descends = False
            if size > SPLIT_BYTES:
                descends = 0 < node.child_count <= _MAX_CHILDREN and len(stack) < _MAX_DEPTH
            elif size > chunk.SOFT_BYTES and not (is_big and big_lines[line]):
                descends = _holds_big(big_starts, start, end)
            if not descends and not is_big and above_start < 0:
                if is_first:
                    last_line = line
                    found.append((cut, line, group, JOIN))
                if end > previous_end:
                    previous_end = end
                continue
            if is_first and (is_big or above_start >= 0):
                last_line = line
                if above_start >= 0 and descends and above_end - above_start > SPLIT_BYTES // 2:
                    found.append((above_start, above_line, group, JOIN))
                    above_start = -1
                if is_big and descends:
                    group = groups
                    groups += 1
                    if big_lines[line]:
                        targets[group] = size // -(-size // chunk.TEXT_BYTES) + 100
                flag = JOIN if not is_big else HEAD if descends else ALONE
                found.append((above_start, above_line, group, flag) if above_start >= 0 else (cut, line, group, flag))
                above_start = -1
            if descends:
                if above_start >= 0:
                    # The comment ends on the line where this begins: its place comes before all that is in here.
                    found.append((above_start, above_line, group, JOIN))
                    above_start = -1
                if not _holds_big(big_starts, start, end):
                    _statements(text, node, group, comments, found)
                    previous_end = end
                    continue
                stack.append((iter(node.children), group))
                break
            if end > previous_end:
                previous_end = end
        else:
            stack.pop()
    if above_start >= 0:
        found.append((above_start, above_line, 0, JOIN))
    return found, targets, leads


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
