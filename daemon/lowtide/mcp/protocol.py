"""The protocol's messages: requests answered, tools called, calls cancelled, the client asked for its folders.

Invariant: pure but for what it is given: it reads no stream, and sends by `send`; each request has one answer, a
cancelled one none.
Source: MCP 2025-06-18, 2025-11-25 and 2026-07-28; JSON-RPC 2.0.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import lowtide
from lowtide.errors import LowtideError
from lowtide.mcp import tools
from lowtide.mcp.calls import AskDaemon, Folder, Tool
from lowtide.mcp.lines import Unreadable
from lowtide.mcp.link import Link
from lowtide.mcp.versions import SERVER_KEY, SUPPORTED, Refused, Terms, settle, terms_of
from lowtide.serve.rpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    is_number,
)
from lowtide.visible import visible

MOST_CALLS = 64
"""At work at once; more are refused."""
ROOTS_S = 5.0
"""A client that has not said by then which folders it works in is answered for the working folder."""
MOST_FOLDERS = 64
LISTED_MS = 3_600_000
"""How long a client may keep the list of tools: it changes with the version alone."""
_ROOTS_KEY = "roots"

Send = Callable[[dict[str, Any]], None]


class Call:
    """A tool at work for a request."""

    __slots__ = ("asked", "number", "params", "progress", "root_uri", "terms", "token", "tool")

    def __init__(self, number: int | str, params: dict[str, Any], terms: Terms, tool: Tool) -> None:
        self.number = number
        self.params = params
        self.terms = terms
        self.tool = tool
        self.asked: int | None = None
        """The request at the daemon that it waits for."""
        self.root_uri = ""
        """The workspace that is asked."""
        meta = params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        self.token = token if isinstance(token, str | int) and not isinstance(token, bool) else None
        self.progress = 0


class Protocol:
    """One client, from its first message to its last."""

    def __init__(self, link: Link, send: Send) -> None:
        self._link = link
        self._send = send
        self._calls: dict[int | str, Call] = {}
        self._has_roots = False
        self._folders: list[Folder] | None = None
        """What the client of a session has said; None when it has not, or they have changed."""
        self._waiting: list[Call] = []
        """Calls that wait for the client's folders."""
        self._asked_number = 0
        self._asked_until_s: float | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something has been asked and not been answered."""
        return bool(self._calls)

    # -- messages -----------------------------------------------------------------------------------------------

    def take(self, message: dict[str, Any] | Unreadable) -> None:
        """A message of the client's."""
        if isinstance(message, Unreadable):
            self._fail(None, PARSE_ERROR, str(message))
            return
        method, number = message.get("method"), message.get("id")
        if method is None and ("result" in message or "error" in message):
            self._hear_answer(message)
        elif not isinstance(method, str):
            self._fail(
                number if is_number(number) else None, INVALID_REQUEST, "the message is neither request nor answer"
            )
        elif "id" not in message:
            params = message.get("params")
            self._notified(method, params if isinstance(params, dict) else {})
        elif not is_number(number):
            self._fail(None, INVALID_REQUEST, "id: a whole number or a text")
        else:
            self._answer(number, method, message.get("params"))

    def _answer(self, number: int | str, method: str, params: Any) -> None:
        try:
            if params is not None and not isinstance(params, dict):
                raise Refused(INVALID_PARAMS, "params: an object")
            self._serve(number, method, params or {})
        except Refused as error:
            self._fail(number, error.code, str(error), error.data)
        except Exception as error:
            _log(f"{method}: unexpected {type(error).__name__}: {error}")
            self._fail(number, INTERNAL_ERROR, f"unexpected {type(error).__name__}")

    def _serve(self, number: int | str, method: str, params: dict[str, Any]) -> None:
        if method == "initialize":
            self._initialize(number, params)
            return
        terms = terms_of(params, self._has_roots)
        match method:
            case "ping":
                self._finish(number, {}, terms)
            case "server/discover" if terms.is_stateless:
                self._finish(number, {"supportedVersions": list(SUPPORTED), **_self(), **_kept()}, terms)
            case "tools/list":
                self._finish(number, {"tools": tools.TOOLS, **(_kept() if terms.is_stateless else {})}, terms)
            case "tools/call":
                self._begin_call(number, params, terms)
            case "server/discover":
                raise Refused(
                    INVALID_PARAMS, "params: _meta: the protocol version and the client's capabilities are wanted"
                )
            case _:
                raise Refused(METHOD_NOT_FOUND, f"no method {method[:100]!r}")

    def _initialize(self, number: int | str, params: dict[str, Any]) -> None:
        capabilities = params.get("capabilities")
        self._has_roots = isinstance(capabilities, dict) and isinstance(capabilities.get("roots"), dict)
        self._folders = None
        result = {"protocolVersion": settle(params.get("protocolVersion")), "serverInfo": _server(), **_self()}
        self._send({"jsonrpc": "2.0", "id": number, "result": result})

    def _notified(self, method: str, params: dict[str, Any]) -> None:
        if method == "notifications/cancelled":
            number = params.get("requestId")
            if is_number(number) and (call := self._calls.pop(number, None)) is not None:
                self._end(call)
        elif method == "notifications/roots/list_changed":
            self._folders = None

    # -- calls --------------------------------------------------------------------------------------------------

    def _begin_call(self, number: int | str, params: dict[str, Any], terms: Terms) -> None:
        if number in self._calls:
            raise Refused(INVALID_REQUEST, f"request {number!r} is at work already")
        if len(self._calls) >= MOST_CALLS:
            raise Refused(INTERNAL_ERROR, f"{MOST_CALLS} calls are at work; wait for one to end")
        name, values = params.get("name"), params.get("arguments")
        if not isinstance(name, str) or not isinstance(values, dict | None):
            raise Refused(INVALID_PARAMS, "a tool's name and an object of arguments are wanted")
        try:
            tool = tools.call(name, values or {})
        except tools.UnknownTool as error:
            raise Refused(INVALID_PARAMS, str(error)) from None
        call = self._calls[number] = Call(number, params, terms, tool)
        self._advance(call, None, None)

    def _advance(self, call: Call, value: Any, error: LowtideError | None) -> None:
        """Give a call what it waited for, until it waits for something else or ends."""
        while self._calls.get(call.number) is call:
            try:
                wanted = call.tool.send(value) if error is None else call.tool.throw(error)
            except StopIteration as end:
                self._conclude(call, end.value, is_error=False)
                return
            except LowtideError as failure:
                self._conclude(call, str(failure), is_error=True)
                return
            except Exception as failure:
                _log(f"unexpected {type(failure).__name__}: {failure}")
                self._conclude(call, f"unexpected {type(failure).__name__}: {failure}"[:500], is_error=True)
                return
            error = None
            if isinstance(wanted, AskDaemon):
                self._ask_daemon(call, wanted)
                return
            if not self._wants_folders(call):
                return
            value = self._known_folders(call)

    def _ask_daemon(self, call: Call, wanted: AskDaemon) -> None:
        def answered(result: Any, error: LowtideError | None) -> None:
            call.asked = None
            self._advance(call, result, error)

        call.root_uri = str(wanted.params.get("rootUri", ""))
        call.asked = self._link.ask(wanted.method, wanted.params, answered)

    def _conclude(self, call: Call, text: str, *, is_error: bool) -> None:
        del self._calls[call.number]
        content = [{"type": "text", "text": text}]
        self._finish(call.number, {"content": content, "isError": is_error}, call.terms)

    def _end(self, call: Call) -> None:
        """It was cancelled: what it has asked for is not waited for."""
        call.tool.close()
        if call in self._waiting:
            self._waiting.remove(call)
        if call.asked is not None:
            self._link.cancel(call.asked)

    def close(self) -> None:
        """Nobody hears the answers any more."""
        for call in list(self._calls.values()):
            self._end(call)
        self._calls.clear()

    def hear_daemon(self, method: str, params: dict[str, Any]) -> None:
        """A notification of the daemon's: how far an index is, for the calls that wait for it and want to know."""
        if method != "lowtide/progress":
            return
        done, total = params.get("done", 0), params.get("total", 0)
        for call in self._calls.values():
            if call.token is None or call.root_uri != params.get("rootUri") or done <= call.progress:
                continue
            call.progress = done
            told = {"progressToken": call.token, "progress": done, "message": str(params.get("phase", ""))}
            if total >= done:
                told["total"] = total
            self._send({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})

    # -- the client's folders -----------------------------------------------------------------------------------

    def _wants_folders(self, call: Call) -> bool:
        """Whether it is known where the client works, or will not be; else the call waits, or is at its end."""
        if not call.terms.has_roots:
            return True
        if call.terms.is_stateless:
            if "inputResponses" in call.params:
                return True
            del self._calls[call.number]
            call.tool.close()
            asked = {_ROOTS_KEY: {"method": "roots/list"}}
            self._send_result(call.number, {"resultType": "input_required", "inputRequests": asked}, call.terms)
            return False
        if self._folders is not None:
            return True
        self._waiting.append(call)
        if self._asked_until_s is None:
            self._asked_number += 1
            self._asked_until_s = time.monotonic() + ROOTS_S
            self._send({"jsonrpc": "2.0", "id": f"roots-{self._asked_number}", "method": "roots/list"})
        return False

    def _known_folders(self, call: Call) -> list[Folder] | None:
        if not call.terms.has_roots:
            return None
        if not call.terms.is_stateless:
            return self._folders
        responses = call.params["inputResponses"]
        return _folders_in(responses.get(_ROOTS_KEY) if isinstance(responses, dict) else None)

    def _hear_answer(self, message: dict[str, Any]) -> None:
        if self._asked_until_s is not None and message.get("id") == f"roots-{self._asked_number}":
            self._take_folders(_folders_in(message.get("result")))

    def _take_folders(self, folders: list[Folder]) -> None:
        self._asked_until_s = None
        self._folders = folders
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            self._advance(call, folders, None)

    def due_s(self) -> float | None:
        """Seconds until `tick` has something to do."""
        return None if self._asked_until_s is None else max(0.0, self._asked_until_s - time.monotonic())

    def tick(self) -> None:
        """As time goes by: a client that does not say which folders it works in."""
        if self._asked_until_s is not None and time.monotonic() >= self._asked_until_s:
            _log("the client does not say which folders it works in: its working folder is taken")
            self._take_folders([])

    # -- answers ------------------------------------------------------------------------------------------------

    def _finish(self, number: int | str, result: dict[str, Any], terms: Terms) -> None:
        self._send_result(number, {"resultType": "complete", **result} if terms.is_stateless else result, terms)

    def _send_result(self, number: int | str, result: dict[str, Any], terms: Terms) -> None:
        if terms.is_stateless:
            result = {**result, "_meta": {SERVER_KEY: _server()}}
        self._send({"jsonrpc": "2.0", "id": number, "result": result})

    def _fail(self, number: int | str | None, code: int, text: str, data: dict[str, Any] | None = None) -> None:
        error: dict[str, Any] = {"code": code, "message": text}
        if data is not None:
            error["data"] = data
        self._send({"jsonrpc": "2.0", "id": number, "error": error})


def _folders_in(result: Any) -> list[Folder]:
    """The folders of an answer to `roots/list`; what is none of them is left out."""
    listed = result.get("roots") if isinstance(result, dict) else None
    found = []
    for each in listed[:MOST_FOLDERS] if isinstance(listed, list) else []:
        if isinstance(each, dict) and isinstance(each.get("uri"), str):
            name = each.get("name")
            found.append(Folder(each["uri"], name if isinstance(name, str) else ""))
    return found


def _server() -> dict[str, Any]:
    return {"name": "lowtide", "version": lowtide.__version__}


def _self() -> dict[str, Any]:
    return {"capabilities": {"tools": {}}, "instructions": tools.INSTRUCTIONS}


def _kept() -> dict[str, Any]:
    return {"ttlMs": LISTED_MS, "cacheScope": "public"}


def _log(text: str) -> None:
    sys.stderr.write(f"lowtide: {visible(text)}\n")
