"""One batch of files, inside a worker: bytes -> text -> symbols and chunks -> words -> vectors.

Invariant: a file's failure is data in its `FileResult`, never an exception; only running out of memory ends the task.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from lowtide.models import FileStatus, Reason
from lowtide.work import wire

_pack = msgspec.msgpack.Encoder().encode
_COMPRESSION = 1
"""zlib's fastest level: the words are read back only when a file changes."""


@dataclass(slots=True)
class _Batch:
    files: list[wire.FileResult] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)


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
    batch = _Batch()
    for index, path in enumerate(task.paths):
        started(index)
        known = task.known_hashes[index] if index < len(task.known_hashes) else b""
        batch.files.append(_index_file(task, path, known, batch))
    rows: Sequence[int] = range(len(batch.documents))
    if task.ask and batch.hashes:
        rows = ask(b"".join(batch.hashes))
    if not (task.embed and rows):
        return wire.Done(batch.files, b"", [], 0, time.process_time() - cpu)
    embedding(len(rows))
    documents = [batch.documents[row] for row in rows]
    done = embed_documents(wire.EmbedTask(documents, task.batch_size, task.model))
    return wire.Done(batch.files, done.vectors, list(rows), done.dims, time.process_time() - cpu, stats=done.stats)


def embed_documents(task: wire.EmbedTask) -> wire.Done:
    """Vectors for documents already split into words."""
    from lowtide.work import embed

    cpu = time.process_time()
    encoder = embed.encoder_for(task.model)
    matrix = encoder.encode_words(task.documents, embed.Side.DOCUMENT, task.batch_size)
    rows = list(range(len(task.documents)))
    return wire.Done([], matrix.tobytes(), rows, encoder.dims, time.process_time() - cpu, stats=encoder.stats())


def _index_file(task: wire.IndexTask, path: bytes, known_hash: bytes, batch: _Batch) -> wire.FileResult:
    from lowtide.work import sniff

    try:
        data, info = _read(os.path.join(task.root, path), int(task.settings.get("max_file_bytes", 1 << 62)))
    except OSError as error:
        return _result(Reason.UNREADABLE, error.strerror or str(error), status=FileStatus.SKIPPED)
    except _NotIndexed as refusal:
        return _result(refusal.reason, refusal.rule, status=FileStatus.SKIPPED)
    content_hash = hashlib.blake2b(data, digest_size=16).digest()
    common = (info.st_size, info.st_mtime_ns, info.st_ino, content_hash)
    if content_hash == known_hash:
        return _result("unchanged", "", status=FileStatus.INDEXED, common=common)
    found = sniff.sniff(path, data, sniff.SniffSettings.from_wire(task.settings))
    if isinstance(found, sniff.Skip):
        return _result(found.reason, found.rule, status=FileStatus.SKIPPED, common=common)
    del data
    return _parse(task, path, found, common, batch)


def _parse(
    task: wire.IndexTask, path: bytes, text: object, common: tuple[int, int, int, bytes], batch: _Batch
) -> wire.FileResult:
    from lowtide.work import chunk, embed, languages, words

    utf8: bytes = text.utf8  # type: ignore[attr-defined]
    language = languages.language_for(path, utf8[:4096])
    reason, symbols, chunks = "", [], []
    if language is None or task.lines_only:
        chunks = chunk.chunk_lines(utf8)
    else:
        from lowtide.work import parse

        parsed = parse.parse(utf8, language, task.deadline_s)
        symbols, chunks = parsed.symbols, parsed.chunks
        reason = parsed.partial or ""
    boundaries = [row[0] for row in chunks]
    boundaries.append(len(utf8))
    chunk_words = words.split_words(utf8, boundaries) if chunks else []
    qualified = [_qualified(symbols[row[4]]) if row[4] >= 0 else "" for row in chunks]
    shown_path = path.decode("utf-8", "replace")
    path_words = " ".join(words.query_words(shown_path))
    names = [" ".join(words.query_words(name)) if name else "" for name in qualified]
    hashes = []
    for row, name in zip(chunks, names, strict=True):
        address = hashlib.blake2b(utf8[row[0] : row[1]], digest_size=16, key=task.model[-64:].encode()[:64])
        address.update(b"\0" + name.encode())
        hashes.append(address.digest())
    batch.hashes += hashes
    batch.documents += [
        embed.document_words(path_words, name, body) for name, body in zip(names, chunk_words, strict=True)
    ]
    return wire.FileResult(
        *common,
        language.name if language else "",
        text.encoding,  # type: ignore[attr-defined]
        utf8.count(b"\n") + 1,
        FileStatus.INDEXED,
        reason,
        "",
        symbols,
        chunks,
        b"".join(hashes),
        chunk_words,
        names,
        path_words,
        zlib.compress(_pack((chunk_words, names, path_words)), _COMPRESSION),
    )


def _qualified(symbol: Sequence[object]) -> str:
    name, container = str(symbol[0]), str(symbol[2])
    return f"{container}.{name}" if container else name


class _NotIndexed(Exception):
    def __init__(self, reason: Reason, rule: str) -> None:
        super().__init__(reason, rule)
        self.reason = reason
        self.rule = rule


def _read(path: bytes, limit_bytes: int) -> tuple[bytes, os.stat_result]:
    """The bytes of a regular file that did not change while it was read; never blocks on a FIFO, never follows a link."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(path, flags)
    try:
        before = os.fstat(fd)
        for _ in range(3):
            if not stat.S_ISREG(before.st_mode):
                raise _NotIndexed(Reason.NOT_A_FILE, "not a regular file")
            if before.st_size > limit_bytes:
                raise _NotIndexed(Reason.TOO_LARGE, f"{before.st_size} bytes is over max_file_size = {limit_bytes}")
            data = _read_at_most(fd, limit_bytes)
            after = os.fstat(fd)
            if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
                return data, after
            before = after
            os.lseek(fd, 0, os.SEEK_SET)
        raise _NotIndexed(Reason.CHANGED, "the file kept changing while it was read")
    finally:
        os.close(fd)


def _read_at_most(fd: int, limit_bytes: int) -> bytes:
    with open(fd, "rb", buffering=0, closefd=False) as file:
        data = file.read(limit_bytes + 1) if limit_bytes < 1 << 40 else file.read()
    data = data or b""
    if len(data) > limit_bytes:
        raise _NotIndexed(Reason.TOO_LARGE, f"more than max_file_size = {limit_bytes} bytes")
    return data


def _result(
    reason: str, rule: str, *, status: FileStatus, common: tuple[int, int, int, bytes] = (0, 0, 0, b"")
) -> wire.FileResult:
    return wire.FileResult(*common, "", "", 0, status, reason, rule, [], [], b"", [], [], "", b"")
