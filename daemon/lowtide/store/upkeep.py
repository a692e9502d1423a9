"""What a catalog keeps beside its files: which of them are out of date, vectors that nobody uses, runs, the manifest.

Invariant: each change is one short transaction.
Threads: as the catalog that it is a part of.
"""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import astuple

from lowtide.models import FileStatus
from lowtide.store.rows import LEXICAL_KIND, VECTOR_DIMS, Segment
from lowtide.store.segment_file import VECTOR_KINDS, SegmentKind
from lowtide.store.vetting import check_manifest

TRAVELLING_META = ("content_version", "recipe", "settings", VECTOR_DIMS)
"""What of `meta` holds wherever an index is taken."""
LEAST_FREE_PAGES = 256
"""Of 4 KiB: the catalog keeps free what a few dozen files take."""
FREE_SHARE = 10
"""And at most one page of so many."""
_MARK_UNEMBEDDED = (
    "UPDATE files SET mtime_ns = -1, content_hash = x''"
    " WHERE id IN (SELECT DISTINCT file_id FROM chunks WHERE vector_id IS NULL)"
)


class _Connection(Protocol):
    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Any, /) -> Any: ...


class Upkeep:
    """A part of `Catalog`, which gives the connection."""

    path: Path

    @property
    @abstractmethod
    def _db(self) -> _Connection: ...

    @abstractmethod
    def _mapped(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """One transaction; see `Catalog`."""

    @abstractmethod
    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]: ...

    @abstractmethod
    def _script(self, sql: str) -> None: ...

    @abstractmethod
    def _value(self, sql: str, parameters: Sequence[Any] = ()) -> Any: ...

    def begin_as_copy(self, root: str) -> None:
        """This is the copy of another work tree's catalog: no run over its own files has come to its end."""
        with self.transaction():
            self._db.execute("DELETE FROM runs")
            self._db.execute("DELETE FROM meta WHERE key = 'root_place'")
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'root'", (root,))

    def keep_what_travels(self) -> None:
        """Leave of a copy what a bundle holds: files, symbols, chunks, the addresses of the vectors that they use, and
        words; nothing of the machine that it was made on, and no segment that can be made from the rest."""
        with self.transaction():
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.execute("DELETE FROM runs")
            marks = ",".join("?" * len(TRAVELLING_META))
            self._db.execute(f"DELETE FROM meta WHERE key NOT IN ({marks})", TRAVELLING_META)
            self._db.execute(
                "DELETE FROM vectors WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.vector_id = vectors.id)"
            )
            self._db.execute("DELETE FROM vector_data WHERE id NOT IN (SELECT id FROM vectors)")
            self._db.execute("DELETE FROM unused_vectors")
            self._db.execute("DELETE FROM segments WHERE kind != ?", (LEXICAL_KIND,))
            self._db.execute("PRAGMA secure_delete = OFF")  # what is deleted from now on is nobody else's

    def leave_out(self) -> None:
        """Symbols, chunks and what there is of vectors lie elsewhere now: of a copy, which becomes as small as it can
        be at once, and has nothing of them."""
        with self.transaction():
            for table in ("symbols", "details", "chunks", "vectors", "vector_data"):
                self._db.execute(f"DELETE FROM {table}")
        with self._mapped():
            self._db.execute("VACUUM")

    def restamp(self, stamps: Iterable[tuple[int, int, int, int, int]]) -> None:
        """Take (size, mtime_ns, inode, ctime_ns, file id): these files here are the ones that are known, for sure."""
        with self.transaction():
            self._db.executemany(
                "UPDATE files SET size_bytes = ?, mtime_ns = ?, inode = ?, ctime_ns = ? WHERE id = ?", stamps
            )

    def forget_vectors(self) -> None:
        """Drop every vector and index every file anew next time: the model has changed, and vectors never mix."""
        with self.transaction():
            self._db.execute("UPDATE chunks SET vector_id = NULL WHERE vector_id IS NOT NULL")
            self._db.execute("DELETE FROM vectors")
            self._db.execute("DELETE FROM vector_data")
            self._db.execute("DELETE FROM meta WHERE key = ?", (VECTOR_DIMS,))
            self._db.execute("DELETE FROM unused_vectors")
            self._db.execute("DELETE FROM segments WHERE kind IN ('flat', 'graph')")
            self.mark_all_stale()

    def mark_all_stale(self) -> None:
        """Make every file differ from what the walk sees, so that it is indexed again."""
        with self._mapped():
            self._db.execute("UPDATE files SET mtime_ns = -1, content_hash = x''")

    def mark_skipped_stale(self) -> None:
        """The same for the files that were skipped."""
        with self._mapped():
            self._db.execute(
                "UPDATE files SET mtime_ns = -1, content_hash = x'' WHERE status = ?", (FileStatus.SKIPPED.value,)
            )

    def mark_unembedded_stale(self) -> None:
        """Index again the files whose chunks have no vector: they were indexed while the ladder stood at
        lexical-only."""
        with self.transaction():
            self._db.execute(_MARK_UNEMBEDDED)

    def mark_unused(self, after_id: int, limit: int, now_ns: int) -> int | None:
        """Note which of the next `limit` vectors no chunk uses, and that it is so from now on; None when there are no
        more.

        Returns the last id looked at: where the next call goes on. One short transaction.
        """
        next_ids = "SELECT id FROM vectors WHERE id > ? ORDER BY id LIMIT ?"
        last_id = self._value(f"SELECT max(id) FROM ({next_ids})", (after_id, limit))
        if last_id is None:
            return None
        uses = "EXISTS (SELECT 1 FROM chunks WHERE chunks.vector_id = {}.id)".format
        with self.transaction():
            self._db.execute(
                f"DELETE FROM unused_vectors WHERE id > ? AND id <= ? AND {uses('unused_vectors')}", (after_id, last_id)
            )
            self._db.execute(
                "INSERT OR IGNORE INTO unused_vectors SELECT id, ? FROM vectors"
                f" WHERE id > ? AND id <= ? AND NOT {uses('vectors')}",
                (now_ns, after_id, last_id),
            )
        return int(last_id)

    def delete_unused(self, since_ns: int, limit: int) -> int:
        """Delete some of the vectors that no chunk has used since then; returns how many were looked at."""
        with self.transaction():
            found = self._db.execute(
                "SELECT id FROM unused_vectors WHERE since_ns <= ? LIMIT ?", (since_ns, limit)
            ).fetchall()
            self._db.executemany(
                "DELETE FROM vectors WHERE id = ? AND NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.vector_id = "
                "vectors.id)",
                found,
            )
            self._db.executemany("DELETE FROM vector_data WHERE id = ? AND id NOT IN (SELECT id FROM vectors)", found)
            self._db.executemany("DELETE FROM unused_vectors WHERE id = ?", found)
        return len(found)

    def spare_pages(self) -> int:
        """How many free pages of the file are worth giving back: few are kept, for what is written next."""
        free, pages = (int(self._value(f"PRAGMA {name}") or 0) for name in ("freelist_count", "page_count"))
        kept = max(LEAST_FREE_PAGES, pages // FREE_SHARE)
        return free - kept // 2 if free > kept else 0

    def give_back_pages(self, limit: int) -> int:
        """Give back at most so many free pages, in one short transaction; returns how many went. The file becomes
        shorter when the write-ahead log is folded into it."""
        before = int(self._value("PRAGMA freelist_count") or 0)
        self._script(f"PRAGMA incremental_vacuum({int(limit)})")
        return before - int(self._value("PRAGMA freelist_count") or 0)

    def record_run(self, figures: dict[str, Any], *, has_changed: bool) -> None:
        """Keep the outcome of an index run that has changed the index, or was its first; the last 20 stay."""
        if not has_changed and self.last_run() is not None:
            return
        with self.transaction():
            self._db.execute(
                "INSERT INTO runs (ended_at_ns, figures) VALUES (?, ?)", (time.time_ns(), json.dumps(figures))
            )
            self._db.execute("DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - 20")

    def last_run(self) -> dict[str, Any] | None:
        """The figures of the newest index run, or None."""
        return next(iter(self.runs(1)), None)

    def runs(self, limit: int = 20) -> list[dict[str, Any]]:
        """The figures of the newest index runs, the last one first."""
        return [
            dict(json.loads(row[0]))
            for row in self._rows("SELECT figures FROM runs ORDER BY id DESC LIMIT ?", (limit,))
        ]

    # -- the manifest -------------------------------------------------------------------------------------------

    def segments(self) -> list[Segment]:
        """The segment files that belong to this index, oldest ids first."""
        rows = [Segment(*row) for row in self._rows("SELECT * FROM segments ORDER BY kind, first_id")]
        check_manifest(self.path.parent, rows)
        return rows

    def vector_segments(self) -> list[Segment]:
        """Those that hold vectors, oldest ids first."""
        rows = [row for row in self.segments() if row.kind in VECTOR_KINDS]
        return sorted(rows, key=lambda row: row.first_id)

    def graph_vectors(self) -> int:
        """How many vectors graphs hold; the others are compared one by one."""
        return sum(row.count for row in self.segments() if row.kind == SegmentKind.GRAPH)

    def flushed(self, made: Segment) -> None:
        """A segment holds all vectors up to its last one: they leave the catalog with the step of the manifest."""
        sql = "DELETE FROM vector_data WHERE id <= ?"
        self.swap_segments([made], [], lambda: self._db.execute(sql, (made.last_id,)))

    def lose_vectors(self, names: Sequence[str], ids: Iterable[int]) -> None:
        """These segments are lost, and these vectors with them: the files that have them are indexed again, from what
        is on the disk, and what they need is embedded again."""

        def settle() -> None:
            lost = [(number,) for number in ids]
            self._db.executemany("UPDATE chunks SET vector_id = NULL WHERE vector_id = ?", lost)
            self._db.executemany("DELETE FROM vectors WHERE id = ?", lost)
            self._db.executemany("DELETE FROM unused_vectors WHERE id = ?", lost)
            self._db.execute(_MARK_UNEMBEDDED)

        self.swap_segments([], names, settle)

    def swap_segments(
        self, added: Sequence[Segment], dropped: Sequence[str], also: Callable[[], Any] = lambda: None
    ) -> None:
        """Move the manifest: the commit point of segments, with what `also` does in the same transaction. Synced to the
        disk before it returns."""
        with self._mapped():
            self._db.execute("PRAGMA synchronous = FULL")
        try:
            with self.transaction():
                self._db.executemany("DELETE FROM segments WHERE name = ?", [(name,) for name in dropped])
                self._db.executemany(
                    "INSERT INTO segments VALUES (?,?,?,?,?,?,?)", [astuple(segment) for segment in added]
                )
                also()
        finally:
            with self._mapped():
                self._db.execute("PRAGMA synchronous = NORMAL")
