"""Building a graph segment, inside a worker: it is what needs memory in proportion to its size.

Invariant: reads segment files and writes one; knows nothing of the catalog.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from msgspec.structs import astuple

from lowtide import wire
from lowtide.store.rows import Segment
from lowtide.store.vectors.vector_segments import build_graph, open_segment


def build(task: wire.GraphTask) -> wire.Done:
    """Build `task.target` from `task.sources`; the answer's `segment` holds the facts for the manifest."""
    cpu = time.process_time()
    folder = Path(task.folder)
    sources = [open_segment(folder / source[0], Segment(*source)) for source in task.sources]
    dead = np.frombuffer(task.dead, np.int64)
    share = (0, task.pieces)
    facts = build_graph(folder / task.target, sources, dead, lambda: False, share=share, after_id=task.after_id)
    segment = astuple(facts) if facts else None
    return wire.Done([], b"", [], 0, time.process_time() - cpu, segment=segment)
