from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lowtide.core.merge import (
    FLAT_COUNT,
    GRAPH,
    BuildGraph,
    Flush,
    Limits,
    Merge,
    Moment,
    SegmentState,
    flat_limit,
    plan,
    plan_graph,
)

LIMITS = Limits(flush_count=100, flat_count=1_000_000, graph_count=50_000)


class Store:
    """Carries plans out on numbers."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.segments: list[SegmentState] = []
        self.delta = 0
        self.next_id = 0
        self.written = 0
        self.built = 0
        self.names = 0

    def add(self, count: int, moment: Moment = Moment.RUNNING) -> None:
        self.delta += count
        self.settle(moment)

    def settle(self, moment: Moment = Moment.RUNNING) -> int:
        rounds = 0
        while actions := plan(self.segments, self.delta, self.limits, moment):
            rounds += 1
            assert rounds < 50, "the plan never ends"
            self.carry_out(actions)
        while moment is Moment.SETTLING and (build := plan_graph(self.segments, self.limits)):
            rounds += 1
            assert rounds < 200, "the plan never ends"
            self.build(build)
            if actions := plan(self.segments, self.delta, self.limits, moment):
                self.carry_out(actions)
        return rounds

    def build(self, action: BuildGraph) -> None:
        """One graph of the first part; a flat segment that has more stays, and what the graph holds is dead in it."""
        sources = [segment for segment in self.segments if segment.name in action.names]
        assert [s.first_id for s in sources] == sorted(s.first_id for s in sources)
        assert len({s.kind for s in sources}) == 1
        wanted = -(-sum(s.live_count for s in sources) // action.pieces)
        assert wanted <= self.limits.graph_count
        left = wanted
        first = sources[0].first_id
        for source in sources:
            taken = min(left, source.live_count)
            left -= taken
            rest = replace(source, dead_count=source.dead_count + taken)
            index = self.segments.index(source)
            self.segments[index : index + 1] = [rest] if rest.live_count else []
        self.built += wanted
        self.put(GRAPH, first, wanted)

    def carry_out(self, actions: list[Flush | Merge]) -> None:
        taken: set[str] = set()
        for action in actions:
            if isinstance(action, Flush):
                self.put("flat", self.next_id, self.delta)
                self.next_id += self.delta
                self.delta = 0
                continue
            assert action.names
            assert not taken & set(action.names), "a segment is named twice"
            taken |= set(action.names)
            sources = [segment for name in action.names for segment in self.segments if segment.name == name]
            assert len(sources) == len(action.names)
            assert [s.first_id for s in sources] == sorted(s.first_id for s in sources)
            alive = sum(segment.live_count for segment in sources)
            self.segments = [segment for segment in self.segments if segment not in sources]
            assert all(segment.kind != GRAPH for segment in sources)
            between = [
                s for s in self.segments if s.kind != GRAPH and sources[0].first_id < s.first_id < sources[-1].first_id
            ]
            assert not between, "ids would not ascend"
            self.put("flat", sources[0].first_id, alive)

    def put(self, kind: str, first_id: int, count: int) -> None:
        if count:
            self.names += 1
            self.segments.append(SegmentState(str(self.names), kind, first_id, count))
            self.written += count

    @property
    def total(self) -> int:
        return self.delta + sum(segment.live_count for segment in self.segments)


def test_small_delta_waits_until_the_run_ends() -> None:
    assert plan([], 99, LIMITS) == []
    assert plan([], 100, LIMITS) == [Flush()]
    assert plan([], 1, LIMITS, Moment.SETTLING) == [Flush()]
    assert plan([], 0, LIMITS, Moment.SETTLING) == []


def test_six_segments_are_left_alone_and_a_seventh_is_merged_with_the_newest() -> None:
    sizes = [100_000, 30_000, 9000, 2500, 300, 100]
    segments = [SegmentState(str(n), "flat", n * 200_000, size) for n, size in enumerate(sizes)]
    assert plan(segments, 0, LIMITS) == []
    segments.append(SegmentState("6", "flat", 1_900_000, 100))
    assert plan(segments, 0, LIMITS) == [Merge(("4", "5", "6"))]


def test_segment_with_many_dead_is_rewritten() -> None:
    kept = SegmentState("a", "flat", 0, 1000, 300)
    assert plan([kept], 0, LIMITS) == []
    assert plan([replace(kept, dead_count=301)], 0, LIMITS) == [Merge(("a",))]
    assert plan_graph([SegmentState("g", GRAPH, 0, 1000, 500)], LIMITS) == BuildGraph(("g",))


def test_too_much_flat_becomes_graphs_of_what_memory_allows() -> None:
    segments = [SegmentState("old", "flat", 0, 900_000), SegmentState("new", "flat", 900_000, 200_000)]
    assert plan(segments, 0, LIMITS) == []
    assert plan_graph(segments, LIMITS) == BuildGraph(("old",), 18)
    assert plan_graph(segments, replace(LIMITS, graph_count=0)) is None


def test_names_are_merged_by_the_same_rules() -> None:
    segments = [SegmentState(str(n), "names", n, 100) for n in range(7)]
    assert plan(segments, 0, LIMITS) == [Merge(tuple("0123456"))]


def test_flat_limit_follows_the_dimensions() -> None:
    assert flat_limit(256) == FLAT_COUNT
    assert flat_limit(384) == FLAT_COUNT * 2 // 3
    assert flat_limit(1 << 20) == 65_536


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 400), st.booleans(), st.integers(0, 100)), min_size=1, max_size=120))
def test_any_history_keeps_few_segments_and_loses_nothing(history: list[tuple[int, bool, int]]) -> None:
    store = Store(Limits(flush_count=100, flat_count=5_000, graph_count=2_000))
    total = 0
    for count, ends, percent in history:
        total += count
        store.add(count, Moment.SETTLING if ends else Moment.RUNNING)
        victim = store.segments[percent % len(store.segments)] if store.segments else None
        if victim and percent > 60:
            died = victim.live_count * percent // 150
            total -= died
            store.segments = [replace(s, dead_count=s.dead_count + died) if s is victim else s for s in store.segments]
            store.settle()
        flats = [segment for segment in store.segments if segment.kind != GRAPH]
        graphs = [segment for segment in store.segments if segment.kind == GRAPH]
        assert store.total == total
        assert not ends or sum(segment.live_count for segment in flats) <= 5_000
        assert len(flats) <= max(3, 6 - len(graphs))
        # More graphs than three only when no two neighbours fit into one.
        assert (
            not ends
            or len(graphs) <= 3
            or all(
                a.live_count + b.live_count > 2_000
                for a, b in zip(
                    sorted(graphs, key=lambda s: s.first_id), sorted(graphs, key=lambda s: s.first_id)[1:], strict=False
                )
            )
        )


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=600))
def test_rewriting_grows_with_the_logarithm_only(counts: list[int]) -> None:
    store = Store(LIMITS)
    for count in counts:
        store.add(count)
    flushes = max(2, sum(counts) // 100)
    assert store.written <= sum(counts) * (1.5 + 1.5 * math.log2(flushes))


def test_a_million_vectors_are_rewritten_few_times() -> None:
    store = Store(Limits())
    for _ in range(170):
        store.add(8192)
    assert store.written / (170 * 8192) < 5
    assert store.built == 0
