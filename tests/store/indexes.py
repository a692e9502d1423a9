"""Small indexes written straight into a catalog, without workers."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import astuple

from lowtide import wire
from lowtide.index.workspace import Workspace
from lowtide.models import FileStatus, SymbolKind
from lowtide.store.catalog import Catalog
from lowtide.store.lexical.generation import new_name
from lowtide.store.rows import Commit, NewVectors, Segment
from lowtide.wire import FileResult, pack_chunks, pack_symbols, pack_words
from lowtide.work import lexical
from lowtide.work.words import query_words

DIMS = 16
KINDS = (SymbolKind.FUNCTION, SymbolKind.CLASS, SymbolKind.METHOD)
WORDS = (
    "parse retry socket buffer config escape header token stream hash merge cursor lease budget shelf window index "
    "query commit"
    " segment vector symbol chunk folder watch event signal worker thread lock cache row column table key value "
    "number string"
).split()


def file_of(language: str, texts: Sequence[str], further: Sequence[str] = ()) -> FileResult:
    """A file with one definition and one chunk a text; equal texts share a vector. `further`: words of no chunk."""
    names = [text.split()[0] for text in texts]
    rows = range(len(texts))
    kinds = [int(KINDS[row % 3]) for row in rows]
    return FileResult(
        size_bytes=10,
        mtime_ns=20,
        inode=30,
        ctime_ns=40,
        content_hash=b"c",
        language=language,
        encoding="utf-8",
        lines=len(texts),
        status=FileStatus.INDEXED,
        reason="",
        rule="",
        symbol_count=len(texts),
        symbols=pack_symbols(
            [(name, int(KINDS[row % 3]), "", row, 0, row, 9, row, 4, "", "") for row, name in enumerate(names)]
        ),
        chunks=pack_chunks([(row * 10, row * 10 + 10, row, row, row) for row in rows]),
        hashes=b"".join(_address(text) for text in texts),
        words=pack_words([_split(text) for text in texts], [_split(name) for name in names], "path", kinds, further),
    )


def put(
    workspace: Workspace, catalog: Catalog, path: str, language: str, texts: Sequence[str], further: Sequence[str] = ()
) -> None:
    """Write one file, to the tree too; its vectors follow from its texts."""
    file = workspace.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(texts))
    vectors = b"".join(vector_of(text) for text in texts)
    commit = Commit(
        path.encode(), file_of(language, texts, further), NewVectors(len(texts), range(len(texts)), vectors)
    )
    catalog.write([commit], [], [])


def absorb(workspace: Workspace, catalog: Catalog, most_bytes: int = 1 << 30) -> Segment:
    """Bring what is pending into the lexical index, as a worker does, in this process."""
    before, dead = catalog.lexical_segment(), catalog.dead_words(1 << 20)
    taken = catalog.pending_block(most_bytes)
    files = [(row.first_chunk_id, row.path, row.language, row.words) for row in taken]
    task = wire.LexicalTask(str(workspace.folder), astuple(before) if before else None, new_name(), True, files, dead)
    done = lexical.absorb(task, lambda _: None)
    assert done.segment is not None
    catalog.absorbed(Segment(*done.segment), before, taken, dead)
    return Segment(*done.segment)


def vector_of(text: str) -> bytes:
    """Some vector, the same for equal texts."""
    rng = random.Random(text)
    return bytes(rng.randrange(1, 256) for _ in range(DIMS))


def make_index(folder: Path, files: int, seed: int = 1) -> Workspace:
    """An index of as many files of words chosen by chance, in folders and languages; every fifth text is another's."""
    rng = random.Random(seed)
    workspace = Workspace(folder / "tree", folder / "index")
    workspace.folder.mkdir(parents=True)
    known: list[str] = []
    with workspace.writing() as (catalog, _):
        catalog.set_meta("recipe", "tests")
        for number in range(files):
            texts = []
            for _ in range(rng.randint(1, 6)):
                fresh = f"{rng.choice(WORDS)}_{rng.choice(WORDS)} " + " ".join(rng.choices(WORDS, k=8))
                texts.append(rng.choice(known) if known and rng.random() < 0.2 else fresh)
                known.append(texts[-1])
            language, ending = (("python", "py"), ("c", "c"), ("c", "h"))[number % 3]
            put(
                workspace,
                catalog,
                f"{rng.choice(('src', 'src/net', 'lib', 'test'))}/file{number}.{ending}",
                language,
                texts,
            )
    return workspace


def _split(text: str) -> str:
    return " ".join(query_words(text))


def _address(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
