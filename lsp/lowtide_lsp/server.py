"""One LSP session over a pair of streams: from its first message to the end of its client.

Invariant: the session ends within a second of its client: at `exit`, at the end of the stream, and when the process
that `processId` names ends. Whatever ends it, its folders, texts and requests end with it.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.abc

from lowtide.serve import rpc
from lowtide.serve.intake import PassedOver, Taken
from lowtide.serve.service import Service
from lowtide.tasks import task_group
from lowtide_lsp.requests.table import register
from lowtide_lsp.session import Session

log = logging.getLogger(__name__)

FLUSH_S = 0.5
_numbers = itertools.count(1)


async def serve(
    service: Service,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    first: Taken | None,
    peer_pid: int | None,
) -> int:
    """Serve one client until it is gone; `first`: the message that was taken from it already. Returns its exit code.

    0 after `shutdown` and `exit`, else 1. Cancelling ends the session.
    """
    client = f"editor-{next(_numbers)}"
    log.info("event=editor-connected client=%s peer_pid=%s", client, peer_pid)
    code = 1
    async with task_group() as group:
        session = Session(service, client, group)
        session.protocol.set_writer(writer)
        register(session)
        if client == "editor-1":
            # half of all objects are lsprotocol's: looking through them again and again stops everyone for 40 ms
            gc.freeze()
        try:
            with anyio.CancelScope() as reading:
                session.watch = lambda pid: _start(group, pid, reading.cancel)
                await _read(session, reader, first)
            code = 1 if session.protocol.exit_code is None else session.protocol.exit_code
        finally:
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True), anyio.move_on_after(FLUSH_S), suppress(ConnectionError):
                await writer.drain()
            with anyio.CancelScope(shield=True):
                await session.end()
            writer.close()
            log.info("event=editor-gone client=%s code=%d", client, code)
    return code


async def _read(session: Session, reader: asyncio.StreamReader, first: Taken | None) -> None:
    protocol = session.protocol
    taken: Taken | PassedOver | None = first
    while protocol.exit_code is None:
        if taken is None:
            try:
                taken = await session.service.intake.next(reader)
            except rpc.FramingError as error:
                log.warning("event=bad-client client=%s why=%r", session.client, str(error))
                protocol.refuse(str(error))
                return
            except ConnectionError:
                return
            if taken is None:
                return
        if isinstance(taken, PassedOver):
            log.warning("event=passed-over client=%s method=%r why=%r", session.client, taken.method, str(taken.error))
            protocol.pass_over(taken)
            session.passed_over(taken)
        else:
            protocol.take(taken)
        taken = None
        # The tasks that this message began run before the next is looked at, however many there are.
        await asyncio.sleep(0)


def _start(group: anyio.abc.TaskGroup, pid: int, gone: Callable[[], None]) -> None:
    group.start_soon(_watch, pid, gone)


async def _watch(pid: int, gone: Callable[[], None]) -> None:
    """pygls: `processId` is ignored. Here the session ends with that process, where the system can tell."""
    try:
        handle = os.pidfd_open(pid)
    except (OSError, AttributeError, OverflowError) as error:
        # Perhaps of another container, whose numbers mean nothing here: the end of the stream tells, too.
        log.info("event=not-watched pid=%d why=%r", pid, str(error))
        return
    try:
        await anyio.wait_readable(handle)
    finally:
        os.close(handle)
    log.info("event=client-died pid=%d", pid)
    gone()
