"""References in files of any size: what is read in pieces is found where it is in the whole."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lsp.wire import FakeService, connected

from lowtide.core.positions import Units, from_bytes, line_end
from lowtide.read import text_pieces as pieces
from lowtide.read.text_pieces import WORD_BYTE, read_pieces

NAME = re.compile(rb"(?<!%b)tide(?!%b)" % (WORD_BYTE, WORD_BYTE))
TEXTS = st.lists(
    st.sampled_from(["tide", "tides", "ebb", " ", ".", "\n", "\n", "é", "漢", "😀", "e\u0301", "\t", "x" * 7])
)


@given(words=TEXTS, ends=st.sampled_from(["\n", "\r\n", "\r"]), units=st.sampled_from(Units), size=st.integers(4, 40))
def test_what_stands_in_pieces_stands_in_the_whole(
    words: list[str], ends: str, units: Units, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = "".join(words).replace("\n", ends).encode()
    path = tmp_path_factory.getbasetemp() / "pieces.txt"
    path.write_bytes(text)
    end = line_end(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "MOST_PIECE_BYTES", size)
        found = [
            (number, (piece.units if number == piece.first_line else 0) + from_bytes(line, match.start(), units))
            for piece in read_pieces(path.parent, b"pieces.txt", units)
            for number, line in enumerate(piece.lines(), piece.first_line)
            for match in NAME.finditer(line)
        ]
    assert found == [
        (number, from_bytes(line, match.start(), units))
        for number, line in enumerate(text.split(end))
        for match in NAME.finditer(line)
    ]


def test_a_mark_of_byte_order_is_no_character(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbftide\n")
    (piece,) = read_pieces(tmp_path, b"a", Units.UTF16)
    assert piece.lines() == [b"tide", b""]


def test_references_in_a_file_of_many_megabytes(tmp_path: Path) -> None:
    lines = ["# 😀 漢 nothing of that name stands in this line, and in most others\n"] * 90_000
    lines[0] = "tide 0\n"
    lines[44_444] = "x = '😀' + tide\n"
    lines[-1] = "\ttide"
    (tmp_path / "long.sh").write_text("".join(lines), "utf-8")
    assert (tmp_path / "long.sh").stat().st_size > 6 << 20

    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            uri = (tmp_path / "asked.sh").as_uri()
            wire.open(uri, "tide\n", "shellscript")
            place = {"line": 0, "character": 0}
            found: list[Any] = await wire.result(
                "textDocument/references",
                {"textDocument": {"uri": uri}, "position": place, "context": {"includeDeclaration": True}},
            )
            starts = [item["range"]["start"] for item in found if item["uri"].endswith("long.sh")]
            assert [(start["line"], start["character"]) for start in starts] == [(0, 0), (44_444, 11), (89_999, 1)]

    asyncio.run(asyncio.wait_for(main(), 60))
