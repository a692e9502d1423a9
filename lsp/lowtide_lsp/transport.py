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
from functools import cache, partial
from typing import Any

import attrs
import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcMethodNotFound
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from lowtide.serve import rpc
from lowtide.serve.session import MOST_QUOTED, RequestError, RpcSession, Work

log = logging.getLogger(__name__)

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


class ConnectionLost(Exception):
    """The client has gone before it answered."""


class Protocol(RpcSession, LanguageServerProtocol):
    """pygls' protocol with its own way of reading, running and answering.

    pygls: cancelling stops neither a thread nor a command, and `shutdown` with a request at work fails with "dictionary
    changed size during iteration". Until requests are cancelled by scopes there, too. And a result that comes after the
    end is reported by sending, which fails again, for ever: until it checks.
    """

    most_unsent_bytes = 16 << 20
    """It takes room from all."""

    def __init__(self, server: LanguageServer, converter: Any) -> None:
        RpcSession.__init__(self)
        self.exit_code: int | None = None
        """Set by `exit`: 0 after `shutdown`, else 1."""
        self.initialized = False
        self._asked: dict[str, asyncio.Future[Any]] = {}
        self._later: list[Awaitable[Any]] = []
        self._later_runs = False
        self.announce: Callable[[types.InitializeResult], types.InitializeResult] = lambda result: result
        LanguageServerProtocol.__init__(self, server, shared_converter())
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

    def begin(self, number: Any, method: str, message: dict[str, Any]) -> Work | None:
        """A handler of the session's, or one of pygls'."""
        self._check_order(method)
        try:
            handler = self._get_handler(method)
        except JsonRpcMethodNotFound:
            raise RequestError(rpc.METHOD_NOT_FOUND, f"no method {method[:MOST_QUOTED]}") from None
        params = self._params(method, message)
        if method == types.INITIALIZE:
            self.initialized = True
        if method == types.SHUTDOWN:
            # Take no more requests, and end those at work: first it answers, then they do.
            self._shutdown = True
            self.answer(number, None)
            self.cancel_all()
            return None
        return partial(self._call, handler, params)

    def _check_order(self, method: str) -> None:
        if self._shutdown:
            # pygls: drops it without an answer. Until it answers by itself.
            raise RequestError(rpc.INVALID_REQUEST, "the server is shut down")
        if self.initialized and method == types.INITIALIZE:
            raise RequestError(rpc.INVALID_REQUEST, "the server is initialized already")
        if not self.initialized and method != types.INITIALIZE:
            # pygls: answers with whatever the handler then raises. Until it checks the order.
            raise RequestError(rpc.SERVER_NOT_INITIALIZED, "the first request must be initialize")

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

    def hear(self, method: str, message: dict[str, Any]) -> None:
        """A notification: of a text, at once; else after those before it."""
        if method == types.EXIT:
            # pygls: calls sys.exit, in a daemon that serves others; its code is lost. Until it ends the connection
            # only.
            self.exit_code = 0 if self._shutdown else 1
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
        try:
            result = self._call_now(handler, params)
            return await result if inspect.isawaitable(result) else result
        except JsonRpcException as error:
            raise RequestError(error.code, error.message, error.data) from error

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
        self.tell(method, params)

    async def ask(self, method: str, params: Any) -> Any:
        """Send a request to the client and wait for its answer. RequestError for its error, ConnectionLost at the
        end."""
        number = str(uuid.uuid4())
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            return await future
        finally:
            self._asked.pop(number, None)

    def send_request_async(self, method: str, params: Any | None = None, msg_id: Any = None) -> Any:
        """What pygls' own helpers call (progress)."""
        return self.ask(method, params)

    def hear_answer(self, message: dict[str, Any]) -> None:
        """What the client says to a request of ours."""
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

    def encode(self, message: dict[str, Any]) -> bytes:
        """pygls: logs whole messages, source text among them. Until it does not."""
        for part in ("result", "params"):
            if part in message:
                message[part] = _typed(message[part])
        try:
            body = _encode(message)
        except UnicodeEncodeError:  # half a surrogate pair, that a client put into a name of its own
            body = json.dumps(message, default=msgspec.to_builtins).encode()
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)

    def close(self) -> None:
        """The connection has ended: nothing waits for the client any more."""
        for future in self._asked.values():
            if not future.done():
                future.set_exception(ConnectionLost())
                with suppress(ConnectionLost):
                    future.exception()
        self._asked.clear()
        self.forget()
        self.writer = None


def _where(error: BaseException) -> str:
    """What is wrong, without quoting the message."""
    from cattrs import transform_error

    try:
        lines = transform_error(error, format_exception=lambda inner, _: _fault(inner))
    except Exception:
        return _fault(error)
    return "; ".join(line.replace(" @ ", " at ") for line in lines)[:500]


def _fault(error: BaseException) -> str:
    return "something is missing" if isinstance(error, KeyError) else "a value is not of the kind that is wanted"
