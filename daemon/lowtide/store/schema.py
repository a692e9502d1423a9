"""The catalog's tables, and how an older catalog becomes a newer one.

Invariant: `MIGRATIONS[n]` turns version n into n + 1, with what `conversion.py` does of it; a migration is never edited
once it has been released.
"""

from __future__ import annotations

from collections.abc import Iterator

APPLICATION_ID = 0x4C544944  # "LTID"
SCHEMA_VERSION = 6
"""Of the tables. A catalog with a higher one is refused, never touched."""

CONTENT_VERSION = 9
"""Of what parsing and chunking produce; a catalog with another one is brought up to date by indexing each file anew."""

TABLES = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    content_hash BLOB NOT NULL,
    language TEXT NOT NULL,
    encoding TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    rule TEXT NOT NULL,
    lines INTEGER NOT NULL,
    symbols INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    indexed_at_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    program TEXT NOT NULL DEFAULT '',
    first_symbol_id INTEGER NOT NULL DEFAULT 0,
    first_chunk_id INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE file_words (
    file_id INTEGER PRIMARY KEY,
    first_chunk_id INTEGER NOT NULL,
    words BLOB NOT NULL
);

CREATE TABLE symbols (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    container TEXT NOT NULL,
    start_line INTEGER NOT NULL,
    more_lines INTEGER NOT NULL,
    name_below INTEGER NOT NULL,
    name_column INTEGER NOT NULL,
    end_line INTEGER AS (start_line + more_lines),
    name_line INTEGER AS (start_line + name_below)
);

CREATE TABLE details (
    first_symbol_id INTEGER PRIMARY KEY,
    packed BLOB NOT NULL
);

CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL,
    vector_id INTEGER,
    symbol_id INTEGER,
    start_byte INTEGER NOT NULL,
    end_byte INTEGER NOT NULL,
    start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    kinds INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX chunks_by_vector ON chunks (vector_id);

CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL
);
CREATE INDEX vectors_by_hash ON vectors (substr(hash, 1, 4));

CREATE TABLE vector_data (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);

CREATE TABLE unused_vectors (
    id INTEGER PRIMARY KEY,
    since_ns INTEGER NOT NULL
);

CREATE TABLE segments (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    count INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    crc32 INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ended_at_ns INTEGER NOT NULL,
    figures TEXT NOT NULL
);

CREATE TABLE dead_words (
    first_chunk_id INTEGER PRIMARY KEY
);
"""

MIGRATIONS: dict[int, str] = {
    1: """
ALTER TABLE files ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN program TEXT NOT NULL DEFAULT '';
CREATE TABLE unused_vectors (
    id INTEGER PRIMARY KEY,
    since_ns INTEGER NOT NULL
);
""",
    2: """
DROP TABLE IF EXISTS lexicon_terms;
DROP TABLE IF EXISTS lexicon;
CREATE TABLE dead_words (
    first_chunk_id INTEGER PRIMARY KEY
);
""",
    3: """
CREATE TABLE vector_data (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);
INSERT INTO vector_data SELECT id, data FROM vectors
    WHERE id > (SELECT coalesce(max(last_id), 0) FROM segments WHERE kind IN ('flat', 'graph'));
INSERT OR REPLACE INTO meta SELECT 'vector_dims', length(data) FROM vectors LIMIT 1;
ALTER TABLE vectors RENAME TO vectors_before;
DROP INDEX vectors_by_address;
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    address INTEGER NOT NULL,
    hash BLOB NOT NULL
);
INSERT INTO vectors SELECT id, address, hash FROM vectors_before;
CREATE INDEX vectors_by_address ON vectors (address);
DELETE FROM sqlite_sequence WHERE name = 'vectors';
INSERT INTO sqlite_sequence SELECT 'vectors', seq FROM sqlite_sequence WHERE name = 'vectors_before';
DROP TABLE vectors_before;
""",
    4: """
ALTER TABLE files ADD COLUMN first_symbol_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN first_chunk_id INTEGER NOT NULL DEFAULT 0;
UPDATE files SET first_symbol_id = coalesce((SELECT min(id) FROM symbols WHERE file_id = files.id), 0)
    WHERE symbols > 0;
UPDATE files SET first_chunk_id = coalesce((SELECT min(id) FROM chunks WHERE file_id = files.id), 0)
    WHERE chunks > 0;
DROP INDEX symbols_by_file;
DROP INDEX chunks_by_file;
DROP INDEX vectors_by_address;
ALTER TABLE symbols RENAME TO symbols_before;
CREATE TABLE symbols (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    container TEXT NOT NULL,
    start_line INTEGER NOT NULL,
    more_lines INTEGER NOT NULL,
    name_below INTEGER NOT NULL,
    name_column INTEGER NOT NULL,
    end_line INTEGER AS (start_line + more_lines),
    name_line INTEGER AS (start_line + name_below)
);
INSERT INTO symbols SELECT id, file_id, name, kind, container, start_line, end_line - start_line,
    name_line - start_line, name_column FROM symbols_before;
DELETE FROM sqlite_sequence WHERE name = 'symbols';
INSERT INTO sqlite_sequence SELECT 'symbols', seq FROM sqlite_sequence WHERE name = 'symbols_before';
CREATE TABLE details (
    first_symbol_id INTEGER PRIMARY KEY,
    packed BLOB NOT NULL
);
ALTER TABLE vectors RENAME TO vectors_before;
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL
);
INSERT INTO vectors SELECT id, hash FROM vectors_before;
CREATE INDEX vectors_by_hash ON vectors (substr(hash, 1, 4));
DELETE FROM sqlite_sequence WHERE name = 'vectors';
INSERT INTO sqlite_sequence SELECT 'vectors', seq FROM sqlite_sequence WHERE name = 'vectors_before';
DROP TABLE vectors_before;
""",
    5: """
ALTER TABLE chunks ADD COLUMN kinds INTEGER NOT NULL DEFAULT 0;
""",
}


def statements(script: str) -> Iterator[str]:
    """One after the other."""
    for statement in script.split(";"):
        if statement.strip():
            yield statement
