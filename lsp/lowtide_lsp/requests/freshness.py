"""What answers of `lowtide/*` share: how they stand to the disk, and which workspaces are asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lowtide.core.freshness import Freshness, FreshState, together
from lowtide.index.attending import Patience
from lowtide.serve import params as check
from lowtide.serve.params import Params
from lowtide_lsp import protocol as wire
from lowtide_lsp.session import Session


async def attend(session: Session, roots: Sequence[Path], patience: Patience) -> wire.Freshness:
    """How an answer from `roots` will stand to the disk; waits for it as long as `patience` says."""
    await session.folders_opened()
    several = [await session.service.attend(root, patience) for root in roots]
    whole = together(several) if several else Freshness(FreshState.UNWATCHED, 0, 0, None, "no folder is open")
    return msgspec.convert(whole.as_json() | {"ageS": whole.age_s}, wire.Freshness)


def roots_of(session: Session, params: Params) -> list[Path]:
    """The workspace that a request names as `rootUri`, or all of the editor's."""
    return [session.need_root(check.text(params, "rootUri"))] if params.get("rootUri") else session.roots
