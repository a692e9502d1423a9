"""Vector segments in files: flat matrices and graphs; opening, writing, merging, building.

Invariant: a segment is only read: over a read-only map that lives as long as the segment; nothing is mapped before its
checksum is found right (`segment_file`).
Invariant: row i of a graph segment is slot i of its graph: graphs are built by one thread, and read back to check.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from lowtide.errors import CorruptSegment, StoreError
from lowtide.store.durable import mapped_errors
from lowtide.store.rows import Segment
from lowtide.store.segment_file import SegmentFile, SegmentKind, SegmentWriter
from lowtide.store.vectors.list_segment import ListSegment
from lowtide.store.vectors.scan import (
    SHORTLIST,
    Found,
    Ids,
    Mask,
    Matrix,
    Norms,
    Query,
    Rows,
    Sketches,
    check_block,
    inverse_norms,
    live_mask,
)
from lowtide.store.vectors.sketch import sketch_bytes, sketches
from lowtide.store.vectors.vectors import (
    EXPANSION_SEARCH,
    LEAST_EXPANSION,
    Graph,
    GraphBuilder,
    GraphError,
    viewed_graph_bytes,
)

COPY_ROWS = 4_096
_ADD_ROWS = 512
_GRAPH_HEAD_BYTES = 8
_SPARE = 1.25
"""What passes a filter does not lie evenly: so many times as many are asked for."""
_SCANNED = 200
"""Rows that are compared by their sketches in the time in which a graph finds one more."""


class _InFile:
    """What both kinds of segments do with their file."""

    def __init__(self, path: Path, kind: SegmentKind, expected: Segment | None) -> None:
        self._file = SegmentFile(path, kind, expected)
        self.facts = self._file.facts
        self.dims = self._file.dims

    @property
    def is_as_opened(self) -> bool:
        """Whether its file is still the one that was checked."""
        return self._file.is_as_opened

    def release(self) -> None:
        """Give the mapped pages back to the system; searching goes on and reads them again."""
        self._file.release()


class FlatSegment(_InFile):
    """A matrix in a file; `search` costs about 2.3 ms of CPU for each 100,000 vectors of 256, beyond 65,536 about 1.3.

    Errors: CorruptIndex when the file is damaged or not `expected`.
    """

    kind = SegmentKind.FLAT

    def __init__(self, path: Path, expected: Segment | None = None) -> None:
        super().__init__(path, SegmentKind.FLAT, expected)
        count = self.facts.count
        self.rows = Rows(
            self._file.array("ids", "<i8", (count,)),
            self._file.array("matrix", np.int8, (count, self.dims)),
            self._file.array("norms", "<f4", (count,)),
            self._file.array("sketches", np.uint8, (count, sketch_bytes(self.dims))),
        )
        self.anonymous_bytes = 0
        """What the segment costs the budget while it is open: everything is mapped."""

    def search(self, query: Query, limit: int, mask: Mask | None = None) -> Found:
        """The nearest rows where `mask` is true."""
        return self.rows.search(query, limit, mask)


class GraphSegment(_InFile):
    """A usearch graph viewed in its file; a search touches a few thousand vectors, however many there are.

    Errors: CorruptIndex when the file is damaged or not `expected`.
    """

    kind = SegmentKind.GRAPH

    def __init__(self, path: Path, expected: Segment | None = None) -> None:
        super().__init__(path, SegmentKind.GRAPH, expected)
        count = self.facts.count
        buffer = self._file.array("graph", np.uint8, (self._file.length("graph"),))
        self.rows = Rows(
            self._file.array("ids", "<i8", (count,)),
            _graph_matrix(buffer, count, self.dims, self._file),
            self._file.array("norms", "<f4", (count,)),
        )
        try:
            self._graph = Graph(buffer, count, self.dims)
        except GraphError as error:
            raise self._file.corrupt(str(error)) from error
        self.anonymous_bytes = viewed_graph_bytes(count)
        """What the segment costs the budget while it is open."""
        self.release()

    def search(self, query: Query, limit: int, mask: Mask | None = None, graphs: int = 1) -> Found:
        """The nearest rows where `mask` is true; all rows are compared when the graph does not give enough of them.

        `graphs`: how many are asked together, which share what is looked at.
        """
        most = min(len(self.rows), SHORTLIST)
        wanted = min(most, max(limit, LEAST_EXPANSION, EXPANSION_SEARCH // graphs))
        if mask is not None:
            # As many more as the mask leaves out, for to ask again costs all of it once more; but not so many that all
            # rows are compared sooner.
            most = min(most, max(wanted, len(self.rows) // _SCANNED))
            passing = max(1, int(np.count_nonzero(mask)))
            wanted = max(wanted, int(_SPARE * limit * len(mask) / passing))
        while wanted <= most:
            try:
                rows = np.sort(self._graph.search(query.vector, wanted))
            except GraphError as error:
                raise self._file.corrupt(str(error)) from error
            if mask is not None:
                rows = rows[mask[rows]]
            if len(rows) >= min(limit, len(self.rows)):
                return self.rows.search_rows(query, limit, rows)
            wanted *= 2
        return self.rows.search(query, limit, mask)


AnySegment = FlatSegment | GraphSegment | ListSegment


def last_in_graphs(facts: Iterable[Segment]) -> int:
    """The id up to which graphs hold what there is; 0 where there is no graph."""
    return max((each.last_id for each in facts if each.kind == SegmentKind.GRAPH), default=0)


def open_segment(path: Path, expected: Segment) -> AnySegment:
    """Open the vector segment that a row of the manifest names. CorruptIndex when it is not sound."""
    kinds: dict[str, type[AnySegment]] = {
        SegmentKind.FLAT: FlatSegment,
        SegmentKind.GRAPH: GraphSegment,
        SegmentKind.LISTS: ListSegment,
    }
    if expected.kind not in kinds:
        raise CorruptSegment(f"the index file {path.name} is unknown", f"kind {expected.kind}", "run `lowtide index`")
    return kinds[expected.kind](path, expected)


def write_flat(path: Path, dims: int, blocks: Iterable[tuple[Ids, Matrix]]) -> Segment | None:
    """Write a flat segment from blocks of (ids, int8[rows, dims]) with ids ascending over all of them.

    Memory is bounded by one block. None, and no file, when there are no rows. Errors: StoreError; ValueError for ids
    that do not ascend. Whatever is raised while the blocks are read leaves nothing but a temporary file.
    """
    with _FlatWriter(path, dims) as writer:
        for ids, matrix in blocks:
            for start in range(0, len(ids), COPY_ROWS):
                part = np.ascontiguousarray(matrix[start : start + COPY_ROWS])
                writer.add(ids[start : start + COPY_ROWS], part, inverse_norms(part), sketches(part))
        return writer.finish()


def merge_flat(path: Path, sources: Sequence[FlatSegment], dead: Ids, after_id: int = 0) -> Segment | None:
    """Write one flat segment from several with ascending ids, of the ids above `after_id` those that are not in the
    sorted `dead`; as `write_flat`."""
    with _FlatWriter(path, sources[0].dims) as writer:
        for source in sorted(sources, key=lambda segment: segment.facts.first_id):
            rows = source.rows.above(after_id)
            assert rows.sketches is not None
            live = live_mask(rows, dead)
            for start in range(0, len(rows), COPY_ROWS):
                block = slice(start, start + COPY_ROWS)
                part = slice(None) if live is None else live[block]
                writer.add(
                    rows.ids[block][part],
                    rows.matrix[block][part],
                    rows.inverse_norms[block][part],
                    rows.sketches[block][part],
                )
            source.release()
        return writer.finish()


def build_graph(
    path: Path,
    sources: Sequence[AnySegment],
    dead: Ids,
    cancelled: Callable[[], bool],
    progress: Callable[[int, int], None] | None = None,
    share: tuple[int, int] = (0, 1),
    after_id: int = 0,
) -> Segment | None:
    """Build one graph segment from others, of the ids above `after_id` those that are not in the sorted `dead`. About
    115 µs of CPU a vector of 256.

    `share` (i, n): only the i-th of n equal parts of the rows, in the order of their ids, for graphs that memory
    bounds. One thread; to use more cores build more graphs, in more processes. `cancelled` is asked every 512 vectors
    (about 60 ms) and makes the answer None, with no file; so does having no rows. Errors: StoreError.
    """
    part = _Part(sources, dead, share, after_id)
    dims = sources[0].dims
    builder = GraphBuilder(dims)
    for _, matrix, _ in part.blocks(_ADD_ROWS):
        if cancelled():
            return None
        try:
            builder.add(matrix)
        except GraphError as error:
            raise StoreError(
                "cannot build a graph of the vectors", str(error), "give Lowtide a larger budget"
            ) from error
        if progress is not None:
            progress(len(builder), len(part))
    if not len(builder) or cancelled():
        return None
    with SegmentWriter(path, SegmentKind.GRAPH, dims) as writer:
        count = len(builder)
        _copy_graph(writer, builder)
        del builder
        with _spool(path) as ids_file, _spool(path) as norms_file:
            first = last = 0
            for position, (ids, _, norms) in enumerate(part.blocks(COPY_ROWS)):
                first = first if position else int(ids[0])
                last = int(ids[-1])
                with mapped_errors(path):
                    ids_file.write(ids.astype("<i8").tobytes())
                    norms_file.write(norms.astype("<f4").tobytes())
            writer.copy("ids", ids_file)
            writer.copy("norms", norms_file)
        facts = writer.finish(count, first, last)
    _check_slots(path, facts, part)
    return facts


class _Part:
    """The i-th of n equal parts of the live rows of some segments, in the order of their ids."""

    def __init__(self, sources: Sequence[AnySegment], dead: Ids, share: tuple[int, int], after_id: int) -> None:
        ordered = sorted(sources, key=lambda segment: segment.facts.first_id)
        self._sources = [(source, source.rows.above(after_id)) for source in ordered]
        self._dead = dead
        live = sum(len(rows) - len(rows.find(dead)[1]) for _, rows in self._sources)
        index, parts = share
        self._start, self._stop = live * index // parts, live * (index + 1) // parts

    def __len__(self) -> int:
        return self._stop - self._start

    def blocks(self, block_rows: int) -> Iterator[tuple[Ids, Matrix, Norms]]:
        """(ids, vectors, inverse norms) of at most `block_rows` rows at a time."""
        place = 0
        for source, rows in self._sources:
            live = live_mask(rows, self._dead)
            for start in range(0, len(rows), block_rows):
                numbers = np.arange(start, min(len(rows), start + block_rows))
                if live is not None:
                    numbers = numbers[live[numbers]]
                wanted = numbers[max(0, self._start - place) : max(0, self._stop - place)]
                place += len(numbers)
                if len(wanted):
                    yield rows.ids[wanted], rows.matrix[wanted], rows.inverse_norms[wanted]
            source.release()


def _copy_graph(writer: SegmentWriter, builder: GraphBuilder) -> None:
    """usearch writes a file of its own beside ours, which is copied in; saving to memory would double the graph."""
    part = writer.temporary
    try:
        try:
            expected_bytes = builder.save(part)
        except GraphError as error:
            raise StoreError(
                f"cannot write the index file {writer.path.name}", str(error), "free some space and try again"
            ) from error
        with mapped_errors(writer.path):
            if part.stat().st_size != expected_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            with part.open("rb") as file:
                writer.copy("graph", file)
    finally:
        with suppress(OSError):
            part.unlink()


def _check_slots(path: Path, facts: Segment, part: _Part) -> None:
    """Read back what was written: each row must be the vector of its id."""
    try:
        written = GraphSegment(path, facts).rows
        place = 0
        for ids, matrix, _ in part.blocks(COPY_ROWS):
            block = slice(place, place + len(ids))
            if not (np.array_equal(written.ids[block], ids) and np.array_equal(written.matrix[block], matrix)):
                raise StoreError(
                    "cannot build a graph of the vectors",
                    "usearch put them in another order",
                    "report this with your version of usearch",
                )
            place += len(ids)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _graph_matrix(buffer: npt.NDArray[np.uint8], count: int, dims: int, file: SegmentFile) -> Matrix:
    """usearch keeps the vectors as one matrix behind two 32-bit numbers: their count and the bytes of each."""
    end = _GRAPH_HEAD_BYTES + count * dims
    if len(buffer) < end or tuple(buffer[:_GRAPH_HEAD_BYTES].view("<u4")) != (count, dims):
        raise file.corrupt("the graph inside has another size")
    matrix: Matrix = buffer[_GRAPH_HEAD_BYTES:end].view(np.int8).reshape(count, dims)
    return matrix


class _FlatWriter:
    """The matrix goes to the file at once; what comes after it waits in unnamed files beside it, not in memory."""

    def __init__(self, path: Path, dims: int) -> None:
        self._writer = SegmentWriter(path, SegmentKind.FLAT, dims)
        self._dims = dims
        self._path = path
        self._spools: list[BinaryIO] = []
        self._count = 0
        self._first = self._last = 0

    def __enter__(self) -> Self:
        try:
            self._spools = [_spool(self._path) for _ in range(3)]
        except BaseException:
            self.__exit__()
            raise
        self._writer.begin("matrix")
        return self

    def __exit__(self, *_: object) -> None:
        for spool in self._spools:
            spool.close()
        self._writer.__exit__(None, None, None)

    def add(self, ids: Ids, matrix: Matrix, norms: Norms, codes: Sketches) -> None:
        check_block(ids, matrix, self._dims, self._last if self._count else None)
        if not len(ids):
            return
        if not self._count:
            self._first = int(ids[0])
        self._count += len(ids)
        self._last = int(ids[-1])
        self._writer.write(matrix)
        with mapped_errors(self._path):
            for spool, data in zip(self._spools, (ids.astype("<i8"), norms.astype("<f4"), codes), strict=True):
                spool.write(data.tobytes())

    def finish(self) -> Segment | None:
        if not self._count:
            return None
        for name, spool in zip(("ids", "norms", "sketches"), self._spools, strict=True):
            with mapped_errors(self._path):
                self._writer.copy(name, spool)
        return self._writer.finish(self._count, self._first, self._last)


def _spool(path: Path) -> BinaryIO:
    with mapped_errors(path):
        return tempfile.TemporaryFile(dir=path.parent)
