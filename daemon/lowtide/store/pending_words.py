"""The words of files on their way into the lexical index, and which of its files have gone: rows of the catalog.

A file's words lie in `file_words` from the transaction that wrote the file until the one whose generation of the
lexical index holds them. What a generation holds of a file that has changed or gone since is named in `dead_words`, by
its first chunk, until a generation without it is there.

Invariant: a file with chunks is in `file_words` or in the generation that the manifest names; whatever a kill
interrupts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from lowtide.store.rows import LEXICAL_KIND, PendingWords, Segment
from lowtide.store.upkeep import Upkeep

LOST = "words_lost"
RENEWED = "words_renewed"
"""How many documents the lexical index had been given when all of its files were last indexed again."""
_PENDING = (
    "SELECT w.file_id, w.first_chunk_id, f.path, f.language, w.words FROM file_words w CROSS JOIN files f"
    " WHERE f.id = w.file_id ORDER BY w.file_id"
)
_PLACES = (
    "SELECT w.file_id, w.first_chunk_id, f.chunks, length(w.words) FROM file_words w CROSS JOIN files f"
    " WHERE f.id = w.file_id ORDER BY w.first_chunk_id DESC"
)
_MARK_ABSORBED = (
    "UPDATE files SET mtime_ns = -1, content_hash = x'' WHERE chunks > 0 AND id NOT IN (SELECT file_id FROM file_words)"
)
_SEGMENT = "SELECT * FROM segments WHERE kind = ? LIMIT 1"


class PendingWordRows(Upkeep):
    """A part of `Catalog`, which gives the connection."""

    @abstractmethod
    def set_meta(self, key: str, value: str) -> None:
        """See `Catalog`."""

    @abstractmethod
    def _row(self, sql: str, parameters: Sequence[Any] = ()) -> Any: ...

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """A statement of the caller's transaction; how many rows it changed."""
        return int(self._db.execute(sql, parameters).rowcount)

    def lexical_segment(self) -> Segment | None:
        """The generation of the lexical index that belongs to this moment."""
        row = self._row(_SEGMENT, (LEXICAL_KIND,))
        return None if row is None else Segment(*row)

    def pending_block(self, most_bytes: int) -> list[PendingWords]:
        """Words that the lexical index does not hold yet, up to so many packed bytes; of one file at least."""
        block: list[PendingWords] = []
        left = most_bytes
        for row in map(PendingWords._make, self._rows(_PENDING)):
            left -= len(row.words)
            if block and left < 0:
                break
            block.append(row)
        return block

    def pending_places(self, most_bytes: int) -> tuple[list[tuple[int, int, int]], bool]:
        """(file id, first chunk, number of chunks) of the files whose words are pending, the last written first, as
        long as their words take no more than so many packed bytes; and whether there are more."""
        places: list[tuple[int, int, int]] = []
        left = most_bytes
        for file_id, first_chunk_id, chunks, size_bytes in self._rows(_PLACES):
            left -= size_bytes
            if left < 0:
                return places, True
            places.append((file_id, first_chunk_id, chunks))
        return places, False

    def packed_words(self, file_id: int) -> bytes:
        """The pending words of one file."""
        return bytes(self._value("SELECT words FROM file_words WHERE file_id = ?", (file_id,)) or b"")

    def pending_bytes(self) -> int:
        """What all of them take, packed."""
        return int(self._value("SELECT sum(length(words)) FROM file_words") or 0)

    def dead_words(self, limit: int) -> list[int]:
        """Files that the lexical index holds and that have changed or gone since, by their first chunks."""
        return [row[0] for row in self._rows("SELECT first_chunk_id FROM dead_words LIMIT ?", (limit,))]

    def lacks_words(self) -> bool:
        """Whether the lexical index was lost, and there are files that were in it and have not been indexed again."""
        if self._value("SELECT 1 FROM meta WHERE key = ?", (LOST,)) is None:
            return False
        return self._value("SELECT 1 FROM files WHERE mtime_ns = -1 AND chunks > 0 LIMIT 1") is not None

    def found_words(self) -> None:
        """Forget that the lexical index was lost, once all that it held is there again."""
        if self._value("SELECT 1 FROM meta WHERE key = ?", (LOST,)) is not None and not self.lacks_words():
            with self.transaction():
                self._run("DELETE FROM meta WHERE key = ?", (LOST,))

    def _drop_words(self, file_id: int, first_chunk_id: int) -> None:
        """Within the transaction in which the file's chunks go; `first_chunk_id` is 0 when it has none."""
        if not self._run("DELETE FROM file_words WHERE file_id = ?", (file_id,)) and first_chunk_id:
            self._run("INSERT OR IGNORE INTO dead_words VALUES (?)", (first_chunk_id,))

    def absorbed(
        self, made: Segment, before: Segment | None, taken: Sequence[PendingWords], deleted: Sequence[int]
    ) -> None:
        """The generation `made` holds the words `taken`, and no longer the files `deleted`: one step of the manifest.

        What was taken and has changed meanwhile is dead in it already.
        """

        def settle() -> None:
            for row in taken:
                key = (row.file_id, row.first_chunk_id)
                if not self._run("DELETE FROM file_words WHERE file_id = ? AND first_chunk_id = ?", key):
                    self._run("INSERT OR IGNORE INTO dead_words VALUES (?)", (row.first_chunk_id,))
            for number in deleted:
                self._run("DELETE FROM dead_words WHERE first_chunk_id = ?", (number,))

        self.swap_segments([made], [before.name] if before else [], settle)

    def renew_words(self, added: int) -> None:
        """Have every file that the generation holds indexed again, so that all of it dies and goes: Tantivy drops what
        is wholly dead, and nothing else. It answers meanwhile. `added`: the documents that it was ever given."""
        with self.transaction():
            self.set_meta(RENEWED, str(added))
            self._run(_MARK_ABSORBED)

    def lose_words(self, row: Segment) -> None:
        """The generation is lost: every file that it held is indexed again, from what is on the disk. Its vectors are
        kept."""

        def settle() -> None:
            self.set_meta(LOST, "1")
            self._run("DELETE FROM dead_words")
            self._run(_MARK_ABSORBED)

        self.swap_segments([], [row.name], settle)
