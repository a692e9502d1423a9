"""`textDocument/definition`, where no better server answers."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from lowtide_lsp.requests.by_name import definitions
from lowtide_lsp.requests.place import place_of
from lowtide_lsp.session import Session


async def definition(session: Session, params: types.DefinitionParams) -> list[dict[str, Any]] | None:
    """`Location`s, the likeliest first; None when the settings leave it to others."""
    place = await place_of(session, params)
    if not session.settings.gives_definition(place.language):
        return None
    return await definitions(session, place.path, place.line, place.column)
