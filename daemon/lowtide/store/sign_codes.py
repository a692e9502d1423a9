"""Sign codes: one bit a component, to choose what is compared exactly.

A vector is mixed as for a sketch (`sketch.py`: fixed random signs, then a Walsh-Hadamard transform), and each component
becomes the bit that says whether it is above zero. The Hamming distance of two codes orders vectors nearly as their angle
does: the more components, the better. At 1,536 dimensions the code has 2,048 bits, 256 bytes.
Source: M. Charikar, "Similarity estimation techniques from rounding algorithms" (2002).

Invariant: integers only, so a code is the same on every machine; the signs are fixed for ever (they are in files).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from lowtide.store.sketch import mixed, padded_dims, sketch_signs
from lowtide.store.vectors import Panel

Codes = npt.NDArray[np.uint8]

_BLOCK_ROWS = 512
_LEAST_BYTES = 8
_FEW_ROWS = 8
CODE_ROWS = 1_024
"""Codes compared at once: 256 KiB of them, which stay in the cache."""


def code_bytes(dims: int) -> int:
    """The bytes of one code: 256 for 1,536 components."""
    return max(_LEAST_BYTES, padded_dims(dims) // 8)


def sign_codes(matrix: npt.NDArray[np.int8]) -> Codes:
    """(rows, code_bytes) of an int8 matrix of vectors; their lengths do not matter. About 15 µs a row of 1,536."""
    rows, dims = matrix.shape
    out = np.zeros((rows, code_bytes(dims)), np.uint8)
    width = padded_dims(dims) // 8
    if rows <= _FEW_ROWS:  # a query: the same bits without the matrix
        out[:, :width] = np.packbits(mixed(matrix) > 0, axis=0).T
        return out
    panel = _mixer(dims)
    for start in range(0, rows, _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        out[block, :width] = np.packbits(panel.dots(matrix[block]) > 0, axis=1)
    return out


class CodeDistances:
    """How far codes are from one, in bits. About 35 ns a code of 256 bytes."""

    def __init__(self, code: Codes) -> None:
        self._code = np.repeat(code.view(np.uint64)[None], CODE_ROWS, axis=0)
        self._taken = np.empty((CODE_ROWS, len(code)), np.uint8)
        self._bits = np.empty(self._code.shape, np.uint64)
        self._counts = np.empty(self._code.shape, np.uint8)
        self._floats = np.empty(self._code.shape, np.float32)
        self._ones = np.ones(self._code.shape[1], np.float32)

    def to(self, codes: Codes, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The distances of some rows of `codes`."""
        out = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), CODE_ROWS):
            part = rows[start : start + CODE_ROWS]
            size = len(part)
            if int(part[-1]) - int(part[0]) == size - 1:  # neighbours: nothing to gather
                taken = codes[int(part[0]) : int(part[0]) + size]
            else:
                taken = self._taken[:size]
                codes.take(part, axis=0, out=taken, mode="clip")
            bits, counts, floats = self._bits[:size], self._counts[:size], self._floats[:size]
            np.bitwise_xor(taken.view(np.uint64), self._code[:size], out=bits)
            np.bitwise_count(bits, out=counts)
            floats[...] = counts
            np.dot(floats, self._ones, out=out[start : start + size])
        return out


@lru_cache(maxsize=2)
def _mixer(dims: int) -> Panel:
    """Signs and transform as one matrix of ±1: with integer matrix units faster than the transform in steps."""
    width = padded_dims(dims)
    transform = np.ones((1, 1), np.int8)
    while len(transform) < width:
        transform = np.block([[transform, transform], [transform, -transform]])
    return Panel(transform[:, :dims] * sketch_signs(dims))
