"""Files that the walk has found and whose turn comes later (`core/order.py`), packed until then.

Invariant: a file costs some 20 bytes here, so that tens of thousands fit into `MOST_BYTES`; who keeps more sees to it
that there is room.
Threads: the event loop's.
"""

from __future__ import annotations

import zlib
from collections import deque

import msgspec

from lowtide.core.order import Wave, wave_of
from lowtide.index.jobs import Job
from lowtide.languages import likely_language

BLOCK_FILES = 128
"""Packed together."""
MOST_BYTES = 2 << 20
JOB_BYTES = 400
"""What one takes that is not packed, about."""


class Held:
    """Jobs of the later waves, each wave in the order in which they came."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._packed_bytes = self._count = 0
        self._first: dict[Wave, deque[Job]] = {wave: deque() for wave in Wave}
        self._packed: dict[Wave, deque[bytes]] = {wave: deque() for wave in Wave}
        self._last: dict[Wave, list[Job]] = {wave: [] for wave in Wave}

    def __len__(self) -> int:
        return self._count

    @property
    def size_bytes(self) -> int:
        """What they take, about."""
        loose = sum(len(self._first[wave]) + len(self._last[wave]) for wave in Wave)
        return self._packed_bytes + JOB_BYTES * loose

    @property
    def is_full(self) -> bool:
        """Whether some must be taken before more are kept."""
        return self._packed_bytes >= self._most_bytes

    def keep(self, job: Job) -> bool:
        """Hold a job until its turn comes; False when that is at once."""
        language = likely_language(job.path)
        wave = wave_of(job.path, job.size_bytes, language.name if language else "")
        if wave is Wave.CODE:
            return False
        self._count += 1
        last = self._last[wave]
        last.append(job)
        if len(last) == BLOCK_FILES:
            block = zlib.compress(msgspec.msgpack.encode(last), 1)
            self._packed[wave].append(block)
            self._packed_bytes += len(block)
            last.clear()
        return True

    def peek(self) -> Job | None:
        """The one whose turn is next, left in its place."""
        first = self._next()
        return first[0] if first else None

    def pop(self) -> Job | None:
        """The one whose turn is next, or None."""
        first = self._next()
        if first is None:
            return None
        self._count -= 1
        return first.popleft()

    def _next(self) -> deque[Job] | None:
        for wave, first in self._first.items():
            if not first and (packed := self._packed[wave]):
                block = packed.popleft()
                self._packed_bytes -= len(block)
                first.extend(msgspec.msgpack.decode(zlib.decompress(block), type=list[Job]))
            elif not first and (last := self._last[wave]):
                first.extend(last)
                last.clear()
            if first:
                return first
        return None
