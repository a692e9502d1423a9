"""What of a catalog's migration SQL alone cannot do; `schema.MIGRATIONS` has the rest.

Invariant: within the transaction of the migration: it is whole or not there.
Invariant: memory is bounded by a block of rows, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby, islice
from operator import itemgetter

from lowtide.store import chunk_kinds
from lowtide.store.chunk_kinds import Connection
from lowtide.store.details import BLOCK, pack_block


def _pack_details(db: Connection) -> None:
    """What is shown of symbols goes from their rows into blocks."""
    db.executemany("INSERT INTO details VALUES (?,?)", _blocks(db))
    db.execute("DROP TABLE symbols_before")


def _blocks(db: Connection) -> Iterator[tuple[int, bytes]]:
    """Columns in the order of a symbol's fields, those that are not packed left empty, behind them id and file."""
    rows = db.execute(
        "SELECT name, 0, '', 0, start_column, 0, end_column, 0, 0, signature, doc, id, file_id FROM symbols_before"
        " ORDER BY id"
    )
    for _, of_file in groupby(rows, itemgetter(12)):
        while block := list(islice(of_file, BLOCK)):
            yield block[0][11], pack_block(block)


CONVERSIONS: dict[int, Callable[[Connection], None]] = {4: _pack_details, 5: chunk_kinds.fill}
"""From which version on -> what is done after the migration's statements."""
