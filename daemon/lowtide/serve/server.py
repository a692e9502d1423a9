"""The daemon's socket: who may connect, what each connection is, and when the daemon leaves.

A connection that begins with `initialize` is an editor's and is handed to the language server; one that begins with
`lowtide/hello` is the command line's and is served here.

Invariant: one daemon a cache folder, which can be reached as long as it lives (`reachable.py`). Only the same user, or
root, is let in.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread

import lowtide
from lowtide.paths import Places
from lowtide.serve import daemon_socket, rpc
from lowtide.serve.api import A_COMMAND, HANDLERS
from lowtide.serve.intake import MOST_FIRST_BYTES, PassedOver, Taken
from lowtide.serve.reachable import LOOK_S, READ_LIMIT, Reachable
from lowtide.serve.service import Service
from lowtide.serve.session import MOST_QUOTED, RequestError, RpcSession, Work
from lowtide.system.footprint import loading
from lowtide.system.installation import Installed
from lowtide.tasks import task_group

log = logging.getLogger(__name__)
PACKAGE = os.path.realpath(os.path.dirname(lowtide.__file__))
"""Where this daemon was started from."""

INSTALLED_S = 5.0
"""Between two looks whether Lowtide has been replaced."""
FIRST_MESSAGE_S = 30.0
MOST_CONNECTIONS = 512
EDITOR_BYTES = 10 << 20
"""What the language server's modules take, once (measured: 9 MiB)."""


class Server:
    """Listens until it is stopped, or has had no client for the configured time."""

    def __init__(self, service: Service, places: Places) -> None:
        self._service = service
        self._sessions: dict[str, Session] = {}
        self._editors = 0
        self._connections = 0
        self._next = 1
        self._left_s = time.monotonic()
        self._reachable = Reachable(places, self._connected)
        self.stopping = anyio.Event()

    @property
    def client_count(self) -> int:
        """Connections that are open now."""
        return len(self._sessions) + self._editors

    async def run(self, on_ready: Callable[[Path], None] = lambda _: None) -> None:
        """Serve; `on_ready` is told the socket. LockHeld when the daemon runs already, StoreError when there is no
        place."""
        on_ready(await self._reachable.begin())
        try:
            await self._wait()
        finally:
            for session in list(self._sessions.values()):
                session.close()
            self._reachable.end()

    def withdraw(self) -> None:
        """Leave nothing behind that leads here; for a process that is about to go whatever hangs."""
        self._reachable.withdraw()

    @property
    def _idle_s(self) -> float:
        return self._service.host.config.idle_minutes * 60

    async def _wait(self) -> None:
        installation = self._service.host.pool.installation
        before, next_s = Installed.SAME, time.monotonic() + INSTALLED_S
        while not self.stopping.is_set():
            with anyio.move_on_after(min(self._idle_s, LOOK_S) if self._idle_s else LOOK_S):
                await self.stopping.wait()
            if self.stopping.is_set() or not await self._reachable.keep(is_needed=self.client_count > 0):
                return
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + INSTALLED_S
                installed = installation.look()
                if installed is before is Installed.REPLACED:
                    # Twice, so that the new one is whole. What is committed stays; whoever asks next starts the new
                    # version.
                    log.info("event=leaving why='the installation has changed'")
                    return
                before = installed
            if self.client_count or not all(live.quiescent for live in self._service.workspaces):
                self._left_s = time.monotonic()
            elif self._idle_s and time.monotonic() - self._left_s >= self._idle_s:
                log.info("event=leaving why=idle")
                return

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = daemon_socket.peer(writer.get_extra_info("socket"))
        self._connections += 1
        try:
            if peer is not None and peer[1] not in (os.geteuid(), 0):
                log.warning("event=refused uid=%d", peer[1])
                return
            if self._connections > MOST_CONNECTIONS:
                log.warning("event=refused why='too many connections' most=%d", MOST_CONNECTIONS)
                return
            if hasattr(writer.transport, "max_size"):
                writer.transport.max_size = READ_LIMIT  # asyncio reads 256 KiB at once, for each connection
            first = await self._first(reader)
            if first is None:
                return
            if first.value.get("method") == "lowtide/hello":
                await self._serve_command(reader, writer, first)
            else:
                await self._serve_editor(reader, writer, first, peer[0] if peer else None)
        except ConnectionError:
            pass
        except asyncio.CancelledError:
            pass
        except Exception:
            log.exception("event=session-failed")
        finally:
            self._connections -= 1
            self._left_s = time.monotonic()
            with suppress(Exception):
                writer.close()

    async def _first(self, reader: asyncio.StreamReader) -> Taken | None:
        """The message that says who is there; None when it is none."""
        why = "it is not a JSON object"
        try:
            async with asyncio.timeout(FIRST_MESSAGE_S):
                first = await self._service.intake.next(reader, MOST_FIRST_BYTES)
            if first is None:
                return None
            if isinstance(first, Taken) and isinstance(first.value, dict):
                return first
            if isinstance(first, PassedOver):
                why = str(first.error)
        except rpc.FramingError as error:
            why = str(error)
        except TimeoutError:
            why = "it said nothing"
        log.warning("event=bad-client why=%r", why)
        return None

    async def _serve_command(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: Taken) -> None:
        name = f"command-{self._next}"
        self._next += 1
        session = self._sessions[name] = Session(self, self._service, name, reader, writer)
        try:
            await session.run(first)
        finally:
            del self._sessions[name]
            with anyio.CancelScope(shield=True):
                await self._service.drop_client(name)

    async def _serve_editor(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: Taken, peer_pid: int | None
    ) -> None:
        # By name: the engine knows nothing of the language server, and pygls costs memory only once an editor is here.
        known = "lowtide_lsp.server" in sys.modules
        self._editors += 1
        try:
            with self._service.host.pool.reserve(0 if known else EDITOR_BYTES):
                # In a thread: for a quarter of a second it would keep everyone else waiting.
                module = await anyio.to_thread.run_sync(_load, "lowtide_lsp.server")
            if not known:
                self._service.host.refit()  # the budget may be small
            await module.serve(self._service, reader, writer, first=first, peer_pid=peer_pid)
        finally:
            self._editors -= 1


def _load(name: str) -> ModuleType:
    with loading("language server (pygls, lsprotocol)"):
        return importlib.import_module(name)


class Session(RpcSession):
    """One connection of the command line."""

    def __init__(
        self, server: Server, service: Service, client: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__()
        self.client = client
        self.name = A_COMMAND
        self.writer = writer
        self._server = server
        self._service = service
        self._reader = reader
        self._is_subscribed = False

    async def run(self, first: Taken) -> None:
        """Until the client has gone; what it has asked for ends with it."""
        await self._service.heed_configuration()  # who has just written it expects it to be obeyed
        quiescent = all(live.quiescent for live in self._service.workspaces)
        number = first.value.get("id")
        hello = {
            "version": lowtide.__version__,
            "pid": os.getpid(),
            "idle": quiescent and self._server.client_count == 1,
            "budgetBytes": self._service.host.budget.total_bytes,
            "package": PACKAGE,
            "complaint": self._service.complaint,
        }
        self.answer(number if rpc.is_number(number) else None, hello)
        first.release()
        try:
            async with task_group() as self.group:
                while (taken := await self._service.intake.next(self._reader)) is not None:
                    if isinstance(taken, PassedOver):
                        why = str(taken.error)
                        log.warning("event=passed-over client=%s method=%r why=%r", self.client, taken.method, why)
                        self.pass_over(taken)
                    else:
                        self.take(taken)
                    await self.writer.drain()  # who does not read its answers is not heard either
                self.group.cancel_scope.cancel()
        except rpc.FramingError as error:
            log.warning("event=bad-client client=%s why=%r", self.client, str(error))
        finally:
            self.forget()

    def begin(self, number: Any, method: str, message: dict[str, Any]) -> Work | None:
        """One of the requests of `api.HANDLERS`, or one about the connection itself."""
        params = message.get("params") or {}
        if method == "lowtide/stop":
            return self._stop
        if method == "lowtide/subscribe":
            self.answer(number, self._service.status().as_json())
            if not self._is_subscribed:
                self._is_subscribed = True
                self.group.start_soon(self._tell)
            return None
        if method not in HANDLERS:
            raise RequestError(rpc.METHOD_NOT_FOUND, f"no method {method[:MOST_QUOTED]!r}")
        if not isinstance(params, dict):
            raise RequestError(rpc.INVALID_PARAMS, "params: an object")
        return partial(HANDLERS[method], self._service, self, params)

    async def _stop(self) -> dict[str, Any]:
        self._server.stopping.set()
        return {"pid": os.getpid()}

    async def _tell(self) -> None:
        end = self._service.subscribe(lambda status: self.notify("lowtide/statusChanged", status.as_json()))
        try:
            await anyio.sleep_forever()
        finally:
            end()

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification, as a handler does."""
        self.tell(method, params)

    def close(self) -> None:
        """End the connection."""
        self.writer.close()
