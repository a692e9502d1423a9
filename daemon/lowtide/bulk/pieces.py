"""Builds one piece of a bulk store, and finds the true nearest of one, inside a worker.

Invariant: reads a source and writes files; knows nothing of the manifest.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple

from lowtide import wire
from lowtide.bulk.sources import BLOCK_ROWS, VectorSource, open_source
from lowtide.store.durable import TEMPORARY_SUFFIX
from lowtide.store.vectors.list_builder import Floats, Stages, build_lists
from lowtide.store.vectors.list_segment import Element
from lowtide.store.vectors.scan import Ids
from lowtide.store.vectors.vectors import Panel

TRUE_COUNT = 100
"""How many true nearest are kept of each query."""


def build(task: wire.PieceTask, alive: Callable[[int], None]) -> wire.Done:
    """Build `task.target` from rows `first` to `stop` of the source; `segment` holds the facts for the manifest."""
    cpu, stages = time.process_time(), Stages()
    source = open_source(task.source)
    facts = build_lists(
        Path(task.folder) / task.target,
        _blocks(source, task.first, task.stop),
        task.stop - task.first,
        source.dims,
        Element(task.element),
        seed=task.first,
        alive=alive,
        stages=stages,
    )
    figures = {f"cpu {name}": seconds for name, seconds in stages.seconds.items()} | {"wall write": stages.write_s}
    return wire.Done([], b"", [], 0, time.process_time() - cpu, segment=astuple(facts), figures=figures)


def find_truth(task: wire.TruthTask, alive: Callable[[int], None]) -> wire.Done:
    """Compare every row with every query in float32, and write what is nearest to `task.target` (.npz):

    `ids`, `cosines` (queries, TRUE_COUNT): the nearest by cosine. `bit_ids`, `bit_products`: the ten nearest by the
    plain signs of the components, which is how hard the data is. `sums`: the sum of each query's cosines.
    """
    cpu = time.process_time()
    source = open_source(task.source)
    queries = _unit(source.queries(task.query_count))
    signs = Panel(_signs(queries))
    near, bits = _Nearest(len(queries), TRUE_COUNT), _Nearest(len(queries), 10)
    sums = np.zeros(len(queries))
    for ids, vectors in _blocks(source, task.first, task.stop):
        unit = _unit(vectors)
        cosines = queries @ unit.T
        sums += cosines.sum(axis=1)
        near.add(ids, cosines)
        bits.add(ids, signs.dots(_signs(unit)).T.astype(np.float32))
        alive(int(ids[-1]) + 1 - task.first)
    path = Path(task.target)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    with temporary.open("wb") as file:
        np.savez(file, ids=near.ids, cosines=near.values, bit_ids=bits.ids, bit_products=bits.values, sums=sums)
    os.replace(temporary, path)
    return wire.Done([], b"", [], 0, time.process_time() - cpu)


class _Nearest:
    """The highest values of each query so far, with their ids, best first."""

    def __init__(self, queries: int, limit: int) -> None:
        self.ids: Ids = np.full((queries, limit), -1, np.int64)
        self.values: Floats = np.full((queries, limit), -np.inf, np.float32)

    def add(self, ids: Ids, values: Floats) -> None:
        """Values (queries, ids) of more ids."""
        # Seldom more than a few of a block come into question: only those are sorted.
        for query in np.flatnonzero((values > self.values[:, -1:]).any(axis=1)):
            better = np.flatnonzero(values[query] > self.values[query, -1])
            all_values = np.concatenate([self.values[query], values[query, better]])
            all_ids = np.concatenate([self.ids[query], ids[better]])
            order = np.argsort(-all_values, kind="stable")[: self.values.shape[1]]
            self.values[query], self.ids[query] = all_values[order], all_ids[order]


def _blocks(source: VectorSource, first: int, stop: int) -> Iterator[tuple[Ids, Floats]]:
    for start in range(first, stop, BLOCK_ROWS):
        end = min(stop, start + BLOCK_ROWS)
        yield np.arange(start, end), source.read(start, end)


def _unit(vectors: Floats) -> Floats:
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    lengths[lengths == 0] = 1
    unit: Floats = vectors / lengths
    return unit


def _signs(vectors: Floats) -> npt.NDArray[np.int8]:
    return np.where(vectors > 0, np.int8(1), np.int8(-1))
