"""What an index on the disk holds, and whether it is sound.

Invariant: every figure is measured, none is a guess.
"""

from __future__ import annotations

from contextlib import closing

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
        **counts.told(),
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
