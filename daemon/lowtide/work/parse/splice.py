"""A text's definitions from those of the version before: only the outermost nodes around an edit are read again.

Invariant: the rows are those of a whole reading; whenever that is not sure, there is no answer and the whole is read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from lowtide.work.parse.kinds import SymbolRow


class Tree(Protocol):
    """What is asked of the root and of its children: not their siblings, for in tree_sitter 0.26.1 `prev_sibling` of
    the first child crashes."""

    @property
    def kind_id(self) -> int: ...
    @property
    def start_byte(self) -> int: ...
    @property
    def end_byte(self) -> int: ...
    @property
    def start_point(self) -> tuple[int, int]: ...
    @property
    def child_count(self) -> int: ...
    def child(self, index: int, /) -> Tree | None: ...


class Rows(msgspec.Struct, frozen=True):
    """Rows in the order of the text, with the bytes where their definitions start and end."""

    rows: Sequence[SymbolRow]
    starts: Sequence[int]
    ends: Sequence[int]


class Edit(msgspec.Struct, frozen=True):
    """One stretch of a text that was replaced, in bytes."""

    start: int
    old_end: int
    new_end: int


def window(root: Tree, text: bytes, first: int, end: int, comments: frozenset[int]) -> tuple[int, int] | None:
    """The bytes of the outermost nodes that hold text[first:end], what an edit has changed, and of their neighbours.

    What follows on the same line belongs to it, and so do the comments behind it with what they stand above. None when
    that is the whole text.
    """
    count = root.child_count
    left = bisect_right(range(count), first, key=lambda index: _child(root, index).end_byte)
    if left == count:
        return None
    line = max(text.count(b"\n", 0, end), _child(root, left).start_point[0])
    left = max(0, left - 1)
    low = _child(root, left).start_byte if left else 0
    right = left
    while right < count and ((node := _child(root, right)).start_byte <= end or node.start_point[0] <= line):
        right += 1
    while right < count and _child(root, right).kind_id in comments:
        right += 1
    right += 1
    high = _child(root, right).start_byte if right < count else len(text)
    return None if low == 0 and high == len(text) else (low, high)


def _child(root: Tree, index: int) -> Tree:
    found = root.child(index)
    assert found is not None
    return found


def splice(before: Rows, middle: Rows, edit: Edit, low: int, high: int, line_count: int) -> Rows | None:
    """`middle`, the rows of the bytes from `low` to `high`, in place of those that were there.

    `line_count`: how many lines the edit has added. None when a definition lies across an end of the window.
    """
    grown = edit.new_end - edit.old_end
    first = bisect_left(before.starts, low)
    last = bisect_left(before.starts, high - grown)
    if any(end > low for end in before.ends[:first]) or any(end > high - grown for end in before.ends[first:last]):
        return None
    if any(not low <= start <= end <= high for start, end in zip(middle.starts, middle.ends, strict=True)):
        return None
    behind = before.rows[last:]
    if line_count:
        behind = [
            (
                row[0],
                row[1],
                row[2],
                row[3] + line_count,
                row[4],
                row[5] + line_count,
                row[6],
                row[7] + line_count,
                *row[8:],
            )
            for row in behind
        ]
    return Rows(
        [*before.rows[:first], *middle.rows, *behind],
        [*before.starts[:first], *middle.starts, *(start + grown for start in before.starts[last:])],
        [*before.ends[:first], *middle.ends, *(end + grown for end in before.ends[last:])],
    )


def difference(old: bytes, new: bytes) -> Edit:
    """The one stretch that makes `new` of `old`, from the first byte that differs to the last."""
    most = min(len(old), len(new))
    start = _same(lambda count: old[:count] == new[:count], most)
    end = _same(lambda count: old[len(old) - count :] == new[len(new) - count :], most - start)
    return Edit(start, len(old) - end, len(new) - end)


def _same(is_same: Callable[[int], bool], most: int) -> int:
    """The largest count up to `most` for which `is_same` holds, as it does for all smaller ones."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if is_same(middle):
            low = middle
        else:
            high = middle - 1
    return low


def point(text: bytes, offset: int) -> tuple[int, int]:
    """The line and the column of an offset, from 0, in bytes."""
    line_start = text.rfind(b"\n", 0, offset) + 1
    return text.count(b"\n", 0, offset), offset - line_start
