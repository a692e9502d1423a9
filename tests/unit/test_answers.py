"""What is written of an answer is what is read of it; and its JSON is the one that is promised."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.answers import (
    Answer,
    Definition,
    Hit,
    Reference,
    References,
    SymbolHit,
    Symbols,
    TextAnswer,
    TextHit,
)
from lowtide.status import FileCounts, Forecast, IndexReport, LadderStep, Status

TEXT = st.text(max_size=20)
NAME = st.text(min_size=1, max_size=8)
COUNT = st.integers(0, 1 << 40)
FIGURE = st.floats(0, 1e6).map(lambda value: round(value, 4))
LINES = st.lists(TEXT, max_size=3).map(tuple)
DEFINITION = st.builds(Definition, COUNT, COUNT, TEXT) | st.builds(Definition, COUNT, COUNT, TEXT, TEXT, TEXT)
OWN = st.builds(
    Hit,
    TEXT,
    COUNT,
    COUNT,
    TEXT,
    TEXT,
    TEXT,
    FIGURE,
    TEXT,
    st.dictionaries(NAME, FIGURE, max_size=3),
    st.booleans(),
    st.booleans(),
    COUNT,
    COUNT,
    st.none() | DEFINITION,
    st.sampled_from(["", None]),
    st.just(""),
    st.just(0),
    st.just(""),
    TEXT,
)
THE_TEAMS = st.builds(
    lambda hit, repository, commit, age_s, url: hit._replace(
        repository=repository, commit=commit, age_s=age_s, url=url
    ),
    OWN,
    NAME,
    TEXT,
    COUNT,
    TEXT,
)
MARKS = st.lists(st.tuples(COUNT, COUNT), max_size=3).map(tuple)
LINE = st.builds(TextHit, TEXT, COUNT, COUNT, TEXT, MARKS, LINES, LINES, st.booleans(), TEXT, TEXT, TEXT, TEXT)
PLACE, SPAN = st.tuples(COUNT, COUNT), st.tuples(COUNT, COUNT, COUNT, COUNT)
SYMBOL = st.builds(SymbolHit, TEXT, TEXT, TEXT, TEXT, FIGURE, TEXT, TEXT, SPAN, PLACE, TEXT, st.none() | DEFINITION)
USE = st.builds(Reference, TEXT, COUNT, COUNT, TEXT, TEXT, st.booleans(), st.just(0))
COUNTS = st.dictionaries(NAME, COUNT, max_size=3)
WHOLE = {
    Answer: st.builds(Answer, TEXT, st.none() | TEXT, COUNT, FIGURE, st.lists(OWN | THE_TEAMS, max_size=3).map(tuple)),
    TextAnswer: st.builds(
        TextAnswer,
        *(TEXT, st.none() | TEXT, FIGURE, COUNT, st.booleans(), COUNT),
        st.lists(LINE, max_size=3).map(tuple),
        st.just(False),
    ),
    Symbols: st.builds(Symbols, TEXT, FIGURE, st.lists(SYMBOL, max_size=3).map(tuple)),
    References: st.builds(References, st.lists(USE, max_size=3).map(tuple), st.booleans(), TEXT, TEXT, FIGURE),
    IndexReport: st.builds(
        IndexReport,
        TEXT,
        st.builds(FileCounts, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT),
        *(COUNT, COUNT, COUNT, FIGURE, FIGURE, COUNT, COUNT),
        st.lists(st.builds(LadderStep, TEXT, TEXT), max_size=3).map(tuple),
        *(COUNT, COUNT, COUNTS, LINES),
        st.none() | st.builds(Forecast, COUNT, COUNT, COUNT, COUNT, FIGURE, FIGURE, COUNT, COUNTS, COUNTS),
    ),
}


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_what_is_written_is_what_is_read(kind: Any, data: st.DataObject) -> None:
    value: Any = data.draw(WHOLE[kind])
    sent = json.loads(json.dumps(value.as_json()))
    assert kind.from_json(sent) == value
    assert json.dumps(kind.from_json(sent).as_json()) == json.dumps(sent), "with the same names, in the same order"
    assert kind.from_json({**sent, "of a newer version": 1}) == value


HIT = Hit(
    "a.py", 1, 2, "function", "f", "C", 1.5, "def f", {"bm25": 2.0}, False, False, 0, 1, Definition(1, 9, "def f")
)
SHAPES: list[tuple[Any, str]] = [
    (
        HIT,
        "path start_line end_line kind name container score snippet signals stale weak more snippet_line definition",
    ),
    (HIT.definition, "start_line end_line signature"),
    (Definition(1, 2, "", "", ""), "start_line end_line signature doc code"),
    (
        HIT._replace(repository=None, root="/tree"),
        "path start_line end_line kind name container score snippet signals stale weak more snippet_line definition"
        " repository root",
    ),
    (
        HIT._replace(repository="host/it"),
        "path start_line end_line kind name container score snippet signals stale weak more snippet_line definition"
        " repository commit age_s url",
    ),
    (
        TextHit("a.py", 1, 1, "x", (), (), (), False),
        "path start_line end_line column kind name container score snippet marks before after signals stale",
    ),
    (Answer("q", None, 0, 0.0, ()), "query degraded stale_files took_ms hits"),
    (TextAnswer("q", None, 0.0, 0, False, 0, ()), "query degraded took_ms stale_files truncated files_read hits"),
    (
        SymbolHit("f", "function", "", "a.py", 1.0, "", "", (0, 0, 1, 0), (0, 4)),
        "name kind container path line column score signature doc range name_range encoding",
    ),
    (Symbols("q", 0.0, ()), "query took_ms symbols"),
    (Reference("a.py", 1, 1, "f()", "", False, 3), "path line column text holder definition"),
    (References((), False, "f"), "query name took_ms refs truncated"),
]


@pytest.mark.parametrize(("value", "names"), SHAPES)
def test_names_are_those_of_the_command_line(value: Any, names: str) -> None:
    assert list(value.as_json()) == names.split()


def test_a_place_counts_from_one_where_people_read_it() -> None:
    told = SymbolHit("f", "function", "C", "a.py", 1.0, "", "", (0, 0, 1, 0), (6, 4)).as_json()
    assert (told["line"], told["column"]) == (7, 5)


def test_a_use_leaves_out_what_is_an_editors_alone() -> None:
    sent = References((Reference("a.py", 1, 5, "f()", "", False, 9),), False, "f", " f ").as_json()
    (use,) = References.from_json(sent).refs
    assert use.offset == 0
    del sent["name"]
    assert References.from_json(sent).name == "f"


def test_values_of_the_status_are_read_as_they_were_written() -> None:
    names = set(Status.__struct_fields__)
    assert {"health", "memory", "workspaces"} <= names
    with pytest.raises(Exception, match="missing required field"):
        Status.from_json({"version": "1"})
