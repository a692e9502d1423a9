"""Spherical k-means over int8 vectors: the centres of a list segment, and which of them a vector is nearest to.

Products are exact integers (`vectors.Panel`); a centre is the mean direction of its vectors, rounded to int8.
Source: I. S. Dhillon and D. S. Modha, "Concept decompositions for large sparse text data using clustering" (2001).

Invariant: the same vectors and the same seed give the same centres.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lowtide.store.vectors.scan import Matrix, inverse_norms, scaled_to_int8
from lowtide.store.vectors.vectors import Panel

SAMPLE_ROWS = 32
"""Vectors looked at for each centre while the centres are sought."""
ROUNDS = 6
_BLOCK_ROWS = 1_024


class Centres:
    """Finds the nearest centre of vectors."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self._panel = Panel(matrix)
        self._inverse_norms = inverse_norms(matrix)

    def nearest(self, vectors: Matrix) -> npt.NDArray[np.uint32]:
        """The number of each vector's centre."""
        out = np.empty(len(vectors), np.uint32)
        for start in range(0, len(vectors), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            out[block] = (self._panel.dots(vectors[block]) * self._inverse_norms).argmax(axis=1)
        return out


def in_a_row(centres: Matrix) -> Matrix:
    """The same centres, each followed by the nearest of those left: lists that are searched together then lie
    together."""
    near = Panel(centres).dots(centres) * inverse_norms(centres)
    order, left = [0], np.ones(len(centres), np.bool_)
    while len(order) < len(centres):
        left[order[-1]] = False
        order.append(int(np.where(left, near[order[-1]], -np.inf).argmax()))
    return centres[order]


def find_centres(sample: Matrix, count: int, seed: int, alive: Callable[[], None] = lambda: None) -> Matrix:
    """`count` int8 centres of a sample of at least as many vectors. `alive` is called after each round."""
    random = np.random.default_rng(seed)
    centres = sample[np.sort(random.choice(len(sample), count, replace=False))]
    for _ in range(ROUNDS):
        of = Centres(centres).nearest(sample)
        order = np.argsort(of, kind="stable")
        sums = np.zeros((count, sample.shape[1]), np.float32)
        edges = np.concatenate(([0], np.flatnonzero(np.diff(of[order])) + 1, [len(order)]))
        for start, stop in pairwise(edges.tolist()):
            # Lengths are as good as equal: each vector is scaled by its largest component.
            sums[of[order[start]]] = sample[order[start:stop]].sum(axis=0, dtype=np.int32)
        empty = ~sums.any(axis=1)
        if empty.any():  # a centre that nobody is near to begins anew somewhere
            sums[empty] = sample[random.choice(len(sample), int(empty.sum()))]
        centres = scaled_to_int8(sums)
        alive()
    return in_a_row(centres)
