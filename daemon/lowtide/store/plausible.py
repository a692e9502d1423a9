"""Whether the rows of a bundle's catalog are ones that Lowtide writes: their types, ranges and lengths. Symbols, chunks
and vectors are not in it, but beside it (`columns.py`).

SQLite lets any value stand in any column, and the rest of the program takes rows at their word.

Invariant: reads only, in one pass over each table; whatever is found is told, nothing is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lowtide.models import FileStatus
from lowtide.store.rows import VECTOR_DIMS

Ask = Callable[[str], Iterable[Any]]
MOST_TEXT = 1 << 20
"""Bytes of a name, a signature or a documentation."""
MOST_WORDS_BYTES = 64 << 20
MOST_ID = 1 << 52
MOST_SPAN = 1 << 31
"""Between the first and the last id of a table: segments keep ids as 32-bit numbers from the first on."""

_TYPES = {"INTEGER": "integer", "TEXT": "text", "BLOB": "blob"}
_STATUSES = ",".join(f"'{status}'" for status in FileStatus)
_LONGEST = "max(length(CAST({} AS BLOB)), length(CAST({} AS BLOB)), length(CAST({} AS BLOB)), length(CAST({} AS BLOB)))"
"""In bytes: the length of a text ends at its first zero."""
_SMALL = "NOT BETWEEN 0 AND 2147483647"
_WRONG = {
    "meta": "length(CAST(value AS BLOB)) > 10000"
    f" OR key = '{VECTOR_DIMS}' AND (value GLOB '*[^0-9]*' OR length(value) NOT BETWEEN 1 AND 5)",
    "files": f"length(path) NOT BETWEEN 1 AND 4096 OR size_bytes < 0 OR tries < 0 OR status NOT IN ({_STATUSES})"
    f" OR lines {_SMALL} OR symbols {_SMALL} OR chunks {_SMALL} OR length(content_hash) > 64"
    f" OR {_LONGEST.format('language', 'encoding', 'reason', 'rule')} > 10000",
    "file_words": f"length(words) > {MOST_WORDS_BYTES}",
    # These lie beside it.
    "symbols": "1",
    "details": "1",
    "chunks": "1",
    "vectors": "1",
    "vector_data": "1",
    "unused_vectors": "0",
    "dead_words": "0",
}
"""Table -> what no row of it is."""
_LEAST, _MOST = "SELECT min(id) FROM files", "SELECT max(id) FROM files"


def implausible(ask: Ask) -> str:
    """The first thing that Lowtide would not have written, in words; empty when there is none. `ask` runs a query."""
    for table, wrong in _WRONG.items():
        # A primary key that is a number cannot be anything else.
        columns = [row for row in ask(f"PRAGMA table_info({table})") if not (row[5] and row[2] == "INTEGER")]
        types = [_other_type(name, kind, required) for _, name, kind, required, *_ in columns]
        if _any(ask, f"SELECT 1 FROM {table} WHERE {' OR '.join([*types, wrong])} LIMIT 1"):
            return f"{table} has a row that cannot be"
    low, high = (next(iter(ask(sql)))[0] or 1 for sql in (_LEAST, _MOST))
    if low < 1 or high > MOST_ID or high - low > MOST_SPAN:
        return "the ids of files cannot be"
    odd = f"typeof(seq) != 'integer' OR seq NOT BETWEEN 0 AND {MOST_ID}"
    return "the next ids cannot be" if _any(ask, f"SELECT 1 FROM sqlite_sequence WHERE {odd} LIMIT 1") else ""


def _other_type(name: str, kind: str, is_required: int) -> str:
    null = "" if is_required else f" AND {name} IS NOT NULL"
    return f"(typeof({name}) != '{_TYPES[kind]}'{null})"


def _any(ask: Ask, sql: str) -> bool:
    return next(iter(ask(sql)), None) is not None
