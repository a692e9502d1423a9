"""The outcome of an index run, and what an index on the disk holds and whether it is sound.

Invariant: plain data with the names of docs/protocol.md; every figure is measured, none is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from lowtide.errors import CorruptIndex, CorruptSegment, LowtideError
from lowtide.index.workspace import Workspace
from lowtide.models import display_path
from lowtide.status import WorkspaceStatus
from lowtide.store.catalog import Catalog
from lowtide.store.lexical import generation
from lowtide.store.names.names import NameSegment
from lowtide.store.rows import LEXICAL_KIND, NO_COUNTS
from lowtide.store.segment_file import VECTOR_KINDS
from lowtide.store.vectors.vector_segments import open_segment


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


def describe_workspace(workspace: Workspace) -> WorkspaceStatus:
    """The entry in the Status of one that is not open, every check of its index done; damage is marked for the next
    writer."""
    counts, in_graphs, damage, complaint, incomplete = NO_COUNTS, 0, "", "", False
    if workspace.has_index:
        try:
            with closing(workspace.reading()) as catalog:
                counts, in_graphs = catalog.counts(), catalog.graph_vectors()
                damage = check_index(workspace, catalog)
                incomplete = catalog.last_run() is None
                workspace.check_root(catalog)
        except CorruptIndex as error:
            damage = error.message
        except LowtideError as error:
            complaint = str(error)
    return WorkspaceStatus(
        root_uri=workspace.root.as_uri(),
        **asdict(counts),
        graph_vectors=in_graphs,
        disk_bytes=workspace.disk_bytes(),
        pending=0,
        stale=0,
        incomplete=incomplete,
        damage=damage,
        error=complaint,
    )


def check_index(workspace: Workspace, catalog: Catalog) -> str:
    """Every check of an index; empty when it is sound. What is damaged is marked for the next writer."""
    if complaint := catalog.check():
        workspace.report_damage()
        return complaint
    if (path := catalog.path_that_leads_out()) is not None:
        workspace.report_damage()
        return f"it names a file outside of the workspace: {display_path(path[:200])}"
    return verify_segments(workspace, catalog) or ""


def verify_segments(workspace: Workspace, catalog: Catalog) -> str | None:
    """Open every segment, checksums and all; None when all are sound, else the first complaint."""
    for row in catalog.segments():
        try:
            if row.kind == LEXICAL_KIND:
                generation.check(workspace.folder / row.name, row)
            elif row.kind in VECTOR_KINDS:
                open_segment(workspace.folder / row.name, row)
            else:
                NameSegment(workspace.folder / row.name, row)
        except CorruptSegment as error:
            workspace.report_damaged_segments()
            return error.message
    return None
