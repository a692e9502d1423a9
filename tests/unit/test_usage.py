"""A mistyped command is told what was meant, once, and what to do."""

from __future__ import annotations

import json

import click
import pytest

from lowtide.cli.app import app, run_app
from lowtide.cli.search import MOST_RANKED
from lowtide.models import KINDS


@pytest.mark.parametrize(
    ("typed", "message", "remedy"),
    [
        (["search", "--jsn", "x"], "no such option '--jsn'", "did you mean '--json'?"),
        (["search", "--qqqqq", "x"], "no such option '--qqqqq'", "see `lowtide search --help`"),
        (["serch"], "no command 'serch'", "did you mean `lowtide search`?"),
        (["qqqqq"], "no command 'qqqqq'", "`lowtide --help` lists the commands"),
        (["\udcff\udcfe"], r"no command '\xff\xfe'", "`lowtide --help` lists the commands"),
        (["search", "-k", "\udcff", "x"], r"no kind '\xff'", f"one of: {', '.join(KINDS)}"),
        (["refs", ""], "an empty name", "give a name: lowtide refs RetryPolicy"),
        (
            ["search", "--limit", "x", "y"],
            "invalid value for '-m' / '--limit': 'x' is no whole number",
            "see `lowtide search --help`",
        ),
    ],
)
def test_it_is_said_what_was_meant(
    capsys: pytest.CaptureFixture[str], typed: list[str], message: str, remedy: str
) -> None:
    assert run_app([*typed, "--json"]) == 2
    said = capsys.readouterr()
    assert said.err == f"lowtide: {message}; {remedy}\n"
    assert json.loads(said.out) == {"error": {"kind": "usage", "message": message, "remedy": remedy}}


@pytest.mark.parametrize(
    "typed",
    [
        ["{}"],
        ["search", "x", "{}"],
        ["search", "-k", "{}", "x"],
        ["search", "-m", "{}", "x"],
        ["--{}"],
        ["mcp", "--{}"],
    ],
    ids=" ".join,
)
def test_a_message_repeats_no_more_of_an_argument_than_can_be_read(
    capsys: pytest.CaptureFixture[str], typed: list[str]
) -> None:
    assert run_app([word.format("long" * 25_000) for word in typed]) in (2, 3)
    said = capsys.readouterr()
    assert "long" in said.err
    assert said.err.count("\n") == 1
    assert len(said.err) < 5000


def test_a_query_without_its_quotes_is_told_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["search", "foo", "bar"]) == 3
    assert "quotes" in capsys.readouterr().err


def test_help_says_of_the_limit_what_is_accepted() -> None:
    search = app.get_command(click.Context(app), "search")
    assert search is not None
    options = [option for option in search.params if isinstance(option, click.Option)]
    assert f"{MOST_RANKED:,}" in next(option.help or "" for option in options if option.name == "limit")
