"""Comparing a query with vectors one by one: exactly, or only those that the sketches choose.

Invariant: vectors are int8, and every score is the cosine computed from them exactly.
Invariant: nothing here writes; temporary memory is bounded by a block of rows, whatever their number.
"""

from __future__ import annotations

from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.store.vectors.sketch import SketchDistances, sketches
from lowtide.store.vectors.vectors import dots

Ids = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.int8]
Norms = npt.NDArray[np.float32]
Sketches = npt.NDArray[np.uint8]
Wide = npt.NDArray[np.float16]
Mask = npt.NDArray[np.bool_]
Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]
"""Row numbers and their cosines, best first; of equal ones the lower row first."""

BLOCK_ROWS = 16_384
"""Rows scanned at once: temporary memory stays at 128 KiB, and the calls' own cost below 1 %."""
SKETCH_ROWS = 4_096
GATHER_ROWS = 4_096
EXACT_ROWS = 65_536
"""Up to here every row is compared; beyond, the sketches choose which."""
SHORTLIST = 4_096
"""Rows that the sketches choose; 99.6 % of the true ten are among them (docs/formats.md)."""


class Query(msgspec.Struct, frozen=True):
    """A query vector made ready once for all segments."""

    vector: Matrix
    inverse_norm: float
    sketch: Sketches
    wide: Wide
    """The same for float16 matrices, of length 1: closer to what was asked than `vector` when floats were given."""

    @classmethod
    def prepare(cls, vector: npt.NDArray[np.int8] | npt.NDArray[np.floating[Any]]) -> Self:
        """From int8[dims], or floats[dims] of any length."""
        if vector.dtype != np.int8:
            narrow = scaled_to_int8(vector[None].astype(np.float32))[0]
        else:
            narrow = np.ascontiguousarray(vector, np.int8)
        return cls(
            narrow,
            float(inverse_norms(narrow[None])[0]),
            sketches(narrow[None])[0],
            unit_halves(vector[None].astype(np.float32))[0],
        )

    def products(self, matrix: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """The dot product of the query with each row, as a query of length 1."""
        if matrix.dtype == np.float16:
            return dots(matrix, self.wide)
        return dots(matrix, self.vector) * self.inverse_norm


class Rows(msgspec.Struct, frozen=True):
    """Vectors that can be compared one by one: ids ascending, with the inverse of each vector's length (0 for
    zeros)."""

    ids: Ids
    matrix: npt.NDArray[Any]
    """int8, or float16 where that was asked for."""
    inverse_norms: Norms
    sketches: Sketches | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def find(self, ids: Ids) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """For sorted `ids`: which of them are here (positions in `ids`), and in which rows."""
        places = np.searchsorted(self.ids, ids)
        here = np.flatnonzero(self.ids.take(places, mode="clip") == ids) if len(self.ids) else places[:0]
        return here, places[here]

    def above(self, last_id: int) -> Rows:
        """Those with higher ids: views, no copies."""
        first = int(np.searchsorted(self.ids, last_id, "right"))
        if not first:
            return self
        sketches = None if self.sketches is None else self.sketches[first:]
        return Rows(self.ids[first:], self.matrix[first:], self.inverse_norms[first:], sketches)

    def cosines(self, query: Query, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The exact cosines of some rows."""
        out = np.empty(len(rows), np.float64)
        for start in range(0, len(rows), GATHER_ROWS):
            part = rows[start : start + GATHER_ROWS]
            out[start : start + len(part)] = query.products(self.matrix[part]) * self.inverse_norms[part]
        return out

    def search(self, query: Query, limit: int, mask: Mask | None = None) -> Found:
        """The nearest rows where `mask` is true; exact up to EXACT_ROWS, or where there are no sketches."""
        if self.sketches is not None and len(self) > EXACT_ROWS:
            return self.search_rows(query, limit, self._shortlist(query, max(SHORTLIST, 8 * limit), mask))
        best = _Best(limit)
        for start in range(0, len(self), BLOCK_ROWS):
            stop = min(len(self), start + BLOCK_ROWS)
            scores = query.products(self.matrix[start:stop]) * self.inverse_norms[start:stop]
            if mask is not None:
                scores[~mask[start:stop]] = -np.inf
            best.add(start, scores)
        return best.result()

    def search_rows(self, query: Query, limit: int, rows: npt.NDArray[np.int64]) -> Found:
        """The nearest of some rows, given in ascending order; exact."""
        scores = self.cosines(query, rows)
        order = np.lexsort((rows, -scores))[:limit]
        return rows[order], scores[order]

    def _shortlist(self, query: Query, count: int, mask: Mask | None) -> npt.NDArray[np.int64]:
        """The rows with the nearest sketches, ascending."""
        assert self.sketches is not None
        best = _Best(count)
        distances = SketchDistances(query.sketch, SKETCH_ROWS)
        for start in range(0, len(self), SKETCH_ROWS):
            block = slice(start, start + SKETCH_ROWS)
            nearness = -distances.to(self.sketches[block]).astype(np.float64)
            if mask is not None:
                nearness[~mask[block]] = -np.inf
            best.add(start, nearness)
        return np.sort(best.result()[0])


def live_mask(rows: Rows, dead: Ids) -> Mask | None:
    """Which rows are not in the sorted `dead`; None when all of them live."""
    gone = rows.find(dead)[1]
    if not len(gone):
        return None
    mask = np.ones(len(rows), np.bool_)
    mask[gone] = False
    return mask


def inverse_norms(matrix: Matrix) -> Norms:
    """One over each vector's length; 0 for a vector of zeros."""
    squares = np.einsum("ij,ij->i", matrix, matrix, dtype=np.int64)
    return (squares > 0) / np.sqrt(np.maximum(squares, 1)).astype(np.float32)  # type: ignore[no-any-return]


def scaled_to_int8(vectors: npt.NDArray[np.float32]) -> Matrix:
    """int8 vectors, each scaled by its own largest component to 127; a vector of zeros stays one."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    scaled = vectors * (np.float32(127) / np.where(largest > 0, largest, 1))
    return np.rint(scaled, out=scaled).astype(np.int8)


def unit_halves(vectors: npt.NDArray[np.float32]) -> Wide:
    """float16 vectors of length 1; a vector of zeros stays one."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float16)


def check_block(ids: Ids, matrix: Matrix, dims: int, last: int | None) -> None:
    if matrix.dtype != np.int8 or matrix.shape != (len(ids), dims):
        raise ValueError(f"{len(ids)} vectors of {dims} expected, not {matrix.dtype}{matrix.shape}")
    if len(ids) and ((last is not None and int(ids[0]) <= last) or bool((np.diff(ids) <= 0).any())):
        raise ValueError("ids must ascend")


class _Best:
    """The highest values seen so far, with where they were; of equal ones those seen first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._floor = -np.inf
        self._rows: list[npt.NDArray[np.int64]] = []
        self._values: list[npt.NDArray[np.float64]] = []
        self._held = 0

    def add(self, start: int, values: npt.NDArray[np.float64]) -> None:
        """The values of rows from `start` on; -inf is never taken."""
        rows = np.flatnonzero(values > self._floor)
        if not len(rows):
            return
        self._rows.append(rows + start)
        self._values.append(values[rows])
        self._held += len(rows)
        if self._held > 2 * self._limit:
            self._cut()

    def _cut(self) -> None:
        rows, values = np.concatenate(self._rows), np.concatenate(self._values)
        if len(rows) > self._limit > 0:
            # Rows stay in ascending order here, so that ties at the edge keep the first.
            edge = np.partition(values, len(values) - self._limit)[len(values) - self._limit]
            above = np.flatnonzero(values > edge)
            level = np.flatnonzero(values == edge)[: self._limit - len(above)]
            keep = np.sort(np.concatenate([above, level]))
            rows, values = rows[keep], values[keep]
            self._floor = float(edge)
        self._rows, self._values, self._held = [rows], [values], len(rows)

    def result(self) -> Found:
        if not self._rows or self._limit <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        self._cut()
        order = np.lexsort((self._rows[0], -self._values[0]))
        return self._rows[0][order], self._values[0][order]
