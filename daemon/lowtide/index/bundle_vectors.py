"""The vectors of a bundle: a matrix beside its catalog, which becomes a segment without ever being rows.

Row i is the i-th vector of the catalog by its id, int8: no id is written, so that none can be wrong. A block of rows is
written column by column: the values of one component are more alike, and pack better.

Invariant: as many rows are written, and taken, as the catalog has vectors; else StoreError, and BundleError.
Invariant: memory is bounded by a block, however many and however long the vectors are.
Threads: any that has the catalog to itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from lowtide.errors import BundleError, CorruptIndex, StoreError
from lowtide.index.upkeep import new_name
from lowtide.store import bundle_file
from lowtide.store.catalog import Catalog
from lowtide.store.durable import mapped_errors
from lowtide.store.rows import Segment
from lowtide.store.segment_file import SegmentKind
from lowtide.store.vectors.scan import Ids, Matrix
from lowtide.store.vectors.vector_index import blocks_of
from lowtide.store.vectors.vector_segments import COPY_ROWS, last_in_graphs, open_segment, write_flat

MOST_DIMS = 65_536
_BLOCK_BYTES = 4 << 20


def write_vectors(path: Path, folder: Path, rows: Sequence[Segment], copy: Catalog) -> None:
    """Write the vectors that `copy` names: from `rows`, its segments in `folder`, and from itself. StoreError."""
    wanted, written = copy.count_rows("vectors"), 0
    at_once = _rows_at_once(copy.vector_dims())
    with mapped_errors(path), path.open("xb") as out:
        waiting = np.empty((0, copy.vector_dims()), np.int8)
        for ids, matrix in _blocks(folder, rows, copy):
            # Those that no chunk uses are in segments, and not in the copy.
            used = np.isin(ids, _ids(copy.vector_ids(int(ids[0]), int(ids[-1]))), assume_unique=True)
            written += int(np.count_nonzero(used))
            waiting = np.concatenate([waiting, matrix[used]])
            while len(waiting) >= at_once:
                out.write(waiting[:at_once].T.tobytes())
                waiting = waiting[at_once:]
        out.write(waiting.T.tobytes())
    if written != wanted:
        why = f"{written:,} of {wanted:,} vectors are there"
        raise StoreError("cannot read the vectors of the index", why, "run `lowtide index`, try again")


def _blocks(folder: Path, rows: Sequence[Segment], copy: Catalog) -> Iterator[tuple[Ids, Matrix]]:
    """(ids, vectors), the ids ascending over all of them."""
    covered = last_in_graphs(rows)
    for row in sorted(rows, key=lambda each: (each.kind != SegmentKind.GRAPH, each.first_id)):
        try:
            segment = open_segment(folder / row.name, row)
        except CorruptIndex as error:  # another process has merged it meanwhile, or it is damaged
            what = f"cannot read {row.name} of the index"
            raise StoreError(what, error.why, "run `lowtide index`, try again") from error
        held = segment.rows if row.kind == SegmentKind.GRAPH else segment.rows.above(covered)
        for start in range(0, len(held), COPY_ROWS):
            part = slice(start, start + COPY_ROWS)
            yield held.ids[part], held.matrix[part]
        segment.release()
    last = max((row.last_id for row in rows), default=0)
    if copy.count_vectors_after(last):
        yield from blocks_of(copy.vectors_after(last), copy.vector_dims())


def take_vectors(path: Path, folder: Path, catalog: Catalog) -> None:
    """Make of the matrix in `path` the segment of `catalog`, which has none. BundleError, StoreError."""
    dims, count = catalog.vector_dims(), catalog.count_rows("vectors")
    with mapped_errors(path):
        size_bytes = path.stat().st_size
    if size_bytes != count * dims or (count and not 0 < dims <= MOST_DIMS):
        raise BundleError("it is damaged", "its vectors are not those that it names", bundle_file.FETCH_AGAIN)
    if made := write_flat(folder / new_name("vectors"), dims, _rows_of(path, dims, catalog)) if count else None:
        catalog.flushed(made)
    path.unlink()


def _rows_of(path: Path, dims: int, catalog: Catalog) -> Iterator[tuple[Ids, Matrix]]:
    block_bytes = dims * _rows_at_once(dims)
    ids = catalog.vector_ids()
    with mapped_errors(path), path.open("rb") as file:
        while data := file.read(block_bytes):
            yield _ids(islice(ids, len(data) // dims)), np.frombuffer(data, np.int8).reshape(dims, -1).T


def _rows_at_once(dims: int) -> int:
    return max(1, _BLOCK_BYTES // max(1, dims))


def _ids(numbers: Iterator[int]) -> Ids:
    return np.fromiter(numbers, np.int64)
