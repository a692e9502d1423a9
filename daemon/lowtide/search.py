"""The read path: one immutable view of an index, and the searches over it.

Invariant: a Snapshot never changes; what is committed after it was opened is seen by the next one.
Invariant: an answer that lacks something says so (`degraded`), and what no longer matches the disk is counted.
"""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from lowtide.core.lexical import Term, choose_terms, expression
from lowtide.core.rank import SHORTLIST, Candidate, Near, Ranked, first_of_each, rank_chunks, refine
from lowtide.errors import ModelError, WorkerError
from lowtide.models import SymbolKind, display_path
from lowtide.question import check_names, check_symbol, read_question
from lowtide.segment_set import Segments, open_segments
from lowtide.snippets import Snippets, text_to_compare
from lowtide.store.rows import ChunkRow
from lowtide.system.beneath import Root
from lowtide.tasks import task_group
from lowtide.work.words import query_words
from lowtide.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WEIGHTS = (1.0, 3.0, 1.5)
"""BM25 weights of a chunk's words, its qualified name, its path."""
CANDIDATES = 300
"""Taken from each side before both are fused."""


class Mode(StrEnum):
    """Which sides of the index answer."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    LEXICAL = "lexical"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a search is narrowed to; empty means everything."""

    languages: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    kinds: tuple[SymbolKind, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.languages or self.globs or self.kinds)

    def check(self) -> None:
        """UsageError when it names more than a question may."""
        for what, names in (("languages", self.languages), ("globs", self.globs), ("kinds", self.kinds)):
            check_names(what, names)

    def takes_file(self, path: bytes, language: str) -> bool:
        """Whether a file's path and language pass."""
        if self.languages and language not in self.languages:
            return False
        return not self.globs or any(match_glob(display_path(path), glob) for glob in self.globs)


def match_glob(path: str, glob: str) -> bool:
    """`*.py` and `test_*` match names at any depth, `src/**` and `src/*.c` whole paths; `!` in front negates."""
    if glob.startswith("!"):
        return not match_glob(path, glob[1:])
    if "/" not in glob:
        return fnmatch.fnmatchcase(path.rpartition("/")[2], glob)
    glob = glob.lstrip("/")
    return fnmatch.fnmatchcase(path, glob.replace("**/", "*")) or fnmatch.fnmatchcase(path, glob.replace("**", "*"))


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. Lines count from 1, inclusive; `signals` tell how the score came about."""

    path: str
    start_line: int
    end_line: int
    kind: str
    name: str
    container: str
    score: float
    snippet: str
    signals: dict[str, float]
    stale: bool

    def as_json(self) -> dict[str, Any]:
        """The hit of the command line's JSON."""
        return {
            "path": self.path, "start_line": self.start_line, "end_line": self.end_line, "kind": self.kind, "name": self.name,
            "container": self.container, "score": round(self.score, 4), "snippet": self.snippet,
            "signals": {name: round(value, 4) for name, value in self.signals.items()}, "stale": self.stale,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a search."""

    query: str
    hits: Sequence[Hit]
    degraded: str | None
    stale_files: int
    took_ms: float

    def as_json(self) -> dict[str, Any]:
        """The object of `lowtide search --json`."""
        return {
            "query": self.query, "degraded": self.degraded, "stale_files": self.stale_files, "took_ms": round(self.took_ms, 2),
            "hits": [hit.as_json() for hit in self.hits],
        }  # fmt: skip


Encode = Callable[[str], Awaitable[bytes]]
Closeness = Callable[[str, Sequence[str]], Awaitable[Sequence[tuple[float, int]] | None]]
"""Of a query and texts: how near each comes to the query's words, and how many tokens it has; None: it cannot be told."""

_OTHER_MODEL = "the index is another model's until it is brought up to date"


class Snapshot:
    """One view of a workspace's index. Open it in a thread; close it when done. `before`: an older one to take over from."""

    def __init__(self, workspace: Workspace, before: Snapshot | None = None) -> None:
        self.workspace = workspace
        self._catalog = workspace.reading()
        try:
            self._version = self._catalog.data_version()
            self._inode = _inode(workspace.catalog_path)
            self._recipe = self._catalog.get_meta("recipe") or ""
            # Of an index that was made anew in between, nothing can be taken over: its numbers mean other things.
            same = before is not None and before._inode == self._inode
            self._segments: Segments = open_segments(
                workspace, self._catalog, before._segments if before and same else None
            )
        except BaseException:
            self._catalog.close()
            raise
        self._root = os.fsencode(workspace.root)

    @property
    def is_outdated(self) -> bool:
        """Whether something was committed since it was opened, or the index was made anew. StoreError and its kinds."""
        return (
            _inode(self.workspace.catalog_path) != self._inode
            or self._catalog.data_version() != self._version
            or not self._segments.are_as_opened
        )

    def memory(self) -> dict[str, int]:
        """Anonymous bytes by part."""
        return self._segments.memory()

    @property
    def mapped_bytes(self) -> int:
        """The size of the mapped segments."""
        return self._segments.mapped_bytes

    def release(self) -> None:
        """Give mapped pages back to the system."""
        self._segments.release()

    def shrink(self) -> None:
        """Give back what was read ahead and kept for the next question; nobody may be asking it anything."""
        self._catalog.shrink()
        self._segments.shrink()

    def close(self) -> None:
        """Give back memory maps and the connection."""
        self._segments.close()
        self._catalog.close()

    # -- search -------------------------------------------------------------------------------------------------

    async def search(
        self, query: str, encode: Encode, recipe: str, *, mode: Mode = Mode.HYBRID, limit: int = 10,
        narrow: Filter | None = None, closeness: Closeness | None = None,
    ) -> Answer:  # fmt: skip
        """The best chunks for `query`; `encode` turns it into a vector of `recipe`, elsewhere. UsageError for an empty query.

        When one side cannot answer, the other does, and `degraded` says why. With `closeness`, what both sides put first
        is read from disk and looked at word by word.
        """
        started = time.perf_counter()
        question = read_question(query)
        query, words = question.text, question.words
        if narrow:
            narrow.check()
        reasons = [*question.reasons, *(self._segments.reasons if mode is not Mode.LEXICAL else ())]
        lexical: list[tuple[int, float]] = []
        vector: bytes | None = None
        allowed = await anyio.to_thread.run_sync(self._allowed, narrow) if narrow else None

        async def ask_lexicon() -> None:
            nonlocal lexical
            lexical = await anyio.to_thread.run_sync(self._search_lexicon, words, allowed)

        async def ask_model() -> None:
            nonlocal vector
            if not self._segments.has_vectors:
                empty = await anyio.to_thread.run_sync(self._is_empty)
                reasons.append("nothing is indexed here yet" if empty else "no vectors: indexed without embeddings")
                return
            if self._recipe != recipe:
                reasons.append(f"no semantic search: {_OTHER_MODEL}")
                return
            try:
                vector = await encode(query)
            except (ModelError, WorkerError) as error:
                reasons.append(f"no semantic search: {error.message}")

        async with task_group() as group:
            if mode is not Mode.SEMANTIC:
                group.start_soon(ask_lexicon)
            if mode is not Mode.LEXICAL:
                group.start_soon(ask_model)
        if mode is Mode.SEMANTIC and vector is None:
            await ask_lexicon()
        rows, candidates, ranked = await anyio.to_thread.run_sync(self._ranked, question.gist, lexical, vector, allowed)
        if mode is Mode.HYBRID and vector is not None and closeness is not None:
            first = [rows[each.chunk_id] for each in ranked[:SHORTLIST]]
            texts = await anyio.to_thread.run_sync(self._texts, first)
            found = await closeness(question.gist, texts)
            if found is not None:
                halves = zip(first, found[: len(first)], found[len(first) :], strict=True)
                ranked = refine(ranked, {row.chunk_id: Near(*text, head[0]) for row, text, head in halves})
        hits, gone = await anyio.to_thread.run_sync(self._hits, rows, candidates, ranked, limit)
        stale = len({hit.path for hit in hits if hit.stale} | gone)
        took_ms = (time.perf_counter() - started) * 1000
        return Answer(query, hits, "; ".join(dict.fromkeys(reasons)) or None, stale, took_ms)

    async def similar(self, vector: bytes, recipe: str, limit: int) -> Sequence[Hit]:
        """The chunks nearest to a vector of `recipe`. ModelError when the index holds those of another model."""
        if self._segments.has_vectors and self._recipe != recipe:
            raise ModelError(_OTHER_MODEL, "", "run `lowtide index`")
        rows, candidates, ranked = await anyio.to_thread.run_sync(self._ranked, "", [], vector, None)
        hits, _ = await anyio.to_thread.run_sync(self._hits, rows, candidates, ranked, limit)
        return hits

    def _is_empty(self) -> bool:
        return next(self._catalog.file_places(), None) is None

    def _allowed(self, narrow: Filter) -> _Allowed:
        files = {number for number, path, language in self._catalog.file_places() if narrow.takes_file(path, language)}
        kinds = {int(kind) for kind in narrow.kinds}
        chunks, vectors = set(), set()
        for chunk_id, vector_id, file_id, kind in self._catalog.chunk_places():
            if file_id in files and (not kinds or kind in kinds):
                chunks.add(chunk_id)
                vectors.add(vector_id)
        return _Allowed(chunks, vectors)

    def _search_lexicon(self, words: Sequence[str], allowed: _Allowed | None) -> list[tuple[int, float]]:
        stems = self._catalog.stems(words)
        terms = choose_terms([Term(word, stem, count) for word, (stem, count) in zip(words, stems, strict=True)])
        if not terms:
            return []
        accept = allowed.chunks.__contains__ if allowed else None
        return self._catalog.search_lexicon(expression([term.word for term in terms]), CANDIDATES, WEIGHTS, accept)

    def _ranked(
        self, query: str, lexical: list[tuple[int, float]], vector: bytes | None, allowed: _Allowed | None
    ) -> tuple[dict[int, ChunkRow], list[Candidate], list[Ranked]]:
        """What either side found: as it is stored, as candidates, and in order."""
        rows: dict[int, ChunkRow] = {}
        cosines: dict[int, float] = {}
        if vector is not None:
            near = self._segments.search_vectors(vector, CANDIDATES, allowed.vector_ids() if allowed else None)
            scores = dict(near)
            for row in self._catalog.chunks_by_vector(list(scores)):
                if (allowed is None or row.chunk_id in allowed.chunks) and row.vector_id is not None:
                    rows[row.chunk_id] = row
                    cosines[row.chunk_id] = scores[row.vector_id]
        missing = [chunk_id for chunk_id, _ in lexical if chunk_id not in rows]
        rows.update((row.chunk_id, row) for row in self._catalog.chunks_by_id(missing))
        if vector is not None and missing:
            cosines.update(self._score_missing(vector, [rows[chunk_id] for chunk_id in missing if chunk_id in rows]))
        bm25 = {chunk_id: score for chunk_id, score in lexical if chunk_id in rows}
        candidates = [
            Candidate(
                chunk_id=row.chunk_id, path=display_path(row.path), name=row.name, container=row.container, kind=row.kind,
                language=row.language, start_line=row.start_line, end_line=row.end_line, symbol_start_line=row.symbol_start_line,
                bm25=bm25.get(row.chunk_id), cosine=cosines.get(row.chunk_id),
            )
            for row in rows.values()
        ]  # fmt: skip
        return rows, candidates, rank_chunks(query, candidates)

    def _hits(
        self, rows: dict[int, ChunkRow], candidates: Sequence[Candidate], ranked: Sequence[Ranked], limit: int
    ) -> tuple[list[Hit], set[str]]:
        """The best ones of files that are there, and the paths of better ones that are gone."""
        hits: list[Hit] = []
        gone: set[str] = set()
        with Root(self._root) as root:
            snippets = Snippets(root)
            for found in first_of_each(ranked, candidates):
                if len(hits) == limit:
                    break
                row = rows[found.chunk_id]
                if (hit := self._hit(row, found.score, found.signals, snippets)) is not None:
                    hits.append(hit)
                else:
                    gone.add(display_path(row.path))
        return hits, gone

    def _texts(self, rows: Sequence[ChunkRow]) -> list[str]:
        """What is compared with a query word by word: of all chunks path, name and text, then of all what tells the definition."""
        docs = self._catalog.docs_by_chunk([row.chunk_id for row in rows])
        with Root(self._root) as root:
            texts = [
                f"{display_path(row.path)} {row.container} {row.name}\n{text_to_compare(root, row)}" for row in rows
            ]
        heads = [
            f"{row.container.rpartition('.')[2]} {row.name} {row.signature} {docs.get(row.chunk_id, '')}"
            for row in rows
        ]
        return texts + heads

    def _score_missing(self, vector: bytes, rows: list[ChunkRow]) -> dict[int, float]:
        """Cosines of lexical hits that were not among the nearest vectors, so that both sides judge every candidate."""
        wanted = [row.vector_id for row in rows if row.vector_id is not None]
        scores = self._segments.score(vector, wanted)
        return {row.chunk_id: scores[row.vector_id] for row in rows if row.vector_id in scores}

    def _hit(self, row: ChunkRow, score: float, signals: dict[str, float], snippets: Snippets) -> Hit | None:
        """None when its file is gone."""
        if (read := snippets.of(row, self._catalog.file(row.path))) is None:
            return None
        snippet, stale = read
        kind = SymbolKind(row.kind).label if row.kind else "text"
        return Hit(
            display_path(row.path),
            row.start_line + 1,
            row.end_line + 1,
            kind,
            row.name,
            row.container,
            score,
            snippet,
            signals,
            stale,
        )

    def files_with(
        self, name: str, *, limit: int, cancelled: Callable[[], bool] = lambda: False
    ) -> tuple[list[bytes], bool]:
        """Files that may hold a name as a whole word, by the lexical index; true beside them when there are more."""
        words = query_words(name)
        return self._catalog.files_with_phrase(words, limit, cancelled) if words else ([], False)

    # -- symbols ------------------------------------------------------------------------------------------------

    def symbols(
        self, query: str, *, limit: int = 50, kinds: Sequence[SymbolKind] = (), near: Sequence[bytes] = (),
        cancelled: Callable[[], bool] | None = None, least: float = 0.0,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Symbols whose names match `query`, best first: the dictionaries of `find_symbols`."""
        from lowtide.symbols import find_symbols

        check_symbol(query)
        return find_symbols(self._catalog, self._segments, query, limit, kinds, near, cancelled, least)


def _inode(path: Path) -> int:
    """The file's number; 0 when it is gone."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class _Allowed:
    chunks: set[int]
    vectors: set[int]

    def vector_ids(self) -> npt.NDArray[np.int64]:
        import numpy as np

        return np.array(sorted(self.vectors), np.int64)
