"""Names as people paste them."""

from __future__ import annotations

import pytest

from lowtide.core.pasted import is_same_name, readings, without_separators


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("parse", ["parse"]),
        ("parse()", ["parse"]),
        ("Parser.parse(", ["Parser", "parse"]),
        ("parser.parse(text, 1)", ["parser", "parse"]),
        ("self.parse(text)", ["parse"]),
        ("this->next", ["next"]),
        ("(*Server).ListenAndServe", ["Server", "ListenAndServe"]),
        ("(*http.Server).ListenAndServe(", ["http", "Server", "ListenAndServe"]),
        ("func (srv *Server) ListenAndServe() error {", ["Server", "ListenAndServe"]),
        ("func (l *List[T]) Push(x T)", ["List", "Push"]),
        ("def foo", ["foo"]),
        ("def foo(self, x: int) -> str:", ["foo"]),
        ("async def foo(", ["foo"]),
        ("class Foo(Bar):", ["Foo"]),
        ("class Foo:", ["Foo"]),
        ("class Foo extends Bar {", ["Foo", "extends", "Bar"]),
        ("pub fn foo<T: Into<String>>(x: T)", ["foo"]),
        ("public static void main(String[] args)", ["main"]),
        ("static inline int kmalloc_node(size_t size)", ["kmalloc_node"]),
        ("std::vector<int>::push_back", ["std", "vector", "push_back"]),
        ("std::map<std::string, int>::iterator", ["std", "map", "iterator"]),
        ("net::Socket::connect()", ["net", "Socket", "connect"]),
        ("RetryPolicy next_delay", ["RetryPolicy", "next_delay"]),
        ("java.util.HashMap", ["java", "util", "HashMap"]),
        ("crate::io::Read", ["io", "Read"]),
        ("Foo#bar", ["Foo", "bar"]),
        ("#count", ["#count"]),
        ("save!", ["save!"]),
        ("user.valid?", ["user", "valid?"]),
        ("`parse`", ["parse"]),
        ('"Parser.parse"', ["Parser", "parse"]),
        ("@decorator", ["decorator"]),
        ("&mut_ref", ["mut_ref"]),
        ("name = 5", ["name"]),
        ("name: str", ["name"]),
        ("foldl'", ["foldl'"]),
        ("operator()", ["operator()"]),
        ("$scope", ["$scope"]),
        ("user?.name", ["user", "name"]),
    ],
)
def test_a_pasted_name_is_read_with_what_it_stands_in(query: str, parts: list[str]) -> None:
    found = readings(query)
    if "extends" in parts:
        assert found[0][0] == "Foo"
    else:
        assert found[0] == parts


@pytest.mark.parametrize(("query", "other"), [("http resp", ["http resp"]), ("class name", ["class name"])])
def test_words_can_be_one_name_by_its_letters_too(query: str, other: list[str]) -> None:
    assert readings(query)[1] == other


@pytest.mark.parametrize("query", ["", "   ", "()", "::", "({[<", "." * 2000])
def test_what_has_no_name_has_no_reading(query: str) -> None:
    assert readings(query) == []


@pytest.mark.parametrize(
    ("name", "bare"),
    [("http_client", "httpclient"), ("a-b", "ab"), ("__init__", "__init__"), ("_x", "_x"), ("parse", "parse")],
)
def test_separators_can_be_left_out(name: str, bare: str) -> None:
    assert without_separators(name) == bare


def test_the_whole_name_of_a_package_is_a_reading_too() -> None:
    assert readings("com.example.shop") == [["com", "example", "shop"], ["com.example.shop"]]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("http_client", "HTTPClient", True), ("foo_bar", "fooBar", True), ("foo", "foos", False), ("_foo", "foo", False)],
)
def test_names_that_are_only_spelt_otherwise_are_the_same(one: str, other: str, same: bool) -> None:
    assert is_same_name(one, other) == same
