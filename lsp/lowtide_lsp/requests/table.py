"""The table of an editor's requests and notifications: each method and what answers it.

Invariant: every method of the protocol is here, and nowhere else; a handler knows nothing of the wire.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lsprotocol import types

from lowtide_lsp import protocol as wire
from lowtide_lsp.requests import (
    definition,
    folders,
    hover,
    lifecycle,
    lowtide_methods,
    open_texts,
    outline,
    references,
    search,
    similar,
    symbols,
)
from lowtide_lsp.session import Session

Handler = Callable[[Session, Any], Any]

STANDARD: dict[str, Handler] = {
    types.INITIALIZE: lifecycle.initialize,
    types.INITIALIZED: lifecycle.initialized,
    types.TEXT_DOCUMENT_DID_OPEN: open_texts.did_open,
    types.TEXT_DOCUMENT_DID_CHANGE: open_texts.did_change,
    types.TEXT_DOCUMENT_DID_SAVE: open_texts.did_save,
    types.TEXT_DOCUMENT_DID_CLOSE: open_texts.did_close,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: folders.did_change_folders,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: folders.did_change_configuration,
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: folders.did_change_watched_files,
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL: lifecycle.cancel_progress,
    types.WORKSPACE_SYMBOL: symbols.workspace_symbol,
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: outline.document_symbol,
    types.TEXT_DOCUMENT_DEFINITION: definition.definition,
    types.TEXT_DOCUMENT_REFERENCES: references.find_references,
    types.TEXT_DOCUMENT_HOVER: hover.hover,
}
OWN: dict[str, Handler] = {
    wire.SEARCH: search.search,
    wire.SIMILAR: similar.similar,
    wire.SYMBOLS: symbols.lowtide_symbols,
    wire.REFERENCES: references.lowtide_references,
}
"""Those of `lowtide/*` that see the editor's open texts; the others are the daemon's (`lowtide_methods`)."""


def register(session: Session) -> None:
    """Give the session's server its handlers."""
    session.protocol.announce = lifecycle.announce
    for method, handler in STANDARD.items():
        session.server.feature(method)(_bound(session, handler))
    for method in wire.REQUESTS:
        session.server.feature(method)(lowtide_methods.handler(session, method, OWN.get(method)))


def _bound(session: Session, handler: Handler) -> Callable[[Any], Any]:
    """The handler for one session; pygls tells by the kind of function whether it is awaited."""
    if inspect.iscoroutinefunction(handler):

        async def waiting(params: Any) -> Any:
            return await handler(session, params)

        return waiting

    def at_once(params: Any) -> Any:
        return handler(session, params)

    return at_once
