"""A mistyped command is told what was meant, once, and what to do."""

from __future__ import annotations

import json

import pytest

from lowtide.cli.app import run_app


@pytest.mark.parametrize(
    ("typed", "message", "remedy"),
    [
        (["search", "--jsn", "x"], "no such option '--jsn'", "did you mean '--json'?"),
        (["search", "--qqqqq", "x"], "no such option '--qqqqq'", "see `lowtide search --help`"),
        (["serch"], "no command 'serch'", "did you mean `lowtide search`?"),
        (["qqqqq"], "no command 'qqqqq'", "`lowtide --help` lists the commands"),
    ],
)
def test_it_is_said_what_was_meant(
    capsys: pytest.CaptureFixture[str], typed: list[str], message: str, remedy: str
) -> None:
    assert run_app([*typed, "--json"]) == 2
    said = capsys.readouterr()
    assert said.err == f"lowtide: {message}; {remedy}\n"
    assert json.loads(said.out) == {"error": {"kind": "usage", "message": message, "remedy": remedy}}
