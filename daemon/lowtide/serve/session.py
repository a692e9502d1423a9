"""One JSON-RPC 2.0 connection, as commands and editors have it: what comes in, what is at work, what goes out.

Invariant: whatever a client sends is answered as JSON-RPC says; an error by its kind, with what to do about it, and
never with a traceback.
Invariant: requests run as tasks, each in a cancel scope of its own; the room of a message is given back when it is done
with.
Threads: the event loop's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.abc
import msgspec

from lowtide.errors import LowtideError
from lowtide.serve import rpc
from lowtide.serve.intake import PassedOver, Taken, Undecodable
from lowtide.serve.params import ParamsError

log = logging.getLogger(__name__)

MOST_REQUESTS = 256
"""At work at once for one connection; more are refused, so that a cancellation is heard behind them."""
MOST_QUOTED = 100
"""Characters of what a client sent, in an answer that says it is wrong."""
Work = Callable[[], Awaitable[Any]]


class RequestError(Exception):
    """A request is answered with this error."""

    def __init__(self, code: int, text: str, data: Any = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.data = data


def error_of(error: BaseException) -> dict[str, Any]:
    """The `error` of an answer; what nobody has thought of is logged, too."""
    if isinstance(error, RequestError):
        told: dict[str, Any] = {"code": error.code, "message": error.text}
        return told if error.data is None else {**told, "data": error.data}
    if isinstance(error, LowtideError):
        data = {"kind": error.kind, "message": error.message, "remedy": error.remedy, "exit": error.exit_code}
        return {"code": rpc.REQUEST_FAILED, "message": str(error), "data": data}
    if isinstance(error, ParamsError | msgspec.ValidationError):
        return {"code": rpc.INVALID_PARAMS, "message": f"params: {error}"}
    log.error("event=request-failed", exc_info=error)
    return {"code": rpc.INTERNAL_ERROR, "message": f"unexpected {type(error).__name__}: {error}"}


class RpcSession:
    """See the module. Who inherits says what a method does: `begin`, `hear`, `hear_answer`."""

    most_unsent_bytes = 32 << 20
    """A client that does not read is cut off when so much waits for it."""

    def __init__(self) -> None:
        self.group: anyio.abc.TaskGroup
        self.writer: Any = None
        self._scopes: dict[Any, anyio.CancelScope] = {}
        self._taken: dict[Any, Taken] = {}

    # -- what a method does -------------------------------------------------------------------------------------

    def begin(self, number: Any, method: str, message: dict[str, Any]) -> Work | None:
        """What answers a request, in a task; None when it has been answered. Errors are answered."""
        raise NotImplementedError

    def hear(self, method: str, message: dict[str, Any]) -> None:
        """A notification."""

    def hear_answer(self, message: dict[str, Any]) -> None:
        """An answer to a request of this side's."""

    # -- in -----------------------------------------------------------------------------------------------------

    def take(self, taken: Taken) -> None:
        """Handle one message; answers go out by themselves. It is released when it is done with."""
        if not self._take(taken):
            taken.release()

    def pass_over(self, passed: PassedOver) -> None:
        """Answer a message that was not taken."""
        if passed.number is not None:
            self.fail(passed.number, passed.error)
        elif isinstance(passed.error, Undecodable):
            self.fail(None, RequestError(rpc.PARSE_ERROR, str(passed.error)))
        else:
            self.refuse(str(passed.error))

    def refuse(self, why: str, number: Any = None) -> None:
        """Answer what is no message."""
        self.fail(number, RequestError(rpc.INVALID_REQUEST, why))

    def _take(self, taken: Taken) -> bool:
        """True when a task handles it, which then releases it."""
        message = taken.value
        number = message.get("id") if isinstance(message, dict) else None
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self.refuse("the message is not JSON-RPC 2.0", number if rpc.is_number(number) else None)
            return False
        method = message.get("method")
        if method is None and "id" in message:
            self.hear_answer(message)
        elif not isinstance(method, str) or ("id" in message and not rpc.is_number(number)):
            self.refuse("the message is neither request nor notification")
        elif "id" in message:
            return self._take_request(number, method, taken)
        elif method == "$/cancelRequest":
            self._cancel(message.get("params"))
        else:
            self.hear(method, message)
        return False

    def _take_request(self, number: Any, method: str, taken: Taken) -> bool:
        try:
            if number in self._scopes:
                raise RequestError(rpc.INVALID_REQUEST, f"request {number!r} is at work already")
            if len(self._scopes) >= MOST_REQUESTS:
                raise RequestError(rpc.REQUEST_FAILED, f"{MOST_REQUESTS} requests are at work; wait for one to end")
            work = self.begin(number, method, taken.value)
        except Exception as error:
            self.fail(number, error)
            return False
        if work is None:
            return False
        scope = self._scopes[number] = anyio.CancelScope()
        self._taken[number] = taken
        self.group.start_soon(self._run, number, work, scope)
        return True

    def _cancel(self, params: Any) -> None:
        key = params.get("id") if isinstance(params, dict) else None
        if rpc.is_number(key) and (scope := self._scopes.get(key)) is not None:
            scope.cancel()

    async def _run(self, number: Any, work: Work, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                try:
                    result = await work()
                except Exception as error:
                    self.fail(number, error)
                else:
                    self.answer(number, result)
            if scope.cancelled_caught:
                self.fail(number, RequestError(rpc.REQUEST_CANCELLED, "cancelled"))
        finally:
            self._scopes.pop(number, None)
            self._taken.pop(number).release()

    def cancel_all(self) -> None:
        """End what is at work."""
        for scope in list(self._scopes.values()):
            scope.cancel()

    def forget(self) -> None:
        """The connection has ended: what was to begin, does not."""
        for taken in self._taken.values():
            taken.release()

    # -- out ----------------------------------------------------------------------------------------------------

    def tell(self, method: str, params: Any) -> None:
        """Send a notification; dropped when the client does not read."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def answer(self, number: Any, result: Any) -> None:
        """Send the result of a request."""
        self.send({"jsonrpc": "2.0", "id": number, "result": result})

    def fail(self, number: Any, error: BaseException) -> None:
        """Send the error of a request."""
        self.send({"jsonrpc": "2.0", "id": number, "error": error_of(error)})

    def encode(self, message: dict[str, Any]) -> bytes:
        """A message as it travels."""
        return rpc.frame(message)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message, without waiting; nothing once the connection has ended."""
        writer: asyncio.StreamWriter | None = self.writer
        if writer is None or writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() > self.most_unsent_bytes:
            log.warning("event=cut-off why='the client does not read'")
            writer.transport.abort()
            return
        writer.write(self.encode(message))
