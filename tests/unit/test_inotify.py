"""What events say, told by a reader of our own: what the real system does not do on demand."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lowtide.system.watch.inotify import (
    IN_CREATE,
    IN_DELETE,
    IN_IGNORED,
    IN_ISDIR,
    IN_MOVED_FROM,
    IN_Q_OVERFLOW,
    Event,
    FolderWatches,
    OutOfWatches,
    WatchQuota,
)


class Reader:
    """Numbers folders as they come; refuses as it is told."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}
        self.refused: dict[bytes, int] = {}
        self.removed: list[int] = []
        self._next = 0

    def add(self, path: bytes, mask: int) -> int:
        if number := self.refused.get(path):
            raise OSError(number, "refused")
        if path not in self.numbers:
            self._next += 1
            self.numbers[path] = self._next
        return self.numbers[path]

    def remove(self, watch: int) -> None:
        self.removed.append(watch)
        self.numbers = {path: number for path, number in self.numbers.items() if number != watch}


class Tree:
    """The folders of a workspace, as a walk would list them."""

    def __init__(self, root: Path, *folders: bytes) -> None:
        self.reader = Reader()
        self.quota = WatchQuota(10)
        self.folders = [b"", *folders]
        self.asked: list[Sequence[bytes] | None] = []
        self.root = bytes(root)
        self.watches = FolderWatches(self.root, self.reader, self.list, self.quota)

    def list(self, only: Sequence[bytes] | None) -> Iterator[bytes]:
        self.asked.append(only)
        return iter(self.folders)

    def number(self, path: bytes) -> int:
        return self.reader.numbers[self.root + b"/" + path if path else self.root]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path, b"a", b"a/b", b"c")
    assert tree.watches.plan() == 4
    return tree


def test_planning_again_adds_nothing_and_removes_nothing(tree: Tree) -> None:
    assert tree.watches.plan() == 0
    assert tree.watches.plan([b"a"]) == 0
    assert tree.reader.removed == []
    assert (len(tree.watches), tree.quota.count) == (4, 4)


def test_a_folder_closed_to_us_is_passed_over_with_all_that_lies_in_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path, b"a", b"a/b", b"c")
    tree.reader.refused[tree.root + b"/a"] = errno.EACCES
    assert tree.watches.plan() == 2
    assert len(tree.watches) == tree.quota.count == 2, "a/b is not kept without a"
    del tree.reader.refused[tree.root + b"/a"]
    tree.watches.plan([b"a"])
    assert len(tree.watches) == tree.quota.count == 4


def test_a_root_closed_to_us_is_said(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.reader.refused[tree.root] = errno.EACCES
    with pytest.raises(OutOfWatches, match="closed to you"):
        tree.watches.plan()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOMEM])
def test_no_watches_left_is_said(tree: Tree, number: int) -> None:
    tree.folders.append(b"d")
    tree.reader.refused[tree.root + b"/d"] = number
    with pytest.raises(OutOfWatches, match="max_user_watches"):
        tree.watches.plan([b"d"])
    tree.watches.close()
    assert tree.quota.count == 0


def test_events_of_unknown_watches_say_nothing(tree: Tree) -> None:
    assert not tree.watches.apply([Event(99, IN_CREATE, b"x"), Event(98, IN_IGNORED, b"")])


def test_a_watch_the_kernel_ended_is_forgotten_and_not_removed_again(tree: Tree) -> None:
    gone = tree.number(b"c")
    batch = tree.watches.apply([Event(tree.number(b""), IN_DELETE | IN_ISDIR, b"c"), Event(gone, IN_IGNORED, b"")])
    assert batch.changed == {b"c"}
    assert tree.reader.removed == []
    assert tree.quota.count == 3


def test_a_folder_that_left_loses_its_watches_in_one_step(tree: Tree) -> None:
    inner = tree.number(b"a/b")
    leaving = tree.number(b"a")
    batch = tree.watches.apply(
        [
            Event(tree.number(b""), IN_MOVED_FROM | IN_ISDIR, b"a"),
            Event(inner, IN_CREATE, b"late.py"),
            Event(inner, IN_IGNORED, b""),
            Event(leaving, IN_IGNORED, b""),
        ]
    )
    assert batch.changed == {b"a"}, "what happens in there is no longer ours"
    assert sorted(tree.reader.removed) == sorted([inner, leaving])
    assert tree.quota.count == 2


def test_lost_events_are_said_once_and_the_rest_is_heard(tree: Tree) -> None:
    batch = tree.watches.apply([Event(tree.number(b"c"), IN_CREATE, b"x.py"), Event(-1, IN_Q_OVERFLOW, b"")])
    assert batch.overflow
    assert batch.changed == {b"c/x.py"}


def test_very_many_folders_are_planned_as_all(tree: Tree) -> None:
    tree.watches.plan([b"%d" % number for number in range(2000)])
    assert tree.asked[-1] is None


def test_stopping_ends_a_plan_early(tree: Tree) -> None:
    tree.folders += [b"d", b"e"]
    answers = iter([False, False, True])
    assert tree.watches.plan(None, lambda: next(answers)) == 0
    assert tree.reader.removed == [], "what was not come to is not taken for gone"


def test_no_more_folders_are_watched_than_the_budget_has_room_for(tmp_path: Path) -> None:
    tree = Tree(tmp_path, *(b"f%d" % number for number in range(9)))
    tree.quota.hold_to(8 * 512 * 5)
    with pytest.raises(OutOfWatches, match="more than the 5 that the budget has room") as caught:
        tree.watches.plan()
    assert "raise the budget" in caught.value.remedy
    assert tree.quota.count == 5
    tree.quota.hold_to(1 << 30)
    assert tree.watches.plan() == 10 - 5
