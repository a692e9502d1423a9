"""The rows of files in a catalog: written with their symbols, chunks and words, and taken out.

Invariant: what is known of a file is written in one transaction: it is there whole or not at all.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import lowtide
from lowtide.core.plan import RETRIED
from lowtide.models import FileStat, FileStatus
from lowtide.store.chunk_kinds import masks_of_file
from lowtide.store.details import BLOCK, pack_block
from lowtide.store.pending_words import PendingWordRows
from lowtide.store.rows import Commit
from lowtide.wire import UNCHANGED, FileResult, SymbolColumns, chunk_rows, symbol_blocks

_INSERT_SYMBOLS = "INSERT INTO symbols VALUES (?,?,?,?,?,?,?,?,?)"
_INSERT_DETAILS = "INSERT INTO details VALUES (?,?)"


class FileRows(PendingWordRows):
    """A part of `Catalog`, which gives the connection, and numbers and vectors."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """See `Catalog`."""

    @abstractmethod
    def _value(self, sql: str, parameters: Sequence[Any] = ()) -> Any: ...

    @abstractmethod
    def _next_id(self, table: str) -> int: ...

    @abstractmethod
    def _put_vectors(self, hashes: bytes, vectors: Iterable[bytes | None]) -> tuple[list[int | None], int]: ...

    def write(self, commits: Sequence[Commit], skipped: Sequence[FileStat], removed: Sequence[bytes]) -> int:
        """Write files, skips and removals in one transaction; returns how many vectors were new."""
        with self.transaction():
            for path in removed:
                self._delete_file(path)
                self._db.execute("DELETE FROM files WHERE path = ?", (path,))
            for stat in skipped:
                self._delete_file(stat.path)
                self._put_file(
                    stat.path,
                    (
                        stat.size_bytes,
                        stat.mtime_ns,
                        stat.inode,
                        b"",
                        "",
                        "",
                        FileStatus.SKIPPED,
                        stat.reason,
                        stat.rule,
                        0,
                        0,
                        0,
                        stat.ctime_ns,
                        0,
                        0,
                    ),
                )
            return sum(self._write_file(commit) for commit in commits)

    def _put_file(self, path: bytes, values: Sequence[Any], *, has_failed: bool = False) -> int:
        self._db.execute(
            "INSERT INTO files (path, size_bytes, mtime_ns, inode, content_hash, language, encoding, status, reason, "
            "rule,"
            " lines, symbols, chunks, ctime_ns, first_symbol_id, first_chunk_id, tries, indexed_at_ns, program)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (path) DO UPDATE SET"
            " size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, inode = excluded.inode,"
            " content_hash = excluded.content_hash, language = excluded.language, encoding = excluded.encoding,"
            " status = excluded.status, reason = excluded.reason, rule = excluded.rule, lines = excluded.lines,"
            " symbols = excluded.symbols, chunks = excluded.chunks, first_symbol_id = excluded.first_symbol_id,"
            " first_chunk_id = excluded.first_chunk_id, indexed_at_ns = excluded.indexed_at_ns,"
            " ctime_ns = excluded.ctime_ns, program = excluded.program, tries = CASE WHEN excluded.tries > 0"
            " AND (files.reason, files.size_bytes, files.mtime_ns) = (excluded.reason, excluded.size_bytes, "
            "excluded.mtime_ns)"
            " THEN files.tries + 1 ELSE excluded.tries END",
            (path, *values, int(has_failed), time.time_ns(), lowtide.__version__),
        )
        return int(self._value("SELECT id FROM files WHERE path = ?", (path,)))

    def _write_file(self, commit: Commit) -> int:
        result = commit.result
        if result.status == FileStatus.INDEXED and result.reason == UNCHANGED:
            self._db.execute(
                "UPDATE files SET size_bytes = ?, mtime_ns = ?, inode = ?, ctime_ns = ? WHERE path = ?",
                (result.size_bytes, result.mtime_ns, result.inode, result.ctime_ns, commit.path),
            )
            return 0
        self._delete_file(commit.path)
        chunk_count = result.chunk_count
        symbol_id, chunk_id = self._next_id("symbols"), self._next_id("chunks")
        file_id = self._put_file(
            commit.path,
            (
                result.size_bytes,
                result.mtime_ns,
                result.inode,
                result.content_hash,
                result.language,
                result.encoding,
                result.status,
                result.reason,
                result.rule,
                result.lines,
                result.symbol_count,
                chunk_count,
                result.ctime_ns,
                symbol_id if result.symbol_count else 0,
                chunk_id if chunk_count else 0,
            ),
            has_failed=result.status == FileStatus.QUARANTINED or result.reason in RETRIED,
        )
        if not chunk_count and not result.symbol_count:
            return 0
        run, many = self._db.execute, self._db.executemany
        next_id, lines, kinds = symbol_id, array("q"), array("B")  # of all its symbols: a generated file has very many
        for symbols in symbol_blocks(result):
            many(_INSERT_SYMBOLS, _symbol_values(symbols, next_id, file_id))
            blocks = range(0, len(symbols), BLOCK)
            many(_INSERT_DETAILS, ((next_id + at, pack_block(symbols[at : at + BLOCK])) for at in blocks))
            next_id += len(symbols)
            lines.extend(row[7] for row in symbols)
            kinds.extend(row[1] for row in symbols)
        vector_ids, new = self._put_vectors(result.hashes, commit.vectors)
        many(
            "INSERT INTO chunks VALUES (?,?,?,?,?,?,?,?,?)",
            (
                (number, file_id, vector, symbol_id + row[4] if row[4] >= 0 else None, *row[:4], of_kinds)
                for number, (row, vector, of_kinds) in enumerate(
                    zip(chunk_rows(result), vector_ids, _kinds(result, lines, kinds), strict=True), chunk_id
                )
            ),
        )
        if result.words:
            run("INSERT OR REPLACE INTO file_words VALUES (?,?,?)", (file_id, chunk_id, result.words))
        return new

    def _delete_file(self, path: bytes) -> None:
        """By its path, not by what the plan knew: another run may have written the file since."""
        row = self._row(
            "SELECT id, first_symbol_id, symbols, first_chunk_id, chunks FROM files WHERE path = ?", (path,)
        )
        if row is None:
            return
        file_id, symbol_id, symbols, chunk_id, chunks = row
        run = self._db.execute
        self._drop_words(file_id, chunk_id)
        if chunks:
            run("DELETE FROM chunks WHERE id BETWEEN ? AND ?", (chunk_id, chunk_id + chunks - 1))
        if symbols:
            last = symbol_id + symbols - 1
            run("DELETE FROM symbols WHERE id BETWEEN ? AND ?", (symbol_id, last))
            run("DELETE FROM details WHERE first_symbol_id BETWEEN ? AND ?", (symbol_id, last))


def _kinds(file: FileResult, lines: Sequence[int], kinds: Sequence[int]) -> list[int]:
    """Of each chunk the kinds of definitions in it, by the lines of their names."""
    chunks = ((row[2], row[3], kinds[row[4]] if row[4] >= 0 else 0) for row in chunk_rows(file))
    return masks_of_file(chunks, zip(lines, kinds, strict=True)) if kinds else [0] * file.chunk_count


def _symbol_values(rows: Sequence[SymbolColumns], first_id: int, file_id: int) -> Iterator[tuple[Any, ...]]:
    for number, row in enumerate(rows, first_id):
        name, kind, container, line, _, end_line, _, name_line, name_column, _, _ = row
        yield number, file_id, name, kind, container, line, end_line - line, name_line - line, name_column
