"""The watched folders of a workspace: from the kernel's number of a watch to the folder's path, and back.

A watch follows the folder itself, wherever it is moved; so the tree is kept by numbers, and a path is put together when
it is asked for. (The kernel's numbers are never used twice, so a folder that is gone cannot be taken for another.)

Invariant: pure bookkeeping, no I/O; about 250 bytes a folder. Each method that forgets folders returns the numbers
whose watches are to be removed.
"""

from __future__ import annotations

from collections.abc import Iterator


class _Node:
    __slots__ = ("children", "name", "parent", "watch")

    def __init__(self, watch: int, parent: _Node | None, name: bytes) -> None:
        self.watch = watch
        self.parent = parent
        self.name = name
        self.children: dict[bytes, _Node] | None = None


class FolderTree:
    """Watched folders by number and by path; the root's path is nothing."""

    def __init__(self) -> None:
        self._nodes: dict[int, _Node] = {}
        self._root: _Node | None = None

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, watch: int) -> bool:
        return watch in self._nodes

    def put(self, path: bytes, watch: int) -> list[int]:
        """The folder now at `path` has this watch; one with a known watch was moved, with all that is below it.

        A folder whose parent is not watched is not taken in: its own number is returned.
        """
        node = self._nodes.get(watch)
        if not path:
            if node is not None and node is self._root:
                return []
            gone = self._forget(self._root) if self._root is not None else []
            if watch in self._nodes:
                gone += self._forget(self._nodes[watch])
            self._root = self._nodes[watch] = _Node(watch, None, b"")
            return [number for number in gone if number != watch]
        parent_path, _, name = path.rpartition(b"/")
        parent = self._find(parent_path)
        if parent is None:
            return [watch] if node is None else []
        if node is not None and node.parent is parent and node.name == name:
            return []
        gone = []
        if parent.children is not None and (old := parent.children.get(name)) is not None:
            gone = self._forget(old)
            if watch in gone:
                node = None  # it lay below what stood here
        if node is None:
            node = self._nodes[watch] = _Node(watch, parent, name)
        elif node is self._root or _lies_in(parent, node):
            return gone  # the same folder is mounted inside itself
        else:
            self._cut(node)
            node.parent, node.name = parent, name
        if parent.children is None:
            parent.children = {}
        parent.children[name] = node
        return [number for number in gone if number != watch]

    def path(self, watch: int) -> bytes | None:
        """Where the folder of a watch is; None when it is not known."""
        node = self._nodes.get(watch)
        if node is None:
            return None
        names = []
        while node.parent is not None:
            names.append(node.name)
            node = node.parent
        names.reverse()
        return b"/".join(names)

    def find(self, path: bytes) -> int | None:
        """The watch of a folder."""
        node = self._find(path)
        return None if node is None else node.watch

    def drop(self, path: bytes) -> list[int]:
        """Forget a folder and all below it."""
        node = self._find(path)
        return [] if node is None else self._forget(node)

    def forget(self, watch: int) -> list[int]:
        """The kernel ended this watch: forget it and what is left below; the others' numbers."""
        node = self._nodes.get(watch)
        return [] if node is None else [number for number in self._forget(node) if number != watch]

    def keep(self, path: bytes, watches: set[int]) -> list[int]:
        """Forget what lies at or below `path` and is not among `watches`."""
        node = self._find(path)
        if node is None:
            return []
        gone: list[int] = []
        for below in list(_walk(node)):
            if below.watch not in watches and below.watch in self._nodes:
                gone += self._forget(below)
        return gone

    def clear(self) -> list[int]:
        """Forget all."""
        gone = list(self._nodes)
        self._nodes.clear()
        self._root = None
        return gone

    def _find(self, path: bytes) -> _Node | None:
        node = self._root
        if path:
            for name in path.split(b"/"):
                if node is None or node.children is None:
                    return None
                node = node.children.get(name)
        return node

    def _cut(self, node: _Node) -> None:
        if node.parent is not None and node.parent.children is not None:
            del node.parent.children[node.name]

    def _forget(self, node: _Node) -> list[int]:
        gone = [below.watch for below in _walk(node)]
        for number in gone:
            del self._nodes[number]
        if node is self._root:
            self._root = None
        else:
            self._cut(node)
        return gone


def _walk(node: _Node) -> Iterator[_Node]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        if node.children:
            stack += node.children.values()


def _lies_in(node: _Node, around: _Node) -> bool:
    """Whether `node` is `around` or lies below it."""
    here: _Node | None = node
    while here is not None:
        if here is around:
            return True
        here = here.parent
    return False
