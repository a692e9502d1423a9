"""What others find this daemon by: the lock in the cache folder, and the socket that it names.

Invariant: whichever is taken away is put back within two seconds, or the daemon ends: nobody is left with a daemon that
cannot be reached, nor with two for one cache folder.
Threads: the event loop's, but for `withdraw`, which a thread calls too that is about to end the process.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio.to_thread

import lowtide
from lowtide.errors import LockHeld, LowtideError
from lowtide.paths import Places
from lowtide.serve import daemon_lock, daemon_socket
from lowtide.serve.daemon_lock import DaemonLock
from lowtide.serve.daemon_socket import Listener

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Whether lock and socket are still there is to be looked at so often."""
READ_LIMIT = 1 << 15
"""Bytes of a connection that are read ahead, about; what is longer waits in its socket."""

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Reachable:
    """Lock and socket of this process; `connected` is called for each connection."""

    def __init__(self, places: Places, connected: Connected) -> None:
        self._places = places
        self._connected = connected
        self._lock = DaemonLock(places.cache)
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None

    async def begin(self) -> Path:
        """Be the daemon of this cache folder; returns the socket. LockHeld when another is, StoreError when there is no
        place."""
        holder = daemon_lock.find_holder(self._places)
        if holder is not None and holder.is_older:
            raise LockHeld("an older daemon runs already", f"process {holder.pid} is it", "run `lowtide daemon stop`")
        last = self._lock.acquire()
        try:
            daemon_socket.sweep(last.socket)
            return await self._listen()
        except BaseException:
            self.end()
            raise

    async def _listen(self) -> Path:
        self._listener = listener = daemon_socket.listen(self._places.runtime)
        self._server = await asyncio.start_unix_server(self._connected, sock=listener.socket, limit=READ_LIMIT)
        self._lock.tell(listener.path)
        path = os.fspath(listener.path)
        log.info("event=listening socket=%r version=%s pid=%d", path, lowtide.__version__, os.getpid())
        return listener.path

    async def keep(self, *, is_needed: bool) -> bool:
        """Put back what is gone. False when that cannot be, or the cache folder was removed and nobody is here to miss
        it."""
        try:
            if not await anyio.to_thread.run_sync(self._lock.is_in_place):
                if not is_needed:
                    log.info("event=leaving why='the lock was removed, and nobody is here'")
                    return False
                log.warning("event=locked-again why='the lock was removed'")
                self._lock.acquire_again()
                if self._listener is not None:
                    self._lock.tell(self._listener.path)
            if self._listener is None or not await anyio.to_thread.run_sync(self._listener.is_in_place):
                log.warning("event=listening-again why='the socket was removed'")
                self._close()
                await self._listen()
        except LowtideError as error:
            log.warning("event=leaving why=%r", str(error))
            return False
        return True

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._listener is not None:
            self._listener.withdraw()
        self._server = self._listener = None

    def end(self) -> None:
        """Take no more connections, and leave neither socket nor lock behind."""
        self._close()
        self._lock.release()

    def withdraw(self) -> None:
        """Leave neither behind, whatever hangs: the process is about to go."""
        if self._listener is not None:
            self._listener.withdraw()
        self._lock.release()
