"""URIs, and columns of files on the disk, by what the index knows of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.positions import Units
from lowtide_lsp import convert

PIECES = ["a", "é", "漢", "😀", "e\u0301", "\t", " ", "\u200d", "x", "\r"]
LINES = st.lists(st.lists(st.sampled_from(PIECES)).map("".join))


@given(LINES)
def test_wide_lines_are_those_that_are_not_ascii(lines: list[str]) -> None:
    expected = {number: line.encode() for number, line in enumerate(lines) if not line.isascii()}
    assert convert.wide_lines("\n".join(lines).encode()) == expected


@given(LINES, st.sampled_from(list(Units)))
def test_a_place_counts_the_units_before_it(lines: list[str], units: Units) -> None:
    wide = convert.wide_lines("\n".join(lines).encode())
    codec = {Units.UTF8: ("utf-8", 1), Units.UTF16: ("utf-16-le", 2), Units.UTF32: ("utf-32-le", 4)}[units]
    for number, line in enumerate(lines):
        for column in range(len(line) + 1):
            expected = len(line[:column].encode(codec[0])) // codec[1]
            assert convert.point(wide, number, column, units) == {"line": number, "character": expected}


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [("utf-8", "utf-8"), ("utf-8", ""), ("utf-8-sig", "utf-8"), ("cp1252", "cp1252"), ("utf-16-le", "utf-16-le")],
)
def test_a_file_is_read_in_the_encoding_that_the_index_knows(tmp_path: Path, codec: str, encoding: str) -> None:
    path = tmp_path / "a.py"
    path.write_bytes("x = 1\né = 2; y = 3\n".encode(codec))
    lines = convert.Lines().of(tmp_path, b"a.py", encoding)
    assert lines == {1: "é = 2; y = 3".encode()}
    assert convert.point(lines, 1, 7, Units.UTF8) == {"line": 1, "character": 8}


def test_lines_follow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    lines = convert.Lines()
    assert lines.of(tmp_path, b"a.py") == {}
    path.write_text("é")
    assert lines.of(tmp_path, b"a.py") == {0: "é".encode()}
    path.write_text("x\néé")
    assert lines.of(tmp_path, b"a.py") == {1: "éé".encode()}
    assert lines.of(tmp_path, b"a.py", "ascii") == {}


def test_what_is_kept_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "MOST_KEPT_BYTES", 5_000)
    lines = convert.Lines()
    for number in range(50):
        path = tmp_path / str(number)
        path.write_text("é" * 100)
        assert lines.of(tmp_path, path.name.encode()) == {0: b"\xc3\xa9" * 100}
    assert len(lines._kept) < 10
    assert sum(convert._size(kept) for _, kept in lines._kept.values()) == lines._kept_bytes <= 5_000
