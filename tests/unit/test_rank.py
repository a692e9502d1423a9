from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lowtide.core.asked import understand
from lowtide.core.candidate import Candidate, Near
from lowtide.core.rank import fuse
from lowtide.core.rank_features import stems

BASE = Candidate(0, "src/store.py", "work", "", 12, "python", 10, 20, 10, None, None)


def make(number: int, **fields: object) -> Candidate:
    own = {"symbol_start_line": number * 100, "start_line": number * 100, "end_line": number * 100 + 9}
    return replace(BASE, chunk_id=number, **(own | fields))


def order(query: str, *candidates: Candidate) -> list[int]:
    return [ranked.chunk_id for ranked in fuse(understand(query), candidates)]


def test_both_sides_count_and_the_vectors_more() -> None:
    far, lexical, dense, both = (
        make(0, cosine=0.1, bm25=0.1),
        make(1, bm25=9.0, cosine=0.2),
        make(2, bm25=1.0, cosine=0.8),
        make(3, bm25=9.0, cosine=0.8),
    )
    assert order("something", far, lexical, dense, both) == [3, 2, 1, 0]


def test_one_side_alone_still_ranks() -> None:
    assert order("something", make(0, bm25=1.0), make(1, bm25=3.0)) == [1, 0]
    assert order("something", make(0, cosine=0.3), make(1, cosine=0.6)) == [1, 0]
    assert order("something", make(0, cosine=-0.3), make(1, cosine=-0.1)) == [1, 0]
    assert order("something") == []
    assert fuse(understand("something"), [make(0, bm25=2.0)])[0].score == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("parse a date", {"name": "parse_date"}, {"name": "work"}),
        ("parse a date", {"name": "dateParser"}, {"name": "parse"}),
        ("parse_date", {"name": "parse_date"}, {"name": "parse_date_and_time"}),
        ("authenticate the user", {"name": "auth"}, {"name": "work"}),
        ("read the configuration", {"path": "src/configuration.py"}, {"path": "src/store.py"}),
        ("read the configuration", {"path": "configuration/x.py"}, {"path": "src/x.py"}),
        ("close the connection", {"container": "pool.Connection"}, {"container": "pool.Lock"}),
        ("anything", {"start_line": 500, "symbol_start_line": 500}, {"start_line": 130, "symbol_start_line": 100}),
        ("anything", {"name": "work"}, {"name": "", "kind": 0, "symbol_start_line": -1}),
        ("anything", {"kind": 12}, {"kind": 14}),
        ("limit", {"name": "LIMIT", "kind": 14}, {"name": "set_limit"}),
        ("anything", {"path": "src/store.py"}, {"path": "tests/test_store.py"}),
        ("anything", {"path": "src/store.py"}, {"path": "src/store/tests.py"}),
        ("anything", {"path": "src/store.py"}, {"path": "docs/ref/store.txt"}),
        ("anything", {"path": "src/store.py"}, {"path": "README.md"}),
        ("manual of the store", {"path": "docs/store.txt"}, {"path": "src/other.py"}),
        ("anything", {"path": "src/store.py"}, {"path": "vendor/store.py"}),
        ("anything", {"path": "src/contest.py"}, {"path": "src/contest_test.go"}),
        ("test of the store", {"path": "tests/test_store.py"}, {"path": "src/other.py"}),
    ],
)
def test_of_equals_the_better_candidate_wins(query: str, better: dict[str, object], worse: dict[str, object]) -> None:
    assert order(query, make(1, bm25=1.0, cosine=0.5, **worse), make(2, bm25=1.0, cosine=0.5, **better)) == [2, 1]


def test_definition_is_answered_once_by_its_best_chunk() -> None:
    head = make(1, cosine=0.4, start_line=100, symbol_start_line=100)
    body = make(2, cosine=0.9, start_line=120, symbol_start_line=100)
    twin = make(3, cosine=0.5, start_line=300, symbol_start_line=300)
    assert order("anything", head, body, twin) == [2, 3]


def test_what_comes_nearer_to_the_words_wins() -> None:
    equal = [make(number, cosine=0.5) for number in (1, 2, 3)]
    text = {1: Near(0.4, 50, 0.3), 2: Near(0.6, 50, 0.3)}
    head = {1: Near(0.4, 50, 0.3), 2: Near(0.4, 50, 0.6)}
    size = {1: Near(0.5, 500, 0.3), 2: Near(0.5, 50, 0.3)}
    for near in (text, head, size):
        assert [ranked.chunk_id for ranked in fuse(understand("anything"), equal, near)] == [2, 1, 3]
    alike = dict.fromkeys((1, 2, 3), Near(0.5, 50, 0.3))
    assert [ranked.chunk_id for ranked in fuse(understand("anything"), equal, alike)] == [1, 2, 3]


def test_text_without_definitions_is_answered_whole() -> None:
    plain = {"name": "", "kind": 0, "symbol_start_line": -1, "path": "README.md"}
    assert len(order("anything", make(1, cosine=0.4, **plain), make(2, cosine=0.5, **plain))) == 2


def test_signals_add_up_to_the_score() -> None:
    for ranked in fuse(
        understand("parse the date"), [make(1, name="parse_date", bm25=3.0, cosine=0.4), make(2, cosine=0.5)]
    ):
        parts = {name: value for name, value in ranked.signals.items() if name not in ("bm25", "cosine")}
        assert ranked.score == pytest.approx(sum(parts.values()))
        assert all(parts.values())
    assert ranked.signals["cosine"] == 0.4 or ranked.signals["cosine"] == 0.5


def test_stems_split_identifiers() -> None:
    assert stems("getHTTPResponses_v2") == ("get", "http", "respons", "v", "2")
    assert stems("größeParser") == stems("größe_parsing")
    assert stems("") == ()


@given(
    st.text(max_size=30),
    st.lists(
        st.builds(
            Candidate,
            st.integers(),
            st.text(max_size=20),
            st.text(max_size=10),
            st.text(max_size=10),
            st.integers(0, 26),
            st.just(""),
            st.integers(0, 99),
            st.integers(0, 99),
            st.integers(-1, 99),
            st.none() | st.floats(-100, 100),
            st.none() | st.floats(-1, 1),
        ),
        max_size=12,
        unique_by=lambda candidate: candidate.chunk_id,
    ),
)
def test_anything_is_ranked_in_the_order_of_scores(query: str, candidates: list[Candidate]) -> None:
    ranked = fuse(understand(query), candidates)
    assert [r.score for r in ranked] == sorted((r.score for r in ranked), reverse=True)
    assert {r.chunk_id for r in ranked} <= {candidate.chunk_id for candidate in candidates}
    assert bool(ranked) == bool(candidates)
    assert fuse(understand(query), candidates[::-1]) == ranked or len(
        {(c.path, c.start_line) for c in candidates}
    ) < len(candidates)
