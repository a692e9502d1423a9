"""Distances between int8 vectors, and graphs of them: the only module that imports numkong and usearch.

Invariant: a graph is built once, saved once, and from then on only viewed in our own read-only map: no key lookups,
no removal, no rename, no save over a view, no `Indexes` (each of these ends the process or gives wrong answers).
Invariant: a process that has used a graph never runs a model afterwards (see `_usearch`).
Invariant: what usearch raises leaves as GraphError. It does not notice damage: callers check a checksum first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numkong
import numpy as np
import numpy.typing as npt

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 2_048
"""Candidates that all graphs of an index look at together. Questions in plain words lie outside the cloud of code and
need far more than code does: of 225,000 vectors 256 find 90 % of the true ten, 1,024 97 %, 2,048 99 %."""
LEAST_EXPANSION = 256
"""Of one graph, however many there are."""


def _usearch() -> Any:
    """usearch, imported only where there are graphs: it costs memory, and `onnxruntime` imported after it ends the
    process.

    After numkong, too: the other way round ends the process when `simsimd` is installed.
    """
    import usearch.index

    return usearch.index


class GraphError(Exception):
    """usearch could not do what it was asked; the owner of the file says what that means."""


def dots(matrix: npt.NDArray[Any], vector: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The dot product of each row with `vector`, both int8 (exact) or both float16. About 23 ns a row of 256."""
    products: npt.NDArray[np.float64] = np.asarray(numkong.dot(matrix, vector))
    return products


class Panel:
    """Some int8 vectors made ready for many products with them: rows on the one side, these on the other.

    Uses the processor's integer matrix units where it has them (AMX: 430 products of 1,536 in a microsecond).
    """

    def __init__(self, vectors: npt.NDArray[np.int8]) -> None:
        self._packed = numkong.dots_pack(np.ascontiguousarray(vectors))

    def dots(self, matrix: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
        """int32 (rows, vectors), exact."""
        products: npt.NDArray[np.int32] = np.asarray(numkong.dots_packed(np.ascontiguousarray(matrix), self._packed))
        return products


class Graph:
    """A graph viewed in `buffer`, which must stay mapped; keeps a reference to it. GraphError when it is none."""

    def __init__(self, buffer: npt.NDArray[np.uint8], count: int, dims: int) -> None:
        self._buffer = buffer
        try:
            index = _usearch().Index.restore(buffer, view=True, enable_key_lookups=False)
        except Exception as error:
            raise GraphError(str(error)) from error
        if index is None or len(index) != count or index.ndim != dims:
            raise GraphError("the graph inside is not the one that was written")
        self._index = index

    def search(self, vector: npt.NDArray[np.int8], limit: int) -> npt.NDArray[np.int64]:
        """The rows that the graph finds nearest, in no promised order. It looks at as many candidates as it gives."""
        try:
            keys: npt.NDArray[np.uint64] = self._index.search(vector, limit, threads=1).keys
        except Exception as error:
            raise GraphError(str(error)) from error
        return keys.astype(np.int64)


class GraphBuilder:
    """A graph in memory, filled row by row and saved once."""

    def __init__(self, dims: int) -> None:
        self._count = 0
        library = _usearch()
        self._index: Any = library.Index(
            ndim=dims,
            metric=library.MetricKind.Cos,
            dtype=library.ScalarKind.I8,
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            enable_key_lookups=False,
        )

    def __len__(self) -> int:
        return self._count

    def add(self, matrix: npt.NDArray[np.int8]) -> None:
        """Add rows, numbered on. One thread, so that slots come in the order of rows.

        No progress callback: an exception in it, and Ctrl-C is one, ends the process. Callers add a few at a time.
        """
        keys = np.arange(self._count, self._count + len(matrix), dtype=np.uint64)
        try:
            self._index.add(keys, matrix, threads=1)
        except Exception as error:
            if "terminated" in str(error):
                # usearch looks for signals itself, and swallows the exception that their handler raised.
                raise KeyboardInterrupt from error
            raise GraphError(str(error)) from error
        self._count += len(matrix)

    def save(self, path: Path) -> int:
        """Write the graph to a new file; returns the bytes it should have, for usearch does not notice a short
        write."""
        try:
            self._index.save(os.fspath(path))
            return int(self._index.serialized_length)
        except Exception as error:
            raise GraphError(str(error)) from error


def predict_graph_bytes(count: int, dims: int) -> int:
    """The anonymous memory that building a graph needs at its peak, beyond what the process has already.

    The vector, 128 bytes of links, and what the allocator and usearch's tables add (measured: dims + 215 to 240 a
    vector); usearch itself and its first blocks.
    """
    return count * (dims + 230) + (8 << 20)


def untouched_graph_bytes(count: int, dims: int) -> int:
    """What usearch maps for that and does not write to, at most: each of its blocks is as large as all before it."""
    return count * (dims + 230) + (16 << 20)


def viewed_graph_bytes(count: int) -> int:
    """The anonymous memory that an open graph needs: pointers to its nodes and vectors."""
    return 16 * count
