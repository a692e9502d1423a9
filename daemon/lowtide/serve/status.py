"""The status and the memory tree of a daemon, made of what its parts know.

Invariant: every figure is measured, none is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

import lowtide
from lowtide.core.ladder import Step
from lowtide.core.lru import ByteCache
from lowtide.index.attending import freshness_of
from lowtide.status import LadderStep, Memory, MemoryNode, Process, Progress, Standing, State, Status
from lowtide.store.connections import sqlite_bytes
from lowtide.system import memory
from lowtide.system.footprint import loaded

if TYPE_CHECKING:
    from lowtide.index.live import LiveWorkspace
    from lowtide.read.readers import Readers
    from lowtide.read.unsaved.documents import DocumentReader
    from lowtide.serve.host import Host


class Shown(Protocol):
    """What the status and the memory tree look at, of a daemon."""

    host: Host
    readers: Readers
    documents: DocumentReader
    vectors: ByteCache

    @property
    def complaint(self) -> str:
        """Why the configuration is not obeyed; empty when it is."""

    @property
    def awaits_folders(self) -> bool:
        """Whether somebody is about to open folders."""

    @property
    def workspaces(self) -> Sequence[LiveWorkspace]:
        """Those that are open now."""


def status_of(service: Shown, live: Sequence[LiveWorkspace]) -> Status:
    """The Status of docs/protocol.md: figures that are known already, and the kernel's for each process."""
    host = service.host
    ladder = host.ladder
    processes = host.pool.processes()
    used = sum(figure.anon_bytes for figure in processes)
    failed = [workspace for workspace in live if workspace.error is not None]
    paused = ladder.step is Step.PAUSED
    outage = f"workers cannot start: {host.pool.outage.why}" if host.pool.outage.why else ""
    blind = host.pool.complaint
    short = ladder.reason if ladder.is_short else ""
    is_broken = bool(failed or blind or outage)
    has_doubts = bool(service.complaint) or (ladder.is_short and not paused)
    return Status(
        version=lowtide.__version__,
        health="error" if is_broken else "warning" if has_doubts else "ok",
        message=blind or (str(failed[0].error) if failed else outage or service.complaint or short),
        state="paused" if paused or blind else _overall([workspace.state for workspace in live]),
        quiescent=not service.awaits_folders and all(workspace.quiescent for workspace in live),
        memory=Memory(
            budget_bytes=host.budget.total_bytes,
            budget_from=host.budget_from,
            used_bytes=used,
            peak_bytes=max(host.pool.peak_bytes, used),
            mapped_bytes=memory.own_mapped_bytes(),
            processes=[Process(figure.role, figure.pid, figure.anon_bytes) for figure in processes],
        ),
        ladder=LadderStep(ladder.step.label, ladder.reason),
        progress=_progress(live),
        workspaces=[replace(workspace.describe(), freshness=_standing(workspace)) for workspace in live],
    )


def _standing(live: LiveWorkspace) -> Standing:
    """How an answer of now would stand to the disk, without its age: that alone makes no Status a new one."""
    fresh = freshness_of(live)
    return Standing(fresh.state.value, fresh.indexed, fresh.total, fresh.reason)


def _overall(states: Sequence[State]) -> State:
    ranked: tuple[State, ...] = ("indexing", "scanning", "waiting")
    return next((state for state in ranked if state in states), "idle")


def _progress(live: Sequence[LiveWorkspace]) -> Progress | None:
    """Of all whole runs together; a narrow run is too short to show, unless it is the only one and not that short."""
    runs = [workspace.progress for workspace in live if workspace.progress is not None]
    shown = [progress for progress in runs if progress.total > 20 or len(runs) == 1]
    total = sum(progress.total for progress in shown)
    if not total:
        return None
    current = next((progress.current for progress in shown if progress.current), "")
    return Progress(sum(progress.done for progress in shown), total, current)


def _cache_node(name: str, cache: ByteCache) -> MemoryNode:
    return _node_of_cache(name, cache.size_bytes, cache.limit_bytes, cache.hits, cache.misses, cache.evictions)


def _node_of_cache(name: str, size: int, limit: int, hits: int, misses: int, evictions: int) -> MemoryNode:
    return MemoryNode(name, size, limit_bytes=limit, hits=hits, misses=misses, evictions=evictions)


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
    return MemoryNode(
        "lowtide",
        total,
        nodes,
        budget_bytes=service.host.budget.total_bytes,
        mapped_bytes=memory.own_mapped_bytes(),
        segment_bytes=service.readers.mapped_bytes,
    )
