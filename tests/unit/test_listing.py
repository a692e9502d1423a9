"""The names of large folders: all of them, once, in order, and never many at a time."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from lowtide.config.settings import IndexSettings
from lowtide.system.tree import listing
from lowtide.system.tree.listing import Listing, Names, read_names
from lowtide.system.tree.walk import explain, walk


@pytest.fixture
def tiny_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks of about ten names."""
    monkeypatch.setattr(listing, "BLOCK_BYTES", 700)
    monkeypatch.setattr("lowtide.system.tree.walk.HELD_BYTES", 2_100)
    return 700


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three wide folders inside each other, beside files and folders that sort between one another."""
    folder = tmp_path
    for level in range(3):
        for number in range(90):
            (folder / f"f{number:02d}.py").write_text(f"x = {number}\n")
            if number % 9 == 0:
                (folder / f"f{number:02d}").mkdir()
                (folder / f"f{number:02d}" / "in.py").write_text("y = 1\n")
                (folder / f"f{number:02d}-x.py").write_text("z = 1\n")
        (folder / ".gitignore").write_text(f"f8{level}.py\n")
        folder = folder / "f44"
        folder.mkdir()
    return tmp_path


def names_of(folder: Path) -> Names:
    return Names(listed(folder), partial(listed, folder))


def listed(folder: Path, after: bytes = b"") -> Listing:
    handle = os.open(folder, os.O_RDONLY)
    try:
        return read_names(handle, frozenset(), after)
    finally:
        os.close(handle)


def test_a_walk_in_blocks_is_the_walk_at_once(root: Path, monkeypatch: pytest.MonkeyPatch, tiny_blocks: int) -> None:
    in_blocks = list(walk(root, IndexSettings()))
    some = list(walk(root, IndexSettings(), only=[b"f44/f18", b"f44/f77.py", b"f03.py"]))
    monkeypatch.undo()
    assert in_blocks == list(walk(root, IndexSettings()))
    assert len(in_blocks) == 3 * (90 + 10 + 10 + 1) - (3 + 2 + 1)
    assert [stat.path for stat in in_blocks] == sorted(stat.path for stat in in_blocks)
    assert some == list(walk(root, IndexSettings(), only=[b"f44/f18", b"f44/f77.py", b"f03.py"]))
    assert [stat.path for stat in some] == [b"f03.py", b"f44/f18/in.py", b"f44/f77.py"]


def test_no_more_than_a_block_is_held(root: Path, tiny_blocks: int) -> None:
    names = names_of(root)
    seen = []
    for name in names:
        assert names.size_bytes <= tiny_blocks
        seen.append(name)
    assert seen == sorted(entry.name.encode() + b"/" * entry.is_dir() for entry in root.iterdir())


def test_names_that_were_given_up_come_again_from_where_they_stopped(root: Path, tiny_blocks: int) -> None:
    names = names_of(root)
    seen = []
    for number, name in enumerate(names):
        seen.append(name)
        if number % 7 == 0:
            names.shed()
            assert names.size_bytes == 0
    assert seen == sorted(entry.name.encode() + b"/" * entry.is_dir() for entry in root.iterdir())


def test_a_name_beyond_the_first_block_is_explained(root: Path, tiny_blocks: int) -> None:
    assert explain(root, b"f81/in.py", IndexSettings()) is None
    found = explain(root, b"f80.py", IndexSettings())
    assert found is not None
    assert found.rule == ".gitignore:1: f80.py"
    assert explain(root, b"f44/f44/f89.py", IndexSettings()) is None


def test_a_folder_that_goes_while_it_is_read_ends(tmp_path: Path, tiny_blocks: int) -> None:
    folder = tmp_path / "going"
    folder.mkdir()
    for number in range(100):
        (folder / f"f{number:02d}").touch()
    names = names_of(folder)
    first = next(iter(names))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    names._again = lambda after: "gone" if not folder.exists() else listed(folder, after)
    assert first == b"f00"
    assert len(list(names)) < 12
