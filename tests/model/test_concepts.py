"""The concept cards: each line a card, none twice, none that gives its own answer away."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from model.cards import TABLE, is_made_of_the_cards

FILES = sorted((Path(__file__).resolve().parents[2] / "model" / "concepts").glob("*.tsv"))
TERM = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")


def cards(file: Path) -> list[tuple[list[str], list[str]]]:
    """(phrasings, terms) of each card."""
    found = []
    for line in file.read_text("ascii").splitlines()[1:]:
        phrasings, terms = line.split("\t")
        found.append((phrasings.split(" | "), terms.split()))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_card_is_plain_words_and_the_terms_for_them(file: Path) -> None:
    assert file.read_text("ascii").startswith(f"# {file.stem}: ")
    for phrasings, terms in cards(file):
        assert 2 <= len(phrasings) <= 4, phrasings
        assert 4 <= len(terms) <= 10, terms
        assert all(4 <= len(phrasing.split()) <= 14 for phrasing in phrasings), phrasings
        assert all(TERM.fullmatch(term) for term in terms), terms
        said = {word for phrasing in phrasings for word in phrasing.split()}
        assert said.isdisjoint(terms), said & set(terms)


def test_no_concept_and_no_phrasing_stands_twice() -> None:
    all_cards = [card for file in FILES for card in cards(file)]
    assert len(all_cards) > 4_000
    concepts = Counter(frozenset(terms[:2]) for _, terms in all_cards)
    phrasings = Counter(phrasing for said, _ in all_cards for phrasing in said)
    assert [each for each, count in (concepts + Counter()).items() if count > 1] == []
    assert [each for each, count in phrasings.items() if count > 1] == []


def test_the_table_that_search_asks_is_made_of_these_cards() -> None:
    assert is_made_of_the_cards(TABLE.read_bytes()), "run `python -m model.cards`"
    assert not is_made_of_the_cards(TABLE.read_bytes()[:-1])
