"""How an answer stands to what is on the disk: what is known of a workspace -> the word that goes with every answer.

`total` counts the files that the index holds (`models.HELD`), and until a first run has ended, those that were counted
for it where they are more; `indexed` is without those that are known to differ, be they new, changed or gone. A file
that was read and left out is in neither.

Invariant: pure. `current` is said only when the workspace is watched, what is watched has been heard, and nothing
waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from lowtide.models import counted


class FreshState(StrEnum):
    """How an answer stands to the disk."""

    CURRENT = "current"
    """What is on the disk is in the index: it is watched, and nothing waits."""
    CHECKING = "checking"
    """It is being compared with the disk, or that is to come."""
    INDEXING = "indexing"
    """Files that are known to differ are being indexed."""
    INCOMPLETE = "incomplete"
    """Some files are not in, and nothing is being done about it."""
    UNWATCHED = "unwatched"
    """Nobody tells of changes: it is as it was when it was last compared."""


_WORST_FIRST = (
    FreshState.UNWATCHED,
    FreshState.INCOMPLETE,
    FreshState.INDEXING,
    FreshState.CHECKING,
    FreshState.CURRENT,
)


class Freshness(msgspec.Struct, frozen=True):
    """What goes with an answer. `indexed` of `total` files are in; `age_s`: since the last whole comparison with the
    disk, None when there was none. `reason`: why it is not current, where the state alone does not tell."""

    state: FreshState
    indexed: int
    total: int
    age_s: float | None
    reason: str = ""

    @property
    def is_current(self) -> bool:
        return self.state is FreshState.CURRENT

    @property
    def words(self) -> str:
        """For people, beside the answer; empty when it is current."""
        because = f" ({self.reason})" if self.reason else ""
        match self.state:
            case FreshState.CURRENT:
                return ""
            case FreshState.CHECKING:
                return f"still being compared with the disk{because}: results so far"
            case FreshState.INDEXING | FreshState.INCOMPLETE:
                how_far = f"{self.percent} %" if self.indexed < self.total else counted(self.indexed, "file")
                return f"{how_far} indexed{because}: results so far"
            case FreshState.UNWATCHED:
                return f"not watched{because}: {_age_words(self.age_s)}"

    @property
    def percent(self) -> int:
        """How much is in: 100 only when it is current."""
        share = 100 * self.indexed // self.total if self.total else 0
        return share if self.is_current else min(share, 99)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Freshness:
        """What `as_json` wrote."""
        return cls(FreshState(value["state"]), value["indexed"], value["total"], value["age_s"], value["reason"])

    def as_json(self) -> dict[str, Any]:
        """The `freshness` of the command line's JSON."""
        return {
            "state": self.state.value,
            "indexed": self.indexed,
            "total": self.total,
            "age_s": None if self.age_s is None else round(self.age_s, 1),
            "reason": self.reason,
        }


class Standing(msgspec.Struct, frozen=True):
    """What is known of a workspace that is open."""

    known: int
    """Files that the index holds."""
    waiting: int
    """Files that are known to differ, or may."""
    counted: int = 0
    """Files that the run which goes on has seen, or that were counted for it; 0 when none goes on."""
    is_first: bool = False
    """No run over all files has come to its end yet."""
    is_comparing: bool = False
    """A look at all files is going on or to come, or not all that the watcher knows has been heard."""
    is_lacking: bool = False
    """A run was cut short: files may lack that no list names."""
    stopped: str = ""
    """Why nothing is done: paused, cancelled."""
    unwatched: str = ""
    """Why nobody tells of changes."""
    failed: str = ""
    """Why it cannot be kept current at all."""
    age_s: float | None = None


def judge(standing: Standing) -> Freshness:
    """The one place where a state is made of what is known."""
    waiting = standing.waiting
    if standing.is_first:
        total = max(standing.counted, standing.known + waiting)
        indexed = standing.known
    else:
        total = max(standing.known, standing.counted, waiting)
        indexed = total - waiting

    def say(state: FreshState, reason: str = "") -> Freshness:
        return Freshness(state, indexed, total, 0.0 if state is FreshState.CURRENT else standing.age_s, reason)

    if standing.failed:
        return say(FreshState.UNWATCHED, standing.failed)
    lacks = bool(standing.is_first or standing.is_lacking or waiting)
    if standing.stopped and (lacks or standing.is_comparing):
        return say(FreshState.INCOMPLETE, standing.stopped)
    if waiting or (standing.is_first and standing.is_comparing):
        return say(FreshState.INDEXING)
    if standing.is_comparing:
        return say(FreshState.CHECKING)
    if lacks:
        return say(FreshState.INCOMPLETE)
    if standing.unwatched:
        return say(FreshState.UNWATCHED, standing.unwatched)
    return say(FreshState.CURRENT)


def together(several: Sequence[Freshness]) -> Freshness:
    """Of an answer from several workspaces: the worst of them, with all their files. At least one is given."""
    worst = min(several, key=lambda each: _WORST_FIRST.index(each.state))
    ages = [each.age_s for each in several]
    return Freshness(
        worst.state,
        sum(each.indexed for each in several),
        sum(each.total for each in several),
        None if None in ages else max(age for age in ages if age is not None),
        worst.reason,
    )


def _age_words(age_s: float | None) -> str:
    if age_s is None:
        return "it was never compared with the disk"
    for unit_s, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if age_s >= 2 * unit_s:
            return f"as it was {counted(round(age_s / unit_s), name)} ago"
    return f"as it was {counted(round(age_s), 'second')} ago" if age_s >= 0.5 else "as it was just now"
