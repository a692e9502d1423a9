"""What a hit shows: the text of its chunk in whatever encoding; nothing, at no price, of what no longer is its file."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from msgspec.structs import replace

from lowtide.core.passage import LINES
from lowtide.models import FileStatus
from lowtide.read import snippets
from lowtide.read.explain import why_stale
from lowtide.read.snippets import FURTHEST_BYTES, Snippets, shorten, text_to_compare
from lowtide.store.rows import MARKED_NS, ChunkRow, FileRow
from lowtide.system.beneath import Root
from lowtide.work.sniff import SniffSettings, Text, is_encoding, sniff

MARK = "def lighthouse_keeper():"
ODD = {
    "utf-8": "é漢😀",
    "utf-8-sig": "é漢😀",
    "utf-16": "é漢😀",
    "utf-16-le": "é",
    "utf-16-be": "é",
    "utf-32": "é漢😀",
    "cp1252": "é€",
    "shift_jis": "漢字",
    "koi8-r": "маяк",
    "gb18030": "灯塔",
    "euc_jp": "灯台",
    "ascii": "e",
}


def file_row(path: Path, encoding: str) -> FileRow:
    info = path.stat()
    return FileRow(
        1,
        b"a.py",
        info.st_size,
        info.st_mtime_ns,
        info.st_ino,
        b"",
        "python",
        encoding,
        FileStatus.INDEXED,
        "",
        "",
        1,
        1,
        1,
        0,
        info.st_ctime_ns,
        0,
        "",
    )


def chunk_row(start: int, end: int) -> ChunkRow:
    return ChunkRow(1, None, 1, b"a.py", "python", start, end, 0, 0, 1, 12, "f", "", 0)


def of(folder: Path, row: ChunkRow, known: FileRow | None) -> tuple[str, bool] | None:
    with Root(folder) as root:
        shown = Snippets(root).of(row, known)
    return shown and shown[:2]


@pytest.mark.parametrize("codec", ODD)
def test_a_chunk_is_shown_in_any_encoding(tmp_path: Path, codec: str) -> None:
    head = f"# -*- coding: {codec if codec in ('koi8-r', 'shift_jis', 'gb18030', 'euc_jp') else 'any'} -*-\n"
    line = f"# {ODD[codec] * 5} of the harbour, said in ASCII mostly\n"
    text = head + line * 3_000 + f"{MARK}  # {ODD[codec]}\n    return 1\n" + line * 10
    (tmp_path / "a.py").write_bytes(text.encode(codec))
    found = sniff(b"a.py", (tmp_path / "a.py").read_bytes(), SniffSettings())
    assert isinstance(found, Text)
    assert len(found.utf8) > 2 * snippets.PIECE_BYTES
    start = found.utf8.index(MARK.encode())
    end = found.utf8.index(b"return 1") + len(b"return 1")
    known = file_row(tmp_path / "a.py", found.encoding)
    assert of(tmp_path, chunk_row(start, end), known) == (found.utf8[start:end].decode(), False)
    first = found.utf8[: len(head) - 1].decode()
    assert of(tmp_path, chunk_row(0, len(head)), known) == (first, False)


def test_a_file_that_has_changed_is_shown_as_it_is_and_said_to_be_stale(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def old(): ...\n")
    known = file_row(tmp_path / "a.py", "ascii")
    (tmp_path / "a.py").write_text("def renewed(): ...\n")
    assert of(tmp_path, chunk_row(0, 15), known) == ("def renewed():", True)
    assert of(tmp_path, chunk_row(0, 15), None) == ("def renewed():", True)


def test_a_file_that_is_only_marked_to_be_indexed_again_has_not_changed(tmp_path: Path) -> None:
    """As every file is when part of the index was lost."""
    (tmp_path / "a.py").write_text("def lantern(): ...\n")
    known = replace(file_row(tmp_path / "a.py", "ascii"), mtime_ns=MARKED_NS)
    assert of(tmp_path, chunk_row(0, 18), known) == ("def lantern(): ...", False)
    changed = replace(known, ctime_ns=known.ctime_ns - 1)
    assert of(tmp_path, chunk_row(0, 18), changed) == ("def lantern(): ...", True)
    (tmp_path / "a.py").write_text("def another(): ...\n# longer\n")
    assert of(tmp_path, chunk_row(0, 18), known) == ("def another(): ...", True)


def test_it_is_told_why_what_is_known_of_a_file_does_not_do(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("def lantern(): ...\n")
    known = file_row(path, "ascii")
    assert why_stale(known, path) == ""
    assert why_stale(replace(known, mtime_ns=MARKED_NS), path).startswith("it is to be indexed again: ")
    assert why_stale(replace(known, mtime_ns=7), path) == "the file has changed since it was indexed"
    path.unlink()
    assert why_stale(known, path) == "the file is gone"
    assert why_stale(known, path / "under") == "the file is gone"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "cp1252", "utf-16-le"])
@pytest.mark.parametrize("swapped", ["nothing", "link", "endless", "folder", "pipe", "huge"])
def test_what_is_no_longer_the_file_costs_a_hit_its_text_alone(tmp_path: Path, swapped: str, encoding: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    path = root / "a.py"
    (tmp_path / "secret").write_text("a secret that lies outside\n" * 100)
    path.write_text("x = 1\n" * 100)
    known = file_row(path, encoding)
    path.unlink()
    if swapped in ("link", "endless"):
        path.symlink_to("/dev/zero" if swapped == "endless" else tmp_path / "secret")
    elif swapped == "folder":
        path.mkdir()
    elif swapped == "pipe":
        os.mkfifo(path)
    elif swapped == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    tracemalloc.start()
    shown = of(root, chunk_row(6, 60), known)
    with Root(root) as opened:
        compared = text_to_compare(opened, chunk_row(6, 60))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert shown == (None if swapped == "nothing" else ("", True))
    assert compared.strip("\0") == ""
    assert taken < 1 << 20


def test_a_long_file_of_another_encoding_is_never_held_whole(tmp_path: Path) -> None:
    line = "x = 'é'\n".encode("cp1252")
    (tmp_path / "a.py").write_bytes(line * ((12 << 20) // len(line)))
    known = file_row(tmp_path / "a.py", "cp1252")
    tracemalloc.start()
    near = of(tmp_path, chunk_row(9 * 300_000, 9 * 300_001), known)
    far = of(tmp_path, chunk_row(2 * FURTHEST_BYTES, 2 * FURTHEST_BYTES + 9), known)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert near == ("x = 'é'", False)
    assert far == ("", False)
    assert taken < 2 << 20


def test_an_answer_reads_so_much_of_such_files_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_bytes("x = 'é'\n".encode("cp1252") * 20_000)
    known = file_row(tmp_path / "a.py", "cp1252")
    monkeypatch.setattr(snippets, "ANSWER_BYTES", 3 * snippets.PIECE_BYTES)
    with Root(tmp_path) as root:
        answer = Snippets(root)
        shown = [(answer.of(chunk_row(0, 9), known) or ())[:2] for _ in range(5)]
    assert shown == [("x = 'é'", False)] * 3 + [("", False)] * 2


def test_an_index_cannot_have_a_hit_decoded_by_what_is_no_encoding_of_texts(tmp_path: Path) -> None:
    assert all(map(is_encoding, ("utf-8", "utf-16-be", "cp1252", "latin-1", "shift_jis", "koi8-r", "iso8859-15")))
    (tmp_path / "a.py").write_text("x = 1\n")
    for name in ("zlib_codec", "bz2", "hex", "rot13", "punycode", "idna", "unicode_escape", "no such", "", "cp\0"):
        assert not is_encoding(name), name
        if name:
            assert of(tmp_path, chunk_row(0, 5), file_row(tmp_path / "a.py", name)) == ("", False)


def test_a_long_text_is_shown_by_its_first_lines() -> None:
    assert shorten("\n" + "a\n" * 50).count("a") == LINES - 1
    assert len(shorten("a" * 5000)) == snippets.CHARACTERS


def test_what_is_shown_begins_where_something_stands_and_its_line_is_told(tmp_path: Path) -> None:
    text = "\n" * 20 + MARK + "\n    return 1\n"
    (tmp_path / "a.py").write_text(text)
    known = file_row(tmp_path / "a.py", "ascii")
    with Root(tmp_path) as root:
        shown = Snippets(root).of(chunk_row(0, len(text)), known, {"lighthouse"})
        nothing = Snippets(root).of(chunk_row(0, 5), known)
    assert shown is not None
    assert nothing is not None
    assert (shown.text, shown.first_line) == (f"{MARK}\n    return 1", 20)
    assert nothing.text == ""
