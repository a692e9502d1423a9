"""Which indexes leave the disk by themselves: those of folders that are gone, and the least used beyond the limit.

Invariant: pure; what is open, or was used a short while ago, never leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import PurePath

import msgspec

DAY_S = 86_400.0
GONE_S = 14 * DAY_S
"""So long after its last use the index of a folder that is not there leaves: until then a disk may come back."""
USED_S = 2 * DAY_S
"""What was used within this time stays, whatever the limit says."""
LEAST_LIMIT_BYTES = 2 << 30
MOST_LIMIT_BYTES = 50 << 30


class Why(StrEnum):
    """Why an index leaves, for people."""

    GONE = "its folder is gone"
    LIMIT = "the indexes are over their limit on the disk, and it was used least"


class Held(msgspec.Struct, frozen=True):
    """One index on the disk. `unused_s`: seconds since its last use."""

    root: PurePath
    size_bytes: int
    unused_s: float
    is_there: bool
    is_open: bool


def default_limit_bytes(disk_bytes: int) -> int:
    """What all indexes may take together, unless told: a twentieth of the disk, from 2 GiB to 50."""
    return max(LEAST_LIMIT_BYTES, min(MOST_LIMIT_BYTES, disk_bytes // 20))


def leaving(indexes: Sequence[Held], limit_bytes: int) -> list[tuple[Held, Why]]:
    """Those that leave now, and why; the gone ones first, then the least recently used until the rest fits.

    `limit_bytes` 0: there is no limit.
    """
    found = [(held, Why.GONE) for held in indexes if not held.is_there and not held.is_open and held.unused_s >= GONE_S]
    gone = {held.root for held, _ in found}
    staying = [held for held in indexes if held.root not in gone]
    total = sum(held.size_bytes for held in staying)
    for held in sorted(staying, key=lambda held: -held.unused_s):
        if not limit_bytes or total <= limit_bytes or held.unused_s < USED_S:
            break
        if not held.is_open:
            found.append((held, Why.LIMIT))
            total -= held.size_bytes
    return found
