"""The `lowtide/*` requests: checked parameters, then what `lowtide.serve.api` answers everyone.

Invariant: only search, similar and symbols answer with the editor's unsaved texts over the index.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from lowtide.serve import api
from lowtide.serve.rpc import INVALID_PARAMS
from lowtide_lsp import protocol as wire
from lowtide_lsp.session import Session
from lowtide_lsp.transport import RequestError


def handler(
    session: Session, method: str, own: Callable[[Session, Any], Awaitable[Any]] | None
) -> Callable[[Any], Awaitable[Any]]:
    """What answers `method` for one session: `own` if the editor's texts matter to it, else the daemon's answer."""
    kind = wire.REQUESTS[method][0]

    async def handle(params: Any) -> Any:
        typed = msgspec.convert(params, kind)
        if own is not None:
            return await own(session, typed)
        try:
            return await api.HANDLERS[method](session.service, session, params)
        except api.ParamsError as error:
            raise RequestError(INVALID_PARAMS, f"params: {error}") from None

    return handle
