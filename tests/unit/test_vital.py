"""A loop that must live: what it does about errors, and what it tells of itself."""

from __future__ import annotations

import logging

import pytest

from lowtide.vital import LOG_S, MOST_FAILURES, Vital


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def fail(vital: Vital, count: int) -> None:
    for _ in range(count):
        with vital.look():
            raise OSError(24, "Too many open files")


def test_an_error_now_and_then_is_counted_and_forgiven() -> None:
    vital = Vital("the guard")
    vital.begin()
    for _ in range(3):
        fail(vital, MOST_FAILURES - 1)
        assert vital.complaint == ""
        with vital.look():
            pass
    assert vital.failed_looks == 3 * (MOST_FAILURES - 1)


def test_errors_in_a_row_are_told_until_a_look_succeeds() -> None:
    vital = Vital("the guard")
    vital.begin()
    fail(vital, MOST_FAILURES)
    assert vital.complaint == "the guard cannot look: Too many open files"
    with vital.look():
        pass
    assert vital.complaint == ""


def test_a_loop_that_hangs_or_has_ended_is_told() -> None:
    clock = Clock()
    vital = Vital("the guard", stale_s=5.0, clock=clock)
    clock.now_s += 60
    assert vital.complaint == ""  # it has not begun
    vital.begin()
    clock.now_s += 4
    assert vital.complaint == ""
    clock.now_s += 3
    assert vital.complaint == "the guard has not looked for 7 s"


def test_the_log_is_not_flooded(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    vital = Vital("the guard", clock=clock)
    with caplog.at_level(logging.WARNING):
        fail(vital, 1000)
        clock.now_s += LOG_S
        fail(vital, 1)
        with vital.look():
            pass
    first, second, third = [record.getMessage() for record in caplog.records]
    assert first == "event=look-failed name='the guard' times=1"
    assert second == "event=look-failed name='the guard' times=1000"
    assert third == "event=looks-again name='the guard' failed=1001"


def test_cancellation_passes() -> None:
    vital = Vital("the guard")
    with pytest.raises(KeyboardInterrupt), vital.look():
        raise KeyboardInterrupt
    assert vital.failed_looks == 0
