"""What has to be done: known files (the catalog) against observed ones (the walk).

Both streams come sorted by path, byte by byte, so they are joined without holding either: a workspace of a million
files is planned in the memory of one.

Invariant: pure; each path comes out at most once, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

import msgspec

from lowtide.models import HELD, FileStat, FileStatus, Reason

RETRIED = frozenset({Reason.DEADLINE, Reason.GRAMMAR})
"""Failures that may be of the moment: the next whole run tries again."""
RETRY_AFTER_S = (0, 3600, 24 * 3600, 7 * 24 * 3600)
"""After the first failure, the second, and so on: a file that really hangs must not cost its deadline at each start."""


class Known(msgspec.Struct, frozen=True):
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
    ctime_ns: int = 0
    tries: int = 0
    """How often in a row it met the same failure."""
    tried_at_ns: int = 0
    program: str = ""
    """The version of Lowtide that looked at it last."""


class Act(Enum):
    """What to do with a path."""

    KEEP = "keep"
    INDEX = "index"
    SKIP = "skip"
    REMOVE = "remove"
    AGAIN = "again"
    """Index it although it is as it was: it failed, and may succeed now."""


class Action(msgspec.Struct, frozen=True):
    """One path and what to do with it; `known` is None for a new one, `observed` for one that is gone."""

    act: Act
    path: bytes
    observed: FileStat | None
    known: Known | None

    @property
    def is_candidate(self) -> bool:
        """Whether it is a file that the index holds, or that may be source."""
        if self.observed is None or self.observed.reason is not None:
            return False
        return self.act is not Act.KEEP or (self.known is not None and self.known.status in HELD)


class Differing(msgspec.Struct, frozen=True):
    """Files that are not in the index as they are on the disk: new or changed, sorted by path. What is gone is not
    among them.

    `is_whole`: everything was looked at, and these are all. `sniffing`: the settings by which such files are left out
    for their content, as a worker gets them.
    """

    files: tuple[FileStat, ...] = ()
    is_whole: bool = True
    sniffing: Mapping[str, bool | int] = msgspec.field(default_factory=dict)


NOTHING_DIFFERS = Differing()


class Retrying(msgspec.Struct, frozen=True):
    """What a whole run tries again: `program` is this version of Lowtide."""

    now_ns: int
    program: str

    def is_due(self, known: Known) -> bool:
        """Whether a file that failed is tried again though it is as it was."""
        if known.status is FileStatus.QUARANTINED and known.program != self.program:
            return True
        at_ns = retry_at_ns(known.reason, known.tries, known.tried_at_ns)
        return at_ns is not None and at_ns <= self.now_ns


def retry_at_ns(reason: str, tries: int, tried_at_ns: int) -> int | None:
    """When a file is tried again that failed for `reason`; None: when it changes, or with another version of
    Lowtide."""
    if reason not in RETRIED:
        return None
    return tried_at_ns + 1_000_000_000 * RETRY_AFTER_S[min(max(tries, 1), len(RETRY_AFTER_S)) - 1]


def compare(
    known: Iterable[Known], observed: Iterable[FileStat], *, retrying: Retrying | None = None
) -> Iterator[Action]:
    """Join both streams. `retrying` indexes also what failed and may succeed now.

    A file is taken as unchanged when size, inode and both times (of its content, of anything about it) are the same; a
    file that was skipped by its content or quarantined else stays so until one of them changes.
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
            yield _decide(old, new, retrying)
            old, new = next(left, None), next(right, None)


def _decide(old: Known, new: FileStat, retrying: Retrying | None) -> Action:
    before = old.size_bytes, old.mtime_ns, old.inode, old.ctime_ns
    same_stat = before == (new.size_bytes, new.mtime_ns, new.inode, new.ctime_ns)
    if new.reason is not None:
        same = old.status is FileStatus.SKIPPED and old.reason == new.reason and old.rule == new.rule and same_stat
        return Action(Act.KEEP if same else Act.SKIP, new.path, new, old)
    if not same_stat:
        return Action(Act.INDEX, new.path, new, old)
    return Action(Act.AGAIN if retrying is not None and retrying.is_due(old) else Act.KEEP, new.path, new, old)
