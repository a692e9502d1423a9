"""What the hits of a file say of each other."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from lowtide.core.asked import understand
from lowtide.core.candidate import Candidate, Ranked
from lowtide.core.explained import TOLD
from lowtide.core.rank import fuse
from lowtide.core.support import (
    FILE_OF_THING,
    OVERLOAD_PENALTY,
    first_of_each_file,
    supported,
    without_overloads_in_front,
)


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


def in_file(number: int, path: str, cosine: float) -> Candidate:
    return Candidate(
        number, path, f"Part{number}", "", 5, "php", 10 * number, 10 * number + 9, 10 * number, 1.0, cosine
    )


FILES = [
    in_file(1, "src/Client.php", 0.9),
    in_file(2, "src/CookieJar.php", 0.82),
    in_file(3, "src/CookieJar.php", 0.81),
    in_file(4, "src/Server.php", 0.80),
]


@pytest.mark.parametrize(
    ("query", "first"), [("cookie jar", 2), ("where a `Handler` of Guzzle asks the cookie jar", 2)]
)
def test_a_question_of_one_thing_leads_to_the_file_of_that_name(query: str, first: int) -> None:
    asked = understand(query)
    assert asked.is_of_one_thing
    hits = fuse(asked, FILES)
    assert hits[0].chunk_id == first
    lifted = {each.chunk_id: each.signals.get("file", 0.0) for each in hits}
    assert lifted[2] == pytest.approx((1 + FILE_OF_THING) * lifted[3]), "the best hit of the file alone is lifted"
    assert all(each.score == pytest.approx(sum_of(each)) for each in hits)


def sum_of(each: Ranked) -> float:
    return sum(value for name, value in each.signals.items() if name not in TOLD)


@pytest.mark.parametrize(
    "query",
    [
        "what keeps the little notes that a site left in my browser for the next visit",
        "Returns the cookie jar.",
        "CookieJar",
        "ValueError: cannot open the cookie jar",
    ],
)
def test_other_questions_are_not_of_one_thing(query: str) -> None:
    assert not understand(query).is_of_one_thing


def test_plain_words_that_a_card_knows_are_not_of_one_thing() -> None:
    asked = understand("little notes of a site")
    assert asked.is_of_one_thing
    assert not replace(asked, concepts={"cookie": 1.0}).is_of_one_thing


def overload(number: int, name: str, container: str, cosine: float) -> Candidate:
    return Candidate(
        number, "src/split.hpp", name, container, 6, "cpp", 10 * number, 10 * number + 9, 10 * number, 1.0, cosine
    )


OVERLOADS = [
    overload(1, "divide", "text", 0.9),
    overload(2, "divide", "text", 0.89),
    overload(3, "divide", "text", 0.88),
    overload(4, "cut", "text", 0.85),
    overload(5, "divide", "binary", 0.84),
]


@pytest.mark.parametrize(
    "query", ["how does a text become a list of its pieces", "Make a list of the pieces of a text."]
)
def test_overloads_are_one_answer_to_a_question_in_words(query: str) -> None:
    hits = fuse(understand(query), OVERLOADS)
    assert [each.chunk_id for each in hits] == [1, 4, 5, 2, 3]
    assert [each.signals.get("overload", 0.0) for each in hits] == [0, 0, 0, -OVERLOAD_PENALTY, -OVERLOAD_PENALTY]


@pytest.mark.parametrize("query", ["divide", "text::divide"])
def test_who_asks_for_a_name_gets_its_overloads(query: str) -> None:
    hits = fuse(understand(query), OVERLOADS)
    assert {each.chunk_id for each in hits[:3]} >= {1, 2}
    assert not any("overload" in each.signals for each in hits)


def test_a_much_better_overload_stays_in_front_and_what_has_no_name_is_none() -> None:
    hits = without_overloads_in_front(
        ranked(0.9, 0.8, 0.5, 0.4), [("a", "A", "f"), ("a", "A", "f"), ("a", "", ""), ("a", "", "")]
    )
    assert [each.chunk_id for each in hits] == [0, 1, 2, 3]
    assert [each.score for each in hits] == pytest.approx([0.9, 0.8 - OVERLOAD_PENALTY, 0.5, 0.4])
