"""The lexical index: what it holds and what waits for it are one answer; what is damaged is never opened."""

from __future__ import annotations

import os
import random
import shutil
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.indexes import WORDS, absorb, make_index, put

from lowtide.errors import CorruptSegment, ForeignIndex
from lowtide.index.lexicon import mend_words
from lowtide.index.workspace import Workspace
from lowtide.models import Mode, SymbolKind
from lowtide.read.exact import TextRequest
from lowtide.read.filters import Filter, Selections, folders_of_globs
from lowtide.read.request import SearchRequest
from lowtide.read.segment_set import open_lexical
from lowtide.read.snapshot import Embedding, Snapshot
from lowtide.store.catalog import Catalog
from lowtide.store.lexical import delta as delta_module
from lowtide.store.lexical import engine, generation
from lowtide.store.lexical.delta import WordDelta, _beginnings
from lowtide.store.lexical.engine import Stems, stem_of, stems
from lowtide.store.lexical.index import LexicalIndex, Within

FILES = 40


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_index(tmp_path, FILES)


def opened(workspace: Workspace, catalog: Catalog, before: LexicalIndex | None = None) -> LexicalIndex:
    return LexicalIndex(workspace.folder, catalog.lexical_segment(), WordDelta.read(catalog), before)


async def no_vector(_: str) -> bytes:
    raise AssertionError("nothing is asked by meaning")


def there(catalog: Catalog, found: list[tuple[int, float]]) -> dict[int, float]:
    """What the catalog still has of what was found."""
    alive = {row.chunk_id for row in catalog.chunks_by_id([chunk_id for chunk_id, _ in found])}
    return {chunk_id: score for chunk_id, score in found if chunk_id in alive}


def answers(workspace: Workspace, catalog: Catalog) -> dict[str, dict[int, float]]:
    index = opened(workspace, catalog)
    return {word: there(catalog, index.candidates([word, "retry"], None, 1000)) for word in WORDS}


def test_pending_and_absorbed_words_answer_alike(workspace: Workspace) -> None:
    with workspace.writing() as (catalog, _):
        pending = answers(workspace, catalog)
        assert sum(map(len, pending.values())) > 200
        absorb(workspace, catalog)
        assert catalog.pending_block(1) == []
        absorbed = answers(workspace, catalog)
    for word, scores in pending.items():
        assert absorbed[word].keys() == scores.keys(), word
        # Tantivy keeps a document's length in a byte.
        assert absorbed[word] == pytest.approx(scores, rel=0.1), word


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_changed_and_absorbed_when_answers_are_those_of_a_fresh_index(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    workspace = make_index(tmp_path, 12, seed)
    with workspace.writing() as (catalog, _):
        for _ in range(30):
            path = f"src/file{rng.randrange(14)}.py"
            what = rng.random()
            if what < 0.55:
                texts = [" ".join(rng.choices(WORDS, k=6)) for _ in range(rng.randint(1, 4))]
                put(workspace, catalog, path, "python", texts)
            elif what < 0.7:
                catalog.write([], [], [path.encode()])
            else:
                absorb(workspace, catalog, rng.choice((1, 1 << 20)))
            index = opened(workspace, catalog)
            for word in rng.sample(WORDS, 5):
                found = there(catalog, index.candidates([word], None, 1000))
                assert set(found) == chunks_with(workspace, catalog, word), word
                files = set(catalog.paths_of_chunks(index.files_with_words([word], 1000)))
                rows = catalog.chunks_by_id(list(found))
                assert files == {row.path for row in rows}


def chunks_with(workspace: Workspace, catalog: Catalog, word: str) -> set[int]:
    """By the texts themselves: their line for each chunk."""
    found = set()
    for _, path, _ in catalog.file_places():
        row = catalog.file(path)
        assert row is not None
        lines = (workspace.root / os.fsdecode(path)).read_text().split("\n")
        chunks = catalog.chunks_of_file(row.file_id)
        found |= {
            chunk.chunk_id
            for chunk, line in zip(chunks, lines, strict=True)
            if stem_of(word) in {stem_of(each) for each in line.replace("_", " ").split()}
        }
    return found


@pytest.mark.parametrize(
    "narrow",
    [
        Filter(languages=("c",)),
        Filter(kinds=(SymbolKind.CLASS,)),
        Filter(globs=("src/net/**",)),
        Filter(globs=("*.h",), kinds=(SymbolKind.FUNCTION,)),
        Filter(globs=("nothing.there",)),
        Filter(globs=("!src",), languages=("python",)),
    ],
    ids=str,
)
@pytest.mark.parametrize("few", [0, 1000])
def test_a_narrowed_question_finds_what_a_wide_one_does_of_it(
    workspace: Workspace, narrow: Filter, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowtide.read.filters.FEW_FILES", few)
    with workspace.writing() as (catalog, _):
        absorb(workspace, catalog)
        put(workspace, catalog, "src/net/late.h", "c", ["late_retry window socket", "parse retry"])
        index = opened(workspace, catalog)
        with closing(Snapshot(workspace)):
            selection = Selections().get(narrow, catalog, lambda: False)
        assert selection is not None
        wide = index.candidates(["retry", "socket"], None, 1000)
        expected = {chunk_id: score for chunk_id, score in wide if chunk_id in selection.chunks}
        within = Within(selection.chunks, selection.narrowing)
        assert dict(index.candidates(["retry", "socket"], within, 1000)) == pytest.approx(expected)


def test_a_narrow_question_is_answered_though_much_better_lies_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowtide.store.lexical.index.SPARE", 0)
    monkeypatch.setattr("lowtide.read.filters.FEW_FILES", 0)
    workspace = make_index(tmp_path, 60)
    with workspace.writing() as (catalog, _):
        put(workspace, catalog, "odd.py", "python", ["something " * 40 + "retry"])
        absorb(workspace, catalog)
        index = opened(workspace, catalog)
        narrow = Filter(globs=("odd.py",))
        with closing(Snapshot(workspace)):
            selection = Selections().get(narrow, catalog, lambda: False)
        assert selection is not None
        assert len(index.candidates(["retry"], Within(selection.chunks, selection.narrowing), 3)) == 1


def test_accents_and_letters_of_other_scripts_are_found_pending_and_absorbed(workspace: Workspace) -> None:
    with workspace.writing() as (catalog, _):
        put(workspace, catalog, "naive.py", "python", ["naïve Straße функция 函数"])
        for _ in range(2):
            index = opened(workspace, catalog)
            for word in ("naive", "naïve", "straße", "функция", "函数"):
                rows = catalog.chunks_by_id([found for found, _ in index.candidates([word], None, 9)])
                assert [row.path for row in rows] == [b"naive.py"], word
                assert catalog.paths_of_chunks(index.files_with_words([word], 9)) == [b"naive.py"], word
            absorb(workspace, catalog)


@given(st.lists(st.sampled_from(["parsing", "parsed", "Größe", "ﬁle", "σίγμα", "用户", "x" * 300, "", "die", "2"])))
def test_words_that_are_remembered_are_written_as_the_analyzer_would(words: list[str]) -> None:
    assert Stems().of(words).split() == stems(" ".join(words)).split()


def test_only_so_many_words_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_STEMS", 3)
    remembered = Stems()
    assert remembered.of(["locks", "waits", "frees", "holds", "locks"]) == "lock wait free hold lock"
    assert len(remembered) <= 3


def test_every_word_begins_with_what_its_stem_is_looked_for_by() -> None:
    words = (
        "dying lying tying skies flies happy happily generally generation relational conditional hoping hopping "
        "valency sensibility analogies logging digitizer as is us id ids running"
        " agreed feed skis early only idly gently ugly news succeed"
    ).split()
    for word in words:
        assert (b" " + word.encode()).startswith(tuple(_beginnings(stem_of(word)))), word


def test_what_is_pending_is_bounded_and_said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_module, "MOST_PACKED_BYTES", 600)
    with workspace.writing() as (catalog, _):
        assert WordDelta.read(catalog, most_bytes=600).is_cut
        put(workspace, catalog, "late.py", "python", ["late words"])
        found = LexicalIndex(workspace.folder, None, WordDelta.read(catalog, most_bytes=600)).candidates(
            ["late"], None, 9
        )
        assert len(found) == 1, "what was written last is looked at first"


def test_a_question_looks_through_so_much_of_what_is_pending_and_the_answer_says_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole words are found in all of it: other searches rely on that."""
    with workspace.writing() as (catalog, _):
        put(workspace, catalog, "early.py", "python", ["unmistakable words"])
        for number in range(20):
            put(workspace, catalog, f"between{number}.py", "python", [f"between_{number} words"])
        put(workspace, catalog, "late.py", "python", ["unmistakable too"])
        everything = open_lexical(workspace, catalog)
        assert len(everything.candidates(["unmistakable"], None, 9)) == 2
        monkeypatch.setattr(delta_module, "RANKED_BYTES", 600)
        index = open_lexical(workspace, catalog)
        assert index.reasons
        (best,) = index.candidates(["unmistakable"], None, 9)
        assert [row.path for row in catalog.chunks_by_id([best[0]])] == [b"late.py"]
        assert index.is_complete
        assert len(index.files_with_words(["unmistakable"], 9)) == 2


# -- damage -----------------------------------------------------------------------------------------------------------


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def remove(path: Path) -> None:
    path.unlink()


def replace_by_link(path: Path) -> None:
    moved = path.with_name("moved")
    path.rename(moved)
    path.symlink_to(moved)


@pytest.fixture
def absorbed(workspace: Workspace) -> tuple[Workspace, Path]:
    with workspace.writing() as (catalog, _):
        _, path, language = next(catalog.file_places())
        absorb(workspace, catalog)
        put(workspace, catalog, path.decode(), language, ["changed since"])
        row = absorb(workspace, catalog)
    return workspace, workspace.folder / row.name


def kind_of(path: Path) -> str:
    return path.name if path.suffix in ("", ".json") else path.suffix


def kinds_of_files(folder: Path) -> set[str]:
    return {kind_of(path) for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize("damage", [flip, cut, zero, remove, replace_by_link])
def test_damage_of_each_kind_of_file_is_met_before_it_is_opened(
    absorbed: tuple[Workspace, Path], damage: Callable[[Path], None], tmp_path: Path
) -> None:
    workspace, folder = absorbed
    kinds = kinds_of_files(folder)
    assert {".term", ".idx", ".fast", ".fieldnorm", ".store", ".del", "meta.json", ".managed.json", "listing"} <= kinds
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    with workspace.writing() as (catalog, _):
        for kind in sorted(kinds):
            damage(next(path for path in sorted(folder.iterdir()) if kind_of(path) == kind))
            with pytest.raises(CorruptSegment):
                opened(workspace, catalog)
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
        assert opened(workspace, catalog).candidates(["retry"], None, 1)


def test_a_small_index_is_opened_with_little_memory(absorbed: tuple[Workspace, Path]) -> None:
    """A question to many small folders opens each: what is cleared for it is what takes the time."""
    workspace, folder = absorbed
    size = sum(path.stat().st_size for path in folder.iterdir())
    with closing(workspace.reading()) as catalog:
        row = catalog.lexical_segment()
        assert row is not None
        generation.check(folder, row)  # what is imported on the way
        tracemalloc.start()
        try:
            generation.check(folder, row)
            assert tracemalloc.get_traced_memory()[1] < size + (64 << 10)
        finally:
            tracemalloc.stop()


def test_a_link_in_a_generation_is_no_work_of_ours(absorbed: tuple[Workspace, Path]) -> None:
    workspace, folder = absorbed
    replace_by_link(max(folder.glob("*.idx")))
    with pytest.raises(ForeignIndex):
        Snapshot(workspace).close()


def test_damage_is_told_and_its_files_are_indexed_again(absorbed: tuple[Workspace, Path]) -> None:
    workspace, folder = absorbed
    flip(max(folder.glob("*.idx")))
    with closing(Snapshot(workspace)) as snapshot:
        assert workspace.has_damaged_segments
        assert any("damaged" in reason for reason in snapshot._segments.lexical.reasons)
    with workspace.writing() as (catalog, _):
        put(workspace, catalog, "late.py", "python", ["late words"])
        assert mend_words(workspace, catalog) == ["the lexical index was damaged: it is made anew"]
        assert not folder.exists()
        assert catalog.lexical_segment() is None
        stale = {known.path for known in catalog.known_files() if known.mtime_ns == -1}
        assert stale == {known.path for known in catalog.known_files()} - {b"late.py"}
        assert mend_words(workspace, catalog) == []
        assert catalog.lacks_words()
    with closing(Snapshot(workspace)) as snapshot:
        assert not snapshot._segments.lexical.is_complete
        assert any("damaged" in reason for reason in snapshot._segments.lexical.reasons)


def test_where_a_name_stands_is_found_though_the_index_of_words_is_damaged(absorbed: tuple[Workspace, Path]) -> None:
    workspace, folder = absorbed
    with closing(Snapshot(workspace)) as snapshot:
        known = snapshot.references("retry", limit=1000).refs
    flip(max(folder.glob("*.idx")))
    with closing(Snapshot(workspace)) as snapshot:
        found = snapshot.references("retry", limit=1000)
        assert known
        assert set(found.refs) == set(known)
        assert set(snapshot.files_with("retry", limit=1000)[0]) >= {each.path.encode() for each in known}


def test_a_file_written_over_while_it_is_open_is_noticed_at_the_next_question(absorbed: tuple[Workspace, Path]) -> None:
    workspace, folder = absorbed
    with closing(Snapshot(workspace)) as snapshot:
        assert not snapshot.is_outdated
        flip(max(folder.glob("*.term")))
        assert snapshot.is_outdated
        with closing(Snapshot(workspace, snapshot)):
            assert workspace.has_damaged_segments


@pytest.mark.parametrize("mode", ["search", "exact", "references", "files"])
def test_a_question_that_meets_a_generation_that_was_replaced_asks_the_next_one(
    absorbed: tuple[Workspace, Path], mode: str
) -> None:
    workspace, folder = absorbed
    with closing(Snapshot(workspace)) as snapshot:
        with workspace.writing() as (catalog, _):
            put(workspace, catalog, "src/late.py", "python", ["lateword retry"])
            absorb(workspace, catalog)
        shutil.rmtree(folder)

        async def ask() -> list[str]:
            if mode == "search":
                answer = await snapshot.search(
                    SearchRequest("lateword", mode=Mode.LEXICAL), Embedding(no_vector, "tests")
                )
                assert answer.degraded is None
                return [hit.path for hit in answer.hits]
            return [hit.path for hit in (await snapshot.find_text(TextRequest("lateword"))).hits]

        if mode == "files":
            assert snapshot.files_with("lateword", limit=9)[0] == [b"src/late.py"]
        elif mode == "references":
            assert snapshot.references("lateword", limit=9).refs
        else:
            assert anyio.run(ask) == ["src/late.py"]
        assert not workspace.has_damaged_segments


def test_a_question_that_meets_damage_of_the_generation_itself_leaves_a_mark(absorbed: tuple[Workspace, Path]) -> None:
    workspace, folder = absorbed
    with closing(Snapshot(workspace)) as snapshot:
        shutil.rmtree(folder)
        with pytest.raises(CorruptSegment):
            snapshot.files_with("retry", limit=9)
        assert workspace.has_damaged_segments


def test_what_a_killed_worker_leaves_is_swept_and_the_index_goes_on(absorbed: tuple[Workspace, Path]) -> None:
    workspace, folder = absorbed
    with workspace.writing() as (catalog, _):
        before = answers(workspace, catalog)
    shutil.copytree(folder, workspace.folder / f"{generation.new_name()}.0123abcd.tmp")
    shutil.copytree(folder, workspace.folder / generation.new_name())
    with workspace.writing() as (catalog, _):
        assert [path.name for path in workspace.folder.glob("lexical-*")] == [folder.name]
        assert answers(workspace, catalog) == before


def test_a_generation_is_made_where_files_cannot_be_linked(
    absorbed: tuple[Workspace, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "no links here")

    workspace, _ = absorbed
    with workspace.writing() as (catalog, _):
        before = answers(workspace, catalog)
        monkeypatch.setattr("os.link", refuse)
        put(workspace, catalog, "late.py", "python", ["late words"])
        absorb(workspace, catalog)
        index = opened(workspace, catalog)
        assert len(index.candidates(["late"], None, 9)) == 1
        assert {word: set(found) for word, found in answers(workspace, catalog).items()} == {
            word: set(found) for word, found in before.items()
        }


def test_the_generation_before_answers_on_while_it_is_removed(absorbed: tuple[Workspace, Path]) -> None:
    workspace, folder = absorbed
    with workspace.writing() as (catalog, _):
        index = opened(workspace, catalog)
        before = index.candidates(["retry"], None, 1000)
        put(workspace, catalog, "late.py", "python", ["late words"])
        absorb(workspace, catalog)
        shutil.rmtree(folder)
        assert index.candidates(["retry"], None, 1000) == before
        assert not index.is_as_opened


@pytest.mark.parametrize(
    ("globs", "folders"),
    [
        (("src/net/**",), ("src/net",)),
        (("/src/net",), ("src",)),
        (("./a/b/*.py", "c/d/e"), ("a/b", "c/d")),
        (("src/",), ()),
        (("*.py",), ()),
        (("src/net/**", "*.py"), ()),
        (("!src/net/**",), ()),
        (("src/{a,b}/c",), ()),
        (("**/net/x",), ()),
        (("s*c/net/x",), ()),
    ],
)
def test_globs_tell_the_folders_below_which_they_take_anything(
    globs: tuple[str, ...], folders: tuple[str, ...]
) -> None:
    assert folders_of_globs(globs) == folders
