"""Names as people paste and spell them, asked of an index."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.harness import Lowtide

SOURCES = {
    "net/server.go": (
        "package http\n\ntype Server struct{}\n\nfunc (s *Server) ListenAndServe() error {\n\treturn nil\n}\n"
    ),
    "src/retry.py": (
        "class RetryPolicy:\n    def next_delay(self):\n        return 1\n\n\nclass HTTPClient:\n    pass\n\n\n"
        "def fooBar():\n    return RetryPolicy().next_delay()\n\n\ndef next_delay():\n    pass\n"
    ),
    "src/Shop.java": "package com.example.shop;\n\nclass Shop {}\n",
    "lib/user.rb": (
        "class User\n  def save\n  end\n\n  def save!\n    save\n  end\n\n  def valid?\n    save!\n  end\nend\n"
    ),
    "web/a.css": ".btn-primary { color: red }\n.btn { color: blue }\n",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lowtide, Path]:
    folder = tmp_path_factory.mktemp("pasted")
    root = folder / "tree"
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    lowtide = Lowtide(folder / "home")
    lowtide.json("index", root)
    return lowtide, root


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("next_delay()", "next_delay"),
        ("RetryPolicy.next_delay(", "RetryPolicy.next_delay"),
        ("RetryPolicy next_delay", "RetryPolicy.next_delay"),
        ("(*Server).ListenAndServe", "Server.ListenAndServe"),
        ("func (srv *Server) ListenAndServe() error {", "Server.ListenAndServe"),
        ("def fooBar", "fooBar"),
        ("foo_bar", "fooBar"),
        ("http_client", "HTTPClient"),
        ("NextDelay", "next_delay"),
        ("com.example.shop", "com.example.shop"),
        ("user.save!", "User.save!"),
        ("valid?", "User.valid?"),
        ("btn-primary", "btn-primary"),
    ],
)
def test_a_pasted_name_finds_its_definition_first(shop: tuple[Lowtide, Path], query: str, first: str) -> None:
    lowtide, root = shop
    symbol = lowtide.json("symbols", query, root, "-m", "1")["symbols"][0]
    assert ".".join(filter(None, (symbol["container"], symbol["name"]))) == first


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("save", {2, 6}),
        ("user.save!", {5, 10}),
        ("valid?()", {9}),
        ("btn", {2}),
        ("btn-primary", {1}),
        ("RetryPolicy next_delay", {2, 11, 14}),
        ("def fooBar():", {10}),
    ],
)
def test_uses_are_those_of_the_name_as_its_language_spells_it(
    shop: tuple[Lowtide, Path], name: str, lines: set[int]
) -> None:
    lowtide, root = shop
    assert {ref["line"] for ref in lowtide.json("refs", name, root)["refs"]} == lines
