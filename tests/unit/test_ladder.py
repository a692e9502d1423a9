"""The steps of the ladder."""

from __future__ import annotations

from lowtide.core.ladder import CALM_S, Ladder, Step


def test_each_step_uses_less() -> None:
    ladder = Ladder(4)
    before = ladder.footing()
    assert (before.worker_count, before.embed) == (4, True)
    assert ladder.down("short", 1.0)
    assert ladder.footing().batch_bytes < before.batch_bytes
    assert ladder.down("short", 2.0)
    assert ladder.footing().worker_count == 1
    assert ladder.down("short", 3.0)
    assert not ladder.footing().embed
    assert not ladder.down("short", 4.0)


def test_it_climbs_back_one_step_at_a_time_after_calm() -> None:
    ladder = Ladder(2)
    ladder.down("short", 0.0)
    ladder.down("short", 0.0)
    assert not ladder.climb(True, CALM_S / 2)
    assert ladder.climb(True, CALM_S)
    assert ladder.step is Step.SMALLER_BATCHES
    assert not ladder.climb(True, CALM_S + 1)
    assert ladder.climb(True, 2 * CALM_S)
    assert ladder.step is Step.FULL
    assert ladder.reason == ""


def test_shortage_starts_the_calm_anew() -> None:
    ladder = Ladder(2)
    ladder.down("short", 0.0)
    ladder.climb(False, CALM_S - 1)
    assert not ladder.climb(True, CALM_S + 1)


def test_it_never_climbs_above_what_the_budget_allows() -> None:
    ladder = Ladder(2)
    ladder.set_floor(Step.ONE_WORKER, "the budget holds one worker", 0.0)
    assert ladder.step is Step.ONE_WORKER
    assert not ladder.is_short, "it was chosen"
    assert not ladder.climb(True, 10 * CALM_S)
    ladder.pause("you paused it", 10 * CALM_S)
    ladder.unpause(10 * CALM_S)
    assert ladder.reason == "the budget holds one worker", "why it is so, and not how it came to be again"
    ladder.down("short", 10 * CALM_S)
    assert ladder.is_short


def test_every_step_is_recorded_with_its_reason() -> None:
    ladder = Ladder(2)
    ladder.down("first", 1.0)
    ladder.pause("second", 2.0)
    assert [(taken.step.label, taken.reason) for taken in ladder.history] == [
        ("smaller-batches", "first"),
        ("paused", "second"),
    ]
