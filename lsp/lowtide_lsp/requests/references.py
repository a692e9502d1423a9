"""`textDocument/references`, where no better server answers; and `lowtide/references`, of any name."""

from __future__ import annotations

import time
from typing import Any

from lsprotocol import types

from lowtide.answers import Reference, milliseconds_since
from lowtide.index.attending import Patience
from lowtide.read.unsaved.answers import references as find_uses
from lowtide.serve import params as check
from lowtide.serve.params import Params
from lowtide_lsp import convert
from lowtide_lsp import protocol as wire
from lowtide_lsp.requests.by_name import references
from lowtide_lsp.requests.freshness import attend, roots_of
from lowtide_lsp.requests.place import place_of
from lowtide_lsp.session import Session

MOST_USES = 2000


async def find_references(session: Session, params: types.ReferenceParams) -> list[dict[str, Any]] | None:
    """`Location`s; None when the settings leave it to others."""
    place = await place_of(session, params)
    if not session.settings.gives_references(place.language):
        return None
    return await references(
        session,
        place.path,
        place.line,
        place.column,
        params.context.include_declaration,
        params.partial_result_token,
    )


async def lowtide_references(session: Session, params: Params) -> wire.ReferencesResult:
    """`lowtide/references`."""
    started = time.perf_counter()
    name, roots = check.text(params, "name"), roots_of(session, params)
    limit = check.count(params, "limit", 100, MOST_USES)
    fresh = await attend(session, roots, Patience.FULL if check.flag(params, "fresh") else Patience.NONE)
    meant, truncated = name, False
    found: dict[tuple[str, int], wire.Use] = {}  # what lies in two folders, once
    for root in roots:
        answer = await find_uses(session.service, session.documents, name, root, limit)
        meant, truncated = answer.name, truncated or answer.truncated
        for use in answer.refs:
            uri, _ = session.uri_of(root, use.path)
            found.setdefault((uri, use.line), _use(uri, use, meant, session))
    uses = list(found.values())
    return wire.ReferencesResult(
        uses[:limit], meant, truncated or len(uses) > limit, milliseconds_since(started), fresh
    )


def _use(uri: str, use: Reference, name: str, session: Session) -> wire.Use:
    length = convert.length_in(name, session.documents.units)
    start, end = (wire.Position(use.line - 1, use.offset + more) for more in (0, length))
    return wire.Use(uri, wire.Range(start, end), use.text, use.holder, use.definition)
