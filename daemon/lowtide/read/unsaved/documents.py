"""What a client's editor has open and not saved: it lies over what is on the disk, for that client alone.

A text counts as changed from its first edit (or when it is opened with a text that is not the file's) until it is
closed: what was saved meanwhile the index will say just the same. Closing takes everything back.

Invariant: this process keeps texts and definitions, never a syntax tree: parsing happens in a worker under a lease.
Invariant: a client's open texts take at most MOST_TEXTS_BYTES; one more is refused, and answered from the disk.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.abc
import anyio.to_thread
import msgspec

from lowtide import wire
from lowtide.config.settings import IndexSettings
from lowtide.core.budget import FIXED_TASK_BYTES, MIB
from lowtide.core.lru import ByteCache
from lowtide.core.positions import Units
from lowtide.errors import LowtideError, WorkerCrashed, WorkerError, WorkerOverBudget, WorkerRecycled
from lowtide.languages import HEAD_BYTES, language_called, language_for
from lowtide.pool.pool import WorkerPool
from lowtide.pool.terms import Urgency
from lowtide.read.unsaved.buffer import Position, TextBuffer
from lowtide.system.beneath import open_plain
from lowtide.system.tree.walk import is_left_out

if TYPE_CHECKING:
    from lowtide.languages.language import Language
    from lowtide.wire import ChunkColumns, SymbolColumns

log = logging.getLogger(__name__)

MOST_TEXTS_BYTES = 32 * MIB
MOST_REFUSED = 1000
_LINE_BYTES = 33 + 8
"""Of an object and its place in a list, for each line."""
VECTOR_CACHE_BYTES = MIB // 2
LEAST_FACTOR = 40.0
"""Bytes that parsing takes for a byte of text, at the least: an old and a new tree that share most."""
PARSE_S = 10.0
ROOM_S = 10.0
"""When no worker can be had by then, the budget is taken by others."""
JUDGED_S = 10.0
TRIES = 3
_SEPARATE_TREE_BYTES = 2 * MIB
"""A longer text is parsed whole each time: its tree is not worth its memory."""


class DocumentReader:
    """Finds the definitions of open texts, in one worker for all clients that keeps their trees as long as there is
    room."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._lock = anyio.Lock()
        self.vectors = ByteCache(VECTOR_CACHE_BYTES)
        """Of chunks of unsaved texts."""

    async def read(self, key: str, path: bytes, language: str, text: bytes, *, chunks: bool = False) -> wire.Outline:
        """Definitions, with `chunks` also chunks. WorkerError (and its kinds) when it cannot be parsed, or not now.

        Cancelling ends the worker; the next one parses anew.
        """
        task = wire.DocumentTask(
            key, path, language, text, PARSE_S, chunks, len(text) <= _SEPARATE_TREE_BYTES and not chunks
        )
        known = language_for(path, text[:HEAD_BYTES]) or language_called(language)
        factor = max(LEAST_FACTOR, 2 * known.memory_factor) if known else LEAST_FACTOR
        need = FIXED_TASK_BYTES + int(factor * len(text))
        async with self._lock:
            tries = TRIES
            while True:
                tries -= 1
                try:
                    return await self._run(task, need)
                except (WorkerRecycled, WorkerCrashed):
                    if not tries:
                        raise
                except WorkerOverBudget:
                    if not tries:
                        raise
                    need *= 3  # what cannot be had is cut to all there is

    async def _run(self, task: wire.DocumentTask, need_bytes: int) -> wire.Outline:
        # A deadline for the room alone: with a lease, the worker's own deadline holds.
        with anyio.move_on_after(ROOM_S) as waiting:
            async with self._pool.lease(need_bytes, len(task.text), wire.DOCUMENTS, Urgency.INTERACTIVE) as (worker, _):
                waiting.deadline = float("inf")
                outcome = await self._pool.run(worker, task, file_deadline_s=lambda _: 2 * PARSE_S)
                if outcome.done.outline is not None:
                    return outcome.done.outline
                raise WorkerError("a worker could not do its task", "it found no outline")
        raise WorkerError("the workers are busy", "", "try again, or pause indexing")


class _Judged(msgspec.Struct, frozen=True):
    """Whether an index of `root` leaves a file out; asked again after `until_s`, for ignore files change."""

    root: Path
    settings: IndexSettings
    left_out: bool
    until_s: float


class Document(msgspec.Struct):
    """One open text. `path` is None for one that is no file here."""

    uri: str
    path: Path | None
    language: str
    version: int
    buffer: TextBuffer
    changed: bool = False
    unweighed_bytes: int = 0
    """What edits have put in since its size was looked at."""
    edits: int = 0
    """Grows with every change: the key of what was computed from the text."""
    symbols: Sequence[SymbolColumns] = ()
    symbols_of: int = -1
    symbols_language: str = ""
    chunks: Sequence[ChunkColumns] = ()
    chunk_symbols: Sequence[SymbolColumns] = ()
    chunks_of: int = -1
    judged: _Judged | None = None
    wanted: bool = False
    """Someone has asked for its definitions: the next version's will be wanted, too."""
    lock: anyio.Lock = msgspec.field(default_factory=anyio.Lock)

    @property
    def size_bytes(self) -> int:
        """About what the text takes."""
        return sum(len(line) + _LINE_BYTES for line in self.buffer.lines)


class Documents:
    """The open texts of one client."""

    def __init__(self, reader: DocumentReader, client: str, group: anyio.abc.TaskGroup) -> None:
        self._reader = reader
        self._client = client
        self._group = group
        self._open: dict[str, Document] = {}
        self._by_name: dict[str, Document] | None = None
        self._refused: set[str] = set()
        self.units = Units.UTF16
        """What the client's columns count."""

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._open.values())

    def get(self, uri: str) -> Document | None:
        """The open text of this URI."""
        return self._open.get(uri)

    def at(self, name: str) -> Document | None:
        """The open text of the file with this path."""
        if self._by_name is None:
            self._by_name = {str(document.path): document for document in self if document.path is not None}
        return self._by_name.get(name)

    def changed(self, root: Path) -> dict[Path, Document]:
        """Those below `root` that lie over the disk, by path."""
        return {
            document.path: document
            for document in self._open.values()
            if document.changed and document.path is not None and root in document.path.parents
        }

    async def searchable(self, root: Path, settings: IndexSettings) -> dict[Path, Document]:
        """Those of `changed` that an index of `root` would hold: what is left out on the disk is not found in an
        editor."""
        found = self.changed(root)
        for path, document in list(found.items()):
            now_s = time.monotonic()
            judged = document.judged
            if judged is None or judged.root != root or judged.settings != settings or now_s > judged.until_s:
                relative = os.fsencode(path.relative_to(root))
                left_out = await anyio.to_thread.run_sync(is_left_out, root, relative, settings)
                judged = document.judged = _Judged(root, settings, left_out, now_s + JUDGED_S)
            if judged.left_out:
                del found[path]
        return found

    def open(self, uri: str, path: Path | None, language: str, version: int, text: str) -> Document | None:
        """Take a text over from the editor; None when there is no room for it."""
        self._by_name = None
        self._open.pop(uri, None)
        self._refused.discard(uri)
        size = len(text) + _LINE_BYTES * text.count("\n")
        if size + sum(document.size_bytes for document in self) > MOST_TEXTS_BYTES:
            log.warning("event=not-held client=%s bytes=%d why='too many open texts'", self._client, len(text))
            self._refuse(uri)
            return None
        document = self._open[uri] = Document(uri, path, language, version, TextBuffer(text))
        return document

    def change(self, uri: str, version: int, changes: Sequence[tuple[tuple[Position, Position] | None, str]]) -> bool:
        """Apply edits one after the other: a range with what comes in its place, or None with a whole text.

        False for a text that is not open.
        """
        document = self._open.get(uri)
        if document is None:
            return False
        for span, text in changes:
            if span is None:
                document.buffer.set(text)
            else:
                document.buffer.replace(span[0], span[1], text, self.units)
        document.version = version
        document.changed = True
        document.edits += 1
        document.unweighed_bytes += sum(len(text) for _, text in changes)
        if document.unweighed_bytes > MIB and self._weigh(document) > MOST_TEXTS_BYTES:
            log.warning("event=not-held client=%s why='the text grew too long'", self._client)
            self.refuse(uri)
        return True

    def refuse(self, uri: str) -> None:
        """What the editor has in this text is not known: the disk counts, until it is opened again."""
        self.close(uri)
        self._refuse(uri)

    def _refuse(self, uri: str) -> None:
        if len(self._refused) < MOST_REFUSED:
            self._refused.add(uri)

    def is_refused(self, uri: str) -> bool:
        """Whether the editor has this text open and it takes too much to be held: what is on the disk counts."""
        return uri in self._refused

    def _weigh(self, document: Document) -> int:
        document.unweighed_bytes = 0
        return document.size_bytes

    def cut(self, document: Document, start: Position, end: Position) -> bytes:
        """The text of a range."""
        return document.buffer.cut(start, end, self.units)

    def close(self, uri: str) -> Document | None:
        """The editor has let go of it: the disk counts again."""
        self._by_name = None
        self._refused.discard(uri)
        return self._open.pop(uri, None)

    async def compare(self, document: Document) -> None:
        """Find out whether a text that was just opened is the file's; if not it counts as changed."""
        path = document.path
        if path is None:
            return
        edits, text = document.edits, document.buffer.text()
        if not await anyio.to_thread.run_sync(_is_on_disk, path, text) and document.edits == edits:
            document.changed = True

    async def symbols(self, document: Document) -> Sequence[SymbolColumns]:
        """The definitions of the text as it is now. WorkerError when it cannot be parsed, or not now."""
        document.wanted = True
        return await self._current(document)

    async def prepare(self, document: Document) -> None:
        """Read a text that was just opened: its outline is asked for next, and the worker may have to be started."""
        if document.size_bytes <= MIB and language_of(document) is not None:
            with suppress(LowtideError):
                await self._current(document)

    async def _current(self, document: Document) -> Sequence[SymbolColumns]:
        async with document.lock:
            edits = document.edits
            if document.symbols_of != edits:
                found = await self._reader.read(
                    f"{self._client} {document.uri}", _name(document), document.language, document.buffer.text()
                )
                document.symbols, document.symbols_of, document.symbols_language = found.symbols, edits, found.language
            return document.symbols

    async def symbols_soon(self, document: Document, wait_s: float) -> Sequence[SymbolColumns]:
        """The definitions if they are known within `wait_s`, else those of the version before. Raises nothing."""
        if document.symbols_of != document.edits:
            done = anyio.Event()
            # In a task of its own: a caller that gives up must not end the worker, and with it what it knows.
            self._group.start_soon(self._refresh, document, done)
            with anyio.move_on_after(wait_s):
                await done.wait()
        return document.symbols

    async def _refresh(self, document: Document, done: anyio.Event) -> None:
        try:
            await self.symbols(document)
        except LowtideError as error:
            log.info("event=not-parsed client=%s why=%r", self._client, str(error))
        finally:
            done.set()

    async def chunks(self, document: Document) -> Sequence[ChunkColumns]:
        """The chunks of the text as it is now; the rows of their symbols are in `chunk_symbols`. Errors as
        `symbols`."""
        async with document.lock:
            edits = document.edits
            if document.chunks_of != edits:
                found = await self._reader.read(
                    f"{self._client} {document.uri}",
                    _name(document),
                    document.language,
                    document.buffer.text(),
                    chunks=True,
                )
                document.chunks, document.chunk_symbols, document.chunks_of = found.chunks, found.symbols, edits
            return document.chunks


def language_of(document: Document) -> Language | None:
    """By its name, its first lines, or what the editor calls it; None for a language without a grammar."""
    return language_for(_name(document), document.buffer.head()) or language_called(document.language)


def _name(document: Document) -> bytes:
    return os.fsencode(document.path) if document.path is not None else b""


def _is_on_disk(path: Path, text: bytes) -> bool:
    try:
        # Beside the text there may be a mark of byte order, and a byte more for each line's end. The editor named the
        # file and has its text: what a link leads to tells it nothing new.
        with open_plain(path, len(text) + 3 + text.count(b"\n"), follow=True) as file:
            data = file.whole()
    except OSError:
        return False
    return data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n") == text.replace(b"\r\n", b"\n")
