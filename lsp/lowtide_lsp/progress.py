"""Indexing as work-done progress of the editor's, with a Cancel that works.

Invariant: one token at a time; every `begin` has its `end`; at most two reports a second, for that often a Status
comes.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

from lowtide.serve.session import RequestError
from lowtide.status import Progress, Standing, Status, WorkspaceStatus
from lowtide_lsp.transport import ConnectionLost

if TYPE_CHECKING:
    from lowtide_lsp.session import Session

log = logging.getLogger(__name__)

LEAST_FILES = 20
"""Less work is over before it could be read."""
_BUSY = ("scanning", "indexing")


class IndexProgress:
    """Follows the Status of one session's folders."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._token: str | None = None
        self._starting = False
        self._cancelled = False
        self._said: tuple[int, str] = (-1, "")

    def update(self, status: Status) -> None:
        """A new Status."""
        own = {root.as_uri() for root in self._session.roots}
        busy = [workspace for workspace in status.workspaces if workspace.root_uri in own and workspace.state in _BUSY]
        if not busy:
            self._cancelled = False
        progress = status.progress and _of_first(busy, status.progress)
        works = bool(busy) and not self._cancelled and status.state in _BUSY
        if self._token is None:
            if works and progress and not self._starting and progress.total >= LEAST_FILES and self._wanted():
                self._starting = True
                self._session.group.start_soon(self._begin, progress)
        elif works and progress:
            self._report(progress)
        else:
            self._end("cancelled" if self._cancelled else "done" if status.state != "paused" else "paused")

    def _wanted(self) -> bool:
        window = self._session.capabilities.window
        return bool(window and window.work_done_progress) and self._session.settings.progress

    async def _begin(self, progress: Progress) -> None:
        shown = self._session.server.work_done_progress
        token = f"lowtide-{uuid.uuid4()}"
        try:
            await shown.create_async(token)
        except (RequestError, ConnectionLost):
            return
        finally:
            self._starting = False
        percentage, message = _words(progress)
        begin = types.WorkDoneProgressBegin(
            "Lowtide: indexing", cancellable=True, message=message, percentage=percentage
        )
        shown.begin(token, begin)
        self._token = token
        self._said = (percentage, message)

    def _report(self, progress: Progress) -> None:
        said = _words(progress)
        if said != self._said:
            self._said = said
            assert self._token is not None
            report = types.WorkDoneProgressReport(cancellable=True, message=said[1], percentage=said[0])
            self._session.server.work_done_progress.report(self._token, report)

    def _end(self, message: str) -> None:
        token, self._token = self._token, None
        if token is not None:
            shown = self._session.server.work_done_progress
            shown.end(token, types.WorkDoneProgressEnd(message=message))
            # pygls: keeps every token for ever. Until `end` forgets it.
            shown.tokens.pop(token, None)

    async def cancel(self, token: str | int) -> None:
        """The user has pressed Cancel: the work stops at once, and what is done is kept."""
        if token != self._token:
            return
        self._cancelled = True
        self._end("cancelled")
        log.info("event=cancelled-by-user client=%s", self._session.client)
        await self._session.service.cancel()


def _of_first(busy: Sequence[WorkspaceStatus], progress: Progress) -> Progress:
    """How far a first index is, of all the files that were counted: the walk comes to know of them bit by bit, and a
    share of what it knows would go back and forth. As it is when there is none, or it is not counted yet."""
    first = [each.freshness for each in busy if each.incomplete and isinstance(each.freshness, Standing)]
    total = sum(each.total for each in first)
    if not total or len(first) < len(busy):
        return progress
    return Progress(sum(each.indexed for each in first), total, progress.file)


def _words(progress: Progress) -> tuple[int, str]:
    done, total = progress.done, max(1, progress.total)
    return min(100, 100 * done // total), f"{done:,}/{total:,} {progress.file}".rstrip()
