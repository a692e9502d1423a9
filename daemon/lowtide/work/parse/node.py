"""The few things that the parser's helpers ask of a node of a syntax tree.

Invariant: types only; the nodes are tree_sitter's, which `work/parse/grammar.py` alone imports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Node(Protocol):
    """A node of a syntax tree: bytes are offsets in the UTF-8 text, points are (line, column in bytes)."""

    @property
    def kind_id(self) -> int: ...
    @property
    def start_byte(self) -> int: ...
    @property
    def end_byte(self) -> int: ...
    @property
    def byte_range(self) -> tuple[int, int]: ...
    @property
    def start_point(self) -> tuple[int, int]: ...
    @property
    def end_point(self) -> tuple[int, int]: ...
    @property
    def child_count(self) -> int: ...
    @property
    def children(self) -> Sequence[Node]: ...
    def child_by_field_id(self, id: int, /) -> Node | None: ...


Captures = Mapping[str, Sequence[Node]]
