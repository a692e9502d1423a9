"""Which lines of a chunk are shown."""

from __future__ import annotations

from lowtide.core.passage import LINES, first_shown

BODY = [f"    step({number})" for number in range(40)]


def test_a_short_chunk_is_shown_whole() -> None:
    assert first_shown(BODY[:LINES], 0, ["step"]) == 0


def test_the_lines_that_say_most_are_shown() -> None:
    lines = [*BODY[:30], "    retry(backoff, jitter)", *BODY[30:]]
    first = first_shown(lines, 0, ["retry", "backoff", "jitter"])
    assert first <= 30 < first + LINES


def test_the_beginning_of_the_definition_is_shown_where_the_rest_says_no_more() -> None:
    lines = ["# Steps, one after the other", *["# and more of them"] * 5, "def walk():", *BODY]
    assert first_shown(lines, 6, ["walk"]) <= 6 < first_shown(lines, 6, ["walk"]) + LINES


def test_a_long_comment_is_never_all_that_is_shown() -> None:
    lines = [*["# retry with backoff and jitter, retry again"] * 20, "def walk():", *BODY]
    first = first_shown(lines, 20, ["retry", "backoff", "jitter", "again"])
    assert first <= 20 < first + LINES
