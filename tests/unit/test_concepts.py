"""Concept cards: which count, how their terms rank, and that a table that is not whole is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from lowtide.core.asked import Kind, understand
from lowtide.core.candidate import Candidate
from lowtide.core.concepts import (
    LEAST,
    LEAST_OF_WISH,
    MOST,
    MOST_TERMS,
    SURE,
    Concept,
    is_in_plain_words,
    term_weights,
    with_concepts,
)
from lowtide.core.rank import fuse
from lowtide.core.rank_features import CONCEPT_NAME_WEIGHT, CONCEPT_WEIGHT
from lowtide.read.concepts import FILE, Concepts
from lowtide.work.model.encoder import Side
from lowtide.work.model.model_folder import default_model, read_model
from lowtide.work.model.static_model import StaticModel


def candidate(number: int, name: str, concept: float = 0.0) -> Candidate:
    return Candidate(number, f"src/f{number}.py", name, "", 6, "python", 0, 9, 0, 1.0, 0.5, concept=concept)


def test_near_cards_count_by_how_near_they_are() -> None:
    sure = Concept(SURE, tuple(f"term{number}" for number in range(MOST_TERMS + 3)))
    doubtful = Concept(LEAST, ("other", "term0"))
    weights = term_weights([doubtful, Concept(LEAST - 0.01, ("far",)), sure])
    assert weights["term0"] == 1.0
    assert 0 < weights["other"] < 1
    assert "far" not in weights
    assert len(weights) == MOST_TERMS + 1
    assert len(term_weights([Concept(SURE, (f"card{number}",)) for number in range(MOST + 3)])) == MOST


@pytest.mark.parametrize(
    ("query", "is_plain"),
    [
        ("stop two requests from updating the same row", True),
        ("where is the retry of `RetryPolicy` decided", False),
        ("RetryPolicy.next_delay", False),
        ("ValueError: cannot convert 3 to a date", False),
        ("src/app/main.py:12", False),
        ("cancel all siblings when one of them fails", True),
        ("compress the answer before it is sent", True),
        ("Returns the number of rows.", False),
    ],
)
def test_only_plain_words_ask_for_terms_of_art(query: str, is_plain: bool) -> None:
    assert is_in_plain_words(understand(query)) is is_plain


WISHES = ("cancel all siblings when one of them fails", "find a root by repeatedly halving an interval")


@pytest.mark.parametrize("query", WISHES)
def test_a_wish_that_a_card_knows_is_answered_as_a_sentence(query: str) -> None:
    asked = understand(query)
    assert asked.kind is Kind.ACTION
    known = with_concepts(asked, [Concept(LEAST_OF_WISH, ("structured_concurrency",)), Concept(LEAST, ("nursery",))])
    assert known.kind is Kind.SENTENCE
    assert known.concepts.keys() == {"structured_concurrency", "nursery"}


def test_what_one_thing_does_stays_so_when_its_card_is_doubtful() -> None:
    asked = understand("Return the number of rows.")
    assert with_concepts(asked, [Concept(LEAST_OF_WISH - 0.01, ("count",))]) == asked
    assert with_concepts(asked, []) == asked


def test_a_question_takes_the_terms_of_any_card_that_counts() -> None:
    asked = understand("where does it wait until the user has stopped typing")
    assert with_concepts(asked, [Concept(LEAST, ("debounce",))]).concepts.keys() == {"debounce"}


@pytest.mark.parametrize("query", WISHES)
def test_the_table_knows_what_people_wish_for(query: str) -> None:
    model = read_model(default_model())
    static, table = StaticModel.open(model), Concepts.open(default_model() / FILE, model.recipe)
    assert static is not None
    assert table is not None
    (vector,) = static.encode([query], Side.QUERY)
    assert with_concepts(understand(query), table.near(vector.tobytes())).concepts


def test_a_name_that_is_a_term_ranks_before_one_that_has_it() -> None:
    asked = replace(understand("wait until the user has stopped typing"), concepts={"debounce": 1.0})
    ranked = fuse(asked, [candidate(1, "render"), candidate(2, "debounce_all"), candidate(3, "debounce")])
    assert [each.chunk_id for each in ranked] == [3, 2, 1]
    assert ranked[0].signals["concept_name"] == pytest.approx(CONCEPT_NAME_WEIGHT)


def test_a_text_that_holds_the_terms_ranks_before_one_that_does_not() -> None:
    asked = replace(understand("wait until the user has stopped typing"), concepts={"debounce": 0.5})
    ranked = fuse(asked, [candidate(1, "first"), candidate(2, "other", concept=1.0)])
    assert ranked[0].chunk_id == 2
    assert ranked[0].signals["concept"] == pytest.approx(CONCEPT_WEIGHT / 2)


def test_the_table_gives_the_terms_of_the_nearest_cards() -> None:
    model = read_model(default_model())
    static = StaticModel.open(model)
    table = Concepts.open(default_model() / FILE, model.recipe)
    assert static is not None
    assert table is not None
    assert len(table) > 5_000
    (vector,) = static.encode(["wait until the user stops typing before searching"], Side.QUERY)
    near = table.near(vector.tobytes())
    assert "debounce" in near[0].terms
    assert len(near) <= MOST
    assert all(each.cosine >= LEAST for each in near)
    assert table.near(np.zeros(256, np.int8).tobytes()) == []
    assert table.near(b"") == []


@pytest.mark.parametrize("harm", ["missing", "cut", "another model", "no header", "offsets", "version"])
def test_a_table_that_is_not_whole_is_none(tmp_path: Path, harm: str) -> None:
    recipe = read_model(default_model()).recipe
    line, _, rest = (default_model() / FILE).read_bytes().partition(b"\n")
    header = json.loads(line)
    path = tmp_path / FILE
    content = line + b"\n" + rest
    match harm:
        case "cut":
            content = content[:10_000]
        case "another model":
            recipe = "0" * 16
        case "no header":
            content = rest
        case "offsets":
            content = content[:-1000]
        case "version":
            content = json.dumps({**header, "format_version": 99}).encode() + b"\n" + rest
    if harm != "missing":
        path.write_bytes(content)
    assert Concepts.open(path, recipe) is None
