"""All vectors of an index at one moment: its segments, and the delta of those in no file yet.

Invariant: a VectorIndex never changes; ids in `dead` are never answered.
Invariant: each vector is looked at in one place: what graphs hold, in them, though flat segments may have it still.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lowtide.errors import CorruptIndex
from lowtide.store.id_set import IdSet
from lowtide.store.vectors.list_segment import ListSegment, search_lists
from lowtide.store.vectors.scan import Ids, Mask, Matrix, Norms, Query, Rows, check_block, inverse_norms, live_mask
from lowtide.store.vectors.vector_segments import AnySegment, GraphSegment, last_in_graphs

Scores = npt.NDArray[np.float32]

_GATHER_SHARE = 4
"""When fewer than one row in this many is allowed, those are fetched one by one instead of scanning all."""
_BLOCK_ROWS = 1_024


class VectorIndex:
    """Searches segments and delta as one. `dead` holds sorted ids that the catalog no longer has."""

    def __init__(self, segments: Sequence[AnySegment], delta: Rows | None = None, dead: Ids | None = None) -> None:
        self.segments = tuple(segments)
        self._dead = dead if dead is not None else np.empty(0, np.int64)
        covered = last_in_graphs([segment.facts for segment in segments])
        self._sources: list[AnySegment | Rows] = []
        for segment in segments:
            loose = segment.rows if isinstance(segment, GraphSegment) else segment.rows.above(covered)
            self._sources.append(segment if loose is segment.rows else loose)
        if delta is not None and len(delta):
            self._sources.append(delta)
        self._live: list[Mask | None] = [live_mask(rows, self._dead) for rows in self._all_rows()]

    def _all_rows(self) -> list[Rows]:
        return [source if isinstance(source, Rows) else source.rows for source in self._sources]

    def __len__(self) -> int:
        return sum(len(rows) for rows in self._all_rows())

    @property
    def anonymous_bytes(self) -> int:
        """What the open segments and the masks cost the budget; the delta counts for itself."""
        return sum(segment.anonymous_bytes for segment in self.segments) + sum(
            mask.nbytes for mask in self._live if mask is not None
        )

    @property
    def mapped_bytes(self) -> int:
        """The size of the mapped files; only what was read lately is in memory."""
        return sum(segment.facts.size_bytes for segment in self.segments)

    def search(self, vector: npt.NDArray[Any], limit: int, allow: IdSet | None = None) -> tuple[Ids, Scores]:
        """The nearest vectors to int8[dims] or floats[dims], best first: (ids int64[k], cosines float32[k]), k ≤ limit.

        `allow`: the ids to choose from, None for all. Of equal cosines the lower id comes first. Nothing is near
        to a vector of zeros. Single-threaded; errors: ValueError for other dimensions than the index has.
        """
        query = self._prepare(vector)
        ids: list[Ids] = []
        scores: list[npt.NDArray[np.float64]] = []
        graphs = sum(isinstance(source, GraphSegment) for source in self._sources)
        listed: list[tuple[ListSegment, Mask | None]] = []
        for number, rows in enumerate(self._all_rows()):
            mask = self._live[number]
            if allow is not None:
                allowed = allow.mask(rows.ids)
                mask = allowed if mask is None else allowed & mask
                if np.count_nonzero(mask) * _GATHER_SHARE <= len(rows):
                    found, cosines = rows.search_rows(query, limit, np.flatnonzero(mask))
                    ids.append(rows.ids[found])
                    scores.append(cosines)
                    continue
            source = self._sources[number]
            if isinstance(source, ListSegment):
                listed.append((source, mask))
                continue
            if isinstance(source, GraphSegment):
                found, cosines = source.search(query, limit, mask, graphs)
            else:
                found, cosines = source.search(query, limit, mask)
            ids.append(rows.ids[found])
            scores.append(cosines)
        if listed:
            sources = [segment for segment, _ in listed]
            for segment, (found, cosines) in zip(
                sources, search_lists(sources, [mask for _, mask in listed], query, limit), strict=True
            ):
                ids.append(segment.rows.ids[found])
                scores.append(cosines)
        if not ids or not query.inverse_norm:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        all_ids, all_scores = np.concatenate(ids), np.concatenate(scores)
        order = np.lexsort((all_ids, -all_scores))[:limit]
        return all_ids[order], all_scores[order].astype(np.float32)

    def score(self, vector: npt.NDArray[Any], ids: Ids) -> Scores:
        """The exact cosine of each of `ids` (in any order); NaN for one that is not here."""
        query = self._prepare(vector)
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
        out = np.full(len(ids), np.nan, np.float32)
        for rows in self._all_rows():
            here, places = rows.find(ordered)
            out[order[here]] = rows.cosines(query, places)
        return out

    def _prepare(self, vector: npt.NDArray[Any]) -> Query:
        dims = {rows.matrix.shape[1] for rows in self._all_rows()}
        if dims - {len(vector)}:
            raise ValueError(f"the query has {len(vector)} dimensions, the index {sorted(dims)}")
        return Query.prepare(vector)

    def release(self) -> None:
        """Give the mapped pages of all segments back to the system."""
        for segment in self.segments:
            segment.release()


class Delta:
    """Vectors that are in no file yet, in memory. One thread appends; `rows()` is a view that never changes."""

    def __init__(self, dims: int) -> None:
        self.dims = dims
        self._ids: Ids = np.empty(0, np.int64)
        self._matrix: Matrix = np.empty((0, dims), np.int8)
        self._norms: Norms = np.empty(0, np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def anonymous_bytes(self) -> int:
        """What the buffers take."""
        return self._ids.nbytes + self._matrix.nbytes + self._norms.nbytes

    def append(self, ids: Ids, matrix: Matrix) -> None:
        """Add vectors; ids ascend, also over calls. ValueError otherwise."""
        check_block(ids, matrix, self.dims, int(self._ids[self._count - 1]) if self._count else None)
        needed = self._count + len(ids)
        if needed > len(self._ids):
            # Old views keep the old buffers, so that a reader's rows stay as they were.
            capacity = max(needed, len(self._ids) * 3 // 2, 256)
            self._ids = _grown(self._ids, capacity, self._count)
            self._matrix = _grown(self._matrix, capacity, self._count)
            self._norms = _grown(self._norms, capacity, self._count)
        self._ids[self._count : needed] = ids
        self._matrix[self._count : needed] = matrix
        self._norms[self._count : needed] = inverse_norms(matrix)
        self._count = needed

    def append_rows(self, rows: Rows, after_id: int) -> None:
        """Add those of another delta whose ids are above `after_id`."""
        first = int(np.searchsorted(rows.ids, after_id, side="right"))
        if first < len(rows.ids):
            self.append(np.asarray(rows.ids[first:]), np.asarray(rows.matrix[first:]))

    @property
    def last_id(self) -> int:
        """The highest id; 0 when there is none."""
        return int(self._ids[self._count - 1]) if self._count else 0

    def rows(self) -> Rows:
        """What is there now."""
        return Rows(self._ids[: self._count], self._matrix[: self._count], self._norms[: self._count])

    def drop_through(self, last_id: int) -> None:
        """Forget the vectors up to `last_id`: a segment has them now. The buffers shrink."""
        kept = int(np.searchsorted(self._ids[: self._count], last_id, side="right"))
        self._ids = self._ids[kept : self._count].copy()
        self._matrix = self._matrix[kept : self._count].copy()
        self._norms = self._norms[kept : self._count].copy()
        self._count = len(self._ids)


def blocks_of(rows: Iterable[tuple[int, bytes]], dims: int) -> Iterator[tuple[Ids, Matrix]]:
    """Rows of the catalog, (id, int8 bytes), as blocks for `write_flat` and `Delta.append`.

    CorruptIndex when a blob has not `dims` bytes.
    """
    ids: list[int] = []
    data = bytearray()
    for vector_id, blob in rows:
        if len(blob) != dims:
            raise CorruptIndex(
                "a stored vector is damaged", f"{len(blob)} bytes instead of {dims}", "run `lowtide index --force`"
            )
        ids.append(vector_id)
        data += blob
        if len(ids) == _BLOCK_ROWS:
            yield np.array(ids, np.int64), np.frombuffer(bytes(data), np.int8).reshape(-1, dims)
            ids, data = [], bytearray()
    if ids:
        yield np.array(ids, np.int64), np.frombuffer(bytes(data), np.int8).reshape(-1, dims)


def _grown(array: npt.NDArray[Any], capacity: int, count: int) -> npt.NDArray[Any]:
    new = np.empty((capacity, *array.shape[1:]), array.dtype)
    new[:count] = array[:count]
    return new
