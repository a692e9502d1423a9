"""`textDocument/references`, where no better server answers."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from lowtide_lsp.requests.by_name import references
from lowtide_lsp.requests.place import place_of
from lowtide_lsp.session import Session


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
