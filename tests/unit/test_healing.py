"""Rebuilding a damaged index: at once, then ever later; forgotten once it has stayed sound."""

from __future__ import annotations

from lowtide.core.healing import FORGET_S, WAITS_S, Rebuilds


def test_first_rebuilds_are_at_once_and_the_next_wait_ever_longer() -> None:
    rebuilds = Rebuilds()
    now, waits = 100.0, []
    for _ in range(len(WAITS_S) + 2):
        waits.append(rebuilds.due_s(now))
        now += waits[-1]
        assert rebuilds.due_s(now) == 0
        rebuilds.begin(now)
    assert waits[:2] == [0, 0]
    assert waits == sorted(waits)
    assert waits[-1] == WAITS_S[-1]


def test_an_index_that_stayed_sound_is_rebuilt_at_once_again() -> None:
    rebuilds = Rebuilds()
    for _ in range(5):
        rebuilds.begin(100.0)
    assert rebuilds.due_s(100.0) > 0
    assert rebuilds.due_s(100.0 + FORGET_S + 1) == 0
    rebuilds.begin(100.0 + FORGET_S + 1)
    assert rebuilds.due_s(100.0 + FORGET_S + 1) == 0
