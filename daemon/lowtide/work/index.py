"""One batch of files, inside a worker: bytes -> text -> symbols and chunks -> words -> vectors.

Invariant: a file's failure is data in its `FileResult`, never an exception; only running out of memory ends the task.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lowtide import wire
from lowtide.errors import FileChanged
from lowtide.models import FileStatus, Reason
from lowtide.system.beneath import CannotRead, Content, Refusal, Root
from lowtide.work.beside_chunks import all_words, words_beside
from lowtide.work.keys import holds_none, line_beside
from lowtide.work.model.embed import load_encoder
from lowtide.work.model.encoder import Encoder, Side, document_text, document_words
from lowtide.work.words import query_words, split_words

if TYPE_CHECKING:
    from lowtide.work.sniff import Text

_MOST = (1 << 63) - 1
"""The largest number that SQLite holds."""
_TICK_NS = 20_000_000
"""Linux's clock of files goes on in steps of up to 10 ms."""
_SYMBOL_BYTES = 640
"""A symbol as a tuple (measured 480), beside its texts; and its parameters for SQLite."""
_CHUNK_BYTES = 700
"""A chunk's place, content address and vector of 256 dims, twice."""
_FILE_BYTES = 2048
_GROWTH_BYTES = 1 << 16
"""A file may have grown by so much, and to twice what it was, since it was listed: its lease has room for that."""
_TRIES = 3
"""Of a file that changes while it is read."""


class _Batch(msgspec.Struct):
    files: list[wire.FileResult] = msgspec.field(default_factory=list)
    documents: list[str] = msgspec.field(default_factory=list)
    hashes: list[bytes] = msgspec.field(default_factory=list)
    unpacked_bytes: list[int] = msgspec.field(default_factory=list)
    """What writing each file takes in the daemon, beside its result."""
    takes_words: bool = True
    began: Callable[[], None] = lambda: None
    """Says that the present file begins only now: what went before is not its doing."""


@lru_cache(maxsize=1)
def encoder_for(model: str) -> Encoder:
    """The encoder of the model in folder `model`, loaded once in this process. Raises ModelError."""
    return load_encoder(Path(model))


def index_files(
    task: wire.IndexTask,
    started: Callable[[int], None],
    ask: Callable[[bytes], Sequence[int]],
    embedding: Callable[[int], None],
) -> wire.Done:
    """Index the files of `task`; `started` is told each file's number, `ask` which chunks need a vector.

    Returns vectors only for the chunks that need one: `vector_rows` counts chunks over all files of the task.
    """
    cpu = time.process_time()
    batch = _Batch(takes_words=not task.embed or encoder_for(task.model).takes_words)
    with Root(task.root) as root:
        for index in range(len(task.paths)):
            started(index)
            batch.began = partial(started, index)
            batch.unpacked_bytes.append(0)
            batch.files.append(_index_file(task, root, index, batch))
    room = int(task.settings.get("result_bytes", 0))
    if room and (too_large := _too_large(batch, room)):
        return wire.Done([], b"", list(too_large), 0, time.process_time() - cpu, "more than its room", "result")
    rows: Sequence[int] = range(len(batch.documents))
    if task.ask and batch.hashes:
        rows = ask(b"".join(batch.hashes))
    if not (task.embed and rows):
        return wire.Done(batch.files, b"", [], 0, time.process_time() - cpu)
    embedding(len(rows))
    vectors, dims = _embed([batch.documents[row] for row in rows], task.model, task.batch_size)
    return wire.Done(batch.files, vectors, list(rows), dims, time.process_time() - cpu)


def _too_large(batch: _Batch, room_bytes: int) -> tuple[int, int] | None:
    """The file with the largest result, and what that takes in the daemon; None when all together fit into the room.

    All are held there as they came; one at a time is unpacked.
    """
    held = [_held_bytes(file) for file in batch.files]
    if sum(held) + max(batch.unpacked_bytes, default=0) <= room_bytes:
        return None
    sizes = [sum(sizes) for sizes in zip(held, batch.unpacked_bytes, strict=True)]
    largest = max(sizes)
    return sizes.index(largest), largest


def _held_bytes(file: wire.FileResult) -> int:
    """What a result takes as it waits to be written: its frame, and beside it for a moment what that is decoded to."""
    return 2 * (sum(map(len, file.symbols)) + len(file.words)) + _CHUNK_BYTES * file.chunk_count + _FILE_BYTES


def _unpacked_bytes(symbols: Sequence[wire.SymbolColumns]) -> int:
    """What writing a file takes beside its result: a block of symbols."""
    blocks = (symbols[start : start + wire.BLOCK_SYMBOLS] for start in range(0, len(symbols), wire.BLOCK_SYMBOLS))
    return max(
        (
            sum(_SYMBOL_BYTES + len(row[0]) + len(row[2]) + len(row[9]) + len(row[10]) for row in block)
            for block in blocks
        ),
        default=0,
    )


def embed_file(task: wire.EmbedTask) -> wire.Done:
    """Vectors for chunks of a file that was parsed elsewhere. Raises FileChanged when it has since."""
    from lowtide.work import sniff
    from lowtide.work.parse import views

    cpu = time.process_time()
    changed = FileChanged("a file changed", "it kept changing while it was indexed")
    try:
        with Root(task.root) as root, root.open(task.path, task.size_bytes) as file:
            data = file.whole()
    except CannotRead:
        raise changed from None
    if hashlib.blake2b(data, digest_size=16).digest() != task.content_hash:
        raise changed
    text = sniff.sniff(task.path, data, sniff.SniffSettings.from_wire(task.settings))
    if isinstance(text, sniff.Skip):
        raise changed
    takes_words = encoder_for(task.model).takes_words
    shown = views.readable(task.path, text.utf8)
    documents = [
        _document(name, shown, start, end, None, takes_words)
        for (start, end), name in zip(task.spans, task.names, strict=True)
    ]
    vectors, dims = _embed(documents, task.model, task.batch_size)
    return wire.Done([], vectors, list(range(len(documents))), dims, time.process_time() - cpu)


def _embed(documents: list[str], model: str, batch_size: int) -> tuple[bytes, int]:
    encoder = encoder_for(model)
    encode = encoder.encode_words if encoder.takes_words else encoder.encode
    return encode(documents, Side.DOCUMENT, batch_size).tobytes(), encoder.dims


def _document(name: str, utf8: bytes, start: int, end: int, words: str | None, takes_words: bool) -> str:
    if not takes_words:
        return document_text(name, utf8[start:end].decode("utf-8", "replace"))
    return document_words(name, split_words(utf8[start:end], [0, end - start])[0] if words is None else words)


def _index_file(task: wire.IndexTask, root: Root, index: int, batch: _Batch) -> wire.FileResult:
    from lowtide.work import sniff

    path = task.paths[index]
    known_hash = task.known_hashes[index] if index < len(task.known_hashes) else b""
    listed_bytes = task.sizes[index] if index < len(task.sizes) else None
    try:
        content = _read(root, path, int(task.settings.get("max_file_bytes", 1 << 62)), listed_bytes)
    except _NotIndexed as refusal:
        return _result(refusal.reason, refusal.rule, status=FileStatus.SKIPPED)
    data, info = content.data, content.info
    del content
    content_hash = hashlib.blake2b(data, digest_size=16).digest()
    common = (*_stamp(info), content_hash)
    if content_hash == known_hash:
        return _result(wire.UNCHANGED, "", status=FileStatus.INDEXED, common=common)
    found = sniff.sniff(path, data, sniff.SniffSettings.from_wire(task.settings))
    if isinstance(found, sniff.Skip):
        return _result(found.reason, found.rule, status=FileStatus.SKIPPED, common=common)
    del data
    return _parse(task, path, found, common, batch)


def _stamp(info: os.stat_result) -> tuple[int, int, int, int]:
    """What tells whether a file has changed, cut as the walk cuts it.

    A file that changed just now may change again within the same tick of the file system's clock: its time is not kept,
    so that the next run looks at its content.
    """
    is_settled = time.time_ns() - info.st_ctime_ns > _TICK_NS
    ctime_ns = min(info.st_ctime_ns, _MOST) if is_settled else 0
    return info.st_size, min(info.st_mtime_ns, _MOST), info.st_ino & _MOST, ctime_ns


def _parse(
    task: wire.IndexTask, path: bytes, text: Text, common: tuple[int, int, int, int, bytes], batch: _Batch
) -> wire.FileResult:
    from lowtide import languages
    from lowtide.work.parse import chunk

    utf8 = text.utf8
    language = languages.language_for(path, utf8[: languages.HEAD_BYTES])
    reason: str = ""
    symbols: list[wire.SymbolColumns] = []
    shown = utf8
    if language is None or task.lines_only:
        if language is not None:
            from lowtide.work.parse import by_lines

            symbols = by_lines.rough_rows(utf8, language, time.thread_time() + task.deadline_s)
        chunks = chunk.chunk_lines(utf8)
    else:
        from lowtide.work.parse import grammar, parse

        if grammar.load(language):
            batch.began()
        parsed = parse.parse(utf8, language, task.deadline_s)
        symbols, chunks = parsed.symbols, parsed.chunks
        reason = parsed.partial or ""
        shown = parsed.readable or utf8
    chunk_words = split_words(shown, [*(row[0] for row in chunks), len(shown)]) if chunks else []
    kept = [holds_none(row[0], row[1], text.keys) and not chunk.is_filler(shown, row[0], row[1]) for row in chunks]
    further_words = words_beside(utf8, chunks, kept) if shown is utf8 else all_words(utf8)
    if not all(kept):
        chunks, chunk_words = list(compress(chunks, kept)), list(compress(chunk_words, kept))
        if not chunks and (line := line_beside(utf8, text.keys)):
            # Without any, the file would not be among those that have words.
            chunks, chunk_words = [(*line, -1)], split_words(shown, line[:2])
    qualified = [wire.qualified_name(symbols[row[4]]) if row[4] >= 0 else "" for row in chunks]
    names = [" ".join(query_words(name)) if name else "" for name in qualified]
    kinds = [symbols[row[4]][1] if row[4] >= 0 else 0 for row in chunks]
    path_words = " ".join(query_words(path.decode("utf-8", "replace")))
    hashes = [_address(task.recipe, name, shown[row[0] : row[1]]) for row, name in zip(chunks, qualified, strict=True)]
    batch.hashes += hashes
    batch.documents += [
        _document(name, shown, row[0], row[1], words, batch.takes_words)
        for row, name, words in zip(chunks, qualified, chunk_words, strict=True)
    ]
    batch.unpacked_bytes[-1] = _unpacked_bytes(symbols)
    return wire.FileResult(
        *common,
        language.name if language else "",
        text.encoding,
        utf8.count(b"\n") + 1,
        FileStatus.INDEXED,
        reason,
        "",
        len(symbols),
        wire.pack_symbols(symbols),
        wire.pack_chunks(chunks),
        b"".join(hashes),
        wire.pack_words(chunk_words, names, path_words, kinds, further_words) if chunks else b"",
    )


def _address(recipe: str, name: str, text: bytes) -> bytes:
    """A chunk's content address: all that is embedded of it, and by which recipe. A renamed file keeps its vectors."""
    address = hashlib.blake2b(text, digest_size=16, key=recipe.encode())
    address.update(b"\0" + name.encode())
    return address.digest()


class _NotIndexed(Exception):
    def __init__(self, reason: Reason, rule: str) -> None:
        super().__init__(reason, rule)
        self.reason = reason
        self.rule = rule


_REFUSED = {
    Refusal.LINK: (Reason.CHANGED, "a link stands in its place by now, or in that of a folder around it"),
    Refusal.NOT_PLAIN: (Reason.NOT_A_FILE, "not a regular file"),
}


def _read(root: Root, path: bytes, limit_bytes: int, listed_bytes: int | None) -> Content:
    """All of a file, when it did not change while it was read. _NotIndexed for any other.

    `listed_bytes`: its size when the walk saw it. One that has grown far beyond is left to the next run: its lease is
    not for so much.
    """
    room_bytes = limit_bytes if listed_bytes is None else min(limit_bytes, 2 * listed_bytes + _GROWTH_BYTES)
    for _ in range(_TRIES):
        try:
            with root.open(path, room_bytes) as file:
                size_bytes = file.info.st_size
                content = file.content() if size_bytes <= room_bytes else None
        except CannotRead as error:
            raise _NotIndexed(*_REFUSED.get(error.refusal, (Reason.UNREADABLE, error.why))) from None
        if content is not None and not content.has_more:
            if content.is_steady:
                return content
        elif size_bytes > limit_bytes:
            raise _NotIndexed(Reason.TOO_LARGE, f"{size_bytes} bytes is over max_file_size = {limit_bytes}")
        elif room_bytes == limit_bytes:
            raise _NotIndexed(Reason.TOO_LARGE, f"more than max_file_size = {limit_bytes} bytes")
        else:
            raise _NotIndexed(
                Reason.CHANGED, f"it had {listed_bytes} bytes when it was listed, and has far more by now"
            )
    raise _NotIndexed(Reason.CHANGED, "the file kept changing while it was read")


def _result(
    reason: str, rule: str, *, status: FileStatus, common: tuple[int, int, int, int, bytes] = (0, 0, 0, 0, b"")
) -> wire.FileResult:
    return wire.FileResult(*common, "", "", 0, status, reason, rule)
