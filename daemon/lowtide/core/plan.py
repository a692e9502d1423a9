"""What has to be done: known files (the catalog) against observed ones (the walk).

Both streams come sorted by path, byte by byte, so they are joined without holding either: a workspace of a million
files is planned in the memory of one.

Invariant: pure; each path comes out at most once, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from lowtide.models import FileStat, FileStatus


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog knows of a file."""

    file_id: int
    path: bytes
    size_bytes: int
    mtime_ns: int
    inode: int
    status: FileStatus
    reason: str
    content_hash: bytes
    rule: str = ""


class Act(Enum):
    """What to do with a path."""

    KEEP = "keep"
    INDEX = "index"
    SKIP = "skip"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Action:
    """One path and what to do with it; `known` is None for a new one, `observed` for one that is gone."""

    act: Act
    path: bytes
    observed: FileStat | None
    known: Known | None


def compare(known: Iterable[Known], observed: Iterable[FileStat], *, recheck: bool = False) -> Iterator[Action]:
    """Join both streams. `recheck` indexes also what seems unchanged.

    A file is taken as unchanged when size, modification time and inode are the same; a file that was skipped by its
    content or quarantined stays so until one of them changes.
    """
    left = iter(known)
    right = iter(observed)
    old = next(left, None)
    new = next(right, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.path < new.path):
            assert old is not None
            yield Action(Act.REMOVE, old.path, None, old)
            old = next(left, None)
        elif old is None or new.path < old.path:
            yield Action(Act.SKIP if new.reason else Act.INDEX, new.path, new, None)
            new = next(right, None)
        else:
            yield _decide(old, new, recheck)
            old, new = next(left, None), next(right, None)


def _decide(old: Known, new: FileStat, recheck: bool) -> Action:
    same_stat = (old.size_bytes, old.mtime_ns, old.inode) == (new.size_bytes, new.mtime_ns, new.inode)
    if new.reason is not None:
        same = old.status is FileStatus.SKIPPED and old.reason == new.reason and old.rule == new.rule and same_stat
        return Action(Act.KEEP if same else Act.SKIP, new.path, new, old)
    return Action(Act.KEEP if same_stat and not recheck else Act.INDEX, new.path, new, old)
