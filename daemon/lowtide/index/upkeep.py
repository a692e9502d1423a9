"""Keeps an index's segments: what is in none yet, what is damaged, what should be merged.

Invariant: a segment is a cache: of the catalog (names), or of the files (vectors, words). Whatever is wrong with one,
it is dropped from the manifest and made anew; nothing is ever repaired in place, and no name is used twice.
Invariant: a new file is complete and synced before the one transaction that names it; old files go after that.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.core import merge
from lowtide.errors import CorruptSegment
from lowtide.index.lexicon import mend_words
from lowtide.index.spare_pages import give_back_pages
from lowtide.index.workspace import Workspace
from lowtide.store.catalog import Catalog
from lowtide.store.names.names import NameSegment, merge_names, write_names
from lowtide.store.rows import Segment
from lowtide.store.segment_file import SegmentKind
from lowtide.store.vectors.vector_index import blocks_of
from lowtide.store.vectors.vector_segments import FlatSegment, last_in_graphs, merge_flat, open_segment, write_flat
from lowtide.system.memory import give_back

log = logging.getLogger(__name__)
T = TypeVar("T")
SUFFIX = ".seg"
UNUSED_FACTOR = 1.5
"""Vectors kept for each chunk there is, before unused ones are deleted at once (300 bytes each on the disk)."""
UNUSED_COUNT = 20_000
UNUSED_NS = 7 * 24 * 3600 * 10**9
LOOK_AGAIN_NS = 24 * 3600 * 10**9
"""Vectors unused for a week are deleted; it is looked once a day."""
COLLECT_ROWS = 4096
"""Looked at, or deleted, in one transaction: a few milliseconds."""
LOOKED_AT = "unused_looked_at_ns"
MOST_ROUNDS = 32
"""A plan settles in two or three rounds; more would be a fault, and must not hang."""

Ids = npt.NDArray[np.int64]


def new_name(kind: str) -> str:
    """A file name that was never used."""
    return f"{kind}-{secrets.token_hex(8)}{SUFFIX}"


async def maintain(
    workspace: Workspace,
    catalog: Catalog,
    *,
    limit: anyio.CapacityLimiter | None = None,
    check: bool = True,
    may_collect: Callable[[], bool] = lambda: True,
) -> int:
    """Bring the segments to where the policy wants them when a run has ended. `limit` is that of the catalog's writer.

    With `check` every segment is read and its checksum compared. Vectors that no chunk has used for long go while
    `may_collect`, in short steps: only when no run works, for a run counts on the vectors that it found. So do free
    pages of the catalog. Cancelling leaves the manifest as it was or one step further, and files that the next sweep
    removes. Returns how many damaged ones were made anew.
    """
    keeper = _Keeper(workspace, catalog)
    damaged = await _in_thread(keeper.drop_damaged, limit) if check or workspace.has_damaged_segments else 0
    try:
        await _collect(keeper, catalog, limit, may_collect)
        await _maintain(keeper, catalog, limit)
        await give_back_pages(catalog, lambda call: _in_thread(call, limit), may_collect)
    except CorruptSegment:
        # It was sound when it was opened, or was not looked at: everything is, now.
        damaged += await _in_thread(keeper.drop_damaged, limit)
        await _maintain(keeper, catalog, limit)
    return damaged


async def _maintain(keeper: _Keeper, catalog: Catalog, limit: anyio.CapacityLimiter | None) -> None:
    await _in_thread(keeper.settle_names, limit)
    if not catalog.vector_dims():
        return
    limits = merge.Limits()
    for _ in range(MOST_ROUNDS):
        actions = await _in_thread(partial(keeper.plan_vectors, limits), limit)
        if not actions:
            return
        for action in actions:
            await _in_thread(partial(keeper.carry_out, action), limit)


def mended_segments(count: int) -> list[str]:
    """What there is to tell of so many segments that were damaged."""
    return [f"{count} damaged {'file' if count == 1 else 'files'} of the index: made anew"] if count else []


def settle(workspace: Workspace, catalog: Catalog) -> None:
    """Write and merge what the policy asks for while files are still being indexed; graphs are for when nothing
    works (`graphs.py`)."""
    keeper = _Keeper(workspace, catalog)
    try:
        _settle(keeper, catalog)
    except CorruptSegment:
        workspace.report_damaged_segments()  # left for the end of the run
    give_back()


def _settle(keeper: _Keeper, catalog: Catalog) -> None:
    keeper.settle_names()
    if not catalog.vector_dims():
        return
    _carry_out_all(keeper, merge.Moment.RUNNING)


def settle_names(workspace: Workspace, catalog: Catalog) -> None:
    """Write the names that are in no segment, and nothing else."""
    _Keeper(workspace, catalog).settle_names()


def tidy_vectors(workspace: Workspace, catalog: Catalog) -> None:
    """Write flat segments without what graphs hold, where that is much of them."""
    _carry_out_all(_Keeper(workspace, catalog), merge.Moment.RUNNING)


def _carry_out_all(keeper: _Keeper, moment: merge.Moment) -> None:
    limits = merge.Limits()
    for _ in range(MOST_ROUNDS):
        actions = keeper.plan_vectors(limits, moment)
        if not actions:
            return
        for action in actions:
            keeper.carry_out(action)


async def _collect(
    keeper: _Keeper, catalog: Catalog, limit: anyio.CapacityLimiter | None, may_go_on: Callable[[], bool]
) -> None:
    now_ns = time.time_ns()
    since_ns = await _in_thread(partial(keeper.unused_since_ns, now_ns), limit)
    if since_ns is None:
        return
    after_id: int | None = 0
    while after_id is not None:
        if not may_go_on():
            return  # the next run begins again
        after_id = await _in_thread(partial(catalog.mark_unused, after_id, COLLECT_ROWS, now_ns), limit)
    deleted = 1
    while deleted and may_go_on():
        deleted = await _in_thread(partial(catalog.delete_unused, since_ns, COLLECT_ROWS), limit)
    await _in_thread(partial(catalog.set_meta, LOOKED_AT, str(now_ns)), limit)


async def _in_thread(call: Callable[[], T], limit: anyio.CapacityLimiter | None) -> T:
    return await anyio.to_thread.run_sync(call, limiter=limit)


class VectorState(msgspec.Struct, frozen=True):
    """The vector segments of an index as the policy sees them. `dead`: sorted ids that they hold and the catalog does
    not; `covered`: graphs hold what there is up to this id."""

    rows: list[Segment]
    states: list[merge.SegmentState]
    dead: Ids
    covered: int


def vector_state(workspace: Workspace, catalog: Catalog) -> VectorState:
    """Read it. CorruptSegment."""
    rows = catalog.vector_segments()
    covered = last_in_graphs(rows)
    held = {row.name: row.count for row in rows}
    for row in rows:
        if row.kind != SegmentKind.GRAPH and row.first_id <= covered:
            loose = open_segment(workspace.folder / row.name, row).rows.above(covered)
            held[row.name] = len(loose) if covered < row.last_id else 0
    last = max((row.last_id for row in rows), default=0)
    dead = np.empty(0, np.int64)
    if sum(held.values()) != catalog.count_rows("vectors") - catalog.count_vectors_after(last):
        living = np.fromiter(catalog.vector_ids(), np.int64)
        all_ids = [np.array(open_segment(workspace.folder / row.name, row).rows.ids) for row in rows]
        dead = np.setdiff1d(np.concatenate(all_ids), living) if all_ids else dead
    states = []
    for row in rows:
        first = row.first_id if row.kind == SegmentKind.GRAPH else max(row.first_id, covered + 1)
        gone = row.count - held[row.name] + _count_between(dead, first, row.last_id)
        states.append(merge.SegmentState(row.name, row.kind, row.first_id, row.count, gone))
    return VectorState(rows, states, dead, covered)


def mend_vectors(workspace: Workspace, catalog: Catalog) -> list[str]:
    """See whether the vector segments are sound; the files that had a vector in one that is not are indexed again by
    the next run. What there is to tell of it. In the writer's thread."""
    lost = drop_lost_vectors(workspace, catalog)
    return ["vectors were damaged: they are made anew"] if lost else []


def drop_lost_vectors(workspace: Workspace, catalog: Catalog) -> int:
    """Take vector segments that are not sound out of the manifest, and what only they held out of the catalog; returns
    how many were not."""
    sound, lost = [], []
    rows = catalog.vector_segments()
    for row in rows:
        try:
            sound.append(open_segment(workspace.folder / row.name, row))
        except CorruptSegment as error:
            log.warning("event=vectors-damaged root=%r why=%r", str(workspace.root), error.why)
            lost.append(row)
    if not lost:
        return 0
    gone = np.empty(0, np.int64)
    for row in lost:
        ids = np.fromiter(catalog.vector_ids(row.first_id, row.last_id), np.int64)
        missing = np.ones(len(ids), np.bool_)
        for segment in sound:
            missing[segment.rows.find(ids)[0]] = False
        gone = np.union1d(gone, ids[missing])
    catalog.lose_vectors([row.name for row in lost], gone.tolist())
    for row in lost:
        (workspace.folder / row.name).unlink(missing_ok=True)
    return len(lost)


class _Keeper:
    def __init__(self, workspace: Workspace, catalog: Catalog) -> None:
        self._folder = workspace.folder
        self._workspace = workspace
        self._catalog = catalog
        self._vectors: VectorState | None = None

    def drop_damaged(self) -> int:
        """Open everything once; what is not sound leaves the manifest, so that it is made anew: names from the catalog,
        vectors and words from the files, by another run. Returns how many were not."""
        dropped = []
        names = [row for row in self._catalog.segments() if row.kind == SegmentKind.NAMES]
        for row in names:
            try:
                NameSegment(self._folder / row.name, row)
            except CorruptSegment:
                dropped.append(row)
        first_id = min((row.first_id for row in dropped), default=0)
        # Ids must ascend from segment to segment: what came after a lost one is written anew with it.
        self._swap([], [row for row in names if dropped and row.first_id >= first_id])
        self._workspace.forget_damaged_segments()
        lost = drop_lost_vectors(self._workspace, self._catalog) + len(mend_words(self._workspace, self._catalog))
        if lost:
            self._workspace.report_damaged_segments()  # what they held is indexed again by another run
        return len(dropped) + lost

    def unused_since_ns(self, now_ns: int) -> int | None:
        """Vectors unused since then go; None when it is too early to look again.

        They are kept for some time, unless they are many: the way back to another branch is then free.
        """
        counts = self._catalog.counts()
        if counts.vectors > UNUSED_FACTOR * counts.chunks + UNUSED_COUNT:
            return now_ns
        looked_ns = int(self._catalog.get_meta(LOOKED_AT) or 0)
        return now_ns - UNUSED_NS if not 0 <= now_ns - looked_ns < LOOK_AGAIN_NS else None

    # -- vectors ------------------------------------------------------------------------------------------------

    def plan_vectors(self, limits: merge.Limits, moment: merge.Moment = merge.Moment.SETTLING) -> list[merge.Action]:
        """What the policy asks for now."""
        self._vectors = vector_state(self._workspace, self._catalog)
        last = max((row.last_id for row in self._vectors.rows), default=0)
        return merge.plan(self._vectors.states, self._catalog.count_vectors_after(last), limits, moment)

    def carry_out(self, action: merge.Action) -> None:
        """Flush or merge, then move the manifest."""
        assert self._vectors is not None
        rows = {row.name: row for row in self._catalog.vector_segments()}
        path = self._folder / new_name("vectors")
        if isinstance(action, merge.Flush):
            last = max((row.last_id for row in rows.values()), default=0)
            dims = self._catalog.vector_dims()
            made = write_flat(path, dims, blocks_of(self._catalog.vectors_after(last), dims))
            if made:
                self._catalog.flushed(made)
            return
        sources = [FlatSegment(self._folder / name, rows[name]) for name in action.names]
        made = merge_flat(path, sources, self._vectors.dead, last_in_graphs(rows.values()))
        self._swap([made] if made else [], [rows[name] for name in action.names])

    # -- names --------------------------------------------------------------------------------------------------

    def settle_names(self) -> None:
        """Write what is in no segment; merge, or write all anew when much of it is gone."""
        catalog = self._catalog
        rows = [row for row in catalog.segments() if row.kind == SegmentKind.NAMES]
        alive = catalog.count_rows("symbols")
        last = max((row.last_id for row in rows), default=0)
        loose = catalog.count_symbols_after(last)
        held = sum(row.count for row in rows)
        dead = held - (alive - loose)
        if rows and dead > merge.Limits().dead_share * held:
            made = write_names(self._folder / new_name("names"), catalog.symbol_names_after(0))
            self._swap([made] if made else [], rows)
            return
        if not loose:
            return
        made = write_names(self._folder / new_name("names"), catalog.symbol_names_after(last))
        self._swap([made] if made else [], [])
        states = [
            merge.SegmentState(row.name, row.kind, row.first_id, row.count)
            for row in catalog.segments()
            if row.kind == SegmentKind.NAMES
        ]
        limits = merge.Limits()
        for action in merge.plan(states, 0, limits, merge.Moment.SETTLING):
            if isinstance(action, merge.Merge):
                by_name = {row.name: row for row in catalog.segments()}
                sources = [NameSegment(self._folder / name, by_name[name]) for name in action.names]
                merged = merge_names(self._folder / new_name("names"), sources)
                self._swap([merged] if merged else [], [by_name[name] for name in action.names])

    def _swap(self, added: Sequence[Segment], dropped: Sequence[Segment]) -> None:
        if not added and not dropped:
            return
        self._catalog.swap_segments(added, [row.name for row in dropped])
        for row in dropped:
            with suppress(OSError):
                (self._folder / row.name).unlink()


def _count_between(ids: Ids, first: int, last: int) -> int:
    return max(0, int(np.searchsorted(ids, last, "right") - np.searchsorted(ids, first, "left")))
