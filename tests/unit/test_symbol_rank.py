"""One formula for symbols: what a place adds, whatever the symbol was read from."""

from __future__ import annotations

import pytest

from lowtide.core.symbol_rank import (
    Nearness,
    file_worth,
    is_held,
    most_beside_the_name,
    split_query,
    symbol_score,
)
from lowtide.models import SymbolKind


def score(
    path: str, query: str, *, kind: SymbolKind = SymbolKind.METHOD, container: str = "", near: Nearness = Nearness.OPEN
) -> float:
    outer = [part.lower() for part in split_query(query)[:-1]]
    return symbol_score(1.0, file_worth(path, near, 1.0), kind, container, outer)


def test_the_container_that_was_asked_for_goes_before_one_that_only_has_it() -> None:
    assert score("a.py", "Parser.parse", container="Parser") > score("a.py", "Parser.parse", container="IfParser") + 0.1


@pytest.mark.parametrize("path", ["tests/a.py", "src/test_a.py", "a/b_test.go", "web/a.spec.ts"])
def test_a_test_goes_behind_what_it_tests(path: str) -> None:
    depth = "x/" * path.count("/")
    assert score(path, "probe") < score(f"{depth}a.py", "probe")


def test_what_somebody_looks_at_goes_first_among_equals() -> None:
    scores = [score("a/b.py", "probe", near=near) for near in (Nearness.OPEN, Nearness.FOLDER, Nearness.ELSEWHERE)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


def test_no_place_adds_more_than_is_said() -> None:
    for kind in SymbolKind:
        for query in ("parse", "Parser.parse"):
            beside = score("a.py", query, kind=kind, container="Parser") - 1.0
            assert beside <= most_beside_the_name(split_query(query)) + 1e-9


def test_outer_names_are_looked_for_in_order() -> None:
    assert is_held("net.Server", "a.py", ["net", "server"])
    assert is_held("", "net/server.py", ["net", "server"])
    assert not is_held("Server.net", "a.py", ["net", "server"])
