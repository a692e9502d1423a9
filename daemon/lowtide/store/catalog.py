"""The catalog: every file, symbol, chunk and vector of one workspace, in SQLite.

Invariant: the only module that imports sqlite3; its errors leave as StoreError and its kinds (`failures.py`).
Invariant: the catalog is the truth. A file's rows, its chunks' words and their vectors are written in one transaction,
so after any crash a file is there whole or not at all, and no chunk waits for its vector. What a segment holds of them
by then (words, vectors) leaves the catalog in the transaction that names the segment.
Invariant: ids of symbols, chunks and vectors are never used twice: segments name them.
Invariant: the page caches of all connections together are bounded, once `bound_caches` was told by how much.
Threads: a Catalog is one connection, used by one thread at a time. A writer's has one limiter (`Writing.limit`), a
reader's is lent (`Connections`).
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from lowtide.errors import CorruptIndex, EmptyIndex, IndexTooNew, OlderIndex, QuestionStopped, StoreError
from lowtide.store import schema
from lowtide.store.conversion import CONVERSIONS
from lowtide.store.details import DamagedBlock
from lowtide.store.durable import sync_file
from lowtide.store.failures import REBUILT_BY_INDEX, index_gone, is_read_only, map_error, place_of
from lowtide.store.file_rows import FileRows
from lowtide.store.plausible import Ask, implausible
from lowtide.store.queries import FIND_VECTOR, Queries
from lowtide.store.rows import VECTOR_DIMS
from lowtide.store.vetting import SchemaRow, check_catalog_files, check_schema, not_ours
from lowtide.wire import HASH_BYTES

T = TypeVar("T")
CACHE_KIB = 2000
"""SQLite's page cache: nearly as fast as 64 MB and costs 1 to 2 (measured)."""
BLOCK_ROWS = 1024
"""Read or written at a time: very many small objects at once leave the allocator with holes for good."""
MOST_VALUE_BYTES = 256 << 20
"""No row or value is larger, whatever a catalog from elsewhere holds."""
_TABLES = "meta files file_words symbols details chunks vectors vector_data unused_vectors segments runs dead_words"
"""Each is asked for a row: what cannot answer that is damaged, whatever was asked of it."""
LOOK_STEPS = 20_000
"""Steps of SQLite's between two looks whether anybody still waits: under a millisecond."""
_INSERT_VECTORS = "INSERT INTO vectors VALUES (?,?)"
_INSERT_DATA = "INSERT INTO vector_data VALUES (?,?)"


class Catalog(FileRows, Queries):
    """One connection to a catalog, for one thread at a time.

    Errors: CorruptIndex when the file is damaged or not Lowtide's, IndexTooNew when a newer version wrote it,
    OlderIndex for a reader of an older version's, StoreError for full disks, permissions and the like.
    """

    def __init__(
        self,
        path: Path,
        *,
        writable: bool,
        on_damage: Callable[[], None] = lambda: None,
        is_ours: Callable[[], bool] = lambda: True,
    ) -> None:
        """`on_damage` is called where damage is met, by whomever; `is_ours`, before each commit: whether this process
        may write."""
        self.path = path
        self._writable = writable
        self._on_damage = on_damage
        self._is_ours = is_ours
        self._connection: sqlite3.Connection | None = None
        self._place: tuple[int, int] | None = None
        """Which file is open, once it is found to be an index."""
        self._open_connection()

    # -- opening ------------------------------------------------------------------------------------------------

    @property
    def _db(self) -> sqlite3.Connection:
        return self._connection or self._open_connection()

    def _open_connection(self) -> sqlite3.Connection:
        if self._place is not None and not self.is_in_place:
            raise index_gone(self.path)
        with self._mapped():
            connection = self._connection = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._connection = None
                connection.close()
                raise
        self._place = place_of(self.path)
        return connection

    @property
    def rests(self) -> bool:
        """Whether the connection is closed until it is needed again."""
        return self._connection is None

    def rest(self) -> None:
        """Close the connection until it is needed again: one that nobody uses takes half a MiB and three files. In a
        writer's or reader's own thread, like everything else."""
        self.close()
        self._connection = None

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except DamagedBlock as error:
            self._on_damage()
            raise CorruptIndex(f"the index at {self.path} is damaged", str(error), REBUILT_BY_INDEX) from error
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
                raise QuestionStopped("the question was stopped") from None
            mapped = map_error(error, self.path)
            if self._is_damage(error) and not isinstance(mapped, CorruptIndex):
                mapped = CorruptIndex(f"the index at {self.path} is damaged", str(error), REBUILT_BY_INDEX)
            if isinstance(mapped, CorruptIndex):
                self._on_damage()
            raise mapped from error

    def _is_damage(self, error: sqlite3.Error) -> bool:
        """Whether an error that may have other causes came of damage: every statement here is sound, and one writer
        writes."""
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith("SQLITE_CONSTRAINT"):
            return self._writable
        if name != "SQLITE_ERROR" or self._place is None or self._connection is None:
            return name == "SQLITE_ERROR"
        try:
            for table in _TABLES.split():
                self._db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
        except sqlite3.Error:
            return True
        return False

    def _connect(self) -> sqlite3.Connection:
        check_catalog_files(self.path)
        if not self._writable and not self.path.exists():
            raise index_gone(self.path)
        if self._writable:
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        uri = self.path.absolute().as_uri()
        if self._writable:
            return _open(f"{uri}?mode=rwc")
        db = _open(f"{uri}?mode=ro")
        try:
            db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.Error as error:
            # A log beside the file cannot be made on a read-only disk; nobody writes there either.
            db.close()
            may_write = os.access(self.path.parent, os.W_OK) and not is_read_only(self.path.parent)
            if may_write or not isinstance(error, sqlite3.OperationalError):
                raise
            db = _open(f"{uri}?mode=ro&immutable=1")
        return db

    def _check_schema(self) -> None:
        rows = self._db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 64").fetchall()
        check_schema(self.path, rows, _expected_schema())

    def _prepare(self) -> None:
        run = self._db.execute
        run(f"PRAGMA cache_size = -{CACHE_KIB}")
        run("PRAGMA mmap_size = 0")
        run("PRAGMA temp_store = FILE")
        version, owner, empty = self._what_it_is()
        if not empty and owner != schema.APPLICATION_ID:
            raise not_ours(self.path.parent, f"its catalog's application id is {owner:#x}")
        if version > schema.SCHEMA_VERSION:
            raise IndexTooNew(
                f"the index at {self.path} was written by a newer Lowtide",
                f"its schema is {version}, this version knows {schema.SCHEMA_VERSION}",
                "upgrade Lowtide, or remove this index with `lowtide clear`",
            )
        if not self._writable:
            if empty:
                raise EmptyIndex(f"{self.path} is empty", "it has no tables", "run `lowtide index`")
            if version < schema.SCHEMA_VERSION:
                raise OlderIndex(
                    f"the index at {self.path} is of an older format", f"schema {version}", "run `lowtide index`"
                )
            self._check_schema()
            return
        if empty:
            run("PRAGMA auto_vacuum = INCREMENTAL")  # before anything is written: it cannot be changed later
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA journal_size_limit = 16777216")
        run("PRAGMA wal_autocheckpoint = 4000")
        if empty:
            with self.transaction():
                for statement in schema.statements(schema.TABLES):
                    run(statement)
                run(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                run(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
        while 0 < version < schema.SCHEMA_VERSION:
            with self.transaction():
                for statement in schema.statements(schema.MIGRATIONS[version]):
                    run(statement)
                if version in CONVERSIONS:
                    CONVERSIONS[version](self._db)
                version += 1
                run(f"PRAGMA user_version = {version}")
        self._check_schema()
        if not run("PRAGMA auto_vacuum").fetchone()[0]:
            self._make_shrinkable()

    def _what_it_is(self) -> tuple[int, int, bool]:
        """Its version, whose it is, and whether it has no tables: all of one moment, for it may just be being made."""
        run = self._db.execute
        run("BEGIN")
        try:
            version, owner, tables = (
                int(run(sql).fetchone()[0])
                for sql in ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_master")
            )
        finally:
            with suppress(sqlite3.Error):
                run("ROLLBACK")
        return version, owner, not tables

    def _make_shrinkable(self) -> None:
        """A catalog of before free pages were given back: written anew, once. Where there is no room for that it stays
        as it is."""
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._db.execute("VACUUM")

    def close(self) -> None:
        """Close the connection; a writer first folds the write-ahead log into the file when no reader is in the way."""
        if self._connection is None:
            return
        with suppress(sqlite3.Error):
            if self._writable:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with suppress(sqlite3.Error):
            self._connection.close()

    @contextmanager
    def view(self, stopped: Callable[[], bool] | None = None) -> Iterator[None]:
        """All queries within see one moment of the catalog. `stopped` is asked now and then: QuestionStopped once it is
        true.

        For questions, which are short: while a view is open the write-ahead log grows.
        """
        run = self._db.execute
        with self._mapped():
            run("BEGIN")
        if stopped is not None:
            self._db.set_progress_handler(stopped, LOOK_STEPS)
        try:
            yield
        except BaseException:
            self._db.set_progress_handler(None, 0)
            with suppress(sqlite3.Error):
                run("ROLLBACK")
            raise
        self._db.set_progress_handler(None, 0)
        with self._mapped():
            run("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; the write lock is taken at once, and any error, a cancellation too, rolls back."""
        with self._mapped():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._check_place()
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @property
    def is_in_place(self) -> bool:
        """Whether its path still leads to the file that is open, and that file is not emptied. May be asked by any
        thread."""
        return place_of(self.path) == self._place

    @property
    def may_write(self) -> bool:
        """Whether it is in place and this process still holds what lets it write. May be asked by any thread."""
        return self.is_in_place and self._is_ours()

    def _check_place(self) -> None:
        """What is written to a file that was removed is lost, and another process may be writing to the one in its
        place."""
        if self._place is not None and not self.may_write:
            raise index_gone(self.path)

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        return chain.from_iterable(self._blocks(sql, parameters))

    def _blocks(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[list[Any]]:
        with self._mapped():
            cursor = self._db.execute(sql, parameters)
            while block := cursor.fetchmany(BLOCK_ROWS):
                yield block

    def _row(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        with self._mapped():
            return self._db.execute(sql, parameters).fetchone()

    def _value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        row = self._row(sql, parameters)
        return None if row is None else row[0]

    def _script(self, sql: str) -> None:
        """Run it to its end, outside of a transaction. A statement of many steps that returns no columns, as
        `incremental_vacuum`, does a single one with `execute` before Python 3.12."""
        with self._mapped():
            self._db.executescript(sql)

    def data_version(self) -> int:
        """A number that changes when another connection commits."""
        return int(self._value("PRAGMA data_version"))

    def compact_to(self, path: Path) -> None:
        """Write the catalog, as it is at one moment, to a new file, without what was ever deleted. StoreError when it
        cannot be written."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
        except OSError as error:
            raise StoreError(f"cannot write {path}", error.strerror or str(error), "look at the folder") from error
        with self._mapped():
            self._db.execute("VACUUM INTO ?", (str(path.absolute()),))
        sync_file(path)

    # -- meta ---------------------------------------------------------------------------------------------------

    def get_meta(self, key: str) -> str | None:
        """The value kept under `key`, or None."""
        value = self._value("SELECT value FROM meta WHERE key = ?", (key,))
        return None if value is None else str(value)

    def set_meta(self, key: str, value: str) -> None:
        """Keep `value` under `key` (inside the caller's transaction, or one of its own)."""
        with self._mapped():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def check(self) -> str | None:
        """SQLite's own quick integrity check; None when sound, else the first complaint."""
        try:
            answer = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            self._on_damage()
            return str(error)
        return None if answer == "ok" else str(answer)

    def implausible(self) -> str:
        """What in the rows of a bundle's catalog Lowtide would not have written, in words; empty when there is nothing.
        Reads all of it."""
        return implausible(self._rows)

    def ask(self, sql: str) -> Iterator[Any]:
        """The rows of a query that is known to be sound."""
        return self._rows(sql)

    @contextmanager
    def filling(self) -> Iterator[tuple[Ask, Callable[[str, Sequence[Any]], object]]]:
        """What reads, and what runs a statement, to write very many rows at once into a copy that nobody else has open:
        when that does not come to its end, the copy is of no use any more."""
        run = self._db.execute
        indexes = self._rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        with self._mapped():
            made = list(indexes)
            run("PRAGMA journal_mode = MEMORY")  # what is added to a file leaves nothing in it
            run("PRAGMA synchronous = OFF")
            run("BEGIN IMMEDIATE")
            for name, _ in made:
                run(f"DROP INDEX {name}")
            yield self.ask, run
            for _, sql in made:
                run(sql)
            run("COMMIT")
            run("PRAGMA journal_mode = WAL")
            run("PRAGMA synchronous = NORMAL")

    # -- writing ------------------------------------------------------------------------------------------------

    def adopt_vectors(self, vectors: Sequence[tuple[bytes, bytes]]) -> int:
        """Take in (content address, int8 data) made for another index of the same model; returns how many were new."""
        with self.transaction():
            hashes = b"".join(address for address, _ in vectors)
            return self._put_vectors(hashes, [data for _, data in vectors])[1]

    def _next_id(self, table: str) -> int:
        value = self._value("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return int(value or 0) + 1

    def _put_vectors(self, hashes: bytes, vectors: Iterable[bytes | None]) -> tuple[list[int | None], int]:
        ids: list[int | None] = []
        rows: list[tuple[int, bytes]] = []
        contents: list[tuple[int, bytes]] = []
        fresh: dict[bytes, int] = {}  # those of `rows`
        first_id = next_id = self._next_id("vectors")
        for index, data in enumerate(vectors):
            address = hashes[index * HASH_BYTES : (index + 1) * HASH_BYTES]
            found = fresh.get(address) or self._find_vector(address)
            if found is None and data is not None:
                found = fresh[address] = next_id
                next_id += 1
                rows.append((found, address))
                contents.append((found, data))
                if len(rows) == BLOCK_ROWS:
                    self._insert_vectors(rows, contents)
                    fresh.clear()
            ids.append(found)
        self._insert_vectors(rows, contents)
        return ids, next_id - first_id

    def _insert_vectors(self, rows: list[tuple[int, bytes]], contents: list[tuple[int, bytes]]) -> None:
        if not rows:
            return
        self._db.executemany(_INSERT_VECTORS, rows)
        self._db.executemany(_INSERT_DATA, contents)
        self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (VECTOR_DIMS, str(len(contents[0][1]))))
        rows.clear()
        contents.clear()

    def _find_vector(self, address: bytes) -> int | None:
        """`find_vector` without its generator: asked once a chunk, inside the transaction."""
        row = self._db.execute(FIND_VECTOR, (address[:4], address)).fetchone()
        return None if row is None else int(row[0])

    def fold(self) -> None:
        """Fold the write-ahead log into the file, as far as no reader is in the way."""
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def bound_caches(most_bytes: int) -> None:
    """Have the page caches of all connections of this process stay below this together, from now on; any thread.

    Near it a cache takes the page that it has not used for longest instead of one more. What a connection needs beside
    its cache, 60 KB, it gets all the same.
    """
    with suppress(sqlite3.Error):
        db = sqlite3.connect(":memory:", isolation_level=None)
        try:
            db.execute(f"PRAGMA soft_heap_limit = {int(most_bytes)}")
        finally:
            db.close()


def _open(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        # Before its schema is read: a catalog may be a stranger's.
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_VALUE_BYTES)
        if sys.version_info >= (3, 12):
            db.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
            db.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
            db.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)
    except BaseException:
        db.close()
        raise
    return db


@cache
def _expected_schema() -> tuple[SchemaRow, ...]:
    """What SQLite's schema says of an index that is made here and now."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in schema.statements(schema.TABLES):
            db.execute(statement)
        return tuple(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))
    finally:
        db.close()
