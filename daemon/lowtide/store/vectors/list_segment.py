"""List segments: vectors in lists by their nearest centre, for very many or very long vectors.

A search looks at the lists whose centres are nearest, chooses among their rows by sign codes, and compares what was
chosen exactly with the vectors themselves: of a million vectors of 1,536 components it reads 30 MB instead of 1.5 GB.
Source: J. Sivic and A. Zisserman, "Video Google" (2003), for the inverted lists.

Invariant: every score is computed from the vector exactly; only the choice is approximate.
Invariant: lists compete over all segments together, so that it does not matter how vectors are spread over segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.store.rows import Segment
from lowtide.store.segment_file import SegmentFile, SegmentKind
from lowtide.store.vectors.scan import Found, Ids, Mask, Query, Rows
from lowtide.store.vectors.sign_codes import CodeDistances, code_bytes, sign_codes
from lowtide.store.vectors.vectors import dots

ROWS_A_LIST = 128
"""On average. Shorter lists are chosen more exactly, and cost 1,536 bytes and 0.1 µs of each search."""
LEAST_SCANNED = 16_384
SCANNED_SHARE = 0.10
"""How much of the rows is in the lists that a search looks at."""
SHORTLIST = 1_024
SHORTLIST_BYTES = 1_024 * 1_536
"""Rows that the codes choose from those, to be compared exactly: at least so many, and as many as hold so many
components; the fewer components, the less a code tells."""


class Element(StrEnum):
    """How a component of a stored vector is written."""

    INT8 = "int8"
    FLOAT16 = "float16"

    @property
    def size_bytes(self) -> int:
        return 1 if self is Element.INT8 else 2


class ListedRows(Rows, frozen=True):
    """Rows in the order of their lists: ids do not ascend, and are found over a sorted copy."""

    sorted_ids: Ids = msgspec.field(default_factory=lambda: np.empty(0, np.int64))
    order: npt.NDArray[np.uint32] = msgspec.field(default_factory=lambda: np.empty(0, np.uint32))

    def find(self, ids: Ids) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """For sorted `ids`: which of them are here (positions in `ids`), and in which rows."""
        places = np.searchsorted(self.sorted_ids, ids)
        here = np.flatnonzero(self.sorted_ids.take(places, mode="clip") == ids) if len(self.ids) else places[:0]
        return here, self.order[places[here]].astype(np.int64)


class ListSegment:
    """Vectors by lists, in a file. Errors: CorruptIndex when it is damaged or not `expected`."""

    kind = SegmentKind.LISTS

    def __init__(self, path: Path, expected: Segment | None = None) -> None:
        file = self._file = SegmentFile(path, SegmentKind.LISTS, expected)
        self.facts = file.facts
        self.dims = file.dims
        count = self.facts.count
        self.element = Element.INT8 if file.length("matrix") == count * self.dims else Element.FLOAT16
        self.rows = ListedRows(
            file.array("ids", "<i8", (count,)),
            file.array("matrix", np.int8 if self.element is Element.INT8 else "<f2", (count, self.dims)),
            file.array("norms", "<f4", (count,)),
            None,
            file.array("sorted", "<i8", (count,)),
            file.array("order", "<u4", (count,)),
        )
        self.codes = file.array("codes", np.uint8, (count, code_bytes(self.dims)))
        lists = file.length("cnorms") // 4
        self._centres = file.array("centres", np.int8, (lists, self.dims))
        self._centre_norms = file.array("cnorms", "<f4", (lists,))
        self.starts = np.array(file.array("starts", "<u4", (lists + 1,)), np.int64)
        """Where each list begins; the last is the count of rows."""
        if lists < 1 or int(self.starts[0]) or int(self.starts[-1]) != count or bool((np.diff(self.starts) < 0).any()):
            raise file.corrupt("its lists make no sense")
        self.anonymous_bytes = self.starts.nbytes
        """What the segment costs the budget while it is open: everything else is mapped."""

    def nearness(self, query: Query) -> npt.NDArray[np.float64]:
        """How near the centre of each list is."""
        near: npt.NDArray[np.float64] = dots(self._centres, query.vector) * self._centre_norms
        return near

    def search(self, query: Query, limit: int, mask: Mask | None = None) -> Found:
        """The nearest rows where `mask` is true, of this segment alone; see `search_lists`."""
        return search_lists([self], [mask], query, limit)[0]

    @property
    def is_as_opened(self) -> bool:
        """Whether its file is still the one that was checked."""
        return self._file.is_as_opened

    def release(self) -> None:
        """Give the mapped pages back to the system; searching goes on and reads them again."""
        self._file.release()


def search_lists(
    segments: Sequence[ListSegment],
    masks: Sequence[Mask | None],
    query: Query,
    limit: int,
    *,
    scanned_share: float = SCANNED_SHARE,
    shortlist: int | None = None,
) -> list[Found]:
    """The nearest rows of each segment, of those chosen from all of them together; masks say which rows may be
    answered.

    Fewer than `limit` only where there are no more rows in the lists looked at, and then in no others either.
    """
    total = sum(len(segment.rows) for segment in segments)
    live = sum(
        len(segment.rows) if mask is None else int(mask.sum()) for segment, mask in zip(segments, masks, strict=True)
    )
    wanted = max(LEAST_SCANNED, int(scanned_share * total), 8 * limit)
    chosen = _choose_lists(segments, query, wanted * total // max(1, live))
    distances = CodeDistances(sign_codes(query.vector[None])[0])
    found = []
    for segment, mask, lists in zip(segments, masks, chosen, strict=True):
        rows = _rows_of(segment.starts, lists)
        away = distances.to(segment.codes, _runs(segment.starts, lists))
        if mask is not None:
            rows, away = rows[mask[rows]], away[mask[rows]]
        found.append((rows, away))
    if shortlist is None:
        shortlist = max(SHORTLIST, SHORTLIST_BYTES // len(query.vector))
    edge = _edge([each for _, each in found], max(shortlist, 8 * limit))
    return [
        segment.rows.search_rows(query, limit, rows[away <= edge])
        for segment, (rows, away) in zip(segments, found, strict=True)
    ]


def _choose_lists(segments: Sequence[ListSegment], query: Query, row_count: int) -> list[npt.NDArray[np.int64]]:
    """For each segment the numbers of its chosen lists, ascending: the nearest of all that hold `row_count` rows."""
    near = np.concatenate([segment.nearness(query) for segment in segments])
    sizes = np.concatenate([np.diff(segment.starts) for segment in segments])
    order = np.argsort(-near)
    stop = int(np.searchsorted(np.cumsum(sizes[order]), row_count)) + 1
    chosen = np.sort(order[:stop])
    edges = np.cumsum([0, *(len(segment.starts) - 1 for segment in segments)])
    cuts = np.searchsorted(chosen, edges)
    return [chosen[cuts[at] : cuts[at + 1]] - edges[at] for at in range(len(segments))]


def _rows_of(starts: npt.NDArray[np.int64], lists: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows of some lists, ascending."""
    sizes = starts[lists + 1] - starts[lists]
    total = int(sizes.sum())
    if not total:
        return np.empty(0, np.int64)
    ends = np.cumsum(sizes)
    rows: npt.NDArray[np.int64] = np.arange(total) + np.repeat(starts[lists] - (ends - sizes), sizes)
    return rows


def _runs(starts: npt.NDArray[np.int64], lists: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """The same as (from, to); lists that lie together are one run."""
    if not len(lists):
        return []
    breaks = np.flatnonzero(np.diff(lists) > 1) + 1
    first = starts[lists[np.concatenate(([0], breaks))]]
    stop = starts[lists[np.concatenate((breaks - 1, [len(lists) - 1]))] + 1]
    return list(zip(first.tolist(), stop.tolist(), strict=True))


def _edge(distances: Iterable[npt.NDArray[np.float32]], count: int) -> float:
    """The distance up to which the nearest `count` lie; those at the edge come all."""
    every = np.concatenate(list(distances))
    if len(every) <= count:
        return float("inf")
    return float(np.partition(every, count - 1)[count - 1])
