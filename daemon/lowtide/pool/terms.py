"""What the pool and those who lease from it speak of: whose task goes first, what it came to, how a worker starts.

Invariant: values and a seam only.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import msgspec

from lowtide import wire
from lowtide.pool.worker import Worker


class Urgency(IntEnum):
    """Whose task gets a lease first."""

    INTERACTIVE = 0
    """Somebody waits for the answer: it need not wait for a free worker, only for room."""
    EDIT = 1
    """A file that was just saved."""
    WORK = 2
    SPARE = 3
    """What nobody misses: one at a time, while nothing else works, and ended by whatever else wants its place."""


class Outcome(msgspec.Struct, frozen=True):
    """A task's result with what it cost: bytes that the worker grew by, at most, while it ran."""

    done: wire.Done
    grown_bytes: int


class Peak(msgspec.Struct, eq=False, weakref=True):
    """The most that all processes together held since somebody began to follow it."""

    size_bytes: int = 0


class StartWorker(Protocol):
    """Starts a worker process; a seam, so that leases can be tested without processes."""

    async def __call__(self, model: str = "", *, niceness: int = 0) -> Worker:
        """As Worker.start."""
