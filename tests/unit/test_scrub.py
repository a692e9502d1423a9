"""What is left of a text for strangers."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.scrub import HIDDEN, PATH, Scrubber, words_of

KNOWN = words_of(
    "event=watch root=%r mode=watching why=%r indexed wall_ms level INFO workspace path No such file cannot read"
    " main.py index search plan list users a b c d e f x method 'lowtide/search' File line in who text tree-sitter",
    ["lowtide/serve/daemon.py"],
)
NAMES = {
    "/home/ada/acme": "workspace-1",
    "file:///home/ada/acme": "workspace-1",
    "/home/ada": "workspace-2",
    "/opt/x/lowtide": "lowtide",
}
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
        # Words of ours are no words of ours where the user has put them together.
        ("event=path-leads-out path='list users'", f"{HIDDEN} path={PATH}".replace(HIDDEN, f"event={HIDDEN}", 1)),
        ("cannot read main.py", f"cannot read {HIDDEN}"),
        ("cannot read list-users", f"cannot read {HIDDEN}"),
        ("cannot read /home/eve/search plan list/x: No such file", f"cannot read {PATH}: No such file"),
        ("root=/home/eve/search plan mode=watching", f"root={PATH} mode=watching"),
        ("run `index /home/eve/x` why", f"run `index {PATH}` why".replace("run", HIDDEN)),
        # What is no number: tokens, addresses, what cards and telephones have.
        ("a 9f8e7d6c5b4a3f2e1d0c b", f"a {HIDDEN} b"),
        ("x=550e8400-e29b-41d4-a716-446655440000", f"x={HIDDEN}"),
        ("a 10.20.30.40 10.20.30.40:8450", f"a {HIDDEN} {HIDDEN}"),
        ("a 4111111111111111 4111-1111-1111-1111 555-123-4567", f"a {HIDDEN} {HIDDEN} {HIDDEN}"),
        ("why='🦔' x=🦔.🦔", f"why='{HIDDEN}' x={HIDDEN}"),
        ("why='caf\\xe9 plan'", f"why='{PATH}'"),
        # What stays is what a fault is understood by.
        ("tree-sitter 0.26.1 512MiB 12.5ms 3 % 24,385,826,816", "tree-sitter 0.26.1 512MiB 12.5ms 3 % 24,385,826,816"),
        (
            'File "/opt/x/lowtide/serve/daemon.py", line 12, in index',
            'File "lowtide/serve/daemon.py", line 12, in index',
        ),
        ("method='lowtide/search'", "method='lowtide/search'"),
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


@given(
    st.text("0123456789abcdef", min_size=12, max_size=64), st.sampled_from(["{}", "x={}", "why='{}'", "a-{}", "{}.py"])
)
def test_no_token_of_letters_and_digits_stays(token: str, frame: str) -> None:
    left = SCRUB.text(frame.replace("{}", token))
    assert token not in left or (token.isdigit() and len(token) <= 13) or token in KNOWN


def test_a_long_line_takes_no_long_time() -> None:
    """Its characters are looked at once, and not again from each of them on."""
    began = time.process_time()
    for line in ("x" * 20_000, "a.b-" * 5_000, "1." * 10_000):
        SCRUB.text(line)
    assert time.process_time() - began < 5
