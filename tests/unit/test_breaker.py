"""A server that stays down is asked ever more seldom, and at once again when it is back."""

from __future__ import annotations

from lowtide.core.breaker import FAILURES, FIRST_REST_S, LONGEST_REST_S, Breaker


def fail(breaker: Breaker, now_s: float, times: int = FAILURES) -> None:
    for _ in range(times):
        assert breaker.may_ask(now_s)
        breaker.failed(now_s)


def test_single_failures_change_nothing() -> None:
    breaker = Breaker()
    for _ in range(10):
        fail(breaker, 0.0, FAILURES - 1)
        assert breaker.may_ask(0.0)
        breaker.succeeded()
    assert not breaker.is_open


def test_after_several_there_is_one_trial_a_rest() -> None:
    breaker = Breaker()
    fail(breaker, 100.0)
    assert breaker.is_open
    assert not breaker.may_ask(100.0 + FIRST_REST_S - 0.1)
    assert breaker.may_ask(100.0 + FIRST_REST_S)
    assert not breaker.may_ask(100.0 + FIRST_REST_S), "one at a time"


def test_a_question_that_nobody_waits_for_says_nothing_and_keeps_no_trial() -> None:
    breaker = Breaker()
    for _ in range(2 * FAILURES):
        assert breaker.may_ask(0.0)
        breaker.left()
    assert not breaker.is_open
    fail(breaker, 100.0)
    assert breaker.may_ask(100.0 + FIRST_REST_S)
    breaker.left()
    assert breaker.may_ask(100.0 + FIRST_REST_S), "the trial is to be had again"


def test_rests_grow_up_to_the_longest_and_end_with_the_first_success() -> None:
    breaker, now_s = Breaker(), 0.0
    fail(breaker, now_s)
    rests = []
    for _ in range(12):
        began_s = now_s
        while not breaker.may_ask(now_s):
            now_s += 1.0
        rests.append(now_s - began_s)
        breaker.failed(now_s)
    assert rests == sorted(rests)
    assert rests[-1] == LONGEST_REST_S
    now_s += LONGEST_REST_S
    assert breaker.may_ask(now_s)
    breaker.succeeded()
    assert not breaker.is_open
    fail(breaker, now_s)
    assert breaker.may_ask(now_s + FIRST_REST_S)
