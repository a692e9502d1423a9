"""What of a question stands in a text as it is."""

from __future__ import annotations

import pytest

from lowtide.core.verbatim import MOST_WORDS, Verbatim


@pytest.mark.parametrize(
    ("runs", "text", "share"),
    [
        ([["no", "such", "file", "here"]], "open it no such file here at all", 1.0),
        ([["no", "such", "file", "here"]], "there is no such file", 0.5),
        ([["no", "such", "file", "here"]], "such file", 0.0),
        ([["no", "such", "file", "here"]], "no such filename here", 0.0),
        ([["lost", "the", "link", "to"], ["after"]], "lost the link to s after d tries", 2 / 3),
        ([["two", "words"]], "two words", 0.0),
        ([], "anything", 0.0),
    ],
)
def test_the_longest_run_counts(runs: list[list[str]], text: str, share: float) -> None:
    assert Verbatim(runs).share(text) == pytest.approx(share)


def test_of_a_very_long_paste_the_beginning_is_looked_for() -> None:
    words = [f"w{number}" for number in range(10 * MOST_WORDS)]
    assert Verbatim([words]).share(" ".join(words)) == 1.0
    assert Verbatim([words]).share(" ".join(words[MOST_WORDS:])) == 0.0
