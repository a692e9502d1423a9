"""Where a hit leads: the first line of the definition that it is named after; what is told of a line stands in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lowtide.answers import Definition, Hit
from lowtide.cli.hits import show_hits
from lowtide.read.snippets import shown_of

LINES = [f"    step({number})" for number in range(1, 41)]
ROOT = Path("/nowhere/tree")
LEADS = json.loads((Path(__file__).parents[1] / "data" / "leads.json").read_text())
"""What every editor is tried with, too: lines from 0, ends exclusive."""


HIT = Hit(
    path="a.py",
    start_line=11,
    end_line=30,
    kind="method",
    name="x",
    container="Point",
    score=1.0,
    snippet="\n".join(LINES[11:23]),
    signals={},
    stale=False,
    weak=False,
    more=0,
    snippet_line=12,
    definition=Definition(18, 25, "def x(self)"),
)
"""Lines 11 to 30 of a file, of a method at 18 to 25; its snippet is lines 12 to 23."""


def said(capsys: pytest.CaptureFixture[str], shape: str, **changed: Any) -> list[str]:
    show_hits([HIT._replace(**changed)], [ROOT], shape)
    return capsys.readouterr().out.splitlines()


def test_an_editor_is_led_to_the_definition(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "vimgrep") == [f"{ROOT}/a.py:18:5:Point.x method: step(18)"]


def test_people_see_the_line_that_a_hit_leads_to(capsys: pytest.CaptureFixture[str]) -> None:
    head, *shown = said(capsys, "text")
    assert head.startswith("Point.x method  a.py:18 ")
    assert [line.split() for line in shown if line] == [[f"{at}", f"step({at})"] for at in range(18, 24)]


def test_what_stands_before_a_definition_is_shown_where_that_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    near = Definition(14, 25, "def x(self)")
    head, *shown = said(capsys, "text", definition=near)
    assert head.startswith("Point.x method  a.py:14 ")
    assert [line.split()[0] for line in shown if line] == ["12", "13", "14", "15", "16", "17"]


@pytest.mark.parametrize(
    "changed",
    [
        {"definition": Definition(3, 40, "def x(self)")},
        {"definition": Definition(29, 40, "def x(self)")},
        {"definition": None},
        {"name": "", "container": "", "kind": "text"},
    ],
)
def test_line_column_and_text_agree_in_every_case(capsys: pytest.CaptureFixture[str], changed: dict[str, Any]) -> None:
    (line,) = said(capsys, "vimgrep", **changed)
    assert line.startswith(f"{ROOT}/a.py:12:5:")
    assert line.endswith(": step(12)")
    head, first, *_ = said(capsys, "text", **changed)
    assert "a.py:12 " in head
    assert first.split() == ["12", "step(12)"]


@pytest.mark.parametrize("case", LEADS, ids=[case["why"] for case in LEADS])
def test_the_rule_of_the_protocol_holds_for_what_is_printed(
    capsys: pytest.CaptureFixture[str], case: dict[str, Any]
) -> None:
    first, begins, (start, end) = case["snippetLine"], case["definition"], case["range"]
    (line,) = said(
        capsys,
        "vimgrep",
        start_line=start + 1,
        end_line=end,
        name=case["name"],
        container="",
        snippet_line=first + 1,
        snippet="\n".join(f"step({first + 1 + at})" for at in range(case["snippetLines"])),
        definition=None if begins is None else Definition(begins + 1, 100, "def x(self)"),
    )
    assert line.startswith(f"{ROOT}/a.py:{case['printed'] + 1}:")


def test_a_hit_whose_text_is_gone_leads_to_its_definition(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = said(capsys, "vimgrep", snippet="", snippet_line=11)
    assert line.startswith(f"{ROOT}/a.py:18:1:Point.x method:")


def test_a_definition_that_was_asked_for_by_name_is_shown_from_its_beginning() -> None:
    lines = [*LINES[:10], "    retry(backoff, jitter)", *LINES[10:24], "    def x(self):", *LINES[24:]]
    asked = ["retry", "backoff", "jitter"]
    shown = shown_of("\n".join(lines), 0, 25, asked, is_named=True)
    assert (shown.first_line, shown.text.split("\n")[0]) == (25, "    def x(self):")
    assert shown_of("\n".join(lines), 0, 25, asked).first_line <= 10


def test_one_asked_for_by_name_is_shown_with_what_says_more_around_it() -> None:
    lines = [*LINES[:20], "    # retry(backoff, jitter)", "    @tried", "    def x(self):", *LINES[20:]]
    shown = shown_of("\n".join(lines), 0, 22, ["retry", "backoff"], is_named=True)
    assert shown.first_line == 20


def test_a_form_feed_ends_no_line() -> None:
    shown = shown_of("\n".join(["int a;\r", "\f", *LINES]), 100, 116, ["step(15)"], is_named=True)
    assert shown.text.split("\n")[116 - shown.first_line] == "    step(15)"
    assert "\r" not in shown_of("a\r\nb\r\n", 0, 0, []).text
