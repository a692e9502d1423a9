"""What is read from a catalog: its queries, as methods of the catalog.

Invariant: no query holds more than one block of rows unless its answer is a list that the caller bounded.
"""

from __future__ import annotations

import heapq
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lowtide.core.hints import folders_around, outermost
from lowtide.core.plan import Known
from lowtide.models import FileStatus
from lowtide.store.details import BLOCK, Block, Details
from lowtide.store.id_set import IdSet
from lowtide.store.rows import VECTOR_DIMS, ChunkRow, Counts, FileRow, IndexedFile, SymbolPlace, SymbolRow, SymbolSpan
from lowtide.wire import HASH_BYTES

T = TypeVar("T")
Ids = npt.NDArray[np.int64]
MOST_SHARING = 32
"""Chunks of one text, which share a vector, taken at most: so many equal answers tell nothing more."""
_KNOWN = (
    "id, path, size_bytes, mtime_ns, inode, status, reason, content_hash, rule, ctime_ns, tries, indexed_at_ns, program"
)
_PAGE_ROWS = 2048
_MOST_MARKS = 500
"""Ids asked for in one query."""
_MOST_BLOCKS = 32
"""Of details, held at a time."""
FIND_VECTOR = "SELECT id FROM vectors WHERE substr(hash, 1, 4) = ? AND hash = ?"
"""Asked with the beginning of the content address, which is indexed, and with all of it."""
_OF_FILE = "{0}.id BETWEEN f.first_{1}_id AND f.first_{1}_id + f.{1}s - 1"
_ITS_SYMBOLS = "CROSS JOIN symbols s ON " + _OF_FILE.format("s", "symbol")
_ITS_CHUNKS = "CROSS JOIN chunks c ON " + _OF_FILE.format("c", "chunk")
"""Of the file f: they follow each other. A cross join keeps to its order: the file is looked up first."""
_INDEXED = "SELECT id, path, language, encoding, size_bytes, mtime_ns, ctime_ns FROM files WHERE chunks > 0"
_STEPS = "instr(CAST('/' || path || '/' AS BLOB), CAST('{}' AS BLOB))".format
_LEADS_OUT = (
    f"substr(path, 1, 1) = x'2f' OR instr(path, x'2f2f') OR instr(path, x'00') OR {_STEPS('/../')} OR {_STEPS('/./')}"
)
"""As `is_beneath`, of a path as rows have it: that of a folder which is left out whole ends in a slash."""


class Queries:
    """Everything that only reads; `Catalog` gives the connection."""

    @abstractmethod
    def _mapped(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]: ...

    @abstractmethod
    def _blocks(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[list[Any]]: ...

    @abstractmethod
    def _row(self, sql: str, parameters: Sequence[Any] = ()) -> Any: ...

    @abstractmethod
    def _value(self, sql: str, parameters: Sequence[Any] = ()) -> Any: ...

    @abstractmethod
    def _next_id(self, table: str) -> int: ...

    def shrink(self) -> None:
        """Give back the page cache of this connection."""
        for _ in self._rows("PRAGMA shrink_memory"):
            pass

    def known_files(self, only: Sequence[bytes] | None = None) -> Iterator[Known]:
        """Every file, sorted by path byte by byte, streamed.

        In pages, each a query of its own: a reader that stays open would keep the write-ahead log from being folded in.
        With `only`, these files, what is below these folders, and the folders around them that were left out whole.
        """
        if only is None or b"" in only:
            yield from self._known_between(b"", None)
            return
        exact = sorted({*only, *(folder for path in only for folder in _folders_of(path))})
        single = (known for path in exact for known in self._known_at(path))
        below = [self._known_between(path + b"/", path + b"0") for path in sorted(outermost(only))]
        last = None
        for known in heapq.merge(single, *below, key=lambda known: known.path):
            if known.path != last:
                yield known
            last = known.path

    def _known_at(self, path: bytes) -> Iterator[Known]:
        return map(_known, self._rows(f"SELECT {_KNOWN} FROM files WHERE path = ?", (path,)))

    def _known_between(self, first: bytes, end: bytes | None) -> Iterator[Known]:
        """Files from `first` on (`first` itself too), before `end`."""
        after = "path >= ?"
        while True:
            limits = (first,) if end is None else (first, end)
            until = "" if end is None else " AND path < ?"
            sql = f"SELECT {_KNOWN} FROM files WHERE {after}{until} ORDER BY path LIMIT {_PAGE_ROWS}"
            rows = list(self._rows(sql, limits))
            yield from map(_known, rows)
            if len(rows) < _PAGE_ROWS:
                return
            first, after = rows[-1][1], "path > ?"

    def file(self, path: bytes) -> FileRow | None:
        """One file by its path."""
        row = self._row("SELECT * FROM files WHERE path = ?", (path,))
        return None if row is None else _file_row(row)

    def path_that_leads_out(self) -> bytes | None:
        """A path that is none of a file in the workspace, if there is one: nobody who means well wrote it."""
        found = self._value(f"SELECT path FROM files WHERE {_LEADS_OUT} LIMIT 1")
        return None if found is None else bytes(found)

    def folder_rule(self, path: bytes) -> FileRow | None:
        """The row of the nearest folder around `path` that was left out whole, if any."""
        parts = path.split(b"/")
        for depth in range(len(parts) - 1, 0, -1):
            row = self.file(b"/".join(parts[:depth]) + b"/")
            if row is not None:
                return row
        return None

    def counts(self) -> Counts:
        """Files by status, and the sums of what they hold."""
        by_status = {
            row[0]: row[1:]
            for row in self._rows(
                "SELECT status, count(*), sum(symbols), sum(chunks), sum(mtime_ns = -1) FROM files GROUP BY status"
            )
        }
        files, symbols, chunks, stale = by_status.get("indexed", (0, 0, 0, 0))
        lost = by_status.get("quarantined", (0, 0, 0, 0))
        vectors = self._value("SELECT count(*) FROM vectors") or 0
        return Counts(
            files,
            symbols + lost[1],
            chunks + lost[2],
            vectors,
            by_status.get("skipped", (0,))[0],
            lost[0],
            stale + lost[3],
        )

    def reasons(self, status: FileStatus) -> dict[str, int]:
        """How many files have `status`, by reason."""
        return dict(
            self._rows("SELECT reason, count(*) FROM files WHERE status = ? GROUP BY reason ORDER BY 2 DESC", (status,))
        )

    def not_indexed(self) -> Iterator[tuple[str, str, str, bytes]]:
        """Status, reason, rule and path of every file that is not indexed whole, by path."""
        for status, reason, rule, path in self._rows(
            "SELECT status, reason, rule, path FROM files WHERE status != 'indexed' ORDER BY path"
        ):
            yield status, reason, rule, bytes(path)

    def find_vector(self, address: bytes) -> int | None:
        """The id of the vector with this content address."""
        number = self._value(FIND_VECTOR, (address[:4], address))
        return None if number is None else int(number)

    def ids_by_address(self, hashes: bytes) -> list[tuple[bytes, int]]:
        """(16-byte content address, id) of those of the joined addresses that have a vector here."""
        addresses = [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]
        return [(address, number) for address in addresses if (number := self.find_vector(address)) is not None]

    def loose_vectors(self, ids: Sequence[int]) -> dict[int, bytes]:
        """The int8 data of those of these vectors that are in no segment yet."""
        sql = "SELECT id, data FROM vector_data WHERE id IN "
        return dict(self._by_ids(ids, sql, lambda number, data: (number, bytes(data))))

    def missing_vectors(self, hashes: bytes) -> list[int]:
        """Of joined 16-byte content addresses, the indices that have no vector yet (a repeated one counts once)."""
        missing, seen = [], set()
        for index in range(len(hashes) // HASH_BYTES):
            address = hashes[index * HASH_BYTES : (index + 1) * HASH_BYTES]
            if address not in seen and self.find_vector(address) is None:
                missing.append(index)
            seen.add(address)
        return missing

    def has_vectors(self) -> bool:
        """Whether any vector is stored."""
        return self._value("SELECT 1 FROM vectors LIMIT 1") is not None

    def vectors_after(self, vector_id: int) -> Iterator[tuple[int, bytes]]:
        """(id, int8 data) of each vector with a higher id that is in no segment yet, ascending, streamed."""
        yield from self._rows("SELECT id, data FROM vector_data WHERE id > ? ORDER BY id", (vector_id,))

    def vector_ids(self, first_id: int = 0, last_id: int = (1 << 63) - 1) -> Iterator[int]:
        """The id of every vector, or of those between two, ascending, streamed."""
        sql = "SELECT id FROM vectors WHERE id BETWEEN ? AND ? ORDER BY id"
        return chain.from_iterable(self._rows(sql, (first_id, last_id)))

    def vector_dims(self) -> int:
        """Components of the stored vectors; 0 when there are none."""
        return int(self._value("SELECT value FROM meta WHERE key = ?", (VECTOR_DIMS,)) or 0)

    def last_id(self, table: str) -> int:
        """The highest id that `vectors` or `symbols` ever had."""
        return self._next_id(table) - 1

    def count_rows(self, table: str) -> int:
        """How many rows `vectors` or `symbols` has."""
        return int(
            self._value({"vectors": "SELECT count(*) FROM vectors", "symbols": "SELECT count(*) FROM symbols"}[table])
        )

    def count_vectors_after(self, vector_id: int) -> int:
        """How many vectors with a higher id are in no segment yet."""
        return int(self._value("SELECT count(*) FROM vector_data WHERE id > ?", (vector_id,)))

    def symbol_names_after(self, symbol_id: int) -> Iterator[tuple[int, str, int]]:
        """(id, name, kind) of each symbol with a higher id, ascending, streamed."""
        return self._rows("SELECT id, name, kind FROM symbols WHERE id > ? ORDER BY id", (symbol_id,))

    def count_symbols_after(self, symbol_id: int) -> int:
        """How many symbols have a higher id."""
        return int(self._value("SELECT count(*) FROM symbols WHERE id > ?", (symbol_id,)))

    _CHUNK = (
        "SELECT c.id, c.vector_id, c.file_id, f.path, f.language, c.start_byte, c.end_byte, c.start_line, c.end_line,"
        " coalesce(s.id, 0), coalesce(s.kind, 0), coalesce(s.name, ''), coalesce(s.container, ''),"
        " coalesce(s.start_line, -1), coalesce(s.end_line, -1)"
    )
    _ITS_SYMBOL = "LEFT JOIN symbols s ON s.id = c.symbol_id "

    def chunks_by_id(self, ids: Sequence[int]) -> list[ChunkRow]:
        """The chunks with these ids, in no order; unknown ids are left out."""
        sql = f"{self._CHUNK} FROM chunks c JOIN files f ON f.id = c.file_id {self._ITS_SYMBOL} WHERE c.id IN "
        return self._by_ids(ids, sql, ChunkRow)

    def chunks_by_vector(self, ids: Sequence[int], chunks: IdSet | None = None) -> list[ChunkRow]:
        """The chunks that use these vectors, in no order: of each the first MOST_SHARING, of those in `chunks` if
        given."""
        used: dict[int, int] = {}
        wanted: list[int] = []
        for start in range(0, len(ids), _MOST_MARKS):
            block = ids[start : start + _MOST_MARKS]
            sql = f"SELECT id, vector_id FROM chunks WHERE vector_id IN ({','.join('?' * len(block))})"
            for chunk_id, vector_id in self._rows(sql, block):
                if used.get(vector_id, 0) < MOST_SHARING and (chunks is None or chunk_id in chunks):
                    used[vector_id] = used.get(vector_id, 0) + 1
                    wanted.append(chunk_id)
        return self.chunks_by_id(wanted)

    def chunks_of_symbols(self, ids: Sequence[int]) -> list[ChunkRow]:
        """The chunk in which the name of each of these symbols stands, as that symbol's, in no order."""
        sql = (
            f"{self._CHUNK} FROM symbols s CROSS JOIN files f ON f.id = s.file_id {_ITS_CHUNKS}"
            " AND s.name_line BETWEEN c.start_line AND c.end_line WHERE s.id IN "
        )
        return self._by_ids(ids, sql, ChunkRow)

    def chunks_of_file(self, file_id: int) -> list[ChunkRow]:
        """A file's chunks, in order."""
        sql = f"{self._CHUNK} FROM files f {_ITS_CHUNKS} {self._ITS_SYMBOL} WHERE f.id = ? ORDER BY c.id"
        return [ChunkRow(*row) for row in self._rows(sql, (file_id,))]

    _SYMBOL = (
        "SELECT s.id, f.path, s.name, s.kind, s.container, s.start_line, s.end_line, s.name_line, s.name_column,"
        " f.mtime_ns, f.language, f.encoding"
    )

    def symbol_places(self, ids: Sequence[int]) -> list[SymbolPlace]:
        """What ranking needs of the symbols with these ids, in no order: a third of the cost of the whole rows."""
        sql = (
            "SELECT s.id, f.path, s.name, s.kind, s.container, s.name_line, f.mtime_ns"
            " FROM symbols s JOIN files f ON f.id = s.file_id WHERE s.id IN "
        )
        return self._by_ids(ids, sql, SymbolPlace)

    def symbols_by_id(self, ids: Sequence[int]) -> list[SymbolRow]:
        """The symbols with these ids, in no order; unknown ids are left out."""
        return self._by_ids(
            ids, f"{self._SYMBOL} FROM symbols s JOIN files f ON f.id = s.file_id WHERE s.id IN ", SymbolRow
        )

    def details(self, ids: Sequence[int]) -> dict[int, Details]:
        """What is shown of the symbols with these ids; unknown ids are left out."""
        sql = (
            f"SELECT s.id, s.name, (s.id - f.first_symbol_id) % {BLOCK} FROM symbols s JOIN files f ON f.id = s.file_id"
            " WHERE s.id IN "
        )
        wanted: dict[int, list[tuple[int, str, int]]] = defaultdict(list)
        for symbol_id, name, number in self._by_ids(ids, sql, lambda *row: row):
            wanted[symbol_id - number].append((symbol_id, name, number))
        found: dict[int, Details] = {}
        firsts = list(wanted)
        for start in range(0, len(firsts), _MOST_BLOCKS):
            some = firsts[start : start + _MOST_BLOCKS]
            marks = ",".join("?" * len(some))
            for first, packed in self._rows(f"SELECT * FROM details WHERE first_symbol_id IN ({marks})", some):
                with self._mapped():
                    block = Block(packed)
                    found.update((symbol_id, block.of(number, name)) for symbol_id, name, number in wanted[first])
        return found

    def symbols_of_file(self, file_id: int) -> list[SymbolRow]:
        """A file's symbols, in order of their place."""
        sql = f"{self._SYMBOL} FROM files f {_ITS_SYMBOLS} WHERE f.id = ? ORDER BY s.id"
        return [SymbolRow(*row) for row in self._rows(sql, (file_id,))]

    def symbol_spans(self, file_id: int) -> Iterator[SymbolSpan]:
        """The lines of a file's symbols, in order of their place, streamed: a generated file has very many."""
        sql = (
            "SELECT s.id, s.name, s.kind, s.container, s.start_line, s.end_line, s.name_line"
            f" FROM files f {_ITS_SYMBOLS} WHERE f.id = ? ORDER BY s.id"
        )
        for row in self._rows(sql, (file_id,)):
            yield SymbolSpan(*row)

    def recent_symbols(self, limit: int, files: int = 20) -> list[SymbolRow]:
        """The outermost symbols of the files that were modified last, newest file first."""
        found: list[SymbolRow] = []
        recent = [
            int(row[0])
            for row in self._rows("SELECT id FROM files WHERE symbols > 0 ORDER BY mtime_ns DESC LIMIT ?", (files,))
        ]
        for file_id in recent:
            rows = [row for row in self.symbols_of_file(file_id) if not row.container]
            found += rows[: max(1, limit - len(found))]
            if len(found) >= limit:
                break
        return found[:limit]

    def _by_ids(self, ids: Sequence[int], sql: str, make: Callable[..., T]) -> list[T]:
        found: list[T] = []
        for start in range(0, len(ids), _MOST_MARKS):
            block = ids[start : start + _MOST_MARKS]
            marks = ",".join("?" * len(block))
            found += [make(*row) for row in self._rows(f"{sql}({marks})", [int(value) for value in block])]
        return found

    def indexed_files(self, after: bytes = b"", limit: int = _PAGE_ROWS) -> list[IndexedFile]:
        """The next indexed files that have a text, by path, behind `after`."""
        sql = f"{_INDEXED} AND path > ? ORDER BY path LIMIT ?"
        return [IndexedFile(*row) for row in self._rows(sql, (after, limit))]

    def every_indexed_file(self) -> Iterator[IndexedFile]:
        """All of them, by path, a page at a time."""
        after = b""
        while files := self.indexed_files(after):
            yield from files
            after = files[-1].path

    def indexed_files_with(self, chunk_ids: Sequence[int]) -> list[IndexedFile]:
        """The indexed files of these chunks, one a chunk that is there, in no order."""
        sql = (
            "SELECT f.id, path, language, encoding, size_bytes, mtime_ns, ctime_ns FROM chunks c"
            " JOIN files f ON f.id = c.file_id WHERE c.id IN "
        )
        return self._by_ids(chunk_ids, sql, IndexedFile)

    def paths_of_chunks(self, ids: Sequence[int]) -> list[bytes]:
        """The paths of the files of these chunks, one for each that is there, in no order."""
        return [file.path for file in self.indexed_files_with(ids)]

    def chunk_ranges(self) -> Iterator[tuple[int, int, int]]:
        """(file id, its first chunk, its last) of every file that has any, streamed."""
        yield from self._rows("SELECT id, first_chunk_id, first_chunk_id + chunks - 1 FROM files WHERE chunks > 0")

    def vectors_of_chunks(self, first_id: int, last_id: int) -> Ids:
        """The vectors that chunks `first_id` to `last_id` use, 0 where there is none, in no order."""
        sql = "SELECT group_concat(coalesce(vector_id, 0)) FROM chunks WHERE id BETWEEN ? AND ?"
        return _numbers(self._value(sql, (first_id, last_id)))

    def chunks_of_kinds(self, first_id: int, last_id: int, mask: int) -> tuple[Ids, Ids]:
        """Of chunks `first_id` to `last_id` those with definitions of these kinds (`chunk_kinds.mask_of`; -1 for all):
        their ids, and their vectors, 0 where there is none."""
        narrowed = "" if mask < 0 else f" AND kinds & {mask}"
        sql = (
            "SELECT group_concat(id), group_concat(coalesce(vector_id, 0))"
            f" FROM chunks WHERE id BETWEEN ? AND ?{narrowed}"
        )
        ids, vectors = self._row(sql, (first_id, last_id))
        return _numbers(ids), _numbers(vectors)

    def definitions_in(self, row: ChunkRow, kinds: Sequence[int]) -> list[ChunkRow]:
        """The chunk as each definition of these kinds whose name stands in it, in their order."""
        marks = ",".join("?" * len(kinds))
        sql = (
            f"{self._CHUNK} FROM chunks c CROSS JOIN files f ON f.id = c.file_id {_ITS_SYMBOLS}"
            f" WHERE c.id = ? AND s.name_line BETWEEN c.start_line AND c.end_line AND s.kind IN ({marks}) ORDER BY s.id"
        )
        return [ChunkRow(*found) for found in self._rows(sql, (row.chunk_id, *map(int, kinds)))]

    def file_places(self) -> Iterator[tuple[int, bytes, str]]:
        """(file id, path, language) of every indexed file, streamed: for filters."""
        yield from self._rows("SELECT id, path, language FROM files WHERE chunks > 0")


def _numbers(text: str | None) -> Ids:
    """Joined numbers as an array: SQLite writes and numpy reads them without an object for each."""
    return np.fromstring(text or "", np.int64, sep=",")


def _file_row(row: Any) -> FileRow:
    values = list(row)
    values[8] = FileStatus(values[8])
    return FileRow(*values)


def _known(row: Sequence[Any]) -> Known:
    number, path, size_bytes, mtime_ns, inode, status, *rest = row
    return Known(number, path, size_bytes, mtime_ns, inode, FileStatus(status), *rest)


def _folders_of(path: bytes) -> Iterator[bytes]:
    """`path` and the folders around it, as rows of folders that are left out whole name them."""
    return (folder + b"/" for folder in (path, *folders_around(path)))
