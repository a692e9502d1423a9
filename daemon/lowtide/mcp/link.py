"""The connection to the daemon: many requests at once over one socket, made when it is needed, again when it broke.

Invariant: nothing here blocks but the thread that connects, so that the agent is always heard, and its end noticed.
Invariant: a request whose connection broke is asked once more over a new one: they only read, and a daemon may have
been replaced or killed in between.
Threads: the loop's alone; connecting is done in a thread of its own, which leaves its outcome in `_outcome` and wakes
the loop through a pipe.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from lowtide.errors import LowtideError
from lowtide.paths import Places
from lowtide.serve import client, daemon_lock, rpc
from lowtide.serve.client import LOOK_S, Client, Gone, NoAnswer, OtherVersion, RemoteError

BLOCK_BYTES = 1 << 16
IDLE_S = 300.0
"""A connection that nobody has asked over for this long is closed: an idle agent keeps no daemon alive."""
MOST_TRIES = 2

Answered = Callable[[Any, LowtideError | None], None]
"""Told the result of a request, or its error."""
Connect = Callable[[], Client]


class Request:
    """One that waits for its answer."""

    __slots__ = ("answered", "method", "number", "params", "tries")

    def __init__(self, number: int, method: str, params: dict[str, Any], answered: Answered) -> None:
        self.number = number
        self.method = method
        self.params = params
        self.answered = answered
        self.tries = 0


def connect_to(places: Places, budget: str | None) -> Client:
    """The user's daemon, started when there is none; one of another version that is in use, too. DaemonError."""
    with suppress(OtherVersion):
        return Client.connect(places, budget=budget)
    return Client(client.open_socket(places, budget=budget))


class Link:
    """The daemon, as long as somebody asks it."""

    def __init__(self, connect: Connect, notified: Callable[[str, dict[str, Any]], None]) -> None:
        self._connect = connect
        self._notified = notified
        self._requests: dict[int, Request] = {}
        self._next = 1
        self._socket: socket.socket | None = None
        self._pid = 0
        self._received = bytearray()
        self._unsent = bytearray()
        self._is_connecting = False
        self._outcome: Client | LowtideError | None = None
        self._wake_fd, self._waker_fd = os.pipe()
        os.set_blocking(self._wake_fd, False)
        self._used_s = time.monotonic()

    # -- asking -------------------------------------------------------------------------------------------------

    def ask(self, method: str, params: dict[str, Any], answered: Answered) -> int:
        """Ask; `answered` is told once, later. Returns the number by which it can be cancelled."""
        request = Request(self._next, method, params, answered)
        self._next += 1
        self._requests[request.number] = request
        self._used_s = time.monotonic()
        if self._socket is not None:
            self._send(request)
        else:
            self._begin()
        return request.number

    def cancel(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        if self._requests.pop(number, None) is not None and self._socket is not None:
            self._unsent += rpc.frame({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}})

    def _send(self, request: Request) -> None:
        request.tries += 1
        self._unsent += rpc.frame(
            {"jsonrpc": "2.0", "id": request.number, "method": request.method, "params": request.params}
        )

    # -- the loop's ---------------------------------------------------------------------------------------------

    def watched(self) -> list[tuple[int, int]]:
        """(descriptor, events) to wait for."""
        found = [(self._wake_fd, select.POLLIN)]
        if self._socket is not None:
            found.append((self._socket.fileno(), select.POLLIN | (select.POLLOUT if self._unsent else 0)))
        return found

    def due_s(self) -> float | None:
        """Seconds until `tick` has something to do."""
        if self._requests and self._socket is not None:
            return LOOK_S
        if self._socket is not None:
            return max(0.0, self._used_s + IDLE_S - time.monotonic())
        return None

    def tick(self) -> None:
        """As time goes by: a daemon that was stopped, a connection that nobody uses."""
        if self._socket is None:
            return
        if self._requests:
            if daemon_lock.is_stopped(self._pid):
                self._break(NoAnswer(self._pid), again=False)
        elif time.monotonic() - self._used_s >= IDLE_S:
            self.close()

    def handle(self, fd: int, events: int) -> None:
        """Something has happened to one of `watched`."""
        if fd == self._wake_fd:
            self._take_outcome()
        elif self._socket is not None and fd == self._socket.fileno():
            if events & ~select.POLLOUT:
                self._receive()
            if self._socket is not None and events & select.POLLOUT:
                self._flush()

    def close(self) -> None:
        """End the connection; the next request makes another."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket = None
        self._received.clear()
        self._unsent.clear()

    # -- the connection -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if not self._is_connecting:
            self._is_connecting = True
            threading.Thread(target=self._connect_aside, name="lowtide-connect", daemon=True).start()

    def _connect_aside(self) -> None:
        try:
            outcome: Client | LowtideError = self._connect()
        except LowtideError as error:
            outcome = error
        except Exception as error:
            outcome = client.DaemonError("the daemon cannot be reached", str(error) or type(error).__name__)
        self._outcome = outcome
        os.write(self._waker_fd, b"\n")

    def _take_outcome(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_fd, 16)
        outcome, self._outcome = self._outcome, None
        if outcome is None:
            return
        self._is_connecting = False
        if isinstance(outcome, LowtideError):
            self._fail(list(self._requests.values()), outcome)
            return
        self._pid = int(outcome.hello.get("pid", 0))
        self._socket = outcome.detach()
        self._socket.setblocking(False)
        for request in self._requests.values():
            self._send(request)

    def _flush(self) -> None:
        assert self._socket is not None
        try:
            sent = self._socket.send(memoryview(self._unsent)[:BLOCK_BYTES])
        except BlockingIOError:
            return
        except OSError:
            self._break(_gone(), again=True)
            return
        del self._unsent[:sent]

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(BLOCK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._break(_gone(), again=True)
            return
        self._received += data
        try:
            while self._socket is not None and (message := self._next_message()) is not None:
                self._hear(message)
        except rpc.FramingError:
            self._break(_gone(), again=False)

    def _next_message(self) -> dict[str, Any] | None:
        end = self._received.find(b"\r\n\r\n", 0, rpc.MOST_HEADER_BYTES)
        if end < 0:
            return None
        length = rpc.length_of(bytes(self._received[:end]))
        if len(self._received) < end + 4 + length:
            return None
        body = bytes(memoryview(self._received)[end + 4 : end + 4 + length])
        del self._received[: end + 4 + length]
        return rpc.decode(body)

    def _hear(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if "method" in message:
            if number is None:
                self._notified(str(message["method"]), message.get("params") or {})
            return
        request = self._requests.pop(number, None) if isinstance(number, int) else None
        if request is None:
            return  # it was cancelled
        self._used_s = time.monotonic()
        if "error" in message:
            request.answered(None, RemoteError(message["error"]))
        else:
            request.answered(message.get("result"), None)

    def _break(self, error: LowtideError, *, again: bool) -> None:
        """The connection is no good any more; what was asked over it is asked `again` over another, or has failed."""
        self.close()
        lost = [request for request in self._requests.values() if not again or request.tries >= MOST_TRIES]
        if len(lost) < len(self._requests):
            self._begin()
        self._fail(lost, error)

    def _fail(self, requests: list[Request], error: LowtideError) -> None:
        for request in requests:
            self._requests.pop(request.number, None)
        for request in requests:
            request.answered(None, error)


def _gone() -> Gone:
    return Gone("the daemon has ended", "", "ask again; `lowtide daemon start` starts it")
