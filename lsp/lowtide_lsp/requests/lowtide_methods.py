"""The `lowtide/*` requests: what `lowtide.serve.api` answers everyone.

Invariant: only search, similar, symbols and references answer with the editor's unsaved texts over the index.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from lowtide.serve import api
from lowtide_lsp.session import Session


def handler(
    session: Session, method: str, own: Callable[[Session, Any], Awaitable[Any]] | None
) -> Callable[[Any], Awaitable[Any]]:
    """What answers `method` for one session: `own` if the editor's texts matter to it, else the daemon's answer."""

    async def handle(params: Any) -> Any:
        if own is not None:
            return await own(session, params)
        return await api.HANDLERS[method](session.service, session, params)

    return handle
