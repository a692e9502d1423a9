"""What answers of `lowtide/*` share: how they stand to the disk, and how many hits may be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lowtide.core.freshness import Freshness, FreshState, together
from lowtide.index.attending import Patience
from lowtide.serve.rpc import INVALID_PARAMS
from lowtide_lsp import protocol as wire
from lowtide_lsp.session import Session
from lowtide_lsp.transport import RequestError

MOST_HITS = 1000


async def attend(session: Session, roots: Sequence[Path], patience: Patience) -> wire.Freshness:
    """How an answer from `roots` will stand to the disk; waits for it as long as `patience` says."""
    several = [await session.service.attend(root, patience) for root in roots]
    whole = together(several) if several else Freshness(FreshState.UNWATCHED, 0, 0, None, "no folder is open")
    return msgspec.convert(whole.as_json() | {"ageS": whole.age_s}, wire.Freshness)


def checked_limit(value: int | None) -> int:
    """How many hits are wanted. RequestError for a number that is none."""
    if value is None:
        return 10
    if not 1 <= value <= MOST_HITS:
        raise RequestError(INVALID_PARAMS, f"params: limit: a whole number from 1 to {MOST_HITS}")
    return value
