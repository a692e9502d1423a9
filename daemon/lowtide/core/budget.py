"""Budget and Lease: who may use how many bytes of anonymous memory.

Decisions only: the caller measures, starts and ends processes, and tells the outcome. (The shape is httpcore's
`_assign_requests_to_connections`: synchronous, no I/O, returns what to do.)

Invariant: the daemon's share plus all leases never exceeds the budget.
Invariant: a lease is given back exactly once.
"""

from __future__ import annotations

from enum import Enum

import msgspec

MIB = 1 << 20
MARGIN_BYTES = 4 * MIB
"""Kept free: page granularity, a process between fork and exec, and what grows between two looks."""

WORKER_BYTES = 18 * MIB
"""A worker that parses: interpreter, numpy, one or two grammars (measured; a live worker's own figure replaces it)."""

LEXICAL_WORKER_BYTES = 8 * MIB
"""A worker that writes the lexical index, before its task: interpreter and Tantivy (measured)."""

LEXICAL_TASK_BYTES = 20 * MIB
"""What writing a generation adds to it (14 measured, of 3 KiB and of 4 MiB alike). Merging large ones takes up to 33:
it gets that where there is room to share, and is done again with all the room where that was not enough."""

LEXICAL_UNTOUCHED_BYTES = 12 * MIB
"""What Tantivy's writer maps and never writes to: the most of a table for 15 MB of words, and ten threads' stacks (12
measured). It is no anonymous memory, and counts in RLIMIT_DATA all the same."""

MODEL_BYTES = 6 * MIB
"""What the default model adds to a worker: its vocabulary, words it remembers (5 measured)."""

LEAST_TASK_BYTES = 6 * MIB
"""Room for the smallest batch: its text, its rows, one small tree."""

DEFAULT_SHARE_BYTES = 64 * MIB
"""No ordinary batch needs more; what is left over lets a large file be parsed beside it."""

START_FACTOR = 30.0
"""Bytes of memory a byte of source, before anything is learned: Python and C++ take 22, generated C 36 (measured)."""
LINES_FACTOR = 12.0
"""The same for text that is only cut by lines."""
FIXED_TASK_BYTES = 3 * MIB


class Decision(Enum):
    """The answer to a request for a lease."""

    ADMIT = "admit"
    WAIT = "wait"
    """Others hold the room: ask again when one of them ends."""
    RECYCLE = "recycle"
    """Idle workers hold the room: end them and ask again."""
    REFUSE = "refuse"
    """It cannot fit, not even alone: make the task smaller."""


class Lease(msgspec.Struct, frozen=True):
    """Bytes of the budget lent to one worker while it runs one task: everything it may hold, its base included."""

    number: int
    total_bytes: int


class Budget(msgspec.Struct):
    """The bytes of one user, and who holds them now."""

    total_bytes: int
    daemon_bytes: int = 0
    """What this process holds, with what it may still grow by."""
    idle_bytes: int = 0
    """What idle workers hold."""
    _leases: dict[int, int] = msgspec.field(default_factory=dict)
    _next: int = 1

    @property
    def leased_bytes(self) -> int:
        return sum(self._leases.values())

    @property
    def room_bytes(self) -> int:
        """What could be lent if every idle worker ended; 0 when nothing can."""
        return max(0, self.total_bytes - MARGIN_BYTES - self.daemon_bytes - self.leased_bytes)

    @property
    def most_bytes(self) -> int:
        """The largest lease there can be, with nothing else running."""
        return max(0, self.total_bytes - MARGIN_BYTES - self.daemon_bytes)

    def request(self, need_bytes: int, share_bytes: int = 0) -> tuple[Decision, Lease | None]:
        """Ask for at least `need_bytes`, and for `share_bytes` when there is room for that.

        Returns ADMIT with the lease, or why not. A worker that is to be reused counts as idle until its lease holds.
        """
        if need_bytes > self.most_bytes:
            return Decision.REFUSE, None
        if need_bytes > self.room_bytes:
            return Decision.WAIT, None
        granted = max(need_bytes, min(share_bytes, self.room_bytes))
        if granted > self.room_bytes - self.idle_bytes:
            if need_bytes <= self.room_bytes - self.idle_bytes:
                granted = self.room_bytes - self.idle_bytes
            else:
                return Decision.RECYCLE, None
        lease = Lease(self._next, granted)
        self._next += 1
        self._leases[lease.number] = granted
        return Decision.ADMIT, lease

    def release(self, lease: Lease) -> None:
        """Give a lease back; a second time is an error in the caller."""
        if lease.number not in self._leases:
            raise ValueError(f"lease {lease.number} is not held")
        del self._leases[lease.number]

    def share_bytes(self, worker_count: int) -> int:
        """An even share of the budget for each of `worker_count` workers, at most what an ordinary batch needs."""
        even = self.most_bytes // max(1, worker_count)
        return min(even, WORKER_BYTES + MODEL_BYTES + DEFAULT_SHARE_BYTES)


class CostModel(msgspec.Struct):
    """Predicted memory of a task, by language and size, learned as the work goes.

    A syntax tree costs a multiple of its file that depends on the language: the start values are measured, and each
    observed peak moves the multiple of its language.
    """

    factors: dict[str, float] = msgspec.field(default_factory=dict)

    def factor(self, language: str) -> float:
        """Bytes of memory a byte of file, for one language; `""` is text without a grammar."""
        return self.factors.get(language, LINES_FACTOR if language == "" else START_FACTOR)

    def predict_bytes(self, language: str, size_bytes: int) -> int:
        """What parsing one file adds to its worker."""
        return int(FIXED_TASK_BYTES + size_bytes * self.factor(language))

    def predict_lines_bytes(self, size_bytes: int) -> int:
        """What indexing one file by lines, without a tree, adds to its worker."""
        return int(FIXED_TASK_BYTES + size_bytes * LINES_FACTOR)

    def learn(self, language: str, size_bytes: int, grown_bytes: int) -> None:
        """One file of `size_bytes` made its worker grow by `grown_bytes`; small files say nothing and are left out."""
        if size_bytes < 128 << 10:
            return
        seen = max(4.0, (grown_bytes - FIXED_TASK_BYTES) / size_bytes)
        old = self.factor(language)
        # Up at once (a miss kills a worker), down slowly (a generous lease only waits).
        self.factors[language] = seen * 1.1 if seen > old else old * 0.9 + seen * 1.1 * 0.1
