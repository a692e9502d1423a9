"""Sketches: vectors boiled down to 2 bits a component, so that a scan reads a quarter of the bytes.

A vector is mixed by random signs and a Walsh-Hadamard transform, which spreads what a few components carry over all of
them; then each component becomes 11, 01 or 00 as it lies above, between or below two thresholds at ±0.55 of the mean
magnitude. The Hamming distance of two sketches orders vectors nearly as the cosine does: of the 10 nearest of 400,944
chunks of Linux to a question in English, 99.6 % are among the 4,096 nearest sketches (bench/vectors.py).
Source: A. Charikar, "Similarity estimation techniques from rounding algorithms" (2002); the mixing after Ailon and
Chazelle (2006); the third level is ours.

Invariant: integers only, so a sketch is the same on every machine; the signs are fixed for ever (they are in files).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

_BLOCK_ROWS = 512
_SEED = b"lowtide sketch 1"
_EVEN_BYTES, _ONE_BYTE = np.uint64(0x00FF00FF00FF00FF), np.uint64(8)
_SUM, _TOP = np.uint64(0x0001000100010001), np.uint64(48)


def sketch_bytes(dims: int) -> int:
    """The bytes of one sketch: 64 for 256 components."""
    return 2 * padded_dims(dims) // 8


def sketches(matrix: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """(rows, sketch_bytes) of an int8 matrix of vectors; their lengths do not matter. About 1 µs a row of 256."""
    rows, dims = matrix.shape
    out = np.empty((rows, sketch_bytes(dims)), np.uint8)
    for start in range(0, rows, _BLOCK_ROWS):
        spread = mixed(matrix[start : start + _BLOCK_ROWS])
        threshold = np.abs(spread).sum(axis=0, dtype=np.int64) * 11 // (20 * len(spread))
        limit = threshold.astype(spread.dtype)
        out[start : start + spread.shape[1]] = np.packbits(np.concatenate([spread > limit, spread > -limit]), axis=0).T
    return out


class SketchDistances:
    """How far sketches are from one, in bits, block by block. About 8 ns a sketch of 64 bytes.

    Plain numpy, with the one sketch repeated and its buffers kept: three times as fast as numkong's `hamming` where
    both were measured.
    """

    def __init__(self, code: npt.NDArray[np.uint8], block_rows: int) -> None:
        words = len(code) // 8
        self._code = np.repeat(code.view(np.uint64)[None], block_rows, axis=0)
        self._bits = np.empty((block_rows, words), np.uint64)
        # Rounded up to eight counts, a word of them, which stay zero.
        self._counts = np.zeros((block_rows, -(-words // 8) * 8), np.uint8)
        self._odd = np.empty((block_rows, self._counts.shape[1] // 8), np.uint64)
        self._even = np.empty_like(self._odd)

    def to(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """The distance of each row, of at most `block_rows`; the next call writes over the answer."""
        rows = len(codes)
        bits, counts, odd, even = self._bits[:rows], self._counts[:rows], self._odd[:rows], self._even[:rows]
        np.bitwise_xor(codes.view(np.uint64), self._code[:rows], out=bits)
        np.bitwise_count(bits, out=counts[:, : bits.shape[1]])
        # Eight counts of at most 64 in a word: added in pairs, then by one multiplication, whose top 16 bits are the
        # sum.
        packed = counts.view(np.uint64)
        np.right_shift(packed, _ONE_BYTE, out=odd)
        odd &= _EVEN_BYTES
        np.bitwise_and(packed, _EVEN_BYTES, out=even)
        odd += even
        odd *= _SUM
        odd >>= _TOP
        sums = odd.view(np.int64)
        return sums[:, 0] if sums.shape[1] == 1 else sums.sum(axis=1)


def padded_dims(dims: int) -> int:
    """The next power of two, at least 32, so that a sketch is made of whole 64-bit words."""
    return 1 << max(5, (dims - 1).bit_length())


@lru_cache(maxsize=4)
def sketch_signs(dims: int) -> npt.NDArray[np.int8]:
    """1 or -1 a component, drawn once and fixed for ever."""
    bits = np.unpackbits(np.frombuffer(hashlib.shake_128(_SEED).digest((dims + 7) // 8), np.uint8))[:dims]
    return (1 - 2 * bits.astype(np.int8)).astype(np.int8)


def mixed(matrix: npt.NDArray[np.int8]) -> npt.NDArray[np.int16] | npt.NDArray[np.int32]:
    """(components, rows): signs, then the transform, in whole numbers (127 times 256 still fits 16 bits).

    Components come first, so that each step adds and subtracts whole runs of memory.
    """
    rows, dims = matrix.shape
    width = padded_dims(dims)
    out = np.zeros((width, rows), np.int16 if width <= 256 else np.int32)
    np.multiply(matrix.T, sketch_signs(dims)[:, None], out=out[:dims], dtype=out.dtype)
    half = 1
    while half < width:
        pairs = out.reshape(width // (2 * half), 2, half * rows)
        first, second = pairs[:, 0], pairs[:, 1]
        difference = first - second
        first += second
        second[...] = difference
        half *= 2
    return out
