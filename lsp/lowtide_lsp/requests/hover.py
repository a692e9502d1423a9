"""`textDocument/hover`, where no better server answers."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from lowtide_lsp.requests.by_name import hover_text
from lowtide_lsp.requests.place import place_of
from lowtide_lsp.session import Session


async def hover(session: Session, params: types.HoverParams) -> dict[str, Any] | None:
    """The signature and documentation of what is named; None when the settings leave it to others."""
    place = await place_of(session, params)
    if not session.settings.gives_hover(place.language):
        return None
    return await hover_text(session, place.path, place.line, place.column)
