"""Names as their languages spell them: the one under a cursor, and where one stands for itself."""

from __future__ import annotations

import pytest

from lowtide.core.spelling import names_at, standing_alone


@pytest.mark.parametrize(
    ("language", "line", "spellings"),
    [
        ("ruby", "user.sav|e!(now)", ["save!", "save"]),
        ("ruby", "ok = user.valid|?", ["valid?", "valid"]),
        ("ruby", "x != y|!=z", ["y"]),
        ("elixir", "Repo.inser|t!(row)", ["insert!", "insert"]),
        ("julia", "pu|sh!(list, 1)", ["push!", "push"]),
        ("haskell", "go = fold|l' f", ["foldl'", "foldl"]),
        ("css", ".btn-pri|mary { }", ["btn-primary", "primary"]),
        ("css", "color: var(--main-col|or)", ["--main-color", "color"]),
        ("clojure", "(assoc-i|n! m)", ["assoc-in!", "in"]),
        ("javascript", "this.#cou|nt += 1", ["#count", "count"]),
        ("javascript", "$sco|pe.x", ["$scope", "scope"]),
        ("php", "$this->nam|e", ["name"]),
        ("php", "echo $na|me;", ["$name", "name"]),
        ("bash", "run-al|l --fast", ["run-all", "all"]),
        ("powershell", "Get-Thi|ng -Name x", ["Get-Thing", "Thing"]),
        ("go", "a-b|c", ["bc"]),
        ("c", "x = foo|->bar", ["foo"]),
        ("python", "été|_1 = 2", ["été_1"]),
        ("python", "x = | (1)", []),
    ],
)
def test_the_name_under_a_cursor(language: str, line: str, spellings: list[str]) -> None:
    found = names_at(line.replace("|", ""), line.index("|"), language)
    assert [each.name for each in found] == spellings


@pytest.mark.parametrize(
    ("line", "qualifier"),
    [
        ("Parser.par|se(", "Parser"),
        ("net::Soc|ket", "net"),
        ("p->ne|xt", "p"),
        ("Foo#ba|r", "Foo"),
        ("user?.na|me", "user"),
        ("valid?.na|me", "valid"),
        ("obj:meth|od()", "obj"),
        ("x = na|me", ""),
    ],
)
def test_what_stands_before_a_name_qualifies_it(line: str, qualifier: str) -> None:
    assert names_at(line.replace("|", ""), line.index("|"), "lua")[0].qualifier == qualifier


@pytest.mark.parametrize(
    ("language", "name", "line", "count"),
    [
        ("ruby", "save", "save save! save? save_all saved save!=x", 2),
        ("ruby", "save!", "save save! save!(1)", 2),
        ("c", "save", "save save! save?1:2", 3),
        ("css", "btn", ".btn .btn-primary .x-btn .btn-", 2),
        ("css", "btn-primary", ".btn-primary .btn-primary-x", 1),
        ("go", "a", "a-b a", 2),
        ("bash", "run", "run run-all $run-x", 3),
        ("bash", "run-all", "run-all run-all-x run-all", 2),
        ("haskell", "go", "go go' go''", 1),
        ("haskell", "go'", "go go' go''", 1),
        ("javascript", "count", "count $count this.#count count1", 2),
        ("python", "été", "été étés", 1),
    ],
)
def test_a_name_is_found_where_it_is_no_part_of_another(language: str, name: str, line: str, count: int) -> None:
    found = list(standing_alone(name.encode(), language).finditer(line.encode()))
    assert len(found) == count, [match.start() for match in found]
