"""What a workspace leaves out: how many files, by reason and rule, with some of their names.

What git or `.lowtideignore` are told to ignore is not kept, and not told here.

Invariant: every file that was looked at and not indexed whole counts in one group; no workspace makes many more than
MOST_GROUPS of them.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import msgspec

from lowtide.index.workspace import Workspace
from lowtide.models import Reason, display_path
from lowtide.read.explain import REMEDIES, take_in

MOST_GROUPS = 200
"""More rules than these are told together, by reason."""
EXAMPLES = 5


class LeftOut(msgspec.Struct):
    """The files of one status, reason and rule; a folder that is left out whole counts once, and ends with `/`."""

    status: str
    reason: str
    rule: str
    count: int = 0
    examples: list[str] = msgspec.field(default_factory=list)

    @property
    def remedy(self) -> str:
        """What brings them in; empty when nothing does."""
        return REMEDIES.get(Reason(self.reason), "") if self.reason in list(Reason) else ""

    def as_json(self) -> dict[str, Any]:
        """An item of `lowtide/skipped`."""
        return {
            "status": self.status,
            "reason": self.reason,
            "rule": self.rule,
            "count": self.count,
            "examples": self.examples,
            "remedy": self.remedy,
            "takeIn": take_in(self.reason),
        }


def left_out(workspace: Workspace) -> list[LeftOut]:
    """The groups, the largest first; none of a workspace without an index. Blocking: one look at every such row."""
    if not workspace.has_index:
        return []
    groups: dict[tuple[str, str, str], LeftOut] = {}
    with closing(workspace.reading()) as catalog:
        for status, reason, rule, path in catalog.not_indexed():
            key = (status, reason or "", rule)
            if key not in groups and len(groups) >= MOST_GROUPS:
                key = (status, reason or "", "")
            group = groups.setdefault(key, LeftOut(*key))
            group.count += 1
            if len(group.examples) < EXAMPLES:
                group.examples.append(display_path(path))
    return sorted(groups.values(), key=lambda group: (-group.count, group.reason, group.rule))
