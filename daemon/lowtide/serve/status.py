"""What Lowtide tells of itself: the status, the memory tree.

Invariant: plain data with the names of docs/protocol.md; every figure is measured, none is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import lowtide
from lowtide.core.ladder import Step
from lowtide.core.lru import ByteCache
from lowtide.index.attending import freshness_of
from lowtide.store.connections import sqlite_bytes
from lowtide.system import memory
from lowtide.system.footprint import loaded

if TYPE_CHECKING:
    from lowtide.index.live import LiveWorkspace
    from lowtide.read.readers import Readers
    from lowtide.read.unsaved.documents import DocumentReader
    from lowtide.serve.config_watch import ConfigWatch
    from lowtide.serve.host import Host


class Shown(Protocol):
    """What the status and the memory tree look at, of a daemon."""

    host: Host
    readers: Readers
    documents: DocumentReader
    vectors: ByteCache
    config_watch: ConfigWatch | None

    @property
    def awaits_folders(self) -> bool:
        """Whether somebody is about to open folders."""

    @property
    def workspaces(self) -> Sequence[LiveWorkspace]:
        """Those that are open now."""


@dataclass(frozen=True, slots=True)
class MemoryNode:
    """One part of the memory tree: anonymous bytes, its children included; `detail` says more of a cache."""

    name: str
    bytes: int
    children: Sequence[MemoryNode] = ()
    detail: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The object of `lowtide/memory`."""
        return {
            "name": self.name,
            "bytes": self.bytes,
            **self.detail,
            "children": [child.as_json() for child in self.children],
        }


def status_of(service: Shown, live: Sequence[LiveWorkspace]) -> dict[str, Any]:
    """The Status of docs/protocol.md: figures that are known already, and the kernel's for each process."""
    host = service.host
    ladder = host.ladder
    processes = host.pool.processes()
    used = sum(figure.anon_bytes for figure in processes)
    failed = [workspace for workspace in live if workspace.error is not None]
    paused = ladder.step is Step.PAUSED
    complaint = service.config_watch.complaint if service.config_watch else ""
    outage = f"workers cannot start: {host.pool.outage.why}" if host.pool.outage.why else ""
    blind = host.pool.complaint
    short = ladder.reason if ladder.is_short else ""
    message = blind or (str(failed[0].error) if failed else outage or complaint or short)
    is_broken = bool(failed or blind or outage)
    health = "error" if is_broken else "warning" if complaint or (ladder.is_short and not paused) else "ok"
    state = "paused" if paused or blind else _overall([workspace.state for workspace in live])
    return {
        "version": lowtide.__version__,
        "health": health,
        "message": message,
        "state": state,
        "quiescent": not service.awaits_folders and all(workspace.quiescent for workspace in live),
        "memory": {
            "budgetBytes": host.budget.total_bytes,
            "budgetFrom": host.budget_from,
            "usedBytes": used,
            "peakBytes": max(host.pool.peak_bytes, used),
            "mappedBytes": memory.own_mapped_bytes(),
            "processes": [{"role": f.role, "pid": f.pid, "anonBytes": f.anon_bytes} for f in processes],
        },
        "ladder": {"step": ladder.step.label, "reason": ladder.reason},
        "progress": _progress(live),
        "workspaces": [{**workspace.describe(), "freshness": _freshness(workspace)} for workspace in live],
    }


def _freshness(live: LiveWorkspace) -> dict[str, Any]:
    """How an answer of now would stand to the disk, without its age: that alone makes no Status a new one."""
    fresh = freshness_of(live)
    return {"state": fresh.state.value, "indexed": fresh.indexed, "total": fresh.total, "reason": fresh.reason}


def _overall(states: Sequence[str]) -> str:
    return next((state for state in ("indexing", "scanning", "waiting") if state in states), "idle")


def _progress(live: Sequence[LiveWorkspace]) -> dict[str, Any] | None:
    """Of all whole runs together; a narrow run is too short to show, unless it is the only one and not that short."""
    runs = [workspace.progress for workspace in live if workspace.progress is not None]
    shown = [progress for progress in runs if progress.total > 20 or len(runs) == 1]
    total = sum(progress.total for progress in shown)
    if not total:
        return None
    current = next((progress.current for progress in shown if progress.current), "")
    return {"done": sum(progress.done for progress in shown), "total": total, "file": current}


def _cache_node(name: str, cache: ByteCache) -> MemoryNode:
    return _node_of_cache(name, cache.size_bytes, cache.limit_bytes, cache.hits, cache.misses, cache.evictions)


def _node_of_cache(name: str, size: int, limit: int, hits: int, misses: int, evictions: int) -> MemoryNode:
    return MemoryNode(name, size, detail={"limitBytes": limit, "hits": hits, "misses": misses, "evictions": evictions})


def _whole(parts: Sequence[MemoryNode], total_bytes: int) -> list[MemoryNode]:
    """The daemon's parts with what it holds for being there, what its allocator holds free, and the rest."""
    code = [MemoryNode(name, size) for name, size in loaded().items()]
    children = [MemoryNode("program", sum(part.bytes for part in code), code), *parts] if code else list(parts)
    rest = max(0, total_bytes - sum(part.bytes for part in children))
    free = min(rest, memory.free_in_allocator_bytes())
    return [*children, MemoryNode("free in the allocator", free), MemoryNode("unattributed", rest - free)]


def memory_tree(service: Shown) -> MemoryNode:
    """Anonymous bytes by process and part; what no part accounts for is `unattributed`, mapped pages stand apart."""
    figures = service.host.pool.processes()
    parts = [MemoryNode(name, size) for name, size in service.readers.memory().items() if size]
    parts.append(MemoryNode("SQLite", sqlite_bytes()))
    if (static := service.host.static_model) is not None:
        parts.append(MemoryNode("vocabulary", static.size_bytes))
        words = static.statistics()
        parts.append(
            _node_of_cache("words cache", words.bytes, words.limit_bytes, words.hits, words.misses, words.evictions)
        )
    parts.append(_cache_node("question cache", service.vectors))
    parts.append(_cache_node("open texts cache", service.documents.vectors))
    waiting = sum(workspace.queued_bytes for workspace in service.workspaces)
    parts.append(MemoryNode("queue", waiting))
    nodes = []
    for figure in figures:
        children = _whole(parts, figure.anon_bytes) if figure.role == "daemon" else []
        nodes.append(MemoryNode(f"{figure.role} {figure.pid}", figure.anon_bytes, children))
    total = sum(figure.anon_bytes for figure in figures)
    mapped = memory.own_mapped_bytes()
    return MemoryNode(
        "lowtide",
        total,
        nodes,
        {
            "budgetBytes": service.host.budget.total_bytes,
            "mappedBytes": mapped,
            "segmentBytes": service.readers.mapped_bytes,
        },
    )
