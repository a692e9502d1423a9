"""Columns count characters, as a person does, whatever the bytes of the line."""

from __future__ import annotations

import pytest

from lowtide import languages
from lowtide.work.parse import parse


@pytest.mark.parametrize(
    ("language", "text", "name", "whole"),
    [
        ("javascript", "/* 🌊🌊 */ function tide() { return '満潮'; }", "tide", "function tide() { return '満潮'; }"),
        ("python", "\n\tx = '日本'; \n\tdef flut(ä): return 'é'\n", "flut", "def flut(ä): return 'é'"),
        ("c", "/* é */ struct größe { int a; };", "größe", "struct größe { int a; }"),
        ("typescript", "type 満潮 = '🌊'; type Ebb = 1", "Ebb", "type Ebb = 1"),
        ("markdown", "# Ebbe\n\n## Flut 🌊 und Ebbe\n", "Flut 🌊 und Ebbe", "## Flut 🌊 und Ebbe"),
        ("ruby", "Ä = Struct.new('é'); def flut; 'ü'; end", "flut", "def flut; 'ü'; end"),
    ],
)
def test_columns_are_characters(language: str, text: str, name: str, whole: str) -> None:
    known = languages.by_name(language)
    assert known is not None
    row = next(row for row in parse.parse(text.encode(), known, 60.0).symbols if row[0] == name)
    lines = text.split("\n")
    assert row[3] == row[5] == row[7]
    assert lines[row[3]][row[4] : row[6]] == whole
    assert lines[row[7]][row[8] : row[8] + len(name)] == name


def test_a_name_over_several_lines_is_where_it_begins() -> None:
    language = languages.language_called("cpp")
    assert language is not None
    text = b"struct A {};\nbool A::operator\n(\nint x) { return true; }\n"
    (row,) = [row for row in parse.parse(text, language, 10.0).symbols if row[2] == "A"]
    assert (row[7], row[8]) == (1, 8)
