"""The questions that were written for functions: each line of the form that its reader says, no function twice."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

from model.written import WRITTEN, joined, read_written

SOURCES = Path(__file__).resolve().parents[2] / "model" / "sources.toml"


def test_the_file_is_small_and_each_function_stands_there_once() -> None:
    written = read_written()
    assert WRITTEN.stat().st_size <= 600_000
    assert len(written) > 3_000
    functions = Counter((each.package, each.qualified_name, each.code_hash) for each in written)
    assert [each for each, count in functions.items() if count > 1] == []


def test_a_question_is_plain_words_on_one_line() -> None:
    for each in read_written():
        assert re.fullmatch(r"[0-9a-f]{8}", each.code_hash), each
        assert 1 <= len(each.questions) <= 3, each
        for question in each.questions:
            assert question == " ".join(question.split()), question
            assert 2 <= len(question.split()) <= 45, question


def test_no_question_is_for_a_project_that_judges() -> None:
    sources = tomllib.loads(SOURCES.read_text("utf-8"))
    asked_for = {f"{registry}/{name}" for registry, known in sources.items() for name in known.get("packages", ())}
    judging = {f"{registry}/{name}" for registry, names in sources["never"].items() for name in names}
    packages = {each.package for each in read_written()}
    assert packages <= asked_for
    assert not packages & judging


def test_a_question_is_found_again_for_its_function_alone() -> None:
    written = read_written()[:2]
    records = [
        {
            "project": each.package,
            "qualified_name": each.qualified_name,
            "code_hash": each.code_hash + "0" * 24,
            "code": "",
        }
        for each in written
    ]
    changed = records[1] | {"code_hash": "f" * 32}
    assert list(joined(written, [records[0], changed])) == [(records[0], written[0].questions)]
