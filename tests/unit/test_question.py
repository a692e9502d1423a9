"""What of a question is looked at."""

from __future__ import annotations

import io

import pytest

from lowtide.cli import lines
from lowtide.cli.lines import LongLine, read_line
from lowtide.core.lexical import MOST_TERMS, MOST_WORDS, Term, choose_terms
from lowtide.errors import UsageError
from lowtide.models import SymbolKind
from lowtide.read.filters import Filter
from lowtide.read.question import (
    MOST_GIVEN_TERMS,
    MOST_NAMES,
    MOST_PHRASINGS,
    MOST_QUERY_CHARACTERS,
    MOST_SYMBOL_CHARACTERS,
    check_symbol,
    read_question,
)

TRACE = "".join(
    f'  File "/usr/lib/python3/site-packages/django/db/models/sql/compiler.py", line {number}, in execute_sql\n'
    f"    cursor.execute(sql, params)  # attempt {number}\n"
    for number in range(100)
)


def test_an_ordinary_question_is_asked_as_it_is() -> None:
    question = read_question("where are retries counted, where?")
    assert question.text == question.gist == "where are retries counted, where?"
    assert question.words == ("where", "are", "retries", "counted")
    assert question.reasons == ()


def test_a_pasted_stack_trace_is_asked_with_its_telling_words() -> None:
    trace = TRACE + "django.core.exceptions.ImproperlyConfigured: no such column harbour"
    question = read_question(trace)
    assert len(question.words) <= MOST_WORDS
    assert {"compiler", "improperly", "configured", "harbour", "cursor"} <= set(question.words)
    assert question.text == trace
    assert question.reasons == ()


def test_of_megabytes_the_beginning_is_looked_at_and_it_is_said() -> None:
    question = read_question(" ".join(f"w{number:x}" for number in range(700_000)))
    assert len(question.text) == MOST_QUERY_CHARACTERS
    assert len(question.words) == MOST_WORDS
    assert len(question.gist) < MOST_QUERY_CHARACTERS
    assert question.reasons == ("only the first 32,768 characters of the query are looked at",)


@pytest.mark.parametrize("query", ["", "  \n", " " * MOST_QUERY_CHARACTERS + "x"])
def test_an_empty_question_is_refused(query: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        read_question(query)


def test_terms_and_other_phrasings_are_looked_for_too() -> None:
    question = read_question("one row, two writers", ["compareAndSwap", " "], ["lost update", ""])
    assert question.words == ("one", "row", "two", "writers", "lost", "update", "compare", "and", "swap")
    assert question.gist == "one row, two writers\nlost update\ncompareAndSwap"


@pytest.mark.parametrize(
    ("terms", "phrasings"),
    [(["x"] * (MOST_GIVEN_TERMS + 1), []), ([], ["x"] * (MOST_PHRASINGS + 1)), (["x" * 129], []), ([], ["x" * 1025])],
)
def test_help_without_bound_is_refused(terms: list[str], phrasings: list[str]) -> None:
    with pytest.raises(UsageError, match=r"too (many|long)"):
        read_question("anything", terms, phrasings)


def test_very_many_terms_are_not_all_asked() -> None:
    terms = [Term(f"w{number}", f"w{number}", number) for number in range(1, 500)]
    assert [term.count for term in choose_terms(terms)] == list(range(1, MOST_TERMS + 1))


@pytest.mark.parametrize(
    "narrow",
    [
        Filter(globs=("*.py",) * (MOST_NAMES + 1)),
        Filter(globs=("!" * 200_000,)),
        Filter(languages=("python",) * 1000),
        Filter(kinds=(SymbolKind.CLASS,) * 1000),
    ],
    ids=["globs", "a glob", "languages", "kinds"],
)
def test_a_filter_names_so_much_and_no_more(narrow: Filter) -> None:
    with pytest.raises(UsageError):
        narrow.check()


def test_a_symbol_has_no_such_name() -> None:
    check_symbol("a" * MOST_SYMBOL_CHARACTERS)
    with pytest.raises(UsageError, match="so long a name"):
        check_symbol("ab" * 1_000_000)


def test_a_line_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_LINE_BYTES", 1000)
    stream = io.BytesIO(
        b"first\r\n" + b"x" * 5000 + b"\n" + b"y" * 1000 + b"\n\n" + "ü".encode() + b"\nz" * 1 + b"z" * 3000
    )
    assert read_line(stream) == "first"
    with pytest.raises(LongLine) as caught:
        read_line(stream)
    assert caught.value.beginning == "x" * 200
    assert read_line(stream) == "y" * 1000
    assert read_line(stream) == ""
    assert read_line(stream) == "ü"
    with pytest.raises(LongLine):
        read_line(stream)
    assert read_line(stream) is None
