"""What Lowtide tells of itself: the outcome of a run, the status, the memory tree.

Invariant: plain data with the names of docs/protocol.md; every figure is measured, none is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import lowtide
from lowtide.core.ladder import Step
from lowtide.core.lru import ByteCache
from lowtide.errors import LowtideError
from lowtide.index.workspace import Workspace
from lowtide.read.segment_set import verify_segments
from lowtide.store.catalog import Catalog
from lowtide.store.connections import sqlite_bytes
from lowtide.system import memory

if TYPE_CHECKING:
    from lowtide.index.live import LiveWorkspace
    from lowtide.serve.service import Service


@dataclass(frozen=True, slots=True)
class IndexReport:
    """The outcome of one index run."""

    root: str
    indexed: int
    unchanged: int
    removed: int
    skipped: int
    failed: int
    quarantined: int
    symbols: int
    chunks: int
    vectors: int
    wall_s: float
    cpu_s: float
    peak_anon_bytes: int
    budget_bytes: int
    ladder: Sequence[tuple[str, str]]
    disk_bytes: int
    skip_reasons: dict[str, int] = field(default_factory=dict)
    messages: Sequence[str] = ()
    source_bytes: int = 0
    """Bytes of the files that this run read and indexed."""
    predicted: dict[str, Any] | None = None

    def timed(self, wall_s: float, cpu_s: float) -> IndexReport:
        """The same, with what it took."""
        return replace(self, wall_s=wall_s, cpu_s=cpu_s)

    def as_json(self) -> dict[str, Any]:
        """The object that `lowtide index --json` prints."""
        return {
            "root": self.root,
            "files": {
                "indexed": self.indexed,
                "unchanged": self.unchanged,
                "removed": self.removed,
                "skipped": self.skipped,
                "failed": self.failed,
                "quarantined": self.quarantined,
            },
            "symbols": self.symbols,
            "chunks": self.chunks,
            "vectors": self.vectors,
            "wall_s": round(self.wall_s, 3),
            "cpu_s": round(self.cpu_s, 3),
            "peak_anon_bytes": self.peak_anon_bytes,
            "budget_bytes": self.budget_bytes,
            "ladder": [{"step": step, "reason": reason} for step, reason in self.ladder],
            "disk_bytes": self.disk_bytes,
            "source_bytes": self.source_bytes,
            "skipped_by_reason": self.skip_reasons,
            "messages": list(self.messages),
            "predicted": self.predicted,
        }


def describe_workspace(workspace: Workspace) -> dict[str, Any]:
    """One entry of the Status' `workspaces`; `damage` is empty when every check of the index passed,
    `incomplete` tells that no run over all files has come to its end yet."""
    entry: dict[str, Any] = {
        "rootUri": workspace.root.as_uri(),
        "files": 0,
        "symbols": 0,
        "chunks": 0,
        "vectors": 0,
        "diskBytes": workspace.disk_bytes(),
        "pending": 0,
        "stale": 0,
        "skipped": 0,
        "failed": 0,
        "quarantined": 0,
        "damage": "",
        "incomplete": False,
    }
    if not workspace.has_index:
        return entry
    try:
        catalog = workspace.reading()
        try:
            entry.update(asdict(catalog.counts()))
            entry["damage"] = check_index(workspace, catalog)
            entry["incomplete"] = catalog.last_run() is None
        finally:
            catalog.close()
    except LowtideError as error:
        entry["damage"] = error.message
    return entry


def check_index(workspace: Workspace, catalog: Catalog) -> str:
    """Every check of an index; empty when it is sound. What is damaged is marked for the next writer."""
    if complaint := catalog.check():
        workspace.report_damage()
        return complaint
    return verify_segments(workspace, catalog) or ""


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


def status_of(service: Service, live: Sequence[LiveWorkspace]) -> dict[str, Any]:
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
    message = blind or (str(failed[0].error) if failed else outage or complaint or ladder.reason)
    is_broken = bool(failed or blind or outage)
    health = "error" if is_broken else "warning" if complaint or (ladder.step > Step.FULL and not paused) else "ok"
    state = "paused" if paused or blind else _overall([workspace.state for workspace in live])
    return {
        "version": lowtide.__version__,
        "health": health,
        "message": message,
        "state": state,
        "quiescent": all(workspace.quiescent for workspace in live),
        "memory": {
            "budgetBytes": host.budget.total_bytes,
            "usedBytes": used,
            "peakBytes": max(host.pool.peak_bytes, used),
            "mappedBytes": memory.own_mapped_bytes(),
            "processes": [{"role": f.role, "pid": f.pid, "anonBytes": f.anon_bytes} for f in processes],
        },
        "ladder": {"step": ladder.step.label, "reason": ladder.reason},
        "progress": _progress(live),
        "workspaces": [workspace.describe() for workspace in live],
    }


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


def memory_tree(service: Service) -> MemoryNode:
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
        children = parts if figure.role == "daemon" else []
        if children:
            rest = max(0, figure.anon_bytes - sum(part.bytes for part in children))
            children = [*children, MemoryNode("unattributed", rest)]
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
