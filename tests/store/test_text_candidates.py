"""Files by parts of words: no word is lost."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.store.indexes import absorb, put

from lowtide.core.evidence import Each, Either, Evidence, WordPart
from lowtide.index.workspace import Workspace
from lowtide.store.catalog import Catalog
from lowtide.store.lexical.delta import WordDelta
from lowtide.store.lexical.index import LexicalIndex
from lowtide.store.lexical.text_candidates import files_that_may_hold
from lowtide.wire import FileWords, words_of


@pytest.fixture(params=["pending", "absorbed", "both"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Catalog, LexicalIndex]]:
    workspace = Workspace(tmp_path / "tree", tmp_path / "index")
    workspace.folder.mkdir(parents=True)
    with workspace.writing() as (writer, _):
        put(workspace, writer, "a.py", "python", ["retries count", "socket buffer"])
        put(workspace, writer, "b.py", "python", ["retried socket", "kmalloc 2"])
        if request.param == "both":
            absorb(workspace, writer)
        put(workspace, writer, "c.py", "python", ["count buffers"])
        if request.param == "absorbed":
            absorb(workspace, writer)
    with closing(Catalog(workspace.catalog_path, writable=False)) as found:
        yield found, LexicalIndex(workspace.folder, found.lexical_segment(), WordDelta.read(found))


def files(asked: tuple[Catalog, LexicalIndex], evidence: Evidence) -> list[str] | None:
    catalog, lexical = asked
    chunks = files_that_may_hold(lexical, evidence, lambda: False)
    if chunks is None:
        return None
    return sorted(file.path.decode() for file in catalog.indexed_files_with(sorted(chunks)))


def test_words_and_parts_of_words_lead_to_files(asked: tuple[Catalog, LexicalIndex]) -> None:
    def part(text: str, begins: bool = False, ends: bool = False) -> WordPart:
        return WordPart(text, begins, ends)

    assert files(asked, part("kmalloc", True, True)) == ["b.py"]
    assert files(asked, part("mallo")) == ["b.py"]
    assert files(asked, part("retries", True)) == ["a.py"]
    assert files(asked, part("buff", True)) == ["a.py", "c.py"]
    assert files(asked, part("ocket", ends=True)) == ["a.py", "b.py"]
    assert files(asked, part("zebra", True, True)) == []
    assert files(asked, part("ebra")) == []
    assert files(asked, part("s")) is None
    assert files(asked, Either((part("kmalloc", True, True), part("buff", True)))) == ["a.py", "b.py", "c.py"]
    assert files(asked, Either((part("kmalloc", True, True), part("s")))) is None
    both = Each((part("socket", True, True), part("count", True, True)))
    assert "a.py" in (files(asked, both) or [])


def test_parts_of_a_word_longer_than_any_term_lead_to_its_file(tmp_path: Path) -> None:
    word = "".join(random.Random(1).choices("acgt", k=2000))
    workspace = Workspace(tmp_path / "tree", tmp_path / "index")
    workspace.folder.mkdir(parents=True)
    with workspace.writing() as (writer, _):
        put(workspace, writer, "gene.txt", "", [f"gene {word} end"])
        put(workspace, writer, "other.txt", "", ["gene end"])
        for _ in range(2):
            asked = writer, LexicalIndex(workspace.folder, writer.lexical_segment(), WordDelta.read(writer))
            assert files(asked, WordPart(word[:300], True, False)) == ["gene.txt"]
            assert files(asked, WordPart(word[-300:], False, True)) == ["gene.txt"]
            assert files(asked, WordPart(word, True, True)) == ["gene.txt"]
            assert files(asked, WordPart(word[900:1100], False, False)) == ["gene.txt"]
            assert files(asked, WordPart(word[1000:1020], False, False)) == ["gene.txt"]
            absorb(workspace, writer)


def test_words_of_no_chunk_lead_to_their_file_and_rank_nothing(tmp_path: Path) -> None:
    word = "".join(random.Random(2).choices("acgt", k=2000))
    workspace = Workspace(tmp_path / "tree", tmp_path / "index")
    workspace.folder.mkdir(parents=True)
    with workspace.writing() as (writer, _):
        put(workspace, writer, "icon.py", "python", ["icon data"], ["quaint zebra élan", f"{word} fallback"])
        put(workspace, writer, "other.py", "python", ["icon zeal"])
        for _ in range(2):
            lexical = LexicalIndex(workspace.folder, writer.lexical_segment(), WordDelta.read(writer))
            asked = writer, lexical
            assert files(asked, WordPart("zebra", True, True)) == ["icon.py"]
            assert files(asked, WordPart("fallb", True, False)) == ["icon.py"]
            assert files(asked, WordPart(word[900:1100], False, False)) == ["icon.py"]
            assert files(asked, WordPart(word[-300:], False, True)) == ["icon.py"]
            for wanted in (["quaint", "icon"], ["élan"]):
                assert writer.paths_of_chunks(lexical.files_with_words(wanted, 9)) == [b"icon.py"]
            assert lexical.candidates(["zebra"], None, 9) == []
            assert len(lexical.candidates(["icon"], None, 9)) == 2
            absorb(workspace, writer)


def test_words_that_an_older_version_packed_are_read() -> None:
    packed = zlib.compress(msgspec.msgpack.encode((["retries count"], ["retry"], "path", [12])))
    assert words_of(packed) == FileWords(["retries count"], ["retry"], "path", [12])
