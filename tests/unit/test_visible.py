"""What others wrote, as it is shown: nothing in it acts, hides or lies."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.visible import visible, visible_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain naïve 日本語 😀 עברית فارسی", "plain naïve 日本語 😀 עברית فارسی"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("a\nb\tc\rd\x7f", "a\\x0ab\\x09c\\x0dd\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("bidi\u202egpj.py\u2066", "bidi\\u202egpj.py\\u2066"),
        ("in\u200bvisible\u2060\ufeff\u00ad", "in\\u200bvisible\\u2060\\ufeff\\xad"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("caf\udce9", "caf\\xe9"),
        ("half \ud83d", "half \\ud83d"),
        ("two\u2028lines", "two\\u2028lines"),
        ("👨\u200d👩\u200d👧 می\u200cخواهم", "👨\u200d👩\u200d👧 می\u200cخواهم"),
        ("ad\u200dmin", "ad\\u200dmin"),
    ],
)
def test_what_acts_or_hides_is_shown_as_what_it_is(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_acts_is_left_and_once_is_enough(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [
        char
        for char in shown
        if unicodedata.bidirectional(char) in ("LRO", "RLO", "LRE", "RLE", "PDF", "LRI", "RLI", "FSI", "PDI")
    ]
    assert visible(shown) == shown
    shown.encode()  # nothing is left that cannot be


@given(st.dictionaries(st.text(), st.text()))
def test_json_means_what_it_did(value: dict[str, str]) -> None:
    text = visible_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert visible(text) == text


def test_json_shows_the_bytes_of_a_name_as_people_see_them() -> None:
    assert json.loads(visible_json(json.dumps("caf\udce9", ensure_ascii=False))) == "caf\\xe9"
