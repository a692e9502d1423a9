"""What the language server reads from the disk to answer: files of the editor's folders, never what a link leads to."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from tests.lsp.wire import FakeService, connected

from lowtide.core.positions import Units
from lowtide.read import text_pieces as pieces
from lowtide.read.text_pieces import TooLong, read_pieces
from lowtide_lsp import convert


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace, with a secret beside it."""
    (tmp_path / "secret.py").write_text("def secret(): ...\n")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "tide.py").write_text("def tide(): ...\n")
    return tmp_path / "root"


def ask(root: Path, path: Path) -> Any:
    """The answer to a question after the outline of a file that is not open."""

    async def main() -> Any:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(root)
            return await wire.ask("textDocument/documentSymbol", {"textDocument": {"uri": path.as_uri()}})

    return asyncio.run(asyncio.wait_for(main(), 60))


def test_a_closed_file_is_read_where_it_lies_in_a_folder_of_the_editors(root: Path) -> None:
    assert [item["name"] for item in ask(root, root / "tide.py")["result"]] == ["tide"]
    assert "in none of the editor's folders; open it first" in ask(root, root.parent / "secret.py")["error"]["message"]


@pytest.mark.parametrize("what", ["link", "endless", "pipe"])
def test_what_stands_in_the_place_of_a_closed_file_is_refused_at_once(root: Path, what: str) -> None:
    path = root / "odd.py"
    if what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if what == "endless" else "../secret.py")
    error = ask(root, path)["error"]["message"]
    assert ("no plain file" if what == "pipe" else "it is a link") in error


def test_references_look_through_plain_files_of_the_folder_alone(root: Path) -> None:
    (root.parent / "secret.sh").write_text("tide\n")
    (root / "tide.sh").write_text("tide() { :; }\n")
    (root / "link.sh").symlink_to("../secret.sh")
    (root / "out").symlink_to("..")
    os.mkfifo(root / "pipe.sh")
    (root / "used.sh").write_text("tide\n")

    class Service(FakeService):
        async def files_with(self, root: Path, name: str, limit: int) -> tuple[list[bytes], bool]:
            return [b"link.sh", b"out/secret.sh", b"../secret.sh", b"pipe.sh", b"gone.sh", b"used.sh"], False

    async def main() -> None:
        async with connected(Service()) as connection:
            wire = connection.wire
            await wire.initialize(root)
            found = await wire.result(
                "textDocument/references",
                {
                    "textDocument": {"uri": (root / "tide.sh").as_uri()},
                    "position": {"line": 0, "character": 1},
                    "context": {"includeDeclaration": True},
                },
            )
            assert [item["uri"].rpartition("/")[2] for item in found] == ["tide.sh", "used.sh"]

    asyncio.run(asyncio.wait_for(main(), 60))


def test_columns_are_counted_in_no_file_outside(root: Path) -> None:
    (root.parent / "secret.py").write_text("é")
    (root / "link.py").symlink_to("../secret.py")
    lines = convert.Lines()
    for name in (b"link.py", b"../secret.py", os.fsencode(root.parent / "secret.py")):
        assert lines.of(root, name, "utf-8") == {}


def test_a_file_is_looked_through_so_far_and_the_rest_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST_FILE_BYTES", 30)
    monkeypatch.setattr(pieces, "MOST_PIECE_BYTES", 10)
    (root / "long.txt").write_text("tide\n" * 20)
    read: list[bytes] = []
    with pytest.raises(TooLong):
        for piece in read_pieces(root, b"long.txt", Units.UTF8):
            read.append(piece.text)
    assert b"".join(read) == b"tide\n" * 6
    (root / "long.txt").write_text("tide\n" * 6)
    assert b"".join(piece.text for piece in read_pieces(root, b"long.txt", Units.UTF8)) == b"tide\n" * 6
