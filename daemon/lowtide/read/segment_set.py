"""The open segments of one snapshot, with the delta of what is in no segment yet.

Invariant: a Segments never changes; the next one is opened from the one before and reads only what is new.
Invariant: a damaged segment is left out, and remembered for the next writer; names are read from the catalog instead,
and what answers by meaning lack is said.
Threads: any number search at once: nothing changes but what the name index keeps, which is replaced whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lowtide.errors import CorruptSegment
from lowtide.index.workspace import Workspace
from lowtide.models import SymbolKind
from lowtide.read.answering import never
from lowtide.store import schema
from lowtide.store.catalog import Catalog
from lowtide.store.id_set import IdSet
from lowtide.store.lexical.delta import WordDelta
from lowtide.store.lexical.index import LexicalIndex
from lowtide.store.names.name_search import NameIndex
from lowtide.store.names.names import NameDelta, NameSegment
from lowtide.store.rows import LEXICAL_KIND, Segment
from lowtide.store.segment_file import VECTOR_KINDS, SegmentKind
from lowtide.store.vectors.vector_index import Delta, VectorIndex, blocks_of
from lowtide.store.vectors.vector_segments import AnySegment, open_segment

_VECTORS_DAMAGED = (
    "part of what is found by meaning is missing: a file of the index was damaged; the daemon makes it anew, or "
    "lowtide index"
)
_LEXICAL_DAMAGED = (
    "words are looked for in part of the files alone: the lexical index was damaged; the daemon makes it anew, or "
    "lowtide index"
)
_LEXICAL_UNFINISHED = "words are looked for in part of the files alone: the lexical index is being made"


class Segments:
    """The open segments of one snapshot."""

    def __init__(
        self,
        segments: dict[str, AnySegment | NameSegment],
        vectors: VectorIndex | None,
        delta: Delta | None,
        names: Sequence[NameSegment],
        name_delta: NameDelta,
        lexical: LexicalIndex,
        lacks: Sequence[str] = (),
    ) -> None:
        self.lexical = lexical
        self.lacks = tuple(lacks)
        """What answers by meaning lack."""
        self.by_name = segments
        self._turn = 0
        self._vectors = vectors
        self.delta = delta
        self._names = tuple(names)
        self.name_delta = name_delta
        self._index = NameIndex([*(segment.rows for segment in names), *name_delta.parts()])

    @property
    def has_vectors(self) -> bool:
        return self._vectors is not None and len(self._vectors) > 0

    def search_vectors(self, vector: bytes, limit: int, allow: IdSet | None = None) -> list[tuple[int, float]]:
        """(vector id, cosine), best first."""
        if self._vectors is None:
            return []
        ids, scores = self._vectors.search(np.frombuffer(vector, np.int8), limit, allow)
        return list(zip(ids.tolist(), scores.tolist(), strict=True))

    def score(self, vector: bytes, ids: Sequence[int]) -> dict[int, float]:
        """The cosine of each of these vectors that is here."""
        if self._vectors is None or not ids:
            return {}
        scores = self._vectors.score(np.frombuffer(vector, np.int8), np.array(ids, np.int64))
        return {number: score for number, score in zip(ids, scores.tolist(), strict=True) if score == score}

    def search_names(
        self,
        query: str,
        limit: int,
        kinds: Sequence[SymbolKind] = (),
        cancelled: Callable[[], bool] | None = None,
        least: float = 0.0,
    ) -> list[tuple[int, float]]:
        """(symbol id, score), best first; none below `least`."""
        return self._index.search(query, limit, kinds or None, cancelled, least)

    @property
    def are_as_opened(self) -> bool:
        """Whether nobody has written to a file, or removed one, since it was checked."""
        return self.lexical.is_as_opened and all(segment.is_as_opened for segment in self.by_name.values())

    def release(self, is_enough: Callable[[], bool] = never) -> None:
        """Give mapped pages back to the system, one file after the other until it is enough; the next time another
        file of vectors is first. A question has pages of each, and those that were kept cost the next one nothing."""
        vectors = self._vectors.segments if self._vectors is not None else ()
        turn = self._turn % max(1, len(vectors))
        for segment in self._names:
            if is_enough():
                return
            segment.release()
        for graph in (*vectors[turn:], *vectors[:turn]):
            if is_enough():
                return
            graph.release()
            self._turn += 1
        if not is_enough():
            self.lexical.release()

    def shrink(self) -> None:
        """Forget what is kept from one question to the next."""
        self._index.shrink()
        self.lexical.shrink()

    def close(self) -> None:
        """Forget everything; the maps end with their last reader."""
        self._vectors = None
        self.delta = None
        self._names = ()
        self._index = NameIndex([])
        self.by_name = {}
        self.lexical.release()

    def memory(self) -> dict[str, int]:
        """Anonymous and mapped bytes by part."""
        return {
            "vector segments": self._vectors.anonymous_bytes if self._vectors else 0,
            "vector delta": self.delta.anonymous_bytes if self.delta else 0,
            "name segments": sum(segment.anonymous_bytes for segment in self._names) + self._index.anonymous_bytes,
            "name delta": self.name_delta.anonymous_bytes,
            "word delta": self.lexical.anonymous_bytes,
        }

    @property
    def mapped_bytes(self) -> int:
        """The size of the mapped files; only what was read lately is in memory."""
        return (self._vectors.mapped_bytes if self._vectors else 0) + self.lexical.mapped_bytes


def open_segments(workspace: Workspace, catalog: Catalog, before: Segments | None = None) -> Segments:
    """Open what the manifest names, and read what is in no segment yet; what `before` has is taken from there."""
    for is_last in (False, False, True):
        with catalog.view():
            # At one moment: vectors leave the catalog with the step of the manifest that names their segment.
            manifest = catalog.segments()
            vector_rows = [row for row in manifest if row.kind in VECTOR_KINDS]
            delta = _vector_delta(catalog, vector_rows, before)
        opened, lost = _open_files(workspace, manifest, before)
        # What has left the manifest meanwhile was merged, and is not lost.
        if is_last or lost <= {row.name for row in catalog.segments()}:
            break
    if lost:
        workspace.report_damaged_segments()
    segments = [opened[row.name] for row in vector_rows if row.name in opened]
    lacks = (_VECTORS_DAMAGED,) if len(segments) < len(vector_rows) else ()
    index = VectorIndex(segments, delta.rows()) if delta is not None else None  # type: ignore[arg-type]
    name_rows = [row for row in manifest if row.kind == SegmentKind.NAMES]
    names = [opened[row.name] for row in name_rows if row.name in opened]
    if len(names) < len(name_rows):
        names = []
    last = max((row.last_id for row in name_rows), default=0) if names else 0
    name_delta = _name_delta(catalog, last, before)
    lexical = open_lexical(workspace, catalog, before.lexical if before else None)
    return Segments(opened, index, delta, names, name_delta, lexical, lacks)  # type: ignore[arg-type]


def open_lexical(workspace: Workspace, catalog: Catalog, known: LexicalIndex | None = None) -> LexicalIndex:
    """The generation that the manifest names, and what it does not hold yet, at one moment; what `known` has is taken
    from there. Its `reasons` say what it lacks."""
    for is_last in (False, False, True):
        with catalog.view():
            row = catalog.lexical_segment()
            delta = WordDelta.read(catalog, known.delta if known else None)
            lacks_words = catalog.lacks_words()
            # Of words that an older version took, some may be missing: until its files are indexed again all are read.
            is_older = catalog.get_meta("content_version") not in (None, str(schema.CONTENT_VERSION))
        reasons = [_LEXICAL_DAMAGED] if lacks_words else []
        if not delta.ranks_all:
            reasons.append(_LEXICAL_UNFINISHED)
        try:
            return LexicalIndex(workspace.folder, row, delta, known, is_lost=lacks_words or is_older, reasons=reasons)
        except CorruptSegment:
            if row == catalog.lexical_segment() or is_last:
                # It is not that the next one has taken its place meanwhile.
                break
    workspace.report_damaged_segments()
    reasons = list(dict.fromkeys((_LEXICAL_DAMAGED, *reasons)))
    return LexicalIndex(workspace.folder, None, delta, is_lost=True, reasons=reasons)


def _open_files(
    workspace: Workspace, manifest: Sequence[Segment], before: Segments | None
) -> tuple[dict[str, AnySegment | NameSegment], set[str]]:
    """The segment files of a manifest by name, and the names of those that are not sound."""
    opened: dict[str, AnySegment | NameSegment] = {}
    lost: set[str] = set()
    for row in manifest:
        if row.kind == LEXICAL_KIND:
            continue
        known = before.by_name.get(row.name) if before else None
        try:
            if known is not None and known.is_as_opened:
                opened[row.name] = known
            elif row.kind in VECTOR_KINDS:
                opened[row.name] = open_segment(workspace.folder / row.name, row)
            else:
                opened[row.name] = NameSegment(workspace.folder / row.name, row)
        except CorruptSegment:
            lost.add(row.name)
    return opened, lost


def _vector_delta(catalog: Catalog, rows: Sequence[Segment], before: Segments | None) -> Delta | None:
    dims = catalog.vector_dims()
    if not dims:
        return None
    last = max((row.last_id for row in rows), default=0)
    delta = Delta(dims)
    if before is not None and before.delta is not None and before.delta.dims == dims:
        delta.append_rows(before.delta.rows(), last)
    for ids, matrix in blocks_of(catalog.vectors_after(max(last, delta.last_id)), dims):
        delta.append(ids, matrix)
    return delta


def _name_delta(catalog: Catalog, last: int, before: Segments | None) -> NameDelta:
    delta = NameDelta()
    if before is not None:
        delta.take_over(before.name_delta, last)
    delta.extend(catalog.symbol_names_after(max(last, delta.last_id)))
    return delta
