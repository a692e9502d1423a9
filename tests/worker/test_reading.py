"""What a worker reads of a file: what was listed, where it was listed, and no more than its lease was measured by."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest
from msgspec.structs import replace

from lowtide import wire
from lowtide.errors import FileChanged
from lowtide.work import index

MIB = 1 << 20


def task(root: Path, names: list[str], sizes: list[int]) -> wire.IndexTask:
    paths = [name.encode() for name in names]
    settings: dict[str, bool | int] = {"max_file_bytes": 64 * MIB}
    return wire.IndexTask(os.fsencode(root), paths, [], settings, 30.0, False, False, False, 16, "", "r", sizes)


def files(root: Path, names: list[str], sizes: list[int] | None = None) -> list[wire.FileResult]:
    return index.index_files(task(root, names, sizes or []), lambda _: None, lambda _: [], lambda _: None).files


def test_nothing_is_read_through_a_folder_that_was_swapped_for_a_link(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    root.mkdir()
    (outside / "a.py").write_text("def outside_secret():\n    return 1\n")
    (root / "d").symlink_to(outside)
    (root / "link.py").symlink_to(outside / "a.py")
    (root / "b.py").write_text("def inside():\n    return 1\n")
    found = files(root, ["d/a.py", "link.py", "../outside/a.py", str(outside / "a.py"), "b.py"])
    assert [(file.status, file.symbol_count, file.content_hash != b"") for file in found] == [
        ("skipped", 0, False)
    ] * 4 + [("indexed", 1, True)]
    assert [file.reason for file in found[:2]] == ["changed-while-read"] * 2


def test_what_is_no_plain_file_by_now_is_said_to_be_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    found = files(tmp_path, ["pipe.py", "folder.py", "gone.py"])
    assert [file.reason for file in found] == ["not-a-regular-file", "not-a-regular-file", "unreadable"]


def test_a_file_that_has_grown_far_beyond_its_lease_is_left_to_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def listed(): ...\n")
    (tmp_path / "b.py").write_text("def listed(): ...\n" * 3_000)
    with (tmp_path / "c.py").open("wb") as grown:
        grown.truncate(60 * MIB)
    tracemalloc.start()
    found = files(tmp_path, ["a.py", "b.py", "c.py"], [5, 30_000, 1_000])
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(file.status, file.reason) for file in found] == [
        ("indexed", ""),
        ("indexed", ""),
        ("skipped", "changed-while-read"),
    ]
    assert "1000 bytes when it was listed" in found[2].rule
    assert taken < 40 * MIB
    with (tmp_path / "c.py").open("wb") as grown:
        grown.truncate(65 * MIB)
    assert [file.reason for file in files(tmp_path, ["c.py"], [1_000])] == ["too-large"]


def test_what_is_embedded_apart_is_the_file_that_was_parsed(tmp_path: Path) -> None:
    text = b"def one(): ...\n"
    (tmp_path / "a.py").write_bytes(text + b"# longer\n")

    def embed(size: int) -> None:
        content_hash = hashlib.blake2b(text, digest_size=16).digest()
        index.embed_file(wire.EmbedTask(os.fsencode(tmp_path), b"a.py", size, content_hash, [], [], {}, 16, ""))

    with pytest.raises(FileChanged):
        embed(len(text))
    (tmp_path / "a.py").unlink()
    with pytest.raises(FileChanged):
        embed(len(text))


def test_a_file_that_its_parser_was_not_up_to_has_definitions_by_the_look_of_their_lines(tmp_path: Path) -> None:
    text = "".join(f"def height_{number:05d}(tide):\n    return tide\n\n\n" for number in range(20_000))
    (tmp_path / "many.py").write_text('"""\ndef shown(): ...\n"""\n# def spoken(): ...\n' + text)
    (tmp_path / "notes.txt").write_text("def none(): ...\n" * 100)
    given_up = replace(task(tmp_path, ["many.py", "notes.txt"], []), lines_only=True)
    many, notes = index.index_files(given_up, lambda _: None, lambda _: [], lambda _: None).files
    rows = wire.symbols_at(many, set(range(many.symbol_count)))
    assert [rows[number][0] for number in range(3)] == ["height_00000", "height_00001", "height_00002"]
    assert 3_000 <= many.symbol_count <= 5_000, "as many as there is room for"
    assert (many.chunk_count > 100, notes.symbol_count) == (True, 0)
