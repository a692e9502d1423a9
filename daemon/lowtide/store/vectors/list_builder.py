"""Builds a list segment from float vectors that come in blocks.

Invariant: memory is one matrix of the segment's own element type, and a few blocks; `predict_list_bytes` says how much.
Invariant: whatever is raised on the way leaves no file under the final name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.errors import StoreError
from lowtide.store.rows import Segment
from lowtide.store.segment_file import SegmentKind, SegmentWriter
from lowtide.store.vectors.clusters import SAMPLE_ROWS, Centres, find_centres
from lowtide.store.vectors.list_segment import ROWS_A_LIST, Element
from lowtide.store.vectors.scan import Ids, Matrix, inverse_norms, scaled_to_int8, unit_halves
from lowtide.store.vectors.sign_codes import code_bytes, sign_codes

Floats = npt.NDArray[np.float32]
Stored = npt.NDArray[np.int8] | npt.NDArray[np.float16]

BLOCK_ROWS = 1_024
MOST_LISTS = 1_024
_FIXED_BYTES = 4 << 20


class Stages(msgspec.Struct):
    """Seconds of CPU that building a segment took, by what it did; and of the clock for writing it."""

    seconds: dict[str, float] = msgspec.field(default_factory=dict)
    write_s: float = 0.0
    _since: float = msgspec.field(default_factory=time.process_time)
    _clock: float = msgspec.field(default_factory=time.monotonic)

    def end(self, name: str) -> None:
        """What was done since the last call was `name`."""
        now, clock = time.process_time(), time.monotonic()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        if name == "write":
            self.write_s += clock - self._clock
        self._since, self._clock = now, clock


def list_count(count: int) -> int:
    """How many lists a segment of `count` vectors gets."""
    return min(MOST_LISTS, max(1, count // ROWS_A_LIST))


def predict_list_bytes(count: int, dims: int, element: Element, held_bytes: int = 0, block_bytes: int = 0) -> int:
    """The anonymous memory that building needs at its peak, beyond what the process has already.

    The matrix, numbers for each row, and what the source holds (`held_bytes`); beside that the largest of the moments
    on the way: a block is read (`block_bytes`) or scaled, centres are sought (a sample; their sums in floats, and what
    rounding them takes), codes are made (the mixing matrix, a block's products).
    """
    sample = SAMPLE_ROWS * list_count(count)
    scaling = BLOCK_ROWS * dims * 14
    seeking = min(count, sample) * dims + list_count(count) * dims * 14
    mixing = code_bytes(dims) * 8 * dims * 2 + BLOCK_ROWS * (code_bytes(dims) * 8 * 5 + 3 * dims)
    return (
        count * (dims * element.size_bytes + 40)
        + held_bytes
        + max(block_bytes, scaling, seeking, mixing)
        + _FIXED_BYTES
    )


def list_file_bytes(count: int, dims: int, element: Element) -> int:
    """The size of the file."""
    return count * (dims * element.size_bytes + code_bytes(dims) + 24) + list_count(count) * (dims + 8) + 2048


def build_lists(
    path: Path,
    blocks: Iterable[tuple[Ids, Floats]],
    count: int,
    dims: int,
    element: Element,
    *,
    seed: int = 0,
    alive: Callable[[int], None] = lambda _: None,
    stages: Stages | None = None,
) -> Segment:
    """Write a list segment from blocks of (ids, float32[rows, dims]), `count` rows in all, ids ascending.

    `alive` is called often, with the number of rows read; whatever it raises ends the work, with no file. Errors:
    StoreError for a number that is not finite and for the disk; ValueError when the blocks are not as was said.
    """
    stages = stages or Stages()
    matrix, ids = _read(blocks, count, dims, element, alive, stages)
    lists = list_count(count)
    random = np.random.default_rng(seed)
    picked = np.sort(random.choice(count, min(count, SAMPLE_ROWS * lists), replace=False))
    sample = np.empty((len(picked), dims), np.int8)
    for start in range(0, len(picked), BLOCK_ROWS):
        sample[start : start + BLOCK_ROWS] = _narrow(matrix[picked[start : start + BLOCK_ROWS]])
    centres = Centres(find_centres(sample, lists, seed, lambda: alive(count)))
    del sample
    stages.end("centres")
    nearest = np.empty(count, np.uint32)
    for start in range(0, count, BLOCK_ROWS):
        nearest[start : start + BLOCK_ROWS] = centres.nearest(_narrow(matrix[start : start + BLOCK_ROWS]))
    order = np.argsort(nearest, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(nearest, minlength=lists))))
    stages.end("assign")
    alive(count)
    with SegmentWriter(path, SegmentKind.LISTS, dims) as writer:
        norms = np.empty(count, np.float32)
        writer.begin("matrix")
        for start in range(0, count, BLOCK_ROWS):
            part = matrix[order[start : start + BLOCK_ROWS]]
            norms[start : start + len(part)] = _inverse_lengths(part)
            writer.write(part)
        stages.end("write")
        alive(count)
        writer.begin("codes")
        for start in range(0, count, BLOCK_ROWS):
            writer.write(sign_codes(_narrow(matrix[order[start : start + BLOCK_ROWS]])))
            alive(count)
        stages.end("codes")
        inverse = np.empty(count, np.uint32)
        inverse[order] = np.arange(count, dtype=np.uint32)
        writer.section("ids", ids[order].astype("<i8"))
        writer.section("norms", norms.astype("<f4"))
        writer.section("sorted", ids.astype("<i8"))
        writer.section("order", inverse.astype("<u4"))
        writer.section("centres", centres.matrix)
        writer.section("cnorms", inverse_norms(centres.matrix).astype("<f4"))
        writer.section("starts", starts.astype("<u4"))
        facts = writer.finish(count, int(ids[0]), int(ids[-1]))
    stages.end("write")
    return facts


def _read(
    blocks: Iterable[tuple[Ids, Floats]],
    count: int,
    dims: int,
    element: Element,
    alive: Callable[[int], None],
    stages: Stages,
) -> tuple[Stored, Ids]:
    """The vectors as they are stored, in the order of their ids."""
    matrix: Stored = (
        np.empty((count, dims), np.int8) if element is Element.INT8 else np.empty((count, dims), np.float16)
    )
    ids = np.empty(count, np.int64)
    done = 0
    for block_ids, vectors in blocks:
        stages.end("read")
        stop = done + len(block_ids)
        if stop > count or vectors.shape != (len(block_ids), dims):
            raise ValueError(f"{count} vectors of {dims} expected, not {vectors.shape} after {done}")
        if not np.isfinite(vectors.sum(axis=1, dtype=np.float64)).all():
            row = done + int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise StoreError(
                "the input cannot be stored",
                f"vector {row} of this part has a component that is no number",
                "mend or leave out that vector",
            )
        matrix[done:stop] = scaled_to_int8(vectors) if element is Element.INT8 else unit_halves(vectors)
        ids[done:stop] = block_ids
        done = stop
        stages.end("scale")
        alive(done)
    if done != count or bool((np.diff(ids) <= 0).any()):
        raise ValueError(f"{count} vectors with ascending ids expected, not {done}")
    return matrix, ids


def _narrow(vectors: Stored) -> Matrix:
    return vectors if vectors.dtype == np.int8 else scaled_to_int8(vectors.astype(np.float32))  # type: ignore[return-value]


def _inverse_lengths(vectors: Stored) -> npt.NDArray[np.float32]:
    if vectors.dtype == np.int8:
        return inverse_norms(vectors)  # type: ignore[arg-type]
    wide = vectors.astype(np.float32)
    squares = np.einsum("ij,ij->i", wide, wide)
    inverse: npt.NDArray[np.float32] = ((squares > 0) / np.sqrt(np.where(squares > 0, squares, 1))).astype(np.float32)
    return inverse
