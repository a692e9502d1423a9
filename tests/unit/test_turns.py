"""Whose turn it is, when many workspaces want to be indexed."""

from __future__ import annotations

from lowtide.core import turns
from lowtide.core.turns import Turns, most_turns

MIB = 1 << 20


class Line:
    """Workspaces by name, and who was told that its turn has come."""

    def __init__(self, most: int = 1) -> None:
        self.turns = Turns(lambda: most)
        self.told: list[str] = []

    def take(self, name: str, now_s: float = 0.0) -> bool:
        return self.turns.take(name, now_s, lambda: self.told.append(name))


def test_few_at_once_and_the_others_in_order() -> None:
    line = Line()
    assert line.take("a")
    assert [line.take(name) for name in "bcd"] == [False, False, False]
    assert [line.turns.before(name) for name in "abcd"] == [None, 1, 2, 3]
    line.turns.end("a", 1.0)
    assert line.told == ["b"]
    assert not line.take("c", 1.0), "it is not the next"
    assert line.take("b", 1.0)
    assert line.turns.are_waited_for


def test_what_somebody_asks_for_comes_first_even_if_it_was_asked_before_it_waits() -> None:
    line = Line()
    line.turns.ask("d")
    for name in "abcd":
        line.take(name)
    line.turns.ask("c")
    line.turns.end("a", 1.0)
    assert line.told == ["c"]
    assert line.take("c", 1.0)
    line.turns.end("c", 2.0)
    assert line.take("d", 2.0)
    line.turns.end("d", 3.0)
    line.take("c", 3.0)
    assert line.take("b", 3.0), "asking counts for one turn"


def test_one_that_gives_up_holds_up_nobody() -> None:
    line = Line()
    for name in "abc":
        line.take(name)
    line.turns.end("b", 1.0)
    line.turns.end("a", 1.0)
    assert line.told[-1] == "c"
    assert line.take("c", 1.0)
    assert not line.turns.are_waited_for


def test_a_long_turn_lets_one_more_begin() -> None:
    line = Line()
    for name in "abc":
        line.take(name)
    line.turns.look(turns.LONG_S - 1)
    assert line.told == []
    line.turns.look(turns.LONG_S)
    assert line.told == ["b"]
    assert line.take("b", turns.LONG_S)
    assert not line.take("c", 10 * turns.LONG_S), "and no more than one"


def test_a_turn_that_is_held_is_not_waited_for() -> None:
    line = Line()
    assert line.take("a")
    assert line.take("a", 5.0)
    line.turns.end("a", 6.0)
    assert line.take("b", 6.0)


def test_a_small_budget_indexes_one_workspace_at_a_time() -> None:
    assert [most_turns(size * MIB) for size in (96, 128, 256, 512, 8192)] == [1, 1, 2, 3, 3]
