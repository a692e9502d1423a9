"""What the watcher says may have changed, and how it is gathered.

A hint is never the truth: it names where the scan has to look again. Too many hints become one: scan everything.

Invariant: pure; what is gathered is bounded; nothing that was added is lost, a path gives way only to a folder around
it or to a rescan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

import msgspec

MOST_PATHS = 10_000
"""Paths gathered at most; beyond, a whole scan costs less than so many narrow ones."""


class GitActivity(Enum):
    """What git is doing in a workspace."""

    IDLE = "idle"
    STEPPING = "stepping"
    """Between the steps of a rebase, or of another sequence: more is to come, or the user was asked."""
    LOCKED = "locked"
    """git holds its index: a branch switch, a stash, a merge is being written."""


class Hints(msgspec.Struct, frozen=True):
    """Where to look again.

    `paths` are relative to the root, files or folders; a folder means all that is below it. `rescan` asks for a scan of
    the whole workspace instead, for `reason`. `git` is what git was doing when the hints were taken.
    """

    paths: frozenset[bytes] = frozenset()
    rescan: bool = False
    reason: str = ""
    git: GitActivity = GitActivity.IDLE

    def __bool__(self) -> bool:
        """Whether there is anything to look at."""
        return self.rescan or bool(self.paths)


class Gathered:
    """Hints that wait to be taken: a set of paths, each at most once."""

    def __init__(self, most_paths: int = MOST_PATHS) -> None:
        self._most_paths = most_paths
        self._paths: set[bytes] = set()
        self._rescan = False
        self._reason = ""
        self._git = GitActivity.IDLE

    def add(self, path: bytes) -> None:
        """Look at `path` again; nothing for the root, which is a rescan."""
        if self._rescan or path in self._paths:
            return
        if not path:
            self.rescan("the root changed")
        elif len(self._paths) >= self._most_paths:
            self.rescan(f"more than {self._most_paths} paths changed")
        else:
            self._paths.add(path)

    def rescan(self, reason: str) -> None:
        """Look at everything again; the first reason stays."""
        if not self._rescan:
            self._rescan, self._reason = True, reason
        self._paths.clear()

    def git(self, activity: GitActivity) -> bool:
        """What git does now; whether that is news."""
        news = activity is not self._git
        self._git = activity
        return news

    def take(self) -> Hints:
        """All that was gathered, with paths below a gathered folder left out; what git does stays."""
        hints = Hints(frozenset(outermost(self._paths)), self._rescan, self._reason, self._git)
        self._paths.clear()
        self._rescan, self._reason = False, ""
        return hints


def outermost(paths: Iterable[bytes]) -> Iterator[bytes]:
    """Each of `paths` that lies below no other of them."""
    chosen = frozenset(paths)
    return (path for path in chosen if not any(around in chosen for around in folders_around(path)))


def folders_around(path: bytes) -> Iterator[bytes]:
    """The folders that `path` lies in, innermost first, without the root."""
    while path := path.rpartition(b"/")[0]:
        yield path
