"""Which words of a query are asked."""

from __future__ import annotations

from lowtide.core.lexical import MOST_POSTINGS, Term, choose_terms


def test_common_english_is_left_out_unless_it_is_all_there_is() -> None:
    assert [term.word for term in choose_terms([Term("the", "the", 9), Term("lock", "lock", 3)])] == ["lock"]
    assert [term.word for term in choose_terms([Term("the", "the", 9)])] == ["the"]


def test_words_that_nothing_holds_are_left_out() -> None:
    assert choose_terms([Term("zyzzy", "zyzzi", 0)]) == []


def test_work_is_bounded_by_dropping_the_commonest_words() -> None:
    terms = [Term("return", "return", MOST_POSTINGS), Term("rare", "rare", 5), Term("parse", "pars", 100)]
    assert [term.word for term in choose_terms(terms)] == ["rare", "parse"]
    assert [term.word for term in choose_terms(terms[:1])] == ["return"]


def test_each_stem_is_asked_once() -> None:
    assert len(choose_terms([Term("parse", "pars", 4), Term("parsing", "pars", 4)])) == 1
