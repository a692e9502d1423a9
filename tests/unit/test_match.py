from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.match import Band, fold, match, positions, word_starts

NAMES = st.text(alphabet="abAB_1.é", min_size=1, max_size=12)


def best(query: str, *names: str) -> list[str]:
    scores = {name: match(query, name) for name in names}
    found = {name: score for name, score in scores.items() if score is not None}
    return sorted(found, key=lambda name: -found[name])


def band(query: str, name: str) -> Band | None:
    score = match(query, name)
    return None if score is None else Band(int(score))


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        ("getName", "getName", Band.EXACT),
        ("getname", "GetName", Band.EXACT),
        ("getn", "getName", Band.PREFIX),
        ("gn", "getName", Band.WORDS),
        ("gfn", "get_file_name", Band.WORDS),
        ("getfn", "getFileName", Band.WORDS),
        ("name", "getFileName", Band.WORDS),
        ("hs", "HTTPServer", Band.WORDS),
        ("v2", "parse_v2", Band.WORDS),
        ("8d", "utf8decode", Band.WORDS),
        ("geti", "get_element_id", Band.WORDS),
        ("_init", "module_init", Band.WORDS),
        ("a_b", "alpha_beta", Band.WORDS),
        ("etN", "getName", Band.SUBSTRING),
        ("ame", "getName", Band.SUBSTRING),
        ("gme", "getName", Band.SUBSEQUENCE),
        ("file name", "fileName", Band.EXACT),
        ("größe", "GRÖßE", Band.EXACT),
        ("ö", "größe", Band.SUBSTRING),
        ("変", "変数名", Band.PREFIX),
        ("x", "getName", None),
        ("eman", "getName", None),
        ("getNames", "getName", None),
        ("", "getName", None),
        (" ", "getName", None),
        ("a", "", None),
    ],
)
def test_band(query: str, name: str, expected: Band | None) -> None:
    assert band(query, name) is expected


def test_bands_are_ordered() -> None:
    names = ["init", "init_module", "module_init", "reinit", "xinsist"]
    assert best("init", *reversed(names)) == names


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("url", "url", "URL"),
        ("URL", "URL", "url"),
        ("get", "get_file", "gettable"),
        ("get", "getFile", "getFileName"),
        ("dev", "pci_dev", "do_each_void"),
        ("gn", "getName", "foo_getName"),
        ("am", "xam", "xxxam"),
        ("gt", "xgxt", "xgxxxxt"),
    ],
)
def test_better_of_the_same_band(query: str, better: str, worse: str) -> None:
    assert best(query, worse, better) == [better, worse]


def test_long_query_matches_whole_names_and_parts() -> None:
    long = "a_very_long_name_of_a_function_that_somebody_pasted_into_the_search_box"
    assert band(long, long) is Band.EXACT
    assert band(long, long + "_2") is Band.PREFIX
    assert band(long, "my_" + long) is Band.SUBSTRING
    assert band(long, "x".join(long)) is None


def test_only_the_beginning_of_a_very_long_name_counts() -> None:
    assert match("abc", "x" * 255 + "abc") is None
    assert match("xab", "x" * 253 + "ab" + "c" * 300) is not None


def test_words_begin_at_humps_separators_and_digits() -> None:
    name = "getHTTPResponse_v2 ok"
    assert [name[i] for i, start in enumerate(word_starts(name)) if start] == list("gHR_v2 o")


def test_folding_keeps_every_place() -> None:
    for text in ("İstanbul", "GRÖSSE ẞ", "\u212a", "ΑΣ", "ﬃ", "Ǆ"):
        assert len(fold(text)) == len(text)
    assert fold("\u212a") == "\u212a", "the Kelvin sign is no k"


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        ("getn", "getName", [0, 1, 2, 3]),
        ("gfn", "get_file_name", [0, 4, 9]),
        ("filen", "get_file_name", [4, 5, 6, 7, 9]),
        ("name", "surname_name", [8, 9, 10, 11]),
        ("etn", "getName", [1, 2, 3]),
        ("gme", "getName", [0, 5, 6]),
        ("x", "getName", []),
    ],
)
def test_positions(query: str, name: str, expected: list[int]) -> None:
    assert positions(query, name) == expected


@given(NAMES, NAMES)
def test_positions_spell_the_query(query: str, name: str) -> None:
    places = positions(query, name)
    assert bool(places) == (match(query, name) is not None)
    assert places == sorted(set(places))
    if places:
        assert fold("".join(name[place] for place in places)) == fold(query)


@given(NAMES, NAMES)
def test_score_is_a_band_and_a_fraction(query: str, name: str) -> None:
    score = match(query, name)
    assert score is None or 1 <= score < 6
    assert (score is None) == (match(query.upper(), name) is None) or not query.isascii()


@given(NAMES)
def test_nothing_beats_the_name_itself(name: str) -> None:
    score = match(name, name)
    assert score is not None
    assert score == pytest.approx(Band.EXACT + 0.95)


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=3), min_size=2, max_size=5), st.data())
def test_beginnings_of_words_in_order_match_as_words(words: list[str], data: st.DataObject) -> None:
    taken = [word[: data.draw(st.integers(0, len(word)))] for word in words[1:]]
    query = "".join(taken)
    found = band(query, "_".join(["z", *words[1:]])) if query else Band.WORDS
    assert found is Band.WORDS
