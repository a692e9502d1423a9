"""What the hits of a file say of each other."""

from __future__ import annotations

import pytest

from lowtide.core.candidate import Ranked
from lowtide.core.support import first_of_each_file, supported


def ranked(*scores: float) -> list[Ranked]:
    return [Ranked(number, score, {"dense": score}) for number, score in enumerate(scores)]


def test_a_file_with_several_good_hits_comes_before_one_with_a_single_better_one() -> None:
    again = supported(ranked(1.0, 0.95, 0.94, 0.93, 0.2), ["one", "many", "many", "many", "other"])
    assert [each.chunk_id for each in again] == [1, 0, 2, 3, 4]
    assert again[0].score == pytest.approx(0.95 + again[0].signals["support"])
    assert all("support" not in each.signals for each in again[1:])


def test_hits_below_the_thirtieth_support_nothing() -> None:
    scores = [1.0, *(0.9 for _ in range(30)), *(0.9 for _ in range(50))]
    again = supported(ranked(*scores), ["one", *(f"f{number}" for number in range(30)), *("long" for _ in range(50))])
    assert [each.score for each in again] == scores


def test_one_hit_a_file_tells_how_many_more_there_are() -> None:
    pairs = first_of_each_file(ranked(0.9, 0.8, 0.7, 0.6), ["a", "b", "a", "a"])
    assert [(each.chunk_id, more) for each, more in pairs] == [(0, 2), (1, 0)]
