"""The kernel's file events (inotify) of a workspace: which folders are watched, and what an event says has changed.

Only folders that the walk would list are watched. A folder is watched before it is listed, and hinted after: what
appears in it meanwhile is either listed or told.

No event is paired with another, and none is held back: a folder moved away loses its watches, and one that arrives is
planned like a new one. (Pairing moves is what makes watchdog's own emitter hold every event behind a move for half a
second, in a queue without bound.)

Invariant: what is remembered grows with the folders watched, never with the events.
Invariant: no work here is repeated by the events that it causes itself: removing a watch is the only such, and what is
removed is not added again in the same plan.
Source: inotify(7).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from threading import Lock
from typing import NamedTuple, Protocol

import msgspec

from lowtide.system.tree.named import NEVER_WALKED
from lowtide.system.tree.repository import Repository, repository_at
from lowtide.system.tree.scope import GIT
from lowtide.system.tree.walk import MARKS
from lowtide.system.watch import git_state
from lowtide.system.watch.folder_tree import FolderTree

IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE = 0x2, 0x4, 0x8
IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x40, 0x80, 0x100, 0x200
IN_DELETE_SELF, IN_MOVE_SELF, IN_UNMOUNT, IN_Q_OVERFLOW, IN_IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
IN_ONLYDIR, IN_DONT_FOLLOW, IN_EXCL_UNLINK, IN_ISDIR = 0x1000000, 0x2000000, 0x4000000, 0x40000000
IN_MASK_ADD = 0x20000000

_ARRIVED = IN_MOVED_TO | IN_CREATE
_WENT = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT
_RULES_CHANGED = IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
FOLDER_MASK = (
    IN_MODIFY
    | IN_ATTRIB
    | IN_CLOSE_WRITE
    | IN_MOVED_FROM
    | IN_MOVED_TO
    | IN_CREATE
    | IN_DELETE
    | IN_ONLYDIR
    | IN_DONT_FOLLOW
    | IN_EXCL_UNLINK
)
ROOT_MASK = FOLDER_MASK | IN_DELETE_SELF | IN_MOVE_SELF
"""No open, access and close-without-writing: readers, our own workers first of all, would drown the rest."""
GIT_MASK = IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR
INFO_MASK = GIT_MASK | IN_CLOSE_WRITE
MOST_GIT_FOLDERS = 128
WATCH_BYTES = 512
"""What a watched folder takes in this process: its node and name, and its number while all are planned."""
BUDGET_PART = 8
"""All of them take at most this part of the budget; beyond, changes are found by looking."""
MOST_PLANNED = 512
"""Folders planned one by one; more are a plan of everything."""
RAISE_WATCHES = "raise the limit: sudo sysctl fs.inotify.max_user_watches=1048576"
RAISE_BUDGET = "raise the budget, or leave folders out with .lowtideignore"
RAISE_FILES = "raise the limit of open files: ulimit -n 4096"
MAX_WATCHES = "/proc/sys/fs/inotify/max_user_watches"


class Event(NamedTuple):
    """One event as the kernel gives it; `name` is nothing for the folder itself."""

    watch: int
    mask: int
    name: bytes


class Reader(Protocol):
    """What takes the watches of one workspace."""

    def add(self, path: bytes, mask: int) -> int:
        """Watch a folder; the watch's number, the same for the same folder. OSError."""

    def remove(self, watch: int) -> None:
        """Watch no longer; a number that is not known any more is passed over."""


class OutOfWatches(Exception):
    """The folders cannot all be watched: `reason` and `remedy` are for people."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy


class WatchQuota:
    """The file watches that all workspaces of this process may take together; the user's other programs need some too.

    Each also takes memory of this process, so the budget has a say: see `hold_to`.
    """

    def __init__(self, most_count: int) -> None:
        self.most_count = most_count
        self.fitting_count = most_count
        """How many the budget has room for."""
        self._count = 0
        self._lock = Lock()

    @classmethod
    @cache
    def of_machine(cls) -> WatchQuota:
        """Three quarters of what the kernel grants a user: one for the whole process."""
        return cls(max_user_watches() * 3 // 4)

    @property
    def count(self) -> int:
        """Those taken now."""
        return self._count

    def hold_to(self, budget_bytes: int) -> None:
        """From now on no more are taken than fit into a part of the budget. What is taken already stays."""
        self.fitting_count = budget_bytes // BUDGET_PART // WATCH_BYTES

    def take(self) -> bool:
        """One more; False when there is none left."""
        with self._lock:
            if self._count >= min(self.most_count, self.fitting_count):
                return False
            self._count += 1
            return True

    def give(self, count: int) -> None:
        """Give some back."""
        with self._lock:
            self._count -= count


def max_user_watches() -> int:
    """The kernel's limit of file watches a user, or a number beyond any tree where it tells none."""
    try:
        with open(MAX_WATCHES, encoding="ascii") as stream:
            return int(stream.read())
    except (OSError, ValueError):
        return 1 << 31


class Batch(msgspec.Struct):
    """What the events of one read say: `changed` to look at, `arrived` folders to plan first, and matters of the
    whole."""

    changed: set[bytes] = msgspec.field(default_factory=set)
    arrived: set[bytes] = msgspec.field(default_factory=set)
    overflow: bool = False
    root_went: bool = False
    git: bool = False

    def __bool__(self) -> bool:
        """Whether there was an event of any interest."""
        return bool(self.changed or self.arrived or self.overflow or self.root_went or self.git)


class FolderWatches:
    """The watches of one workspace. `root` is a real path; `folders` gives those that a walk lists."""

    def __init__(
        self,
        root: bytes,
        reader: Reader,
        folders: Callable[[Sequence[bytes] | None], Iterator[bytes]],
        quota: WatchQuota,
        around: Repository | None = None,
    ) -> None:
        self._root = root
        self._inside = root.rstrip(b"/") + b"/"
        self._reader = reader
        self._folders = folders
        self._quota = quota
        self._around = around
        self._tree = FolderTree()
        self._git: dict[int, bytes] = {}
        self._awaited: dict[int, tuple[bytes, bytes]] = {}
        """In git's folders: the entry that changes the rules of a work tree, and that work tree."""

    def __len__(self) -> int:
        return len(self._tree) + len(self._git)

    @property
    def git_folders(self) -> Collection[bytes]:
        """The git folders of the repositories in and around the workspace."""
        return self._git.values()

    def plan(self, only: Iterable[bytes] | None = None, stopped: Callable[[], bool] = lambda: False) -> int:
        """Watch what the walk would list, and nothing else, everywhere or at and below `only`; how many folders are
        new.

        OutOfWatches when they cannot all be: what is watched so far stays. Ends early when `stopped()`.
        """
        tops = None if only is None else sorted(only)
        if tops is not None and (b"" in tops or len(tops) > MOST_PLANNED):
            tops = None
        seen: set[int] = set()
        git_seen: set[int] = set()
        new_count = 0
        if self._around is not None:
            self._watch_repository(b"", self._around, git_seen)
        try:
            for path in self._folders(tops):
                if stopped():
                    return new_count
                new_count += self._watch_folder(path, seen)
                if os.path.lexists(os.path.join(self._inside + path, GIT)):
                    self._watch_repository(path, repository_at(self._inside + path), git_seen)
        except OSError as error:
            raise OutOfWatches(f"its folders cannot be listed: {error.strerror or error}", RAISE_FILES) from error
        for top in tops if tops is not None else [b""]:
            self._end(self._tree.keep(top, seen))
        if tops is None:
            self._end([watch for watch in self._git if watch not in git_seen])
        return new_count

    def _watch_folder(self, path: bytes, seen: set[int]) -> bool:
        """Whether the folder is new."""
        watch = self._add(self._inside + path if path else self._root, FOLDER_MASK if path else ROOT_MASK)
        if watch is None and not path:
            raise OutOfWatches("the folder cannot be watched: it is closed to you, or gone", "make it readable")
        if watch is None or watch in self._git:
            return False
        known = watch in self._tree
        if not known:
            self._take(watch)
        self._end(self._tree.put(path, watch))
        seen.add(watch)
        return not known and watch in self._tree

    def _watch_repository(self, path: bytes, repository: Repository | None, seen: set[int]) -> None:
        """For the work tree at `path`; without a HEAD it is none yet: `git init` takes its time."""
        if repository is None:
            self._watch_git(os.path.join(self._inside + path, GIT), GIT_MASK, seen, awaited=(b"HEAD", path))
        else:
            self._watch_git(repository.git, GIT_MASK, seen)
            self._watch_git(os.path.join(repository.common, b"info"), INFO_MASK, seen, awaited=(b"exclude", path))

    def _watch_git(self, folder: bytes, mask: int, seen: set[int], awaited: tuple[bytes, bytes] | None = None) -> None:
        if len(self._git) >= MOST_GIT_FOLDERS and folder not in self._git.values():
            return
        watch = self._add(folder, mask)
        if watch is None or watch in self._tree:
            return
        seen.add(watch)
        if watch not in self._git:
            self._take(watch)
            self._git[watch] = folder
        if awaited is None:
            self._awaited.pop(watch, None)
        else:
            self._awaited[watch] = awaited

    def _add(self, folder: bytes, mask: int) -> int | None:
        """Nothing when the folder is gone, or closed to us: then the walk cannot list it either."""
        try:
            return self._reader.add(folder, mask)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                raise OutOfWatches(
                    f"the system has no file watches left (fs.inotify.max_user_watches = {max_user_watches()})",
                    RAISE_WATCHES,
                ) from error
            return None

    def _take(self, watch: int) -> None:
        if self._quota.take():
            return
        self._reader.remove(watch)
        if self._quota.fitting_count < self._quota.most_count:
            raise OutOfWatches(
                f"its folders are more than the {self._quota.fitting_count} that the budget has room to watch",
                RAISE_BUDGET,
            )
        raise OutOfWatches(
            f"its folders need more file watches than the {self._quota.most_count} that Lowtide takes of the "
            f"{max_user_watches()} a user may have (fs.inotify.max_user_watches)",
            RAISE_WATCHES,
        )

    def _end(self, watches: Collection[int]) -> None:
        """Remove watches that the tree has forgotten."""
        for watch in watches:
            self._git.pop(watch, None)
            self._awaited.pop(watch, None)
            self._reader.remove(watch)
        self._quota.give(len(watches))

    def close(self) -> None:
        """Give all watches back; the reader is to be closed by its owner."""
        self._end([*self._tree.clear(), *self._git])

    def apply(self, events: Iterable[Event]) -> Batch:
        """What `events`, in the kernel's order, say."""
        batch = Batch()
        for watch, mask, name in events:
            if mask & IN_Q_OVERFLOW:
                batch.overflow = True
            elif mask & IN_IGNORED:
                self._ignored(watch, batch)
            elif watch in self._git:
                batch.git |= name in git_state.NAMES
                entry, tree = self._awaited.get(watch, (b"", b""))
                if entry and name == entry:
                    batch.arrived.add(tree)
            elif (folder := self._tree.path(watch)) is not None:
                if name:
                    self._entry(folder, name, mask, batch)
                elif not folder and mask & _WENT:
                    batch.root_went = True
        return batch

    def _ignored(self, watch: int, batch: Batch) -> None:
        """The kernel ended a watch: the folder is gone, or we removed it ourselves."""
        if watch in self._git:
            del self._git[watch]
            self._awaited.pop(watch, None)
            self._quota.give(1)
            batch.git = True
        elif (path := self._tree.path(watch)) is not None:
            batch.root_went |= not path
            gone = self._tree.forget(watch)
            self._quota.give(1)
            self._end(gone)

    def _entry(self, folder: bytes, name: bytes, mask: int, batch: Batch) -> None:
        if name in MARKS and mask & _RULES_CHANGED:
            batch.arrived.add(folder)  # it decides about all that lies there
        path = folder + b"/" + name if folder else name
        if not mask & IN_ISDIR:
            batch.changed.add(path)
        elif name in NEVER_WALKED:
            return
        elif mask & _ARRIVED:
            batch.arrived.add(path)
        elif mask & IN_MOVED_FROM:
            self._end(self._tree.drop(path))
            batch.changed.add(path)
        elif mask & IN_DELETE:
            batch.changed.add(path)
        elif mask & IN_ATTRIB and (self._tree.find(path) is not None) != os.access(
            self._inside + path, os.R_OK | os.X_OK
        ):
            batch.arrived.add(path)
