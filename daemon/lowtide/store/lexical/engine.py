"""Tantivy: writing the words of chunks into a folder, and searching them.

A chunk is a document. Its words, the words of its qualified name and of its path stand in one field, stemmed, with how
often each occurs: names and paths are said more than once there, which is what makes them count for more. The last
chunk of a file carries the file's different words besides, as they are, so that files can be asked for by whole words;
words that no chunk has are there alone.

Invariant: the only module that imports tantivy; its errors, its panics too, leave as CorruptSegment or StoreError.
Invariant: nothing here checks what it opens: `generation.py` does, before.
Threads: any number search one Reader at once; the GIL is free meanwhile. A writer is for one thread.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import tantivy

from lowtide.errors import CorruptSegment, StoreError
from lowtide.store.durable import raise_for_now

META_LOCK = ".tantivy-meta.lock"
"""Held for as long as an index is opened."""
SCHEMA_VERSION = 1
"""Of the fields and of how words become terms: an index of another one is made anew."""

NAME_TIMES = 3
"""A word of a chunk's qualified name counts so often."""
PATH_TIMES = 2

HEAP_BYTES = 15_000_000
"""What Tantivy's writer holds at most before it writes a segment: the least that it takes."""

MOST_WORD_BYTES = 255
"""A longer word has no stem; among whole words it stands in pieces of so many, each two with half in common."""
_LONG_WORD = re.compile(rf"\S{{{MOST_WORD_BYTES + 1},}}")
MOST_PART = MOST_WORD_BYTES // 2
"""Of a part of a word, so much is looked for."""

UNKNOWN_KIND = 255
"""Where a chunk's kind was not kept: it passes for any."""

MOST_STEMS = 16_384
"""Words whose terms a writer remembers, in 3 MiB: nearly every word that comes was among the last so many."""

DELETED_AT_ONCE = 1024
ALIVE_FILES = 64
"""Between two signs of life."""

_TEXT, _PLAIN, _FILE, _CHUNK, _LANGUAGE, _KIND, _FOLDER = (
    "text",
    "plain",
    "file",
    "chunk",
    "language",
    "kind",
    "folder",
)
_STEMS, _WORDS = "lowtide_stems", "lowtide_words"


class FileEntry(msgspec.Struct, frozen=True):
    """The words of one file, as they are written: those of chunk *n* have the id `first_chunk_id` + *n*."""

    first_chunk_id: int
    path: str
    language: str
    words: Sequence[str]
    names: Sequence[str]
    path_words: str
    kinds: Sequence[int]
    """The kind of each chunk's definition, 0 for none; empty where that was not kept."""
    further: Sequence[str] = ()
    """Different words of the file that its chunks may lack, in several pieces."""


class Narrowing(msgspec.Struct, frozen=True):
    """What a search is narrowed to, as far as the fields tell; empty means everything."""

    languages: Sequence[str] = ()
    kinds: Sequence[int] = ()
    folders: Sequence[str] = ()
    """Everything below any of them."""
    files: Sequence[int] | None = None
    """Just these, by the id of each file's first chunk."""


def document_text(words: str, name: str, path_words: str) -> str:
    """What is counted of a chunk: its words, and more than once those of its name and its path."""
    return " ".join((words, *[name] * NAME_TIMES, *[path_words] * PATH_TIMES))


def folders_of(path: str) -> list[str]:
    """The folders around a file, outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


_SAID = re.compile(r"\bos error (\d{1,3})\b|\bcode: (\d{1,3})\b")
"""How Tantivy tells the number of an error of the system, which its exceptions do not have."""


@contextmanager
def _mapped(path: Path) -> Iterator[None]:
    """Whatever Tantivy says of `path`, as Lowtide's; by type, for it has no codes."""
    try:
        yield
    except (StoreError, MemoryError, OSError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        # A panic in Rust is pyo3's PanicException, which is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if number := _SAID.search(str(error)):
            raise_for_now(OSError(int(number[1] or number[2]), ""), path)
        raise CorruptSegment(
            f"the lexical index {path.name} cannot be used",
            str(error)[:500],
            "run `lowtide index`: it makes it anew",
        ) from error


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(_TEXT, tokenizer_name=_STEMS, index_option="freq")
    builder.add_text_field(_PLAIN, tokenizer_name=_WORDS, index_option="basic")
    builder.add_unsigned_field(_FILE, indexed=True, fast=True)
    builder.add_unsigned_field(_CHUNK, fast=True)
    builder.add_text_field(_LANGUAGE, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field(_KIND, indexed=True)
    builder.add_text_field(_FOLDER, tokenizer_name="raw", index_option="basic")
    return builder.build()


def _analyzer(*filters: tantivy.Filter) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    for each in filters:
        builder = builder.filter(each)
    return builder.build()


def _folder() -> tantivy.TextAnalyzer:
    return _analyzer(tantivy.Filter.ascii_fold())


def _stemmer() -> tantivy.TextAnalyzer:
    too_long = tantivy.Filter.remove_long(MOST_WORD_BYTES + 1)
    return _analyzer(too_long, tantivy.Filter.ascii_fold(), tantivy.Filter.stemmer("english"))


def _prepared(index: tantivy.Index) -> tantivy.Index:
    # What is written comes as stems (`Stems`), and what is asked as terms: neither is stemmed once more.
    index.register_tokenizer(_STEMS, _analyzer())
    index.register_tokenizer(_WORDS, _folder())
    return index


@cache
def _analyzers() -> tuple[tantivy.TextAnalyzer, tantivy.TextAnalyzer]:
    return _stemmer(), _folder()


def stem_of(word: str) -> str:
    """The term of a word among stems; empty when no index holds it."""
    return next(iter(_analyzers()[0].analyze(word)), "")


class Stems(dict[str, str]):
    """Words as terms. The same few words come again and again: to remember them takes a third of stemming each."""

    def __missing__(self, word: str) -> str:
        if len(self) >= MOST_STEMS:
            self.clear()
        stem = stem_of(word)
        stem = self[word] = word if stem == word else stem
        return stem

    def of(self, words: Sequence[str]) -> str:
        """The terms of words, one for each, empty for those that have none."""
        return " ".join(map(self.__getitem__, words))


def stems(text: str) -> str:
    """The terms of a text's words, in their order, as they are counted."""
    return " ".join(_analyzers()[0].analyze(text))


def folded(text: str) -> str:
    """Words as they stand among whole words: without accents."""
    return " ".join(_analyzers()[1].analyze(text))


class Updated(msgspec.Struct, frozen=True):
    """What an update added, and what the index holds by then: `held` documents, of which `deleted` are still
    written."""

    documents: int
    tokens: int
    held: int
    deleted: int


def update(
    folder: Path, files: Iterator[FileEntry], dead: Sequence[int], alive: Callable[[int], None] = lambda _: None
) -> Updated:
    """Add files to the index in `folder`, delete those named by their first chunks, commit, and merge what there is to
    merge.

    An empty folder becomes an index. `alive` is told now and then how many files are in.
    """
    documents = tokens = 0
    stems = Stems()
    with _mapped(folder):
        exists = (folder / "meta.json").exists()
        index = _prepared(
            tantivy.Index.open(os.fspath(folder)) if exists else tantivy.Index(_schema(), os.fspath(folder))
        )
        writer = index.writer(HEAP_BYTES, 1)
        for start in range(0, len(dead), DELETED_AT_ONCE):
            # By a query: `delete_documents_by_term` finds no number (0.27.0).
            block = list(dead[start : start + DELETED_AT_ONCE])
            writer.delete_documents_by_query(tantivy.Query.term_set_query(index.schema, _FILE, block))
        for number, file in enumerate(files):
            added, counted = _add(writer, file, stems)
            documents += added
            tokens += counted
            if number % ALIVE_FILES == 0:
                alive(number)
        writer.commit()
        writer.wait_merging_threads()
        meta = msgspec.json.decode((folder / "meta.json").read_bytes(), type=_Meta)
    deleted = sum(each.deletes.num_deleted_docs for each in meta.segments if each.deletes)
    return Updated(documents, tokens, sum(each.max_doc for each in meta.segments), deleted)


class _Deletes(msgspec.Struct):
    num_deleted_docs: int


class _Segment(msgspec.Struct):
    max_doc: int
    deletes: _Deletes | None = None


class _Meta(msgspec.Struct):
    """What Tantivy says of its segments."""

    segments: list[_Segment]


def _pieces(word: str) -> Iterator[str]:
    """A word that is too long, in pieces: what is a part of it, and not too long, is a part of one of them."""
    if len(word) <= MOST_WORD_BYTES:
        yield word
        return
    for start in range(0, len(word) - MOST_PART, MOST_PART):
        yield word[start : start + MOST_WORD_BYTES]
    yield word[-MOST_WORD_BYTES:]


def _in_pieces(word: re.Match[str]) -> str:
    return " ".join(_pieces(word[0]))


def _add(writer: tantivy.IndexWriter, file: FileEntry, stems: Stems) -> tuple[int, int]:
    folders = folders_of(file.path)
    path_words = stems.of(file.path_words.split(" "))
    different: set[str] = set()
    tokens = 0
    for row, (chunk, name) in enumerate(zip(file.words, file.names, strict=True)):
        words = chunk.split(" ")
        different.update(words)
        text = document_text(stems.of(words), stems.of(name.split(" ")), path_words)
        tokens += text.count(" ") + 1
        document = tantivy.Document()
        document.add_text(_TEXT, text)
        if row == len(file.words) - 1:
            document.add_text(_PLAIN, _plain(different))
            for further in file.further:
                document.add_text(_PLAIN, _LONG_WORD.sub(_in_pieces, further))
        document.add_unsigned(_FILE, file.first_chunk_id)
        document.add_unsigned(_CHUNK, file.first_chunk_id + row)
        document.add_text(_LANGUAGE, file.language)
        document.add_unsigned(_KIND, file.kinds[row] if file.kinds else UNKNOWN_KIND)
        for folder in folders:
            document.add_text(_FOLDER, folder)
        writer.add_document(document)
    return len(file.words), tokens


def _plain(words: set[str]) -> str:
    """The different words of a file, as they are."""
    if len(max(words, key=len)) > MOST_WORD_BYTES:
        return " ".join(piece for word in words for piece in _pieces(word))
    return " ".join(words)


@contextmanager
def _place_to_open(folder: Path) -> Iterator[str]:
    """Where Tantivy can make its lock for as long as it opens the files: on a disk that is read only, a folder of
    links."""
    if os.access(folder, os.W_OK):
        with suppress(OSError):  # Tantivy makes its lock by the umask: have it find one that is the user's alone
            fd = os.open(folder / META_LOCK, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
            try:
                os.fchmod(fd, 0o600)
            finally:
                os.close(fd)
        yield os.fspath(folder)
        return
    with tempfile.TemporaryDirectory(prefix="lowtide-", ignore_cleanup_errors=True) as place:
        for name in os.listdir(folder):
            if name != META_LOCK:  # one that was left there cannot be locked
                os.symlink(folder.absolute() / name, os.path.join(place, name))
        yield place
    # Tantivy looks at a folder that it has opened from a thread of its own, and may make its lock as the folder goes.
    shutil.rmtree(place, ignore_errors=True)


class Reader:
    """An open index. The maps end with it. CorruptSegment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _mapped(folder), _place_to_open(folder) as place:
            index = _prepared(tantivy.Index.open(place))
            index.config_reader("manual", 0)
            self._schema = index.schema
            self._searcher = index.searcher()
            self.documents: int = self._searcher.num_docs

    def count(self, stem: str) -> int:
        """How many chunks hold a stem, those of files that have changed since too."""
        with _mapped(self._folder):
            return self._searcher.doc_freq(_TEXT, stem)

    def search(self, stems: Sequence[str], limit: int, narrow: Narrowing) -> list[tuple[int, float]]:
        """(chunk id, BM25) of chunks that hold any of the stems, best first."""
        with _mapped(self._folder):
            terms = [(tantivy.Occur.Should, self._term(_TEXT, stem, "freq")) for stem in stems]
            query = tantivy.Query.boolean_query(terms)
            return self._hits(self._narrowed(query, narrow), _CHUNK, limit)

    def files_with(self, words: Sequence[str], limit: int) -> list[int]:
        """The files that hold all these words, as they are, by the ids of their first chunks; in no order."""
        with _mapped(self._folder):
            terms = [(tantivy.Occur.Must, self._term(_PLAIN, word, "basic")) for word in words]
            query = tantivy.Query.const_score_query(tantivy.Query.boolean_query(terms), 1.0)
            return [number for number, _ in self._hits(query, _FILE, limit)]

    def count_files(self, word: str) -> int:
        """How many files hold a word, as it is, those that have changed since too."""
        with _mapped(self._folder):
            return self._searcher.doc_freq(_PLAIN, word)

    def files_with_part(self, text: str, begins: bool, ends: bool, limit: int) -> list[int]:
        """The files with a word that has `text`, ASCII letters or digits, in it: at its beginning, at its end."""
        with _mapped(self._folder):
            pattern = f"{'' if begins else '.*'}{text}{'' if ends else '.*'}"
            query = tantivy.Query.regex_query(self._schema, _PLAIN, pattern)
            return [number for number, _ in self._hits(query, _FILE, limit)]

    def _term(self, field: str, value: Any, option: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, value, option)

    def _narrowed(self, query: tantivy.Query, narrow: Narrowing) -> tantivy.Query:
        fields = (
            (_LANGUAGE, narrow.languages),
            (_KIND, (*narrow.kinds, UNKNOWN_KIND) if narrow.kinds else ()),
            (_FOLDER, narrow.folders),
            (_FILE, narrow.files),
        )
        musts = [tantivy.Query.term_set_query(self._schema, field, list(values)) for field, values in fields if values]
        if not musts:
            return query
        silent = [tantivy.Query.const_score_query(must, 0.0) for must in musts]
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, each) for each in (query, *silent)])

    def _hits(self, query: tantivy.Query, field: str, limit: int) -> list[tuple[int, float]]:
        found = self._searcher.search(query, max(1, limit), count=False).hits
        values = self._searcher.fast_field_values(field, [address for _, address in found])
        return [
            (int(value), float(score)) for value, (score, _) in zip(values, found, strict=True) if value is not None
        ]
