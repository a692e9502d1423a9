"""Whether the rows of a catalog that came from elsewhere are ones that Lowtide writes: their types, ranges and lengths.

SQLite lets any value stand in any column, and the rest of the program takes rows at their word.

Invariant: reads only, in one pass over each table; whatever is found is told, nothing is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lowtide.models import FileStatus, SymbolKind
from lowtide.store.details import BLOCK, MOST_BLOCK_BYTES, Block, DamagedBlock
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
    "symbols": f"kind NOT BETWEEN 0 AND {max(SymbolKind)} OR start_line {_SMALL} OR end_line {_SMALL}"
    f" OR name_line {_SMALL} OR name_column {_SMALL}"
    f" OR max(length(CAST(name AS BLOB)), length(CAST(container AS BLOB))) > {MOST_TEXT}",
    "details": f"length(packed) > {MOST_BLOCK_BYTES}",
    "chunks": f"start_byte < 0 OR end_byte < start_byte OR start_line {_SMALL} OR end_line {_SMALL}",
    "vectors": "length(hash) != 16",
    "vector_data": "1",  # what vectors hold lies beside it
    "unused_vectors": "0",
    "dead_words": "0",
}
"""Table -> what no row of it is."""
_STRAY = (
    "SELECT 1 FROM {0}s t LEFT JOIN files f ON f.id = t.file_id"
    " WHERE f.id IS NULL OR t.id - f.first_{0}_id NOT BETWEEN 0 AND f.{0}s - 1 LIMIT 1"
)
_SUM = "SELECT 1 WHERE (SELECT count(*) FROM {0}s) != (SELECT coalesce(sum({0}s), 0) FROM files)"
_LACKING = (
    f"SELECT 1 WHERE (SELECT count(*) FROM details) != (SELECT coalesce(sum((symbols + {BLOCK - 1}) / {BLOCK}), 0)"
    " FROM files)"
)
_BLOCKS = (
    "SELECT d.packed, coalesce(d.first_symbol_id - f.first_symbol_id, 1), f.symbols FROM details d"
    " LEFT JOIN symbols s ON s.id = d.first_symbol_id LEFT JOIN files f ON f.id = s.file_id"
)
_NUMBERED = ("files", "symbols", "chunks", "vectors")


def implausible(ask: Ask) -> str:
    """The first thing that Lowtide would not have written, in words; empty when there is none. `ask` runs a query."""
    for table, wrong in _WRONG.items():
        # A primary key that is a number cannot be anything else.
        columns = [row for row in ask(f"PRAGMA table_info({table})") if not (row[5] and row[2] == "INTEGER")]
        types = [_other_type(name, kind, required) for _, name, kind, required, *_ in columns]
        if _any(ask, f"SELECT 1 FROM {table} WHERE {' OR '.join([*types, wrong])} LIMIT 1"):
            return f"{table} has a row that cannot be"
    for rows in ("symbol", "chunk"):
        if _any(ask, _STRAY.format(rows)) or _any(ask, _SUM.format(rows)):
            return f"{rows}s are not where their files say"
    if _any(ask, _LACKING) or not all(_is_block(*row) for row in ask(_BLOCKS)):
        return "details has a row that cannot be"
    for table in _NUMBERED:
        sql = f"SELECT 1 FROM (SELECT min(id) AS low, max(id) AS high FROM {table}) WHERE low < 1 OR high > {MOST_ID}"
        if _any(ask, f"{sql} OR high - low > {MOST_SPAN}"):
            return f"the ids of {table} cannot be"
    odd = f"typeof(seq) != 'integer' OR seq NOT BETWEEN 0 AND {MOST_ID}"
    return "the next ids cannot be" if _any(ask, f"SELECT 1 FROM sqlite_sequence WHERE {odd} LIMIT 1") else ""


def _is_block(packed: bytes, offset: int, symbols: int | None) -> bool:
    """Whether it is the block that begins with the symbol of this number of a file with so many."""
    if offset % BLOCK or symbols is None:
        return False
    try:
        block = Block(packed)
        told = [block.of(number, "") for number in range(len(block))]
    except DamagedBlock:
        return False
    columns = (column for each in told for column in (each.start_column, each.end_column))
    return len(block) == min(BLOCK, symbols - offset) and all(0 <= column < 1 << 31 for column in columns)


def _other_type(name: str, kind: str, is_required: int) -> str:
    null = "" if is_required else f" AND {name} IS NOT NULL"
    return f"(typeof({name}) != '{_TYPES[kind]}'{null})"


def _any(ask: Ask, sql: str) -> bool:
    return next(iter(ask(sql)), None) is not None
