"""Sign codes: one bit a component, to choose what is compared exactly.

A vector is mixed as for a sketch (`sketch.py`: fixed random signs, then a Walsh-Hadamard transform), and as many of the
results as it has components become the bits that say whether they are above zero. The Hamming distance of two codes
orders vectors nearly as their angle does: the more components, the better. At 1,536 dimensions a code has 192 bytes.
Source: M. Charikar, "Similarity estimation techniques from rounding algorithms" (2002).

Invariant: integers only, so a code is the same on every machine; the signs are fixed for ever (they are in files).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from lowtide.store.vectors.sketch import mixed, padded_dims, sketch_signs
from lowtide.store.vectors.vectors import Panel

Codes = npt.NDArray[np.uint8]

_BLOCK_ROWS = 512
_WORD_BYTES = 8
_FEW_ROWS = 8
CODE_ROWS = 1_024
"""Codes compared at once: 192 KiB of them, which stay in the cache."""


def code_bytes(dims: int) -> int:
    """The bytes of one code, in words of eight: 192 for 1,536 components."""
    return -(-dims // 64) * _WORD_BYTES


def _bits(dims: int) -> int:
    """How many results of the transform become bits; the rest of the last word is zero."""
    return min(padded_dims(dims), 8 * code_bytes(dims))


def sign_codes(matrix: npt.NDArray[np.int8]) -> Codes:
    """(rows, code_bytes) of an int8 matrix of vectors; their lengths do not matter. About 15 µs a row of 1,536."""
    rows, dims = matrix.shape
    out = np.zeros((rows, code_bytes(dims)), np.uint8)
    bits = _bits(dims)
    if rows <= _FEW_ROWS:  # a query: the same bits without the matrix
        out[:, : bits // 8] = np.packbits(mixed(matrix)[:bits] > 0, axis=0).T
        return out
    panel = _mixer(dims)
    for start in range(0, rows, _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        out[block, : bits // 8] = np.packbits(panel.dots(matrix[block]) > 0, axis=1)
    return out


class CodeDistances:
    """How far codes are from one, in bits. About 20 ns a code of 192 bytes."""

    def __init__(self, code: Codes) -> None:
        self._code = np.repeat(code.view(np.uint64)[None], CODE_ROWS, axis=0)
        self._bits = np.empty(self._code.shape, np.uint64)
        self._counts = np.empty(self._code.shape, np.uint8)
        self._floats = np.empty(self._code.shape, np.float32)
        self._ones = np.ones(self._code.shape[1], np.float32)

    def to(self, codes: Codes, runs: Iterable[tuple[int, int]]) -> npt.NDArray[np.float32]:
        """The distances of some runs of rows (from, to), one after the other."""
        parts: list[npt.NDArray[np.float32]] = []
        words, held = codes.view(np.uint64), 0
        for start, stop in runs:
            while start < stop:
                # Straight from the file into a block, which is counted as a whole: runs are short.
                size = min(stop - start, CODE_ROWS - held)
                np.bitwise_xor(words[start : start + size], self._code[:size], out=self._bits[held : held + size])
                start, held = start + size, held + size
                if held == CODE_ROWS:
                    parts.append(self._count(held))
                    held = 0
        parts.append(self._count(held))
        return np.concatenate(parts)

    def _count(self, rows: int) -> npt.NDArray[np.float32]:
        counts, floats = self._counts[:rows], self._floats[:rows]
        np.bitwise_count(self._bits[:rows], out=counts)
        floats[...] = counts  # a product of floats adds them up faster than numpy's own sum
        total: npt.NDArray[np.float32] = np.dot(floats, self._ones)
        return total


@lru_cache(maxsize=2)
def _mixer(dims: int) -> Panel:
    """Signs and transform as one matrix of ±1: with integer matrix units faster than the transform in steps."""
    width = padded_dims(dims)
    transform = np.ones((1, 1), np.int8)
    while len(transform) < width:
        transform = np.block([[transform, transform], [transform, -transform]])
    return Panel(transform[: _bits(dims), :dims] * sketch_signs(dims))
