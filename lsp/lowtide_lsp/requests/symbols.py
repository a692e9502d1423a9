"""`workspace/symbol`, and `lowtide/symbols`: the same, and how it stands to the disk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread
from lsprotocol import types

from lowtide.answers import SymbolHit, milliseconds_since
from lowtide.index.attending import Patience
from lowtide.read.unsaved.answers import symbols as find_symbols
from lowtide.serve import params as check
from lowtide.serve.params import Params
from lowtide_lsp import convert
from lowtide_lsp import protocol as wire
from lowtide_lsp.requests.freshness import attend, roots_of
from lowtide_lsp.session import Session

Json = dict[str, Any]
MOST_QUERY = 256
"""Characters of a name that are looked for."""


async def workspace_symbol(session: Session, params: types.WorkspaceSymbolParams) -> list[Json]:
    """The best matches over the client's folders."""
    return await _find(session, params.query, session.roots, session.settings.symbol_limit)


async def lowtide_symbols(session: Session, params: Params) -> wire.SymbolsResult:
    """`lowtide/symbols`."""
    started = time.perf_counter()
    query, roots = check.text(params, "query"), roots_of(session, params)
    limit = check.count(params, "limit", session.settings.symbol_limit, check.MOST_HITS)
    patience = Patience.FULL if check.flag(params, "fresh") else Patience.NONE
    fresh = await attend(session, roots, patience)
    items = await _find(session, query, roots, limit)
    return wire.SymbolsResult(items, milliseconds_since(started), fresh)


async def _find(session: Session, query: str, roots: Sequence[Path], limit: int) -> list[Json]:
    found = await find_symbols(
        session.service,
        session.documents,
        query[:MOST_QUERY],
        roots=roots,
        limit=limit,
        near=session.open_paths,
        details_of="",
    )
    return await anyio.to_thread.run_sync(_as_answers, session, found)


def _as_answers(session: Session, found: Sequence[tuple[Path, SymbolHit]]) -> list[Json]:
    """`WorkspaceSymbol`s. Blocking: columns of lines that are not ASCII are counted in the files."""
    answers, seen = [], set()
    for root, symbol in found:
        place = (symbol.name, f"{root}/{symbol.path}", *symbol.name_range)
        if place in seen:
            continue  # of a folder inside another
        seen.add(place)
        uri, document = session.uri_of(root, symbol.path)
        lines = session.lines_of(root, symbol, document)
        answers.append(convert.workspace_symbol(uri, symbol, lines, session.documents.units))
    return answers
