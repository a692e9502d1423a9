"""Where very many vectors come from: a file of floats, or test data made from a seed. Read in workers, in blocks.

Test data (`ClusteredSource`) imitates embeddings of text. A vector is a mean direction, plus a point of a space of 384
directions whose strengths fall off as embeddings' do, plus noise in all directions. The points gather around 640 topics
of very unequal size, each with 16 subtopics, and stray from their subtopic by amounts that differ from vector to
vector. Queries are new points, further from their subtopic and all shifted to one side, as questions are from
documents.

Invariant: row n of a source is the same whenever and in whatever blocks it is read; queries are none of the rows.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import asdict

from lowtide.errors import PathError, UsageError

Floats = npt.NDArray[np.float32]

BLOCK_ROWS = 1_024
_LATENT = 384
_TOPICS = 640
_SUBTOPICS = 16


class VectorSource(Protocol):
    """Float vectors by row number."""

    @property
    def count(self) -> int: ...
    @property
    def dims(self) -> int: ...
    @property
    def held_bytes(self) -> int:
        """Anonymous memory that the source takes from its first block on."""
        ...

    @property
    def block_bytes(self) -> int:
        """What it takes beside that while it reads a block."""
        ...

    def read(self, start: int, stop: int) -> Floats:
        """Rows start to stop: float32 (stop - start, dims). At most BLOCK_ROWS at a time."""
        ...

    def queries(self, count: int) -> Floats:
        """Vectors to ask for, which are none of the rows."""
        ...

    def spec(self) -> str:
        """What `open_source` opens again, in another process."""
        ...


class ClusteredSource(msgspec.Struct, frozen=True, dict=True):
    """Test data; see the module."""

    count: int
    dims: int
    seed: int = 1

    @property
    def held_bytes(self) -> int:
        """The topics and the directions."""
        latent = min(_LATENT, self.dims)
        return latent * (_TOPICS * _SUBTOPICS + self.dims) * 4

    @property
    def block_bytes(self) -> int:
        """A block, its noise, its copy, and its points."""
        return BLOCK_ROWS * (self.dims * 12 + min(_LATENT, self.dims) * 8)

    def read(self, start: int, stop: int) -> Floats:
        out = np.empty((stop - start, self.dims), np.float32)
        done = start
        while done < stop:
            number, skip = divmod(done, BLOCK_ROWS)
            rows = self._world.draw(_generator(self.seed, 2, number), BLOCK_ROWS, 1.0, 0.0)[skip : skip + stop - done]
            out[done - start : done - start + len(rows)] = rows
            done += len(rows)
        return out

    def queries(self, count: int) -> Floats:
        return self._world.draw(_generator(self.seed, 3, 0), count, 1.1, 0.5)

    def spec(self) -> str:
        return json.dumps({"kind": "clustered", "count": self.count, "dims": self.dims, "seed": self.seed})

    @cached_property
    def _world(self) -> _World:
        return _World(self.dims, _generator(self.seed, 1, 0))


class _World:
    """The directions, topics and means of test data."""

    def __init__(self, dims: int, random: np.random.Generator) -> None:
        latent = min(_LATENT, dims)
        axes, _ = np.linalg.qr(random.standard_normal((dims, latent), dtype=np.float32))
        strength = (np.arange(1, latent + 1) ** -0.6).astype(np.float32)
        strength /= np.sqrt((strength**2).mean())
        self._axes = np.ascontiguousarray((axes * strength).T)
        points = random.standard_normal((_TOPICS * _SUBTOPICS, latent), dtype=np.float32)
        points *= np.float32(0.7)
        points.reshape(_TOPICS, _SUBTOPICS, latent)[...] += np.float32(0.8) * random.standard_normal(
            (_TOPICS, 1, latent), dtype=np.float32
        )
        self._points = points
        sizes = np.outer(np.arange(1, _TOPICS + 1) ** -0.8, np.arange(1, _SUBTOPICS + 1) ** -0.7).ravel()
        self._shares = np.cumsum(sizes / sizes.sum())
        length = np.sqrt(latent)
        self._mean = (0.54 * length * _direction(random, dims)).astype(np.float32)
        self._shift = (length * _direction(random, dims)).astype(np.float32)
        self._noise = np.float32(0.8 * np.sqrt(latent / dims))

    def draw(self, random: np.random.Generator, count: int, spread: float, shift: float) -> Floats:
        """New vectors: float32 (count, dims)."""
        topic = np.minimum(np.searchsorted(self._shares, random.random(count)), len(self._points) - 1)
        points = random.standard_normal((count, self._points.shape[1]), dtype=np.float32)
        points *= (spread * np.exp(0.35 * random.standard_normal(count))).astype(np.float32)[:, None]
        points += self._points[topic]
        vectors: Floats = points @ self._axes
        noise = random.standard_normal(vectors.shape, dtype=np.float32)
        noise *= self._noise
        vectors += noise
        vectors += self._mean + np.float32(shift) * self._shift
        return vectors


def _generator(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(list(key)))


def _direction(random: np.random.Generator, dims: int) -> npt.NDArray[np.float64]:
    direction = random.standard_normal(dims)
    unit: npt.NDArray[np.float64] = direction / np.linalg.norm(direction)
    return unit


class FileSource(msgspec.Struct, frozen=True):
    """The rows of a `.npy` file of floats, less those at its end that are kept back as queries.

    `state` is the file's size and time: a file that was changed is another source.
    """

    path: str
    count: int
    dims: int
    dtype: str
    offset: int
    state: tuple[int, int]

    @classmethod
    def at(cls, path: Path, held_out: int) -> FileSource:
        """Open a file. PathError when there is none; UsageError when it is no matrix of floats, or too short."""
        try:
            with path.open("rb") as file:
                shape, is_fortran, dtype, offset = _npy_header(file)
            stat = path.stat()
        except OSError as error:
            raise PathError(f"cannot read {path}", error.strerror or str(error), "check the path") from error
        except ValueError as error:
            raise UsageError(f"{path} is no .npy file", str(error), "write one with numpy.save") from error
        if len(shape) != 2 or is_fortran or dtype.kind != "f" or dtype.itemsize > 8 or not shape[1]:
            raise UsageError(
                f"{path} holds {dtype}{list(shape)}",
                "a matrix of floats is needed, a row a vector, in C order",
                "write it with numpy.save(path, numpy.ascontiguousarray(matrix, numpy.float32))",
            )
        if shape[0] <= held_out or stat.st_size < offset + shape[0] * shape[1] * dtype.itemsize:
            raise UsageError(f"{path} has too few vectors", f"{shape[0]}, {held_out} are kept back as queries")
        return cls(
            os.path.abspath(path), shape[0] - held_out, shape[1], dtype.str, offset, (stat.st_size, stat.st_mtime_ns)
        )

    @property
    def held_bytes(self) -> int:
        return 0

    @property
    def block_bytes(self) -> int:
        return BLOCK_ROWS * self.dims * (4 + np.dtype(self.dtype).itemsize)

    def read(self, start: int, stop: int) -> Floats:
        dtype = np.dtype(self.dtype)
        stat = os.stat(self.path)
        if (stat.st_size, stat.st_mtime_ns) != tuple(self.state):
            raise UsageError(f"{self.path} was changed while it was read", "", "run the command again")
        # Read, not mapped: only this block is in memory, whatever the size of the file.
        values = np.fromfile(
            self.path, dtype, (stop - start) * self.dims, offset=self.offset + start * self.dims * dtype.itemsize
        )
        return values.reshape(stop - start, self.dims).astype(np.float32, copy=False)

    def queries(self, count: int) -> Floats:
        return self.read(self.count, self.count + count)

    def spec(self) -> str:
        return json.dumps({"kind": "npy", **asdict(self)})


def open_source(spec: str) -> VectorSource:
    """The source that `spec` tells of."""
    values: dict[str, Any] = json.loads(spec)
    kind = values.pop("kind")
    if kind == "clustered":
        return ClusteredSource(**values)
    return FileSource(**{**values, "state": tuple(values["state"])})


def _npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(file)
    return shape, is_fortran, dtype, file.tell()
