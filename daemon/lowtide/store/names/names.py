"""Segments of symbol names, and the names that are in no segment yet.

Invariant: a segment is a cache of the catalog's symbols: damaged, it is a miss; nothing of it is used unchecked.
Invariant: writing and merging take memory for a bounded number of names, whatever the size of the index.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import accumulate, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from lowtide.store.durable import TEMPORARY_SUFFIX, mapped_errors
from lowtide.store.names.name_rows import WIDTHS, Ids, Keep, NameRows, make_rows, merge_chunks, merge_rows
from lowtide.store.rows import Segment
from lowtide.store.segment_file import SegmentFile, SegmentKind, SegmentWriter

BLOCK_SYMBOLS = 2_048
"""Held as objects at a time; more of them leave holes in the allocator's memory."""
RUN_SYMBOLS = 16_384
"""Symbols made into rows at once; more go through runs on the disk."""
_SPOOLED = ("masks", "pairs", "lengths", "offsets", "ids", "kinds")


class NameSegment:
    """The names of a range of symbols, in a file. Errors: CorruptIndex when it is damaged or not `expected`."""

    def __init__(self, path: Path, expected: Segment | None = None) -> None:
        self._file = SegmentFile(path, SegmentKind.NAMES, expected)
        self.facts = self._file.facts
        file = self._file
        numbers = file.array("numbers", "<u4", (file.length("numbers") // 4,))
        counts, wide_count = numbers[: len(WIDTHS)].tolist(), (len(numbers) - len(WIDTHS) - 1) // 2
        names, symbols = sum(counts), self.facts.count
        places = list(accumulate((count * width for count, width in zip(counts, WIDTHS, strict=True)), initial=0))
        matrix = file.array("matrix", np.uint8, (places[-1],))
        self.rows = NameRows(
            self.facts.first_id,
            tuple(
                matrix[start : start + count * width].reshape(count, width)
                for start, count, width in zip(places, counts, WIDTHS, strict=False)
            ),
            file.array("masks", "<u8", (names,)),
            file.array("pairs", "<u8", (names,)),
            file.array("lengths", np.uint8, (names,)),
            file.array("offsets", "<u4", (names + 1,)),
            file.array("ids", "<u4", (symbols,)),
            file.array("kinds", np.uint8, (symbols,)),
            numbers[len(WIDTHS) : len(WIDTHS) + wide_count],
            numbers[len(WIDTHS) + wide_count :],
            file.array("wide", np.uint8, (file.length("wide"),)),
        )
        self.anonymous_bytes = 0
        """What the segment costs the budget while it is open: everything is mapped."""

    @property
    def is_as_opened(self) -> bool:
        """Whether its file is still the one that was checked."""
        return self._file.is_as_opened

    def release(self) -> None:
        """Give the mapped pages back to the system; searching goes on and reads them again."""
        self._file.release()


class NameDelta:
    """Names of symbols that are in no file yet, in memory. One thread appends; `parts()` never changes afterwards."""

    def __init__(self) -> None:
        self._parts: tuple[NameRows, ...] = ()

    def __len__(self) -> int:
        return sum(len(part.ids) for part in self._parts)

    @property
    def anonymous_bytes(self) -> int:
        """What the rows take."""
        return sum(part.anonymous_bytes for part in self._parts)

    def append(self, symbols: Sequence[tuple[int, str, int]]) -> None:
        """Add (id, name, kind), ids ascending over calls; a part is merged into the one before unless that is much
        larger."""
        if not symbols:
            return
        parts = [*self._parts, make_rows(symbols)]
        while len(parts) > 1 and len(parts[-2].ids) < 2 * len(parts[-1].ids):
            parts[-2:] = [merge_rows(parts[-2:])]
        self._parts = tuple(parts)

    def extend(self, symbols: Iterable[tuple[int, str, int]]) -> None:
        """Add a stream of symbols, in blocks."""
        for block in _blocks(symbols):
            self.append(block)

    def parts(self) -> tuple[NameRows, ...]:
        """What is there now."""
        return self._parts

    @property
    def last_id(self) -> int:
        """The highest id; 0 when there is none."""
        return max((int(part.ids.max()) for part in self._parts if len(part.ids)), default=0)

    def take_over(self, other: NameDelta, after_id: int) -> None:
        """Begin with what `other` has above `after_id`; its parts are shared, for they never change."""
        self._parts = other.parts()
        if self._parts and min(int(part.ids.min()) for part in self._parts) <= after_id:
            self.drop_through(after_id)

    def drop_through(self, last_id: int) -> None:
        """Forget the symbols up to `last_id`: a segment has them now."""
        if self._parts:
            kept = merge_rows(self._parts, lambda ids: ids > last_id)
            self._parts = (kept,) if len(kept.ids) else ()


def write_names(path: Path, symbols: Iterable[tuple[int, str, int]]) -> Segment | None:
    """Write a segment of (id, name, kind) with ascending ids, as the catalog streams them. About 3 µs a symbol.

    None, and no file, when there are none. Errors: StoreError; whatever is raised leaves only temporary files.
    """
    first_run: NameRows | None = None
    runs: list[NameRows] = []
    with ExitStack() as cleanup:
        for number, rows in enumerate(_runs(symbols)):
            if number == 0:
                first_run = rows
                continue
            if first_run is not None:
                runs.append(_spill(path, 0, first_run, cleanup))
                first_run = None
            runs.append(_spill(path, number, rows, cleanup))
        return _write(path, [first_run] if first_run is not None else runs, None)


def merge_names(path: Path, sources: Sequence[NameSegment], keep: Keep | None = None) -> Segment | None:
    """Write one segment from several, only with the symbols for whose ids `keep` is true; as `write_names`."""
    ordered = sorted(sources, key=lambda source: source.facts.first_id)
    return _write(path, [source.rows for source in ordered], keep)


def without(dead: Ids) -> Keep:
    """A `keep` that drops the sorted ids in `dead`."""

    def keep(ids: Ids) -> npt.NDArray[np.bool_]:
        if not len(dead):
            return np.ones(len(ids), np.bool_)
        places = np.searchsorted(dead, ids)
        alive: npt.NDArray[np.bool_] = dead.take(places, mode="clip") != ids
        return alive

    return keep


def _runs(symbols: Iterable[tuple[int, str, int]]) -> Iterator[NameRows]:
    """Rows of about RUN_SYMBOLS symbols each, made of few symbols at a time."""
    parts: list[NameRows] = []
    count = 0
    for block in _blocks(symbols):
        parts.append(make_rows(block))
        count += len(block)
        if count >= RUN_SYMBOLS:
            yield merge_rows(parts)
            parts, count = [], 0
    if parts:
        yield merge_rows(parts) if len(parts) > 1 else parts[0]


def _blocks(symbols: Iterable[tuple[int, str, int]]) -> Iterator[list[tuple[int, str, int]]]:
    symbols = iter(symbols)
    while block := list(islice(symbols, min(BLOCK_SYMBOLS, RUN_SYMBOLS))):
        yield block


def _spill(path: Path, number: int, rows: NameRows, cleanup: ExitStack) -> NameRows:
    """Rows from memory to a temporary segment beside `path`, mapped, and removed in the end."""
    run = path.with_name(f"{path.name}.run{number}{TEMPORARY_SUFFIX}")
    cleanup.callback(_remove, run)
    _remove(run)
    facts = _write(run, [rows], None)
    return rows if facts is None else NameSegment(run, facts).rows


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _write(path: Path, parts: Sequence[NameRows], keep: Keep | None) -> Segment | None:
    """Merge rows into a file: the matrix straight, the other arrays by way of unnamed files beside it."""
    base = min((part.first_id for part in parts), default=0)
    counts = [0] * len(WIDTHS)
    symbols, last = 0, 0
    wide_rows, wide_lengths = [], [0]
    with ExitStack() as cleanup:
        writer = cleanup.enter_context(SegmentWriter(path, SegmentKind.NAMES))
        with mapped_errors(path):
            spools: dict[str, BinaryIO] = {
                name: cleanup.enter_context(tempfile.TemporaryFile(dir=path.parent)) for name in (*_SPOOLED, "text")
            }
            spools["offsets"].write(bytes(4))
        writer.begin("matrix")
        for chunk in merge_chunks(parts, keep):
            writer.write(chunk.matrix)
            names = sum(counts)
            wide_rows += [names + row for row in chunk.wide]
            texts = [text.encode("utf-8", "replace") for text in chunk.wide.values()]
            wide_lengths += map(len, texts)
            arrays = {
                "masks": chunk.masks.astype("<u8"),
                "pairs": chunk.pairs.astype("<u8"),
                "lengths": chunk.lengths,
                "offsets": (symbols + np.cumsum(chunk.counts)).astype("<u4"),
                "ids": (chunk.ids - base).astype("<u4"),
                "kinds": chunk.kinds,
                "text": np.frombuffer(b"".join(texts), np.uint8),
            }
            with mapped_errors(path):
                for name, array in arrays.items():
                    spools[name].write(array.tobytes())
            counts[chunk.width_index] += len(chunk.matrix)
            symbols += len(chunk.ids)
            last = max(last, int(chunk.ids.max()))
        if not symbols:
            return None
        for name in _SPOOLED:
            with mapped_errors(path):
                writer.copy(name, spools[name])
        with mapped_errors(path):
            writer.copy("wide", spools["text"])
        writer.section("numbers", np.concatenate([counts, wide_rows, np.cumsum(wide_lengths)]).astype("<u4"))
        return writer.finish(symbols, base, last)
