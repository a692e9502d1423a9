"""What an index run works on: a file to index and how it is tried again, how far the run is, what it needs to know.

Invariant: values, and decisions that touch nothing.
"""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from lowtide import wire
from lowtide.core.plan import Act, Action
from lowtide.errors import (
    WorkerError,
)
from lowtide.models import FileStat, FileStatus, Reason, counted
from lowtide.pool.terms import Peak, Urgency

_MOST_RECYCLED = 10
_MOST_CHANGES = 3
GIVEN_UP = 3


class Job(msgspec.Struct, frozen=True, array_like=True):
    """One file to index. `attempt` 0: in a batch; 1: alone; 2: by lines, without parsing."""

    path: bytes
    size_bytes: int
    mtime_ns: int
    inode: int
    ctime_ns: int
    known_hash: bytes
    attempt: int = 0
    reason: Reason | None = None
    rule: str = ""
    result_bytes: int = 0
    """What its result takes in this process, where that is known to be more than such files usually need."""
    recycled: int = 0
    """How often it was done again for no fault of its text: others needed the room, or it changed meanwhile."""
    failed_before: str = ""
    """The reason for which it is tried again."""
    known_status: FileStatus = FileStatus.INDEXED
    known_reason: str = ""
    """How the file stood at the last run."""


class Progress(msgspec.Struct):
    """How far an index run is; read it at any time."""

    began_s: float = msgspec.field(default_factory=time.monotonic)
    seen: int = 0
    candidates: int = 0
    """Of those seen: files that may hold source."""
    total: int = 0
    done: int = 0
    scanning: bool = True
    current: str = ""
    indexed: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: int = 0
    quarantined: int = 0
    chunks: int = 0
    symbols: int = 0
    new_vectors: int = 0
    bytes_done: int = 0
    worker_cpu_s: float = 0.0
    """CPU time that workers spent on tasks."""
    skip_reasons: Counter[str] = msgspec.field(default_factory=Counter)
    phase: str = "indexing"
    compare_s: float = 0.0
    """What walking and comparing took, without what waited for room in the queue."""

    peak: Peak = msgspec.field(default_factory=Peak)
    """Of all processes together, since the run began."""

    @property
    def has_changed(self) -> bool:
        """Whether the index is another than before."""
        return bool(self.indexed or self.removed)


class IndexOptions(msgspec.Struct, frozen=True):
    """What one run needs to know: `model` is the model's folder, `recipe` names its vectors."""

    root: bytes
    model: str
    recipe: str
    embed: bool
    settings: dict[str, bool | int]
    query_deadline_s: float = 5.0
    only: tuple[bytes, ...] | None = None
    """Just these files and what is below these folders; None is everything."""
    urgency: Urgency = Urgency.WORK


def job_of(action: Action, stat: FileStat) -> Job:
    known = action.known
    job = Job(
        stat.path, stat.size_bytes, stat.mtime_ns, stat.inode, stat.ctime_ns, known.content_hash if known else b""
    )
    if known is None:
        return job
    job = replace(job, known_status=known.status, known_reason=known.reason)
    if action.act is not Act.AGAIN:
        return job
    return replace(job, known_hash=b"", attempt=1, failed_before=known.reason)  # alone, and not taken as unchanged


class Broken(Exception):
    """A batch's worker is gone; `index` is the file it was at."""

    def __init__(self, index: int, reason: Reason, rule: str, result_bytes: int = 0) -> None:
        super().__init__(index, reason, rule)
        self.index = index
        self.reason = reason
        self.rule = rule
        self.result_bytes = result_bytes


def tried_again(job: Job, broken: Broken) -> Job:
    """The job that broke its batch, as it is tried again: alone, and with what its result needs or one attempt
    further."""
    if broken.result_bytes > job.result_bytes == 0:
        return replace(job, attempt=max(1, job.attempt), result_bytes=broken.result_bytes)
    attempt = job.attempt + 1
    if broken.reason is Reason.CHANGED:
        if job.recycled < _MOST_CHANGES:
            return replace(job, attempt=max(1, job.attempt), recycled=job.recycled + 1)
        attempt = GIVEN_UP
    elif broken.reason is Reason.MEMORY and job.attempt == 1 and job.reason is not Reason.MEMORY:
        attempt = 1  # alone for another reason, with its share: it has not had all the room yet
    return replace(job, attempt=attempt, reason=broken.reason, rule=broken.rule)


def recycled_job(job: Job, why: str) -> Job:
    """A job that was ended alone for no fault of its own; too often, and it must be tried in another way."""
    if job.recycled < _MOST_RECYCLED:
        return replace(job, recycled=job.recycled + 1)
    rule = f"its worker was ended {counted(job.recycled, 'time')}: {why}"
    return replace(job, attempt=job.attempt + 1, reason=Reason.MEMORY, rule=rule, recycled=0)


def spans_and_names(file: wire.FileResult, rows: Sequence[int]) -> tuple[list[tuple[int, int]], list[str]]:
    """Of some chunks: the bytes of each in its file, and its qualified name."""
    chunks = [wire.chunk_row(file, row) for row in rows]
    symbols = wire.symbols_at(file, {chunk[4] for chunk in chunks if chunk[4] >= 0})
    names = {number: wire.qualified_name(row) for number, row in symbols.items()}
    return [(chunk[0], chunk[1]) for chunk in chunks], [names.get(chunk[4], "") for chunk in chunks]


def why_of(error: WorkerError) -> str:
    return error.why or error.what


def replaced(file: wire.FileResult, status: FileStatus, reason: Reason, rule: str) -> wire.FileResult:
    import msgspec

    return msgspec.structs.replace(file, status=status, reason=reason, rule=rule)


def sized(file: wire.FileResult, job: Job) -> wire.FileResult:
    import msgspec

    return msgspec.structs.replace(file, size_bytes=job.size_bytes)


def own_cpu_seconds() -> float:
    """CPU time of this process alone."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
