"""What Lowtide tells of itself, as values: the Status, the memory tree, memory over time, the outcome of a run.

Invariant: names are camelCase on the wire, as docs/protocol.md has them, but those of a run, which are the command
line's; fields may be added, never renamed. What `from_json` reads is what `as_json` wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import msgspec
from msgspec import UNSET, UnsetType

Health = Literal["ok", "warning", "error"]
State = Literal["idle", "scanning", "indexing", "paused", "waiting"]


class _Value(msgspec.Struct, frozen=True):
    def as_json(self) -> dict[str, Any]:
        """The object that is sent."""
        made: dict[str, Any] = msgspec.to_builtins(self)
        return made

    @classmethod
    def from_json(cls, told: Any) -> Self:
        """What `as_json` wrote. msgspec.ValidationError for anything else."""
        return msgspec.convert(told, cls)


class _Told(_Value, frozen=True, rename="camel"):
    pass


class Process(_Told, frozen=True):
    """One process: anonymous bytes, as the kernel counts them."""

    role: str
    pid: int
    anon_bytes: int


class Memory(_Told, frozen=True):
    """Of all processes together. `budget_from`: who has said how large the budget is; `mapped_bytes` are pages of
    files, which the system takes back by itself."""

    budget_bytes: int
    budget_from: str
    used_bytes: int
    peak_bytes: int
    mapped_bytes: int
    processes: Sequence[Process]


class LadderStep(_Told, frozen=True):
    """How work is degraded now, and why."""

    step: str
    reason: str


class Progress(_Told, frozen=True):
    """Files done of those to do, and the one being read."""

    done: int
    total: int
    file: str


class Watch(_Told, frozen=True):
    """How changes are found, why not better, and what to do about it."""

    mode: str
    reason: str
    remedy: str


class Standing(_Told, frozen=True):
    """How answers from a workspace stand to the disk now: as `Freshness`, without the age."""

    state: str
    indexed: int
    total: int
    reason: str


class WorkspaceStatus(_Told, frozen=True):
    """One workspace. `graph_vectors`: of the vectors, those that graphs hold; the others are compared one by one.
    `damage` is empty when no check of the index failed, `error` when it can be kept current. `incomplete`: no run over
    all files has come to its end since the last doubt. `failed` is 0: what fails is quarantined, or skipped with its
    reason. `before`: workspaces that are indexed first."""

    root_uri: str
    files: int
    symbols: int
    chunks: int
    vectors: int
    graph_vectors: int
    disk_bytes: int
    pending: int
    stale: int
    skipped: int
    quarantined: int
    incomplete: bool
    failed: int = 0
    damage: str = ""
    error: str = ""
    state: State = "idle"
    messages: Sequence[str] = ()
    before: int | UnsetType = UNSET
    watch: Watch | UnsetType = UNSET
    freshness: Standing | UnsetType = UNSET


class Status(_Told, frozen=True):
    """How Lowtide is."""

    version: str
    health: Health
    message: str
    state: State
    quiescent: bool
    memory: Memory
    ladder: LadderStep
    progress: Progress | None
    workspaces: Sequence[WorkspaceStatus]


class MemoryNode(_Told, frozen=True):
    """One part of the memory tree: anonymous bytes, its children's included; a cache and the whole tell more."""

    name: str
    bytes: int
    children: Sequence[MemoryNode] = ()
    limit_bytes: int | UnsetType = UNSET
    hits: int | UnsetType = UNSET
    misses: int | UnsetType = UNSET
    evictions: int | UnsetType = UNSET
    budget_bytes: int | UnsetType = UNSET
    mapped_bytes: int | UnsetType = UNSET
    segment_bytes: int | UnsetType = UNSET


class History(_Told, frozen=True):
    """Memory over time: seconds since 1970, anonymous bytes, ladder steps."""

    budget_bytes: int
    times: Sequence[float]
    used_bytes: Sequence[int]
    steps: Sequence[int]


class FileCounts(_Value, frozen=True):
    """Files of a run, by what became of them. `failed` is 0: what fails is quarantined, or skipped with its reason."""

    indexed: int
    unchanged: int
    removed: int
    skipped: int
    failed: int
    quarantined: int


class Forecast(_Value, frozen=True):
    """What indexing was predicted to take."""

    files: int
    source_bytes: int
    watches: int
    predicted_peak_anon_bytes: int
    predicted_wall_s: float
    predicted_cpu_s: float
    predicted_disk_bytes: int
    skipped: dict[str, int]
    languages: dict[str, int]


class IndexReport(_Value, frozen=True):
    """The outcome of an index run. `peak_anon_bytes`: of all processes together, since it began; `ladder`: the steps
    that it took; `source_bytes`: of the files that it read and indexed; `predicted` is None where nothing was to be
    done."""

    root: str
    files: FileCounts
    symbols: int
    chunks: int
    vectors: int
    wall_s: float
    cpu_s: float
    peak_anon_bytes: int
    budget_bytes: int
    ladder: tuple[LadderStep, ...]
    disk_bytes: int
    source_bytes: int
    skipped_by_reason: dict[str, int]
    messages: tuple[str, ...]
    predicted: Forecast | None


def set_by(budget_from: str) -> str:
    """Who has set the budget, for people: of a file it is told with its line and the key."""
    place, _, key = budget_from.rpartition(": ")
    if key != "budget":
        return f"set by {budget_from}"
    file, _, line = place.rpartition(":")
    return f"set in {file}, line {line}" if file and line.isdigit() else f"set in {place}"
