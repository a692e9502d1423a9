"""Which workspaces questions keep open."""

from __future__ import annotations

from pathlib import Path

from lowtide.core.visits import Visits

A, B, C = Path("/a"), Path("/b"), Path("/c")


def test_a_workspace_is_let_go_when_nobody_has_asked_for_long_enough() -> None:
    visits = Visits()
    visits.ask(A, 0.0)
    visits.ask(B, 50.0)
    assert visits.expired(59.0, 60.0) == []
    assert visits.expired(60.0, 60.0) == [A]
    visits.ask(A, 61.0)
    assert visits.expired(111.0, 60.0) == [B]
    visits.forget(B)
    assert visits.expired(112.0, 60.0) == []
    assert visits.expired(1e9, 0.0) == []  # kept for ever


def test_only_so_many_are_kept_and_the_one_asked_longest_ago_goes_first() -> None:
    visits = Visits(most_open=2)
    assert visits.ask(A, 0.0) == visits.ask(B, 1.0) == visits.ask(A, 2.0) == []
    assert visits.ask(C, 3.0) == [B]
    assert B not in visits
    assert A in visits
