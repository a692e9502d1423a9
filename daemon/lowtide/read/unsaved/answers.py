"""Questions answered with a client's unsaved texts lying over the index.

Invariant: nothing of a changed file comes from the index, and nothing of its text goes into it.
Invariant: an open text that cannot be parsed in time costs its newest edits at most, never the answer.
"""

from __future__ import annotations

import hashlib
import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
from msgspec.structs import replace

from lowtide.answers import Answer, Reference, References, SymbolHit
from lowtide.config.settings import IndexSettings
from lowtide.core.match import SCORE_DIGITS, Band, clean_query, fold, least_wanted, match
from lowtide.core.pasted import SAME_NAME, is_same_name, readings, without_separators
from lowtide.core.rank_features import own_name, query_stems
from lowtide.core.symbol_rank import Nearness, file_worth, is_held, symbol_score
from lowtide.errors import LowtideError, NoIndex
from lowtide.models import Mode, SymbolKind, display_path
from lowtide.read.named import share_named
from lowtide.read.overlay import Overlay, Piece
from lowtide.read.references import Editor, OpenText, last_name, references_in
from lowtide.read.request import SearchRequest
from lowtide.read.symbols import best_symbols
from lowtide.read.unsaved.documents import Document, DocumentReader, Documents
from lowtide.store.rows import SymbolSpan
from lowtide.wire import SymbolColumns
from lowtide.work.words import query_words

if TYPE_CHECKING:
    from lowtide.work.model.encoder import Side

FRESH_S = 0.03
"""A keystroke's answer waits so long for the newest edits to be parsed, then takes the version before."""
FIRST_S = 1.0
"""Where there is no version before."""
CHUNKS_S = 5.0
MOST_CHUNKS = 400
"""Of one changed text, with the best words first, are compared by meaning."""
RECENT = 20


class Engine(Protocol):
    """What answers from the indexes, over which open texts lie: the daemon's service."""

    documents: DocumentReader

    def index_settings(self, root: Path) -> IndexSettings:
        """What is indexed of a workspace."""

    async def symbols(
        self,
        query: str,
        *,
        roots: Sequence[Path],
        limit: int,
        near: Sequence[Path],
        cancelled: Callable[[], bool] | None,
        least: float,
        details_of: str | None,
    ) -> list[tuple[Path, SymbolHit]]:
        """The best symbols of some workspaces."""

    async def search(self, request: SearchRequest, roots: Sequence[Path]) -> list[tuple[Path, Answer]]:
        """The best chunks of some workspaces."""

    async def passed_over(self, request: SearchRequest, roots: Sequence[Path]) -> dict[Path, Answer]:
        """Of many workspaces those that have nothing among the best."""

    async def references(self, root: Path, name: str, limit: int, editor: Editor | None = None) -> References:
        """Where a name is used in a workspace."""

    async def encode_query(self, query: str) -> bytes:
        """The vector of a question."""

    async def encode(self, texts: Sequence[str], side: Side) -> list[bytes]:
        """The vectors of some texts."""


async def symbols(
    service: Engine,
    documents: Documents,
    query: str,
    *,
    roots: Sequence[Path],
    limit: int,
    near: Sequence[Path] = (),
    cancelled: Callable[[], bool] | None = None,
    details_of: str | None = None,
) -> list[tuple[Path, SymbolHit]]:
    """As `Service.symbols`, best first; a root that has no index yet has only what is open."""
    found: list[tuple[Path, SymbolHit]] = []
    for root in roots:
        changed = await documents.searchable(root, service.index_settings(root))
        hidden = {display_path(os.fsencode(path.relative_to(root))) for path in changed}
        for path, document in changed.items():
            fresh = await _open_symbols(documents, document, path.relative_to(root), query)
            found += [(root, symbol) for symbol in fresh]
        try:
            there = await service.symbols(
                query,
                roots=[root],
                limit=limit + 50 * len(hidden),
                near=near,
                cancelled=cancelled,
                least=least_wanted((symbol.score for _, symbol in found), limit),
                details_of=details_of,
            )
        except NoIndex:
            there = []
        found += [(root, symbol) for _, symbol in there if symbol.path not in hidden]
        found = best_symbols(found, query, limit)
    return found


async def _open_symbols(documents: Documents, document: Document, path: Path, query: str) -> list[SymbolHit]:
    outline = await documents.symbols_soon(document, FRESH_S if document.symbols_of >= 0 else FIRST_S)
    rows = [row for row in outline if row[1]]  # without what only holds others
    shown = display_path(os.fsencode(path))
    meant = readings(query)
    if not meant:
        return [] if query.strip() else [_symbol(row, shown, 0.0) for row in rows[:RECENT]]
    worth = file_worth(shown, Nearness.OPEN, 1.0)
    best: dict[int, float] = {}
    for parts in meant:
        outer = [part.lower() for part in parts[:-1]]
        scores = _scores([row[0] for row in rows], clean_query(parts[-1]))
        for number, score in scores.items():
            row = rows[number]
            if is_held(row[2], shown, outer):
                own = symbol_score(score, worth, row[1], row[2], outer)
                best[number] = max(own, best.get(number, 0.0))
    return [_symbol(rows[number], shown, score) for number, score in best.items()]


def _scores(names: Sequence[str], wanted: str) -> dict[int, float]:
    """By their places, how well names match; spelt without separators where none begins as it was asked for."""
    found = _matches(names, wanted)
    bare = without_separators(wanted)
    if bare != wanted and max(found.values(), default=0.0) < Band.PREFIX:
        for number, score in _matches(names, bare).items():
            found[number] = max(score, found.get(number, 0.0))
    alike = [number for number in found if found[number] < SAME_NAME and is_same_name(wanted, names[number])]
    return found | dict.fromkeys(alike, SAME_NAME)


def _matches(names: Sequence[str], wanted: str) -> dict[int, float]:
    may = re.compile(".*".join(re.escape(character) for character in fold(wanted)), re.DOTALL).search
    scores = ((number, match(wanted, name)) for number, name in enumerate(names) if may(fold(name)))
    return {number: score for number, score in scores if score is not None}


def _symbol(row: SymbolColumns, path: str, score: float) -> SymbolHit:
    """A row of the parser's, as one that was found."""
    name, kind, container, line, column, end_line, end_column, name_line, name_column, signature, doc = row
    return SymbolHit(
        name,
        SymbolKind(kind).label,
        container,
        path,
        round(score, SCORE_DIGITS),
        signature,
        doc,
        (line, column, end_line, end_column),
        (name_line, name_column),
    )


async def references(service: Engine, documents: Documents, name: str, root: Path, limit: int) -> References:
    """As `Service.references`, the open texts first; a root that has no index yet has only these. UsageError."""
    found: list[Reference] = []
    changed = await documents.searchable(root, service.index_settings(root))
    for path, document in changed.items():
        outline = await documents.symbols_soon(document, FIRST_S)
        rows = enumerate(row for row in outline if row[1])
        spans = [SymbolSpan(at, row[0], row[1], row[2], row[3], row[5], row[7]) for at, row in rows]
        shown = display_path(os.fsencode(path.relative_to(root)))
        text = OpenText(shown, document.symbols_language, document.buffer.text(), spans)
        found += references_in(text, name, limit + 1 - len(found), documents.units)
        if len(found) > limit:
            return References(tuple(found[:limit]), True, last_name(name)[0])
    editor = Editor(documents.units, frozenset(os.fsencode(path.relative_to(root)) for path in changed))
    try:
        there = await service.references(root, name, max(1, limit - len(found)), editor)
    except NoIndex:
        there = References((), False, last_name(name)[0])
    whole = (*found, *there.refs)
    return References(whole[:limit], there.truncated or len(whole) > limit, there.name)


async def search(
    service: Engine, documents: Documents, request: SearchRequest, roots: Sequence[Path]
) -> list[tuple[Path, Answer]]:
    """As `Service.search`: chunks of changed texts are ranked among those of the index, in the place of their files'.

    What BM25 is for a chunk of the index is, for one of these, the share of the question's words that it holds, of the
    highest BM25 of all. Errors as `Service.search`.
    """
    answers: list[tuple[Path, Answer]] = []
    for root in roots:
        changed = await documents.searchable(root, service.index_settings(root))
        over = await _overlay(service, documents, root, changed, request) if changed else Overlay()
        answers += await service.search(replace(request, over=over), [root])
    return answers


async def passed_over(
    service: Engine, documents: Documents, request: SearchRequest, roots: Sequence[Path]
) -> dict[Path, Answer]:
    """As `Service.passed_over`: none whose texts have been changed."""
    same = [root for root in roots if not await documents.searchable(root, service.index_settings(root))]
    return await service.passed_over(request, same)


async def _overlay(
    service: Engine,
    documents: Documents,
    root: Path,
    changed: Mapping[Path, Document],
    request: SearchRequest,
) -> Overlay:
    """The changed texts of a root."""
    hidden = frozenset(display_path(os.fsencode(path.relative_to(root))) for path in changed)
    pieces: list[Piece] = []
    takes = request.narrow.of_files()
    for path, document in changed.items():
        relative = os.fsencode(path.relative_to(root))
        try:
            with anyio.fail_after(CHUNKS_S):
                await documents.chunks(document)
        except (LowtideError, TimeoutError):
            continue
        if takes(relative, document.symbols_language):
            pieces += _pieces(document, display_path(relative), request)
    pieces = sorted(pieces, key=lambda piece: -piece.share)[:MOST_CHUNKS]
    if request.mode is Mode.LEXICAL or not pieces:
        return Overlay(hidden, tuple(pieces))
    try:
        cosines = await _cosines(service, request.question.gist, pieces)
    except LowtideError as error:
        return Overlay(hidden, tuple(pieces), (f"unsaved texts by words alone: {error.message}",))
    told = [replace(piece, cosine=cosine) for piece, cosine in zip(pieces, cosines, strict=True)]
    return Overlay(hidden, tuple(told))


def _pieces(document: Document, path: str, request: SearchRequest) -> Iterator[Piece]:
    """The chunks of a text, each as the definition that it is stored with, or as one in it that the question names."""
    asked, words, text = request.question.asked, set(request.question.words), document.buffer.text()
    names = {name.own.lower() for name in (*asked.names, *asked.guessed)}
    kinds = {int(kind) for kind in request.narrow.kinds}
    rows = document.chunk_symbols
    named = [row for row in rows if row[1] and own_name(row[0]).lower() in names]
    of_kinds = sorted((row for row in rows if row[1] in kinds), key=itemgetter(7))
    said = frozenset(query_stems(request.question.gist)) if of_kinds else frozenset()
    for first_byte, end_byte, first, last, symbol in document.chunks:
        row = rows[symbol] if 0 <= symbol < len(rows) else None
        row = next((each for each in named if first <= each[3] <= last), row)
        if kinds and (row is None or row[1] not in kinds):
            # As of a chunk of the index: a definition that has its name in it, the one that the question names most of.
            start = bisect_left(of_kinds, first, key=itemgetter(7))
            inside = of_kinds[start : bisect_right(of_kinds, last, start, key=itemgetter(7))]
            row = max(inside, key=lambda each: share_named(each[0], said), default=None)
            if row is None:
                continue
        piece = Piece(path, text[first_byte:end_byte].decode("utf-8", "replace"), first, last)
        if row is not None:
            name, kind, container, line, _, end_line, _, _, _, signature, doc = row
            piece = replace(
                piece,
                name=name,
                kind=kind,
                container=container,
                symbol_start_line=line,
                symbol_end_line=end_line,
                signature=signature,
                doc=doc,
            )
        held = set(query_words(f"{piece.text} {piece.name}")) if words else set()
        yield replace(piece, share=len(words & held) / len(words) if words else 0.0)


async def _cosines(service: Engine, query: str, pieces: Sequence[Piece]) -> Sequence[float | None]:
    """The cosine of each piece with the query; the vectors of unchanged chunks are remembered. ModelError,
    WorkerError."""
    import numpy as np

    from lowtide.work.model.encoder import Side, document_text

    question = np.frombuffer(await service.encode_query(query), np.int8).astype(np.float32)
    cache = service.documents.vectors
    names = (f"{piece.container}.{piece.name}" if piece.container else piece.name for piece in pieces)
    texts = [document_text(name, piece.text) for name, piece in zip(names, pieces, strict=True)]
    keys = [hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest() for text in texts]
    vectors = [cache.get(key) for key in keys]
    missing = [index for index, vector in enumerate(vectors) if vector is None]
    if missing:
        with anyio.move_on_after(CHUNKS_S):
            made = await service.encode([texts[index] for index in missing], Side.DOCUMENT)
            for index, fresh in zip(missing, made, strict=True):
                vectors[index] = fresh
                cache.put(keys[index], fresh)
    norm = float(np.linalg.norm(question)) or 1.0
    cosines: list[float | None] = []
    for vector in vectors:
        if vector is None:
            cosines.append(None)
            continue
        row = np.frombuffer(vector, np.int8).astype(np.float32)
        cosines.append(float(row @ question) / (norm * (float(np.linalg.norm(row)) or 1.0)))
    return cosines
