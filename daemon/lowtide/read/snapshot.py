"""The read path: one immutable view of an index, and the searches over it.

Invariant: the segments of a Snapshot never change; what is committed after it was opened is found by the next one.
Invariant: a question reads the catalog at one moment, on a connection of its own.
Invariant: an answer that lacks something says so (`degraded`), and what no longer matches the disk is counted.
Threads: any number ask at once. `is_outdated` alone uses the connection that the Snapshot was opened with: one thread
at a time, under the lock of its place in `Readers`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from lowtide.answers import Answer, Hit, SymbolHit, milliseconds_since
from lowtide.core.asked import Asked, Kind
from lowtide.core.candidate import Ranked, definition
from lowtide.core.concepts import is_in_plain_words, with_concepts
from lowtide.core.leads import Lead
from lowtide.core.lexical import telling_words
from lowtide.core.plan import NOTHING_DIFFERS, Differing
from lowtide.core.rank import SHORTLIST, best_of_each, rank_chunks
from lowtide.core.rank_features import query_stems
from lowtide.core.support import first_of_each_file
from lowtide.errors import CorruptSegment, ModelError, OtherModel, WorkerError
from lowtide.index.workspace import Workspace
from lowtide.models import Group, Mode, SymbolKind, display_path
from lowtide.read.answer import hit_of_piece, hit_of_row, stale_paths
from lowtide.read.answering import Answering, never
from lowtide.read.candidates import Found, Sought, candidate_of, refined, verbatim_shares
from lowtide.read.concepts import Concepts
from lowtide.read.filters import Filter, Selection, Selections, Stopped, look, selecting_bytes
from lowtide.read.named import named_chunks, of_kind
from lowtide.read.overlay import Piece
from lowtide.read.question import check_symbol
from lowtide.read.request import SearchRequest
from lowtide.read.segment_set import Segments, open_lexical, open_segments
from lowtide.read.snippets import Snippets, text_to_compare
from lowtide.store.catalog import Catalog
from lowtide.store.connections import Connections
from lowtide.store.details import NO_DETAILS
from lowtide.store.lexical.index import LexicalIndex, Within
from lowtide.store.rows import ChunkRow, IndexedFile
from lowtide.system.beneath import Root, is_beneath
from lowtide.work.words import query_words, split_texts

if TYPE_CHECKING:
    from lowtide.answers import Definition, References, TextAnswer
    from lowtide.read.definitions import Place
    from lowtide.read.exact import TextRequest
    from lowtide.read.references import Editor, Places
    from lowtide.read.selection import Selected

T = TypeVar("T")
log = logging.getLogger(__name__)

CANDIDATES = 300
"""Taken from each side before both are fused."""
OF_CONCEPTS, NEW_OF_CONCEPTS = 150, 60
"""Chunks that hold terms of art for the question: so many are looked at, and of these so many need not be found
otherwise."""
MOST_DEFINITIONS = 64
"""Of a name whose uses are looked for: the uses near them come first."""
_OTHER_MODEL = "the index is another model's until it is brought up to date"
Encode = Callable[[str], Awaitable[bytes]]
Closeness = Callable[[str, Sequence[str]], Awaitable[Sequence[tuple[float, int]] | None]]
"""Of a query and the words of texts: how near each comes to the query's, and how many tokens it has; None: it cannot be
told."""


class Embedding(msgspec.Struct, frozen=True):
    """What makes vectors of questions, elsewhere: `encode` gives one of `recipe`; ModelError, WorkerError."""

    encode: Encode
    recipe: str
    closeness: Closeness | None = None
    """Without it, nothing is looked at word by word."""
    concepts: Concepts | None = None
    """Cards for vectors of `recipe`."""


class Snapshot:
    """One view of a workspace's index. Open it in a thread; close it when done. `before`: an older one to take over
    from."""

    def __init__(
        self, workspace: Workspace, before: Snapshot | None = None, answering: Answering | None = None
    ) -> None:
        self.workspace = workspace
        self._answering = answering or Answering()
        self._selections = Selections()
        self._root = os.fsencode(workspace.root)
        with ExitStack() as opening:
            self._opened_with = opening.enter_context(closing(workspace.reading()))
            self._readers = opening.enter_context(closing(Connections(workspace.reading)))
            self._version = self._opened_with.data_version()
            self._inode = _inode(workspace.catalog_path)
            self._recipe = self._opened_with.get_meta("recipe") or ""
            highest = [self._opened_with.last_id(table) for table in ("chunks", "vectors", "symbols")]
            self.holds_nothing = not any(highest)
            """Whether nothing was indexed yet when it was opened."""
            self._selecting_bytes = selecting_bytes(*highest[:2])
            # Of an index that was made anew in between, nothing can be taken over: its numbers mean other things.
            same = before is not None and before._inode == self._inode
            self._segments: Segments = open_segments(
                workspace, self._opened_with, before._segments if before and same else None
            )
            self._closing = opening.pop_all()

    @property
    def is_outdated(self) -> bool:
        """Whether something was committed since it was opened, or the index was made anew. StoreError and its kinds."""
        return (
            _inode(self.workspace.catalog_path) != self._inode
            or self._opened_with.data_version() != self._version
            or not self._segments.are_as_opened
        )

    def memory(self) -> dict[str, int]:
        """Anonymous bytes by part."""
        return {**self._segments.memory(), "filters": self._selections.size_bytes}

    @property
    def mapped_bytes(self) -> int:
        """The size of the mapped segments."""
        return self._segments.mapped_bytes

    def release(self, is_enough: Callable[[], bool] = never) -> None:
        """Give mapped pages back to the system, until it is enough."""
        self._segments.release(is_enough)

    def shrink(self) -> None:
        """Give back what was read ahead and kept for the next question."""
        self._opened_with.shrink()
        self._readers.shrink()
        self._selections.shrink()
        self._segments.shrink()

    def close(self) -> None:
        """Give back memory maps and connections."""
        self._segments.close()
        self._closing.close()

    # -- search -------------------------------------------------------------------------------------------------

    async def search(self, request: SearchRequest, embedding: Embedding) -> Answer:
        """The best chunks for a request. UsageError for an empty query.

        When one side cannot answer, the other does, and `degraded` says why. With `closeness`, what both sides put
        first is read from disk and looked at word by word. Cancelling ends the work at its next look.
        """
        started = time.perf_counter()
        question, closeness = request.question, embedding.closeness
        asked, reasons = await self._sought(request, embedding)
        vector = asked.vector
        find = partial(self._find, asked, SHORTLIST if request.mode is Mode.HYBRID else 0)
        found = await self._answering.run(find, room_bytes=self._selecting_bytes if asked.narrow else 0)
        reasons += found.lacks
        if vector is not None or not self._segments.has_vectors:
            reasons += request.over.lacks  # else it is said already: nothing can be compared by meaning
        near = await closeness(question.gist, found.words) if closeness and vector is not None and found.words else None
        ranked = refined(found, near)
        hits, gone = await self._answering.run(lambda _: self._hits(found, ranked, request.limit, request.group))
        stale = len(stale_paths(hits) | gone)
        degraded = "; ".join(dict.fromkeys(reasons)) or None
        return Answer(question.text, degraded, stale, milliseconds_since(started), hits)

    async def leads(self, request: SearchRequest, embedding: Embedding) -> tuple[list[Lead], Answer]:
        """What may be among the answers, before any file is read; and the answer without hits, which says what is
        lacking."""
        started = time.perf_counter()
        asked, reasons = await self._sought(request, embedding)
        room_bytes = self._selecting_bytes if asked.narrow else 0
        found = await self._answering.run(partial(self._find, asked, 0), room_bytes=room_bytes)
        candidates = {candidate.chunk_id: candidate for candidate in found.candidates}
        leads = [Lead(each.score, definition(candidates[each.chunk_id])) for each in found.ranked[:SHORTLIST]]
        degraded = "; ".join(dict.fromkeys((*reasons, *found.lacks))) or None
        return leads, Answer(request.question.text, degraded, 0, milliseconds_since(started), ())

    async def _sought(self, request: SearchRequest, embedding: Embedding) -> tuple[Sought, list[str]]:
        """What is looked for, and what of the request cannot be."""
        question, mode = request.question, request.mode
        reasons = list(question.reasons)
        vector: bytes | None = None
        if mode is not Mode.LEXICAL:
            vector, reason = await self._vector(question.gist, embedding)
            reasons += [reason] if reason else []
        words = question.words if mode is not Mode.SEMANTIC or vector is None else ()
        understood = question.asked
        if mode is Mode.HYBRID and vector is not None and embedding.concepts and is_in_plain_words(understood):
            understood = with_concepts(understood, embedding.concepts.near(vector))
        return Sought(understood, words, vector, request.narrow or None, request.over), reasons

    async def similar(self, vector: bytes, recipe: str, limit: int, narrow: Filter | None = None) -> Sequence[Hit]:
        """The chunks nearest to a vector of `recipe`. OtherModel when the index holds those of another."""
        if narrow:
            narrow.check()
        if self._segments.has_vectors and self._recipe != recipe:
            raise OtherModel(_OTHER_MODEL, "", "run `lowtide index`")
        asked = Sought(Asked(Kind.SENTENCE, ""), vector=vector, narrow=narrow or None)
        room_bytes = self._selecting_bytes if narrow else 0
        found = await self._answering.run(partial(self._find, asked, 0), room_bytes=room_bytes)
        hits, _ = await self._answering.run(lambda _: self._hits(found, found.ranked, limit))
        return hits

    async def _vector(self, query: str, embedding: Embedding) -> tuple[bytes | None, str]:
        """The vector of a query, or why there is none."""
        if not self._segments.has_vectors:
            if self._segments.lacks:
                return None, self._segments.lacks[0]
            if self.holds_nothing or await self._answering.run(self._is_empty):
                return None, "nothing is indexed here yet"
            if self._recipe:
                return None, "no vectors yet: they are to be made"
            return None, "no vectors: indexed without embeddings"
        if self._recipe != embedding.recipe:
            return None, f"no semantic search: {_OTHER_MODEL}"
        try:
            return await embedding.encode(query), ""
        except (ModelError, WorkerError) as error:
            return None, f"no semantic search: {error.message}"

    def _is_empty(self, stopped: Stopped) -> bool:
        with self._readers.lend(stopped) as catalog:
            return next(catalog.file_places(), None) is None

    def _find(self, asked: Sought, shortlist: int, stopped: Stopped) -> Found:
        """In a thread: everything that the catalog is asked, at one moment of it."""
        return self._ask(stopped, partial(self._find_in, asked, shortlist, stopped))

    def _find_in(
        self, asked: Sought, shortlist: int, stopped: Stopped, catalog: Catalog, lexical: LexicalIndex
    ) -> Found:
        selection = None
        if asked.narrow:
            selection = self._selections.get(asked.narrow, catalog, stopped)
        within = Within(selection.chunks, selection.narrowing) if selection else None
        looking = partial(look, stopped)
        by_words = lexical.candidates(asked.words, within, CANDIDATES, looking) if asked.words else []
        rows, cosines = self._near(catalog, asked.vector, selection)
        terms = [word for term in asked.asked.concepts for word in query_words(term)]
        by_terms = lexical.candidates(terms, within, OF_CONCEPTS, looking) if terms else []
        found = [*by_words, *by_terms[:NEW_OF_CONCEPTS]]
        missing = [chunk_id for chunk_id in dict(found) if chunk_id not in rows]
        rows.update((row.chunk_id, row) for row in catalog.chunks_by_id(missing))
        kinds = asked.narrow.kinds if asked.narrow else ()
        named = named_chunks(catalog, self._segments, asked.asked, selection, kinds, stopped)
        missing += [chunk_id for chunk_id in named if chunk_id not in rows]
        rows.update((chunk_id, each.row) for chunk_id, each in named.items())
        if asked.vector is not None and missing:
            there = [rows[chunk_id] for chunk_id in missing if chunk_id in rows]
            cosines.update(self._score_missing(asked.vector, there))
        bm25 = {chunk_id: score for chunk_id, score in by_words if chunk_id in rows}
        concept = {chunk_id: score / by_terms[0][1] for chunk_id, score in by_terms}
        candidates = [
            candidate_of(
                row,
                bm25.get(number),
                cosines.get(number),
                named[number].frame if number in named else 0.0,
                concept.get(number, 0.0),
            )
            for number, row in rows.items()
            if not asked.over.hidden or display_path(row.path) not in asked.over.hidden
        ]
        most = max(bm25.values(), default=0.0)
        unsaved = asked.over.candidates(most, by_words=bool(asked.words), by_meaning=asked.vector is not None)
        candidates += unsaved
        ranked = rank_chunks(asked.asked, candidates)
        first = [rows.get(each.chunk_id) or asked.over.piece(each.chunk_id) for each in ranked[:shortlist]]
        lacks = (*(lexical.reasons if asked.words else ()), *(self._segments.lacks if asked.vector is not None else ()))
        if not first:
            return Found(asked.asked, rows, candidates, ranked, kinds=kinds, lacks=lacks, over=asked.over)
        telling = telling_words(asked.words) if lexical.is_complete and not any(each.bm25 for each in unsaved) else []
        is_strange = bool(telling) and not lexical.holds_any(telling, looking)
        texts = self._texts(catalog, first)
        words = split_texts(texts if asked.vector is not None else texts[: len(first)])
        verbatim = verbatim_shares(asked.asked, words[: len(first)])
        return Found(asked.asked, rows, candidates, ranked, words, verbatim, kinds, lacks, asked.over, is_strange)

    def _ask(self, stopped: Stopped, ask: Callable[[Catalog, LexicalIndex], T]) -> T:
        """The answer of the catalog, at one moment, and of the lexical index. Damage of it leaves a mark for the next
        writer.

        The files of a generation go as soon as the next one is there, and are opened when they are asked for: that they
        are gone then is no damage, and both are asked once more, the next one in its place.
        """
        lexical = self._segments.lexical
        while True:
            with self._readers.lend(stopped) as catalog:
                try:
                    return ask(catalog, lexical)
                except CorruptSegment as error:
                    damage = error
            newer = self._newer_lexical(lexical)
            if newer is None:
                self.workspace.report_damaged_segments()
                raise damage
            lexical = newer

    def _newer_lexical(self, lexical: LexicalIndex) -> LexicalIndex | None:
        """The generation that has taken the place of this one. None when this one is still the manifest's."""
        with self._readers.lend_moving() as catalog:
            if catalog.lexical_segment() == lexical.row:
                return None
            return open_lexical(self.workspace, catalog, lexical)

    def _near(
        self, catalog: Catalog, vector: bytes | None, selection: Selection | None
    ) -> tuple[dict[int, ChunkRow], dict[int, float]]:
        """The chunks of the nearest vectors, and their cosines."""
        if vector is None:
            return {}, {}
        scores = dict(self._segments.search_vectors(vector, CANDIDATES, selection.vectors if selection else None))
        chunks = catalog.chunks_by_vector(list(scores), selection.chunks if selection else None)
        rows = {row.chunk_id: row for row in chunks}
        return rows, {row.chunk_id: scores[row.vector_id] for row in chunks if row.vector_id is not None}

    def _hits(
        self, found: Found, ranked: Sequence[Ranked], limit: int, group: Group = Group.DEFINITION
    ) -> tuple[list[Hit], set[str]]:
        """The best ones of files that are there, and the paths of better ones that are gone."""
        hits: list[Hit] = []
        gone: set[str] = set()
        best = best_of_each(found.asked, ranked, found.candidates)
        further: dict[int, int] = {}
        if group is Group.FILE:
            paths = {candidate.chunk_id: candidate.path for candidate in found.candidates}
            of_files = first_of_each_file(best, [paths[each.chunk_id] for each in best])
            further = {each.chunk_id: count for each, count in of_files}
            best = [each for each, _ in of_files]
        with Root(self._root) as root, self._readers.lend() as catalog:
            snippets, asked_stems = Snippets(root), frozenset(query_stems(found.asked.gist))
            for each in best:
                if len(hits) == limit:
                    break
                if each.chunk_id < 0:
                    hits.append(
                        hit_of_piece(found.over.piece(each.chunk_id), each, asked_stems, further.get(each.chunk_id, 0))
                    )
                    continue
                row = found.rows[each.chunk_id]
                if found.kinds and row.kind not in found.kinds:
                    row = of_kind(catalog, row, found.kinds, found.asked)
                if not self._is_inside(row.path):
                    continue
                shown = snippets.of(row, catalog.file(row.path), asked_stems, is_named="exact" in each.signals)
                if shown is not None:
                    signature = catalog.details([row.symbol_id]).get(row.symbol_id, NO_DETAILS).signature
                    hits.append(hit_of_row(row, signature, shown, each, further.get(each.chunk_id, 0)))
                else:
                    gone.add(display_path(row.path))
        return hits, gone

    def _texts(self, catalog: Catalog, rows: Sequence[ChunkRow | Piece]) -> list[str]:
        """What is compared with a query word by word: of all chunks path, name and text, then of all what tells the
        definition."""
        told = catalog.details([row.symbol_id for row in rows if isinstance(row, ChunkRow)])
        texts, heads = [], []
        with Root(self._root) as root:
            for row in rows:
                if isinstance(row, ChunkRow):
                    path, text = display_path(row.path), text_to_compare(root, row)
                    signature, doc, *_ = told.get(row.symbol_id, NO_DETAILS)
                else:
                    path, text, signature, doc = row.path, row.text, row.signature, row.doc
                texts.append(f"{path} {row.container} {row.name}\n{text}")
                heads.append(f"{row.container.rpartition('.')[2]} {row.name} {signature} {doc}")
        return texts + heads

    def _score_missing(self, vector: bytes, rows: list[ChunkRow]) -> dict[int, float]:
        """Cosines of lexical hits that were not among the nearest vectors, so that both sides judge every candidate."""
        wanted = [row.vector_id for row in rows if row.vector_id is not None]
        scores = self._segments.score(vector, wanted)
        return {row.chunk_id: scores[row.vector_id] for row in rows if row.vector_id in scores}

    def _is_inside(self, path: bytes) -> bool:
        """Whether a path of the catalog is one of the workspace: another is of an index that somebody has changed."""
        if is_beneath(path):
            return True
        log.warning("event=path-leads-out root=%r path=%r", str(self.workspace.root), display_path(path[:200]))
        self.workspace.report_damage()
        return False

    def files_with(self, name: str, *, limit: int, cancelled: Callable[[], bool] = never) -> tuple[list[bytes], bool]:
        """Files that may hold a name as a whole word, by the lexical index; true beside them when there are more."""
        from lowtide.read.references import files_with_name

        if not query_words(name):
            return [], False
        return self._ask(
            cancelled, partial(files_with_name, root=self._root, name=name, limit=limit, stopped=cancelled)
        )

    async def select(self, path: bytes, first: int, last: int | None) -> Selected:
        """Lines of a file, from 1, or the definition around one. PathError when they are not there."""
        from lowtide.read.selection import select

        def find(stopped: Stopped) -> Selected:
            with self._readers.lend(stopped) as catalog:
                return select(catalog, self._root, path, first, last)

        return await self._answering.run(find)

    async def find_text(self, request: TextRequest, differing: Differing = NOTHING_DIFFERS) -> TextAnswer:
        """The lines that hold a text or match a regular expression, in `differing` files besides. UsageError when that
        cannot be looked for."""
        from lowtide.read.exact import Asking, candidates, find_text, room_bytes
        from lowtide.read.text_match import Matcher

        request.narrow.check()
        matcher = Matcher(request.text, is_regex=request.is_regex)

        started = time.perf_counter()
        whole_bytes, answer_bytes = room_bytes(request, self._answering.most_bytes())

        def find(stopped: Stopped) -> TextAnswer:
            files = self._ask(stopped, partial(candidates, matcher=matcher, stopped=stopped))
            return find_text(
                self._readers, files, self._root, Asking(request, matcher, stopped, started, answer_bytes), differing
            )

        return await self._answering.run(find, room_bytes=whole_bytes)

    def references(
        self,
        name: str,
        *,
        limit: int,
        editor: Editor | None = None,
        differing: Differing = NOTHING_DIFFERS,
        cancelled: Callable[[], bool] = never,
    ) -> References:
        """The lines in which a name stands, with what holds them, in `differing` files besides. UsageError when it is
        none."""
        from lowtide.read.references import Editor, files_with_name, find_references, look_up, with_differing
        from lowtide.read.symbols import find_symbols

        check_symbol(name)

        unread: dict[bytes, IndexedFile] = {}

        def find(catalog: Catalog, lexical: LexicalIndex) -> Places:
            defined = find_symbols(catalog, self._segments, name, MOST_DEFINITIONS, (), cancelled=cancelled)
            files = partial(files_with_name, catalog, lexical, self._root)
            return look_up(partial(with_differing, files, self._root, differing, unread), name, defined, cancelled)

        places = self._ask(cancelled, find)
        with self._readers.lend_moving() as catalog:  # reading many files takes a while
            return find_references(catalog, self._root, places, limit, cancelled, editor or Editor(), unread)

    def definitions(
        self, places: Sequence[Place], characters: int, cancelled: Callable[[], bool] = never
    ) -> list[Definition | None]:
        """The definitions at these places, whole as far as `characters` go."""
        from lowtide.read.definitions import read_definitions

        with self._readers.lend(cancelled) as catalog:
            return read_definitions(catalog, self._root, places, characters, cancelled)

    # -- symbols ------------------------------------------------------------------------------------------------

    def symbols(
        self,
        query: str,
        *,
        limit: int = 50,
        kinds: Sequence[SymbolKind] = (),
        near: Sequence[bytes] = (),
        cancelled: Callable[[], bool] | None = None,
        least: float = 0.0,
        details_of: str | None = None,
    ) -> list[SymbolHit]:
        """Symbols whose names match `query`, best first: as `find_symbols`."""
        from lowtide.read.symbols import find_symbols

        check_symbol(query)
        with self._readers.lend() as catalog:
            found = find_symbols(
                catalog, self._segments, query, limit, kinds, near, cancelled, least, details_of=details_of
            )
        return [symbol for symbol in found if self._is_inside(symbol.path.encode("utf-8", "surrogateescape"))]


def _inode(path: Path) -> int:
    """The file's number; 0 when it is gone."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0
