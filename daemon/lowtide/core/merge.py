"""Which segments to write, merge, rewrite and build into graphs.

New vectors wait in the delta, are flushed to flat segments, and flat ones are merged so that at most six segments exist
and a vector is rewritten only about log2(number of flushes) times. Flat segments are searched whole, so that it is felt
where they are large: their oldest rows become graphs, one after the other, as large as the memory for building one
allows. A graph holds all rows up to its last id that no older graph holds; what flat segments have of them is dead
there.

Invariant: pure; names no segment twice in one plan; carrying a plan out and asking again ends with an empty plan.
Invariant: only segments that are neighbours in the order of their ids are merged, so that ids ascend in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import msgspec

GRAPH = "graph"
"""The kind of segments that are built, not merged; every other kind is merged."""

MERGE_RATIO = 2
"""A merge takes in older segments as long as they hold less than this many times what it has so far (measured: rewrites
per vector 4.5 at 170 flushes, 6.4 at 1,220; with 1 it is 4.0 and 7.5, with 4 it is 6.4 and 8.9)."""
LEAST_MERGE_SLOTS = 3
MOST_SMALL_GRAPHS = 3
FLAT_COUNT = 400_000
"""Flat vectors of 256 dimensions whose scan is not felt: 6 ms of CPU in one segment, 11 in five."""
LEAST_FLAT_COUNT = 65_536
BESIDE_GRAPHS = 3
"""Where there are graphs, which take their time too, flat segments may hold this part of it."""
MOST_GRAPH_COUNT = 400_000
"""A graph of so many takes less than a minute to build: that is what an interruption undoes."""


class Moment(Enum):
    """When a plan is asked for."""

    RUNNING = "running"
    """While files are being indexed: only a full delta is flushed."""
    SETTLING = "settling"
    """At the end of an index run: whatever is left is flushed."""


class SegmentState(msgspec.Struct, frozen=True):
    """One segment as the policy sees it; `dead_count` of its `count` entries are no longer in the catalog, or a graph
    holds them."""

    name: str
    kind: str
    first_id: int
    count: int
    dead_count: int = 0

    @property
    def live_count(self) -> int:
        return self.count - self.dead_count


class Limits(msgspec.Struct, frozen=True):
    """Numbers of vectors (or names). `graph_count` is what one graph may hold for its building to fit the budget."""

    flush_count: int = 8_192
    flat_count: int = FLAT_COUNT
    """Flat segments together, of 256 dimensions."""
    graph_count: int = MOST_GRAPH_COUNT
    segment_count: int = 6
    dead_share: float = 0.3


class Flush(msgspec.Struct, frozen=True):
    """Write the delta to a new segment."""


class Merge(msgspec.Struct, frozen=True):
    """Write these segments, oldest first, as one without their dead entries; one name alone is rewritten."""

    names: tuple[str, ...]


class BuildGraph(msgspec.Struct, frozen=True):
    """Build a graph of the first of `pieces` equal parts of what these segments hold, oldest first."""

    names: tuple[str, ...]
    pieces: int = 1


Action = Flush | Merge


def flat_limit(dims: int) -> int:
    """How many vectors of `dims` flat segments may hold together, so that searching them is not felt."""
    return max(LEAST_FLAT_COUNT, FLAT_COUNT * 256 // max(1, dims))


def plan(
    segments: Sequence[SegmentState], delta_count: int, limits: Limits, moment: Moment = Moment.RUNNING
) -> list[Action]:
    """What to do now with what is not in graphs, if anything. Carry all of it out, move the manifest, and ask again."""
    graphs, flats = _by_kind(segments)
    actions: list[Action] = []
    if delta_count >= limits.flush_count or (delta_count and moment is Moment.SETTLING):
        # Alone, so that a delta is never larger than it must be while a merge takes its time.
        return [Flush()]
    slots = max(LEAST_MERGE_SLOTS, limits.segment_count - len(graphs))
    merged = _choose_merge(flats, slots)
    if merged:
        actions.append(Merge(tuple(segment.name for segment in merged)))
    actions += [
        Merge((segment.name,)) for segment in flats if segment not in merged and _is_mostly_dead(segment, limits)
    ]
    return actions


def plan_graph(segments: Sequence[SegmentState], limits: Limits) -> BuildGraph | None:
    """The graph to build next, if any. Move the manifest, and ask again."""
    graphs, flats = _by_kind(segments)
    most = limits.flat_count // BESIDE_GRAPHS if graphs else limits.flat_count
    if build := _choose_build(flats, most, limits):
        return build
    if joined := _choose_graphs(graphs, limits):
        return _graph_of(joined, limits)
    return next((_graph_of([segment], limits) for segment in graphs if _is_mostly_dead(segment, limits)), None)


def _by_kind(segments: Sequence[SegmentState]) -> tuple[list[SegmentState], list[SegmentState]]:
    ordered = sorted(segments, key=lambda segment: segment.first_id)
    return [each for each in ordered if each.kind == GRAPH], [each for each in ordered if each.kind != GRAPH]


def _is_mostly_dead(segment: SegmentState, limits: Limits) -> bool:
    return segment.dead_count > 0 and segment.dead_count > limits.dead_share * segment.count


def _choose_build(flats: Sequence[SegmentState], most: int, limits: Limits) -> BuildGraph | None:
    """When flat segments hold too much: the oldest, until half of what they may hold is left."""
    left = sum(segment.live_count for segment in flats)
    if left <= most or limits.graph_count <= 0:
        return None
    chosen = []
    for segment in flats:
        if left <= most // 2:
            break
        chosen.append(segment)
        left -= segment.live_count
    return _graph_of(chosen, limits)


def _graph_of(segments: Sequence[SegmentState], limits: Limits) -> BuildGraph:
    total = sum(segment.live_count for segment in segments)
    return BuildGraph(tuple(segment.name for segment in segments), max(1, -(-total // max(1, limits.graph_count))))


def _choose_merge(flats: Sequence[SegmentState], slots: int) -> Sequence[SegmentState]:
    """When there are too many: the newest two, and older ones that are not much larger than what comes after them."""
    if len(flats) <= slots:
        return []
    start = len(flats) - 2
    size = flats[-1].live_count + flats[-2].live_count
    while start > 0 and (len(flats) - start <= len(flats) - slots or flats[start - 1].live_count < MERGE_RATIO * size):
        start -= 1
        size += flats[start].live_count
    return flats[start:]


def _choose_graphs(graphs: Sequence[SegmentState], limits: Limits) -> Sequence[SegmentState]:
    """When there are many graphs: neighbours that fit into one, where that costs least for each graph that goes."""
    if len(graphs) <= MOST_SMALL_GRAPHS:
        return []
    best: Sequence[SegmentState] = []
    best_cost = float("inf")
    for start in range(len(graphs)):
        size = graphs[start].live_count
        for end in range(start + 1, len(graphs)):
            size += graphs[end].live_count
            if size > limits.graph_count:
                break
            if size / (end - start) < best_cost:
                best, best_cost = graphs[start : end + 1], size / (end - start)
    return best
