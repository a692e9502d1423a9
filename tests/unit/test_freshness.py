"""What is said of an answer, from what is known of its workspace."""

from __future__ import annotations

import pytest

from lowtide.core.freshness import Freshness, FreshState, Standing, judge, together


@pytest.mark.parametrize(
    ("standing", "state", "indexed", "total"),
    [
        (Standing(50, 0), FreshState.CURRENT, 50, 50),
        (Standing(50, 0, is_comparing=True), FreshState.CHECKING, 50, 50),
        (Standing(50, 2, is_comparing=True), FreshState.INDEXING, 48, 50),
        (Standing(50, 2), FreshState.INDEXING, 48, 50),
        (Standing(6, 10, counted=50, is_first=True, is_comparing=True), FreshState.INDEXING, 6, 50),
        (Standing(6, 0, counted=50, is_first=True, is_comparing=True), FreshState.INDEXING, 6, 50),
        (Standing(6, 0, counted=50, is_first=True), FreshState.INCOMPLETE, 6, 50),
        (Standing(50, 0, is_lacking=True), FreshState.INCOMPLETE, 50, 50),
        (Standing(50, 3, stopped="paused"), FreshState.INCOMPLETE, 47, 50),
        (Standing(50, 0, is_comparing=True, stopped="paused"), FreshState.INCOMPLETE, 50, 50),
        (Standing(50, 0, stopped="paused"), FreshState.CURRENT, 50, 50),
        (Standing(50, 0, unwatched="no events"), FreshState.UNWATCHED, 50, 50),
        (Standing(50, 1, unwatched="no events"), FreshState.INDEXING, 49, 50),
        (Standing(50, 0, is_comparing=True, failed="locked"), FreshState.UNWATCHED, 50, 50),
        (Standing(0, 0), FreshState.CURRENT, 0, 0),
    ],
)
def test_only_a_watched_workspace_in_which_nothing_waits_is_current(
    standing: Standing, state: FreshState, indexed: int, total: int
) -> None:
    fresh = judge(standing)
    assert (fresh.state, fresh.indexed, fresh.total) == (state, indexed, total)
    assert bool(fresh.words) is (state is not FreshState.CURRENT)


@pytest.mark.parametrize(
    ("fresh", "words"),
    [
        (Freshness(FreshState.INDEXING, 12, 100, None), "12 % indexed: results so far"),
        (Freshness(FreshState.INDEXING, 9999, 10000, 0.0), "99 % indexed: results so far"),
        (Freshness(FreshState.INDEXING, 1200, 1200, 0.0), "1,200 files indexed: results so far"),
        (Freshness(FreshState.INCOMPLETE, 1, 3, 5.0, "paused"), "33 % indexed (paused): results so far"),
        (
            Freshness(FreshState.UNWATCHED, 3, 3, 200.0, "a network drive"),
            "not watched (a network drive): as it was 3 minutes ago",
        ),
        (Freshness(FreshState.INDEXING, 1, 1, 0.0), "1 file indexed: results so far"),
        (Freshness(FreshState.UNWATCHED, 3, 3, 0.2), "not watched: as it was just now"),
        (Freshness(FreshState.UNWATCHED, 3, 3, 1.0), "not watched: as it was 1 second ago"),
        (Freshness(FreshState.UNWATCHED, 3, 3, 119.0), "not watched: as it was 119 seconds ago"),
        (Freshness(FreshState.UNWATCHED, 3, 3, None), "not watched: it was never compared with the disk"),
    ],
)
def test_what_people_read(fresh: Freshness, words: str) -> None:
    assert fresh.words == words
    assert Freshness.from_json(fresh.as_json()) == fresh


def test_an_answer_from_several_workspaces_is_as_fresh_as_the_worst() -> None:
    current = Freshness(FreshState.CURRENT, 10, 10, 0.0)
    half = Freshness(FreshState.INDEXING, 5, 20, 7.0)
    assert together([current]) == current
    assert together([current, half]) == Freshness(FreshState.INDEXING, 15, 30, 7.0)
    never = Freshness(FreshState.UNWATCHED, 1, 1, None, "why")
    assert together([current, never, half]) == Freshness(FreshState.UNWATCHED, 16, 31, None, "why")
