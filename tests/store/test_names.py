from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowtide.core.match import match
from lowtide.errors import CorruptIndex
from lowtide.store.names import name_rows, name_search, names
from lowtide.store.names.name_rows import NameRows, make_rows, merge_rows
from lowtide.store.names.name_search import NameIndex
from lowtide.store.names.names import NameDelta, NameSegment, merge_names, without, write_names

DATA = Path(__file__).resolve().parents[1] / "data" / "formats"
Symbols = list[tuple[int, str, int]]

REAL = (
    "getFileName get_file_name GetFileName getFile gfn fileName FILE_NAME main init __init__ module_init reinit "
    "HTTPServer httpServer http_server parse_v2 utf8decode a A ab aB a_b größe GRÖSSE 変数名 変数 naïve_bayes "
    "operator== ~Destructor $scope x.y.z with space tab\tname über Überweisung"
).split(" ")


def number(texts: Sequence[str], first: int = 1, step: int = 2) -> Symbols:
    return [(first + step * index, text, 1 + index % 26) for index, text in enumerate(texts)]


def expected(symbols: Symbols, query: str) -> dict[int, float]:
    scores = {identifier: match(query, name) for identifier, name, _ in symbols}
    return {identifier: round(score, 9) for identifier, score in scores.items() if score is not None}


def found_by(index: NameIndex, query: str, kinds: Sequence[int] | None = None) -> dict[int, float]:
    return {identifier: round(score, 9) for identifier, score in index.search(query, 1000, kinds)}


def check(index: NameIndex, symbols: Symbols, query: str, limit: int) -> None:
    """The answer holds the best scores there are, and each is the reference's."""
    wanted = {identifier: match(query, name) for identifier, name, _ in symbols}
    best = sorted((score for score in wanted.values() if score is not None), reverse=True)[:limit]
    found = index.search(query, limit)
    assert [score for _, score in found] == pytest.approx(best), query
    assert len({identifier for identifier, _ in found}) == len(found)
    for identifier, score in found:
        assert wanted[identifier] == pytest.approx(score)


LETTERS = st.text(alphabet="abcABC_12.é変\x01", max_size=10)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(LETTERS, st.booleans()), max_size=60), LETTERS, st.integers(1, 30))
def test_search_agrees_with_the_reference(texts: list[tuple[str, bool]], query: str, limit: int) -> None:
    symbols = number([text for text, _ in texts])
    cuts = [0, *(place for place, (_, cut) in enumerate(texts) if cut), len(symbols)]
    parts = [make_rows(symbols[low:high]) for low, high in pairwise(cuts)]
    check(NameIndex(parts), symbols, query, limit)
    check(NameIndex([merge_rows(parts)]), symbols, query, limit)


@settings(deadline=None, max_examples=100)
@given(st.lists(LETTERS, min_size=1, max_size=60), st.lists(LETTERS, min_size=1, max_size=3))
def test_each_keystroke_agrees_with_the_reference(texts: list[str], queries: list[str]) -> None:
    symbols = number(texts)
    index = NameIndex([make_rows(symbols[::2]), make_rows(symbols[1::2])])
    for query in queries:
        for end in [*range(1, len(query) + 1), 1]:
            check(index, symbols, query[:end], 100)


@settings(deadline=None, max_examples=200)
@given(st.lists(LETTERS, max_size=60), LETTERS, st.integers(1, 30), st.floats(0.0, 6.0))
def test_what_scores_less_than_wanted_is_left_out_and_nothing_else(
    texts: list[str], query: str, limit: int, least: float
) -> None:
    symbols = number(texts)
    index = NameIndex([make_rows(symbols[::2]), make_rows(symbols[1::2])])
    every = [score for _, score in index.search(query, limit) if score >= least]
    assert [score for _, score in index.search(query, limit, least=least)] == pytest.approx(every)


@given(
    st.lists(st.text(alphabet="abAB_", min_size=1, max_size=90), min_size=1, max_size=30),
    st.integers(1, 90),
    st.integers(0, 29),
    st.integers(1, 3),
)
def test_long_names_and_queries_agree_with_the_reference(texts: list[str], length: int, which: int, step: int) -> None:
    symbols = number(texts)
    query = texts[which % len(texts)][::step][:length]
    check(NameIndex([make_rows(symbols)]), symbols, query, 10)


@pytest.mark.parametrize(
    "query",
    [
        "gfn",
        "getfn",
        "filen",
        "file",
        "GFN",
        "a",
        "_",
        "1",
        "größe",
        "変",
        "é",
        "==",
        "$",
        ".",
        "in",
        "tab name",
        "x.z",
    ],
)
def test_real_names(query: str) -> None:
    symbols = number(REAL)
    check(NameIndex([make_rows(symbols[:20]), make_rows(symbols[20:])]), symbols, query, 50)


def test_threads_that_search_at_once_find_what_each_alone_would() -> None:
    index = NameIndex([make_rows(random_symbols(20_000))])
    queries = [text[:length] for _, text, _ in random_symbols(12) for length in range(1, 6) if text[:length].strip()]
    alone = [index.search(query, 50) for query in queries]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda query: index.search(query, 50), queries)) == alone
    assert 0 < index.anonymous_bytes < 2 << 20
    index.shrink()
    assert index.anonymous_bytes == 0
    assert index.search(queries[0], 50) == alone[0]


def test_nothing_is_found_in_nothing() -> None:
    for index in (NameIndex([]), NameIndex([make_rows([])]), NameIndex(NameDelta().parts())):
        assert len(index) == 0
        assert index.search("abc", 10) == []
    index = NameIndex([make_rows(number(REAL))])
    for query in ("", " ", "\t\n"):
        assert index.search(query, 10) == []
    assert index.search("get", 0) == []


def test_every_symbol_of_a_name_is_answered() -> None:
    symbols = number(["probe", "remove", "probe", "probe_all"] * 100)
    found = NameIndex([make_rows(symbols[:150]), make_rows(symbols[150:])]).search("probe", 250)
    assert len(found) == 250
    names_found = [symbols[(identifier - 1) // 2][1] for identifier, _ in found]
    assert names_found == ["probe"] * 200 + ["probe_all"] * 50


def test_many_beginnings_keep_the_shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_search, "BLOCK_ROWS", 7)
    symbols = number([f"get_{'x' * (index % 40)}{index}" for index in range(500)])
    for query in ("g", "ge", "get_x", "x1", "gx", "t_"):
        check(NameIndex([make_rows(symbols[:300]), make_rows(symbols[300:])]), symbols, query, 20)


def test_only_wanted_kinds_are_answered() -> None:
    symbols = number(REAL * 3)
    index = NameIndex([make_rows(symbols)])
    for kinds in ([5], [5, 6, 12], list(range(1, 27)), [200]):
        kept = [symbol for symbol in symbols if symbol[2] in kinds]
        for query in ("g", "file", "größe", "fn"):
            assert found_by(index, query, kinds) == expected(kept, query)


def test_dead_symbols_are_never_answered() -> None:
    symbols = number(REAL * 3)
    dead = np.array([symbol[0] for symbol in symbols[::2]] + [10**15], np.int64)
    index = NameIndex([make_rows(symbols[:30]), make_rows(symbols[30:])], np.sort(dead))
    for query in ("g", "file", "größe"):
        assert found_by(index, query) == expected(symbols[1::2], query)


def test_cancelled_search_ends_with_what_it_has() -> None:
    symbols = number([f"name_{index}_x" for index in range(20_000)])
    index = NameIndex([make_rows(symbols)])
    asked = [0]

    def cancelled() -> bool:
        asked[0] += 1
        return asked[0] > 1

    for query in ("name", "nx"):
        asked[0] = 0
        found = index.search(query, 30_000, cancelled=cancelled)
        assert 0 < len(found) < 20_000
        assert asked[0] == 2


def test_segment_answers_as_its_rows(tmp_path: Path) -> None:
    symbols = number(REAL)
    facts = write_names(tmp_path / "n", iter(symbols))
    assert facts is not None
    assert (facts.kind, facts.first_id, facts.last_id, facts.count) == ("names", 1, symbols[-1][0], len(symbols))
    segment = NameSegment(tmp_path / "n", facts)
    for query in REAL:
        assert found_by(NameIndex([segment.rows]), query) == expected(symbols, query)
    segment.release()
    assert NameIndex([segment.rows]).search("getFileName", 1)[0][0] == 1
    assert os.listdir(tmp_path) == ["n"]


def random_symbols(count: int, first: int = 1) -> Symbols:
    random = np.random.default_rng(first)
    syllables = ["get", "Set", "_init", "Name", "x", "dev", "PCI", "é", "2", "_"]
    picks = random.integers(0, len(syllables), (count, 6))
    lengths = random.integers(1, 7, count)
    return number(
        ["".join(syllables[p] for p in row[:length]) for row, length in zip(picks, lengths, strict=True)], first
    )


def same_rows(left: NameRows, right: NameRows) -> bool:
    return (
        all((a == b).all() for a, b in zip(left.matrices, right.matrices, strict=True))
        and (left.offsets == right.offsets).all()
        and (left.ids.astype(np.int64) + left.first_id == right.ids.astype(np.int64) + right.first_id).all()
        and (left.kinds == right.kinds).all()
        and (left.masks == right.masks).all()
        and (left.lengths == right.lengths).all()
        and (left.wide_rows == right.wide_rows).all()
        and (left.wide_offsets == right.wide_offsets).all()
        and (left.wide_text == right.wide_text).all()
    )


def test_writing_in_runs_is_writing_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = random_symbols(3000)
    at_once = make_rows(symbols)
    monkeypatch.setattr(names, "RUN_SYMBOLS", 250)
    monkeypatch.setattr(name_rows, "MERGE_ROWS", 200)
    facts = write_names(tmp_path / "n", iter(symbols))
    assert facts is not None
    assert same_rows(NameSegment(tmp_path / "n", facts).rows, at_once)
    assert os.listdir(tmp_path) == ["n"]


def test_merge_joins_and_drops_the_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_rows, "MERGE_ROWS", 300)
    symbols = random_symbols(2500)
    cuts = (0, 1500, 1600, 2500)
    sources = []
    for low, high in pairwise(cuts):
        facts = write_names(tmp_path / str(low), iter(symbols[low:high]))
        sources.append(NameSegment(tmp_path / str(low), facts))
    dead = np.array([symbol[0] for symbol in symbols[::3]], np.int64)
    merged = merge_names(tmp_path / "m", sources[::-1], without(dead))
    assert merged is not None
    kept = [symbol for index, symbol in enumerate(symbols) if index % 3]
    assert same_rows(NameSegment(tmp_path / "m", merged).rows, make_rows(kept))
    assert merge_names(tmp_path / "z", sources, without(np.array([s[0] for s in symbols]))) is None
    assert merge_names(tmp_path / "y", sources, None) is not None
    assert sorted(os.listdir(tmp_path)) == ["0", "1500", "1600", "m", "y"]


def test_nothing_to_write_writes_nothing(tmp_path: Path) -> None:
    assert write_names(tmp_path / "n", []) is None
    assert write_names(tmp_path / "n", [(1, "", 5)]) is None
    assert os.listdir(tmp_path) == []


def test_error_while_symbols_are_read_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "RUN_SYMBOLS", 10)

    def symbols() -> Iterator[tuple[int, str, int]]:
        yield from number(REAL)
        raise CorruptIndex("the catalog broke")

    with pytest.raises(CorruptIndex):
        write_names(tmp_path / "n", symbols())
    assert os.listdir(tmp_path) == []


def test_delta_answers_at_once_and_forgets_what_was_flushed() -> None:
    symbols = random_symbols(2000)
    delta = NameDelta()
    for start in range(0, 2000, 90):
        delta.append(symbols[start : start + 90])
        assert len(delta.parts()) < 8
    delta.append([])
    before = delta.parts()
    assert len(delta) == 2000
    assert 2000 * 5 < delta.anonymous_bytes < 2000 * 100
    check(NameIndex(delta.parts()), symbols, "getn", 50)
    delta.drop_through(symbols[1499][0])
    assert len(delta) == 500
    check(NameIndex(delta.parts()), symbols[1500:], "getn", 50)
    check(NameIndex(before), symbols, "getn", 50)
    delta.drop_through(10**9)
    assert (len(delta), delta.parts()) == (0, ())


def test_segments_and_delta_are_searched_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "RUN_SYMBOLS", 7)
    symbols = number(REAL)
    facts = write_names(tmp_path / "n", iter(symbols[:20]))
    delta = NameDelta()
    delta.extend(iter(symbols[20:]))
    index = NameIndex([NameSegment(tmp_path / "n", facts).rows, *delta.parts()], np.array([symbols[0][0]]))
    assert found_by(index, "file") == expected(symbols[1:], "file")


def test_damaged_segment_is_a_miss(tmp_path: Path) -> None:
    write_names(tmp_path / "n", iter(number(REAL)))
    sound = (tmp_path / "n").read_bytes()
    for at in range(3, len(sound), len(sound) // 30):
        data = bytearray(sound)
        data[at] ^= 4
        (tmp_path / "n").write_bytes(data)
        with pytest.raises(CorruptIndex):
            NameSegment(tmp_path / "n")


def test_format_is_as_it_was(tmp_path: Path) -> None:
    write_names(tmp_path / "n", iter(number(REAL, first=1000)))
    assert (tmp_path / "n").read_bytes() == (DATA / "names-1.segment").read_bytes()
    rows = NameSegment(DATA / "names-1.segment").rows
    assert found_by(NameIndex([rows]), "gfn") == expected(number(REAL, first=1000), "gfn")
