"""What an index run hands to the one writer: groups of files, written one transaction each.

Invariant: a group is bounded in bytes; between two transactions segments are written and memory is given back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import anyio
import anyio.to_thread
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream

from lowtide.core.budget import MIB, Budget
from lowtide.core.generations import Generations
from lowtide.models import FileStat
from lowtide.store.catalog import Catalog
from lowtide.store.rows import Commit
from lowtide.system.memory import give_back

GROUP_BYTES = 4 * MIB
"""Results written in one transaction, at most: what a kill can undo, and what Ctrl-C must wait for."""
LOOSE_VECTORS = 16_384
"""Written since the last segment: a reader holds them in memory (4 MB)."""
LOOSE_SYMBOLS = 32_768
TRIM_COMMITS = 32
"""After so many transactions freed memory is given back: results come and go in every size."""
FULL_BUDGET_BYTES = 256 * MIB
"""With less, groups and what lies in no segment are smaller in proportion: both are this process's own memory."""
UNREAD_FACTOR = 6
"""Nobody reads: segments are written so much more seldom, for each is rewritten some times by merging."""


class Group(msgspec.Struct):
    """Files to write, to mark as skipped and to remove, and how many of the queue's files they answer."""

    commits: list[Commit] = msgspec.field(default_factory=list)
    skipped: list[FileStat] = msgspec.field(default_factory=list)
    removed: list[bytes] = msgspec.field(default_factory=list)
    size_bytes: int = 0
    file_count: int = 0
    began: list[int] = msgspec.field(default_factory=list)
    """The generation in which the work on each of `commits` began."""


class Writing:
    """What the runs over one workspace share: its one writer, and which results are still wanted.

    `settle` is called now and then between two transactions, with the writer to itself; more often while `is_read`.
    `lexicon` is told how many bytes of words each transaction left pending, and may have the next one wait.
    """

    def __init__(
        self,
        writer: Catalog,
        settle: Callable[[], None] = lambda: None,
        is_read: Callable[[], bool] = lambda: False,
        budget: Budget | None = None,
        lexicon: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self.writer = writer
        self._is_read = is_read
        self.limit = anyio.CapacityLimiter(1)
        self.generations = Generations()
        self.settle = settle
        self._budget = budget
        self.lexicon = lexicon
        self.commits = 0
        self._loose_vectors = 0
        self._loose_symbols = 0

    @property
    def share(self) -> float:
        """How much of what a full budget allows may be held here: a quarter to 1."""
        return min(1.0, max(0.25, self._budget.total_bytes / FULL_BUDGET_BYTES)) if self._budget else 1.0

    @property
    def group_bytes(self) -> int:
        """The most that one transaction should hold."""
        return int(GROUP_BYTES * self.share)

    async def adopt(self, vectors: Sequence[tuple[bytes, bytes]]) -> None:
        """Take in vectors of another index. Cancelling waits for it."""
        with anyio.CancelScope(shield=True):
            self._loose_vectors += await anyio.to_thread.run_sync(
                self.writer.adopt_vectors, vectors, limiter=self.limit
            )

    async def write(self, group: Group) -> int:
        """One transaction; returns how many vectors were new. Cancelling waits for it."""
        with anyio.CancelScope(shield=True):
            new = await anyio.to_thread.run_sync(
                self.writer.write, group.commits, group.skipped, group.removed, limiter=self.limit
            )
            self.commits += 1
            self._loose_vectors += new
            self._loose_symbols += sum(commit.result.symbol_count for commit in group.commits)
        if self.lexicon is not None:
            await self.lexicon(sum(len(commit.result.words) for commit in group.commits))
        factor = (1 if self._is_read() else UNREAD_FACTOR) * self.share
        if self._loose_vectors >= factor * LOOSE_VECTORS or self._loose_symbols >= factor * LOOSE_SYMBOLS:
            self._loose_vectors = self._loose_symbols = 0
            await anyio.to_thread.run_sync(self.settle, limiter=self.limit)
        if self.commits % TRIM_COMMITS == 0:
            await anyio.to_thread.run_sync(give_back, limiter=self.limit)
        return new


async def grouped(receive: MemoryObjectReceiveStream[Group], most_bytes: int = GROUP_BYTES) -> AsyncIterator[Group]:
    """Join what is waiting into one group of about `most_bytes`."""
    async for group in receive:
        merged = group
        while merged.size_bytes < most_bytes:
            try:
                more = receive.receive_nowait()
            except (anyio.WouldBlock, anyio.EndOfStream):
                break
            merged.commits += more.commits
            merged.skipped += more.skipped
            merged.removed += more.removed
            merged.file_count += more.file_count
            merged.began += more.began
            merged.size_bytes += more.size_bytes
        yield merged
