"""Messages in and out of one connection, on pygls, and the ways round what is broken in pygls 2.1.1.

Each way round is marked `pygls:` with what is broken and when it can go; `tests/lsp/test_transport.py` has a test for
each that fails without it.

Invariant: one server object a connection; whatever a client sends is answered as the specification says, and never
ends the process that serves others too.
Invariant: requests run as tasks, each in a cancel scope of its own; notifications of texts are done before the next
message is looked at, others one after the other.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from typing import Any

import anyio
import anyio.abc
import attrs
import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcMethodNotFound
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from lowtide.errors import LowtideError
from lowtide.serve import rpc
from lowtide.serve.intake import PassedOver, Taken, Undecodable
from lowtide.serve.params import ParamsError

log = logging.getLogger(__name__)

MOST_REQUESTS = 256
"""At work at once for one connection."""
MOST_UNSENT_BYTES = 16 << 20
"""A client that does not read is cut off when so much waits for it: it takes room from all."""
INVALID_REQUEST = rpc.INVALID_REQUEST
_encode = msgspec.json.Encoder().encode


@cache
def shared_converter() -> Any:
    """pygls: each server makes a converter of its own; one serves all, for it keeps nothing of a connection."""
    converter = default_converter()  # type: ignore[no-untyped-call]
    # pygls: `null` where a string must be is read as "None". Until its converter is strict.
    converter.register_structure_hook(str, _text)
    return converter


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _typed(value: Any) -> Any:
    """The message types of lsprotocol, alone or in a list, as plain data; everything else as it is."""
    if isinstance(value, list):
        return [_typed(item) for item in value] if value and attrs.has(type(value[0])) else value
    return shared_converter().unstructure(value) if attrs.has(type(value)) else value


class RequestError(Exception):
    """A request is answered with this error."""

    def __init__(self, code: int, text: str, data: Any = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.data = data


class ConnectionLost(Exception):
    """The client has gone before it answered."""


def as_request_error(error: BaseException) -> RequestError:
    """The answer to a request that ended with `error`."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, LowtideError):
        data = {"kind": error.kind, "message": error.message, "remedy": error.remedy}
        return RequestError(rpc.REQUEST_FAILED, str(error), data)
    if isinstance(error, msgspec.ValidationError):
        return RequestError(rpc.INVALID_PARAMS, f"params: {error}")
    if isinstance(error, ParamsError):
        return RequestError(rpc.INVALID_PARAMS, f"params: {error}")
    if isinstance(error, JsonRpcException):
        return RequestError(error.code, error.message, error.data)
    log.error("event=request-failed", exc_info=error)
    return RequestError(rpc.INTERNAL_ERROR, f"unexpected {type(error).__name__}: {error}")


class Protocol(LanguageServerProtocol):
    """pygls' protocol with its own way of reading, running and answering."""

    def __init__(self, server: LanguageServer, converter: Any) -> None:
        self.group: anyio.abc.TaskGroup
        self.exit_code: int | None = None
        """Set by `exit`: 0 after `shutdown`, else 1."""
        self.initialized = False
        self._scopes: dict[Any, anyio.CancelScope] = {}
        self._taken: dict[Any, Taken] = {}
        self._asked: dict[str, asyncio.Future[Any]] = {}
        self._later: list[Awaitable[Any]] = []
        self._later_runs = False
        self.announce: Callable[[types.InitializeResult], types.InitializeResult] = lambda result: result
        super().__init__(server, shared_converter())
        # Not served: notebooks, and commands (custom requests can be cancelled, commands in pygls cannot).
        for method in (
            types.NOTEBOOK_DOCUMENT_DID_OPEN,
            types.NOTEBOOK_DOCUMENT_DID_CHANGE,
            types.NOTEBOOK_DOCUMENT_DID_CLOSE,
            types.WORKSPACE_EXECUTE_COMMAND,
            types.TEXT_DOCUMENT_DID_OPEN,
            types.TEXT_DOCUMENT_DID_CHANGE,
            types.TEXT_DOCUMENT_DID_CLOSE,
            types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
        ):
            # Texts and folders are the session's: pygls would hold a second copy, with columns of its own.
            self.fm.builtin_features.pop(method, None)

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Any:
        """pygls' answer, with what `announce` makes of it."""
        result = yield from super().lsp_initialize(params)
        return self.announce(result)

    # -- in ---------------------------------------------------------------------------------------------------------

    @property
    def open_request_count(self) -> int:
        """Requests of the client's that are at work."""
        return len(self._scopes)

    @property
    def unanswered_count(self) -> int:
        """Requests to the client that it has not answered."""
        return len(self._asked)

    def take(self, taken: Taken) -> None:
        """Handle one message; answers go out by themselves. It is released when it is done with."""
        if not self._take(taken):
            taken.release()

    def pass_over(self, passed: PassedOver) -> None:
        """Answer a message that was not taken."""
        if passed.number is not None:
            self._fail(passed.number, as_request_error(passed.error))
        elif isinstance(passed.error, Undecodable):
            self._fail(None, RequestError(rpc.PARSE_ERROR, str(passed.error)))
        else:
            self.refuse(str(passed.error))

    def _take(self, taken: Taken) -> bool:
        """True when a task handles it, which then releases it."""
        message = taken.value
        number = message.get("id") if isinstance(message, dict) else None
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self._fail(
                number if rpc.is_number(number) else None,
                RequestError(INVALID_REQUEST, "the message is not JSON-RPC 2.0"),
            )
            return False
        method = message.get("method")
        if method is None and "id" in message:
            self._take_answer(message)
        elif not isinstance(method, str) or ("id" in message and not rpc.is_number(number)):
            self._fail(None, RequestError(INVALID_REQUEST, "the message is neither request nor notification"))
        elif "id" in message:
            return self._take_request(number, method, taken)
        else:
            self._take_notification(method, message)
        return False

    def _take_request(self, number: Any, method: str, taken: Taken) -> bool:
        error = self._refusal(method)
        if number in self._scopes:
            error = RequestError(INVALID_REQUEST, f"request {number!r} is at work already")
        elif len(self._scopes) >= MOST_REQUESTS:
            error = RequestError(rpc.REQUEST_FAILED, f"{MOST_REQUESTS} requests are at work; wait for one to end")
        if error is None:
            try:
                handler = self._get_handler(method)
                params = self._params(method, taken.value)
            except JsonRpcMethodNotFound:
                error = RequestError(rpc.METHOD_NOT_FOUND, f"no method {method[:100]}")
            except RequestError as wrong:
                error = wrong
        if error is not None:
            self._fail(number, error)
            return False
        if method == types.INITIALIZE:
            self.initialized = True
        if method == types.SHUTDOWN:
            self._shut_down(number)
            return False
        scope = self._scopes[number] = anyio.CancelScope()
        self._taken[number] = taken
        self.group.start_soon(self._answer, number, handler, params, scope)
        return True

    def _refusal(self, method: str) -> RequestError | None:
        if self._shutdown:
            # pygls: drops it without an answer. Until it answers by itself.
            return RequestError(INVALID_REQUEST, "the server is shut down")
        if self.initialized == (method == types.INITIALIZE):
            if self.initialized:
                return RequestError(INVALID_REQUEST, "the server is initialized already")
            # pygls: answers with whatever the handler then raises. Until it checks the order.
            return RequestError(rpc.SERVER_NOT_INITIALIZED, "the first request must be initialize")
        return None

    def _params(self, method: str, message: dict[str, Any]) -> Any:
        """The typed parameters; a custom method's are left as they came.

        pygls: a request whose parameters cannot be read is logged and never answered. Until it answers -32602.
        """
        kind = self.get_message_type(method)
        if kind is None:
            params = message.get("params")
            if params is not None and not isinstance(params, dict):
                raise RequestError(rpc.INVALID_PARAMS, "params: an object")
            return params or {}
        try:
            typed = self._converter.structure(message, kind)
        except Exception as error:
            # Not the exception's text: it may quote the message, a source text among it.
            raise RequestError(rpc.INVALID_PARAMS, f"params of {method}: {_where(error)}") from None
        return getattr(typed, "params", None)

    async def _answer(self, number: Any, handler: Any, params: Any, scope: anyio.CancelScope) -> None:
        """Run a handler and send its result.

        pygls: cancelling stops neither a thread nor a command, and `shutdown` with a request at work fails with
        "dictionary changed size during iteration". Until requests are cancelled by scopes there, too.
        """
        try:
            with scope:
                try:
                    result = await self._call(handler, params)
                except Exception as error:
                    self._fail(number, as_request_error(error))
                else:
                    self._send({"jsonrpc": "2.0", "id": number, "result": result})
            if scope.cancelled_caught:
                self._fail(number, RequestError(rpc.REQUEST_CANCELLED, "cancelled"))
        finally:
            self._scopes.pop(number, None)
            self._taken.pop(number).release()

    def refuse(self, why: str) -> None:
        """Answer what is no message."""
        self._fail(None, RequestError(INVALID_REQUEST, why))

    def _shut_down(self, number: Any) -> None:
        """Take no more requests, and end those at work: first it answers, then they do."""
        self._shutdown = True
        self._send({"jsonrpc": "2.0", "id": number, "result": None})
        for scope in list(self._scopes.values()):
            scope.cancel()

    def _take_notification(self, method: str, message: dict[str, Any]) -> None:
        if method == types.EXIT:
            # pygls: calls sys.exit, in a daemon that serves others; its code is lost. Until it ends the connection
            # only.
            self.exit_code = 0 if self._shutdown else 1
            return
        if method == types.CANCEL_REQUEST:
            params = message.get("params")
            scope = (
                self._scopes.get(params.get("id"))
                if isinstance(params, dict) and rpc.is_number(params.get("id"))
                else None
            )
            if scope is not None:
                scope.cancel()
            return
        if not self.initialized or self._shutdown:
            return
        try:
            handler = self._get_handler(method)
            params = self._params(method, message)
        except JsonRpcMethodNotFound:
            return
        except RequestError as error:
            log.warning("event=bad-notification method=%s why=%r", method, error.text)
            return
        # pygls: each notification with an async or generator handler leaves a Future behind for ever. Until it pops
        # them.
        try:
            result = self._call_now(handler, params)
            if inspect.isawaitable(result):
                self._do_later(result)
        except Exception:
            # pygls: shows it to the user as a message. Until errors of notifications are only logged.
            log.exception("event=notification-failed method=%s", method)

    def _do_later(self, work: Awaitable[Any]) -> None:
        self._later.append(work)
        if not self._later_runs:
            self._later_runs = True
            self.group.start_soon(self._run_later)

    async def _run_later(self) -> None:
        """Those notifications that wait for something, one after the other."""
        try:
            while self._later:
                work = self._later.pop(0)
                try:
                    await work
                except Exception:
                    log.exception("event=notification-failed")
        finally:
            self._later_runs = False
            for work in self._later:
                if inspect.iscoroutine(work):
                    work.close()
            self._later.clear()

    async def _call(self, handler: Any, params: Any) -> Any:
        result = self._call_now(handler, params)
        return await result if inspect.isawaitable(result) else result

    def _call_now(self, handler: Any, params: Any) -> Any:
        """The handler's result; pygls' own handlers are generators that yield the calls of ours."""
        if not inspect.isgeneratorfunction(handler):
            return handler(params)
        steps, value = handler(params), None
        try:
            while True:
                inner, args, kwargs = steps.send(value)
                value = inner(*args, **(kwargs or {}))
                if inspect.isawaitable(value):
                    self._do_later(value)
                    value = None
        except StopIteration as end:
            return end.value

    # -- out --------------------------------------------------------------------------------------------------------

    def notify(self, method: str, params: Any | None = None) -> None:
        """Send a notification.

        pygls: custom messages that are typed lose `method` and `jsonrpc` on the wire, and their names stay snake_case.
        Until its converter leaves defaults in. Here the envelope is no typed message, and msgspec names the fields.
        """
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    async def ask(self, method: str, params: Any) -> Any:
        """Send a request to the client and wait for its answer. RequestError for its error, ConnectionLost at the
        end."""
        number = str(uuid.uuid4())
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            return await future
        finally:
            self._asked.pop(number, None)

    def send_request_async(self, method: str, params: Any | None = None, msg_id: Any = None) -> Any:
        """What pygls' own helpers call (progress)."""
        return self.ask(method, params)

    def _take_answer(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        future = self._asked.pop(number, None) if isinstance(number, str) else None
        if future is None or future.done():
            return
        error = message.get("error")
        if isinstance(error, dict):
            code = error.get("code")
            future.set_exception(RequestError(code if isinstance(code, int) else 0, str(error.get("message", ""))))
        else:
            future.set_result(message.get("result"))

    def _fail(self, number: Any, error: RequestError) -> None:
        answer: dict[str, Any] = {"code": error.code, "message": error.text}
        if error.data is not None:
            answer["data"] = error.data
        self._send({"jsonrpc": "2.0", "id": number, "error": answer})

    def _send(self, message: dict[str, Any]) -> None:
        """pygls: a result that comes after the end is reported by sending, which fails again, for ever. Until it
        checks."""
        writer: Any = self.writer
        if writer is None or writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            log.warning("event=cut-off why='the client does not read'")
            writer.transport.abort()
            return
        for part in ("result", "params"):
            if part in message:
                message[part] = _typed(message[part])
        try:
            body = _encode(message)
        except UnicodeEncodeError:  # half a surrogate pair, that a client put into a name of its own
            body = json.dumps(message, default=msgspec.to_builtins).encode()
        # pygls: logs whole messages, source text among them. Until it does not.
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def close(self) -> None:
        """The connection has ended: nothing waits for the client any more."""
        for future in self._asked.values():
            if not future.done():
                future.set_exception(ConnectionLost())
                with suppress(ConnectionLost):
                    future.exception()
        self._asked.clear()
        for taken in self._taken.values():
            taken.release()  # of requests that were ended before they began
        self.writer = None


def _where(error: BaseException) -> str:
    """What is wrong, without quoting the message."""
    from cattrs import transform_error

    try:
        lines = transform_error(error, format_exception=lambda inner, _: type(inner).__name__)
    except Exception:
        return type(error).__name__
    return "; ".join(lines)[:500]
