"""What is left of a text for strangers."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.scrub import HIDDEN, PATH, Scrubber, words_of

KNOWN = words_of("event=watch root=%r mode=watching why=%r indexed wall_ms level INFO workspace path No such file")
NAMES = {"/home/ada/acme": "workspace-1", "file:///home/ada/acme": "workspace-1", "/home/ada": "workspace-2"}
SCRUB = Scrubber(KNOWN, NAMES)
SECRET = st.text(string.ascii_letters, min_size=4, max_size=12).filter(lambda word: word.lower() not in KNOWN)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("2026-11-30 10:24:31,118 level=INFO wall_ms=2121", "2026-11-30 10:24:31,118 level=INFO wall_ms=2121"),
        ("event=watch root='/home/ada/acme' mode=watching", "event=watch root='workspace-1' mode=watching"),
        ("event=watch root=/home/ada/acme/src/keys.py", f"event=watch root={PATH}"),
        ("root='/home/ada/acmeother'", f"root='{PATH}'"),
        ("root='/srv/my secret plan' why='No such file'", f"root={PATH} why='No such file'"),
        ("file:///home/ada/acme", "workspace-1"),
        ("why='Blackbird.sql'", f"why='{HIDDEN}'"),
        ("indexed 12,345 of 3.5", "indexed 12,345 … 3.5"),
        ("", ""),
    ],
)
def test_a_text_keeps_the_words_of_the_program_and_numbers(text: str, left: str) -> None:
    assert SCRUB.text(text) == left


@given(
    SECRET,
    st.sampled_from(["/srv/{}", "why='{}'", "{}", "a {} b", "x={}.py", "'{} y'", "{}/{}", "file:///{}%20x", "~{}"]),
)
def test_no_word_that_is_not_the_programs_stays(secret: str, frame: str) -> None:
    assert secret not in SCRUB.text(frame.replace("{}", secret))


@given(
    st.recursive(st.text() | st.integers() | st.none(), lambda part: st.lists(part) | st.dictionaries(st.text(), part))
)
def test_any_value_can_be_scrubbed_again_and_stays_as_it_is(value: object) -> None:
    once = SCRUB.value(value)
    assert SCRUB.value(once) == once or HIDDEN in str(once) or PATH in str(once)
