"""Languages without a grammar: what is found in a small text of each, and what is not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from lowtide import languages
from lowtide.languages.language import View
from lowtide.languages.lines import lines_of, parsed
from lowtide.languages.recovery import INSIDES, RECOVERIES
from lowtide.languages.registry_lines import LINE_LANGUAGES
from lowtide.work.parse import parse

FOLDER = Path(__file__).parent.parent / "data" / "lines"
EXPECTED = {
    path: (wanted.split("|"), unwanted.split("|"))
    for path, wanted, unwanted in (
        line.split("\t") for line in (FOLDER / "expected.tsv").read_text("utf-8").splitlines()
    )
}
"""Of each sample the names that it defines, and words in it that are none."""


@pytest.mark.parametrize("path", EXPECTED)
def test_a_language_without_a_grammar(path: str) -> None:
    wanted, unwanted = EXPECTED[path]
    data = (FOLDER / path).read_bytes()
    language = languages.language_for(path.encode(), data)
    assert language is not None
    assert not language.module
    parsed = parse.parse(data, language, 60.0)
    found = {row[0] for row in parsed.symbols} | {f"{row[2]}.{row[0]}" for row in parsed.symbols}
    assert [name for name in wanted if name not in found] == []
    assert [name for name in unwanted if name in found] == []
    for name, _, _, line, column, end_line, end_column, name_line, name_column, *_ in parsed.symbols:
        assert (line, column) <= (name_line, name_column) <= (end_line, end_column)
        assert data.splitlines()[name_line].decode()[name_column:].startswith(name), name
    assert b"".join(data[row[0] : row[1]] for row in parsed.chunks) == data


STATEMENTS = """\
CREATE MATERIALIZED VIEW v_four AS SELECT 1;
create unique index concurrently idx_four on users(id);
CREATE TEMP TABLE tmp_a AS SELECT ';', (1);
CREATE SEQUENCE seq_two;
CREATE DATABASE db_five;
CREATE ROLE role_five; CREATE EXTENSION ext_five;
CREATE VIEW [dbo].[v_three] AS
SELECT 1
GO
create unique index idx_three on t(a)
CREATE SEQUENCE seq_1; CREATE SCHEMA sch_1; CREATE POLICY pol ON t USING (a = 1);
CREATE SCHEMA sch_2
  CREATE TABLE in_schema (
    price decimal(10, 2),
    title text); CREATE INDEX idx_last ON in_schema(title);
"""


def test_a_statement_of_sql_holds_none_of_those_behind_it() -> None:
    language = languages.by_name("sql")
    assert language is not None
    rows = parse.parse(STATEMENTS.encode(), language, 60.0).symbols
    assert [f"{row[2]}.{row[0]}".removeprefix(".") for row in rows] == (
        "v_four idx_four tmp_a seq_two db_five role_five ext_five dbo.v_three idx_three seq_1 sch_1 pol sch_2 "
        "in_schema in_schema.price in_schema.title idx_last"
    ).split()
    lines = STATEMENTS.splitlines()
    ends = {row[0]: lines[row[5]][: row[6]] for row in rows}
    assert ends["v_three"] == "SELECT 1"
    assert ends["seq_1"] == "CREATE SEQUENCE seq_1"


def test_a_body_in_sql_holds_its_statements() -> None:
    language = languages.by_name("sql")
    assert language is not None
    text = b"CREATE PROCEDURE p AS\nBEGIN\n  SELECT 1; CREATE TABLE #inner (x int);\nEND\nGO\nCREATE TABLE t (x int);\n"
    rows = parse.parse(text, language, 60.0).symbols
    assert [(row[2], row[0]) for row in rows] == [("", "p"), ("p", "#inner"), ("", "t")]
    assert rows[0][5:7] == (3, 3)


def test_every_language_that_is_read_by_lines_has_a_sample() -> None:
    languages_of = (languages.language_for(path.encode(), (FOLDER / path).read_bytes()) for path in EXPECTED)
    sampled = {language.name for language in languages_of if language is not None}
    assert sampled == set(NAMES)


def test_a_table_of_heads_that_says_what_it_cannot_is_refused() -> None:
    assert [head.label for head in parsed("; comment\nends next\n\nwhere x a+\nfunction {{x}}{{name}}\n").heads] == [
        "function"
    ]
    for wrong in ("ends nowhere", "function {{nothing}}", "where a {{nothing}}"):
        with pytest.raises(ValueError, match=r"noth|nowhere"):
            parsed(wrong)


NAMES = [language.name for language in LINE_LANGUAGES if not language.module and language.view is View.WHOLE]
PATTERNS = [
    (name, pattern)
    for name in NAMES
    for head in lines_of(name).heads
    for pattern in (head.pattern, head.closer, lines_of(name).skip)
    if pattern
]
REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
PIECES = [
    b"a",
    b" ",
    b"\n",
    b"(",
    b"{",
    b"a b ",
    b"create ",
    b"let x = ",
    b'"',
    b"'",
    b"/* ",
    b"a::",
    b"[a] ",
    b"$$",
    b"a(",
    b"\t",
    b"public ",
    b"<a",
    b"{|",
    b"$a",
    b"(*",
    b'"""',
    b"#[",
]


def test_no_pattern_repeats_what_is_but_a_repeat() -> None:
    """`(?:a+b*)*` can match a text in as many ways as that can be cut, and takes time for each."""
    patterns = [*PATTERNS, *((name, row[1]) for name, rows in (*RECOVERIES.items(), *INSIDES.items()) for row in rows)]
    assert [(name, pattern) for name, pattern in patterns if _repeats_a_repeat(_parser.parse(pattern))] == []
    assert _repeats_a_repeat(_parser.parse(r"(?:a+b*)*"))


def _repeats_a_repeat(items: Any) -> bool:
    for kind, value in items:
        inner = list(_inner(kind, value))
        if kind in REPEATS and value[1] > 20:
            body = list(value[2])
            body = list(body[0][1][3]) if len(body) == 1 and body[0][0] is _constants.SUBPATTERN else body
            for item in body:
                others = [other for other in body if other is not item]
                if item[0] in REPEATS and item[1][1] > 20 and all(_may_be_nothing(other) for other in others):
                    return True
        if any(_repeats_a_repeat(part) for part in inner):
            return True
    return False


def _inner(kind: Any, value: Any) -> Iterator[Any]:
    if kind in (*REPEATS, _constants.POSSESSIVE_REPEAT):
        yield value[2]
    elif kind is _constants.SUBPATTERN:
        yield value[3]
    elif kind is _constants.ATOMIC_GROUP:
        yield value
    elif kind is _constants.BRANCH:
        yield from value[1]
    elif kind in (_constants.ASSERT, _constants.ASSERT_NOT):
        yield value[1]


def _may_be_nothing(item: Any) -> bool:
    kind, value = item
    if kind in (*REPEATS, _constants.POSSESSIVE_REPEAT):
        return value[0] == 0 or all(map(_may_be_nothing, value[2]))
    return kind in (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)


@pytest.mark.parametrize("name", NAMES)
def test_time_is_linear_in_the_text(name: str) -> None:
    language = languages.by_name(name)
    assert language is not None
    for piece in PIECES:
        start = time.thread_time()
        parse.parse(piece * (20_000 // len(piece)), language, 60.0)
        assert time.thread_time() - start < 0.5, piece
