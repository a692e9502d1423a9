"""The protocol without a daemon: revisions, requests, calls, cancelling, the client's folders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from lowtide.errors import LowtideError
from lowtide.mcp import protocol
from lowtide.mcp.lines import Unreadable
from lowtide.mcp.link import Link
from lowtide.mcp.protocol import MOST_CALLS, Protocol
from lowtide.mcp.versions import BY_HANDSHAKE, CAPABILITIES_KEY, STATELESS, SUPPORTED, VERSION_KEY


class FakeLink:
    """A daemon that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.waiting: dict[int, Callable[[Any, LowtideError | None], None]] = {}
        self.cancelled: list[int] = []

    def ask(self, method: str, params: dict[str, Any], answered: Callable[[Any, LowtideError | None], None]) -> int:
        self.asked.append((method, params))
        self.waiting[len(self.asked)] = answered
        return len(self.asked)

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)
        del self.waiting[number]

    def answer(self, result: Any = None, error: LowtideError | None = None) -> None:
        """To what was asked last."""
        self.waiting.pop(len(self.asked))(result, error)


class Peer:
    """A client: what it sends, and what it hears."""

    def __init__(self) -> None:
        self.link = FakeLink()
        self.heard: list[dict[str, Any]] = []
        self.protocol = Protocol(cast(Link, self.link), self.heard.append)

    def send(self, method: str, number: Any = None, **params: Any) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        self.protocol.take(message if number is None else {**message, "id": number})

    def ask(self, method: str, number: Any = 1, **params: Any) -> dict[str, Any]:
        self.send(method, number, **params)
        return self.heard[-1]

    def call(self, number: Any, tool: str, meta: dict[str, Any] | None = None, **arguments: Any) -> None:
        more = {"_meta": meta} if meta else {}
        self.send("tools/call", number, name=tool, arguments=arguments, **more)


def stateless(**capabilities: Any) -> dict[str, Any]:
    return {VERSION_KEY: STATELESS, CAPABILITIES_KEY: capabilities}


def folder(name: str) -> dict[str, Any]:
    return {"uri": f"file:///code/{name}", "name": name}


@pytest.mark.parametrize(
    ("asked", "settled"),
    [
        *((version, version) for version in BY_HANDSHAKE),
        ("2099-01-01", BY_HANDSHAKE[0]),
        (STATELESS, BY_HANDSHAKE[0]),
        (None, BY_HANDSHAKE[0]),
    ],
)
def test_a_session_settles_on_a_revision(asked: str | None, settled: str) -> None:
    result = Peer().ask("initialize", protocolVersion=asked, capabilities={}, clientInfo={"name": "x"})["result"]
    assert result["protocolVersion"] == settled
    assert result["capabilities"] == {"tools": {}}
    assert result["serverInfo"]["name"] == "lowtide"


def test_a_stateless_request_names_its_revision_and_is_answered_in_it() -> None:
    peer = Peer()
    told = peer.ask("server/discover", _meta=stateless())["result"]
    assert told["supportedVersions"] == list(SUPPORTED)
    assert told["resultType"] == "complete"
    assert told["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "lowtide"
    listed = peer.ask("tools/list", _meta=stateless())["result"]
    assert (listed["resultType"], listed["cacheScope"]) == ("complete", "public")
    assert listed["ttlMs"] > 0
    refused = peer.ask("tools/list", _meta={**stateless(), VERSION_KEY: "1900-01-01"})["error"]
    assert refused["code"] == -32022
    assert refused["data"] == {"supported": list(SUPPORTED), "requested": "1900-01-01"}
    for meta in (
        {VERSION_KEY: STATELESS},
        {VERSION_KEY: 7, CAPABILITIES_KEY: {}},
        {VERSION_KEY: STATELESS, CAPABILITIES_KEY: 1},
    ):
        assert peer.ask("tools/list", _meta=meta)["error"]["code"] == -32602
    assert peer.ask("server/discover")["error"]["code"] == -32602


def test_an_older_session_is_told_nothing_that_it_does_not_know() -> None:
    peer = Peer()
    peer.ask("initialize", protocolVersion="2025-06-18", capabilities={})
    assert set(peer.ask("tools/list")["result"]) == {"tools"}
    assert peer.ask("ping")["result"] == {}
    assert peer.ask("resources/list")["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"id": 1}, -32600),
        ({"id": 1, "method": 5}, -32600),
        ({"id": None, "method": "ping"}, -32600),
        ({"id": 1.5, "method": "ping"}, -32600),
        ({"id": {"a": 1}, "method": "ping"}, -32600),
        ({"id": True, "method": "ping"}, -32600),
        ({"id": 1 << 70, "method": "ping"}, -32600),
        ({"id": 1, "method": "ping", "params": [1]}, -32602),
        ({"id": 1, "method": "nothing"}, -32601),
        ({"id": 1, "method": "tools/call", "params": {}}, -32602),
        (Unreadable("no JSON"), -32700),
        ({"id": 1, "method": "tools/call", "params": {"name": "search", "arguments": [1]}}, -32602),
        ({"id": 1, "method": "tools/call", "params": {"name": "drop", "arguments": {}}}, -32602),
    ],
)
def test_what_is_no_good_request_has_an_error_and_the_next_is_answered(message: Any, code: int) -> None:
    peer = Peer()
    peer.protocol.take(message)
    assert peer.heard[-1]["error"]["code"] == code
    assert peer.ask("ping", 2) == {"jsonrpc": "2.0", "id": 2, "result": {}}


def test_what_wants_no_answer_has_none() -> None:
    peer = Peer()
    peer.send("notifications/initialized")
    peer.send("notifications/of/tomorrow")
    peer.send("notifications/cancelled", requestId=99)
    peer.send("notifications/cancelled", requestId={"a": 1})
    peer.protocol.take({"jsonrpc": "2.0", "id": "roots-7", "result": {"roots": []}})
    peer.protocol.take({"jsonrpc": "2.0", "id": 3, "error": {"code": 1, "message": "x"}})
    assert peer.heard == []


def test_arguments_that_cannot_be_taken_are_a_tools_error_with_what_to_do() -> None:
    peer = Peer()
    for arguments in (
        {},
        {"query": 7},
        {"query": "x", "limit": "many"},
        {"query": "x", "terms": 5},
        {"query": "x", "depth": 1},
    ):
        peer.call(1, "search", **arguments)
        result = peer.heard[-1]["result"]
        assert result["isError"]
        assert result["content"][0]["text"]
    assert peer.link.asked == []


def test_a_call_that_is_cancelled_is_cancelled_at_the_daemon_and_has_no_answer() -> None:
    peer = Peer()
    peer.call("a", "status")
    peer.call("b", "status")
    peer.send("notifications/cancelled", requestId="b", reason="enough")
    assert peer.link.cancelled == [2]
    assert peer.heard == []
    peer.link.waiting[1](None, LowtideError("no disk", "it is gone", "mount it"))
    assert peer.heard[-1]["id"] == "a"
    assert peer.heard[-1]["result"] == {
        "content": [{"type": "text", "text": "no disk: it is gone; mount it"}],
        "isError": True,
    }


def test_calls_at_once_are_bounded_and_one_id_is_at_work_once() -> None:
    peer = Peer()
    for number in range(MOST_CALLS):
        peer.call(number, "status")
    assert peer.heard == []
    peer.call(3, "status")
    assert peer.heard[-1]["error"]["code"] == -32600
    peer.call(MOST_CALLS, "status")
    assert "calls are at work" in peer.heard[-1]["error"]["message"]
    peer.protocol.close()
    assert len(peer.link.cancelled) == MOST_CALLS


def root_asked(peer: Peer) -> str:
    method, params = peer.link.asked[-1]
    assert method == "lowtide/root"
    return str(params["uri"])


def test_a_sessions_folders_are_asked_once_until_they_change() -> None:
    peer = Peer()
    peer.ask("initialize", protocolVersion="2025-11-25", capabilities={"roots": {"listChanged": True}})
    peer.call(1, "symbols", name="x")
    peer.call(2, "symbols", name="y")
    assert [message["method"] for message in peer.heard[1:]] == ["roots/list"]
    peer.protocol.take(
        {"jsonrpc": "2.0", "id": peer.heard[-1]["id"], "result": {"roots": [folder("shop"), {"uri": 5}]}}
    )
    assert [params["uri"] for _, params in peer.link.asked] == ["file:///code/shop"] * 2
    peer.call(3, "symbols", name="z")
    assert root_asked(peer) == "file:///code/shop"
    peer.send("notifications/roots/list_changed")
    peer.call(4, "symbols", name="z", root="till")
    assert peer.heard[-1]["method"] == "roots/list"
    peer.protocol.take(
        {"jsonrpc": "2.0", "id": peer.heard[-1]["id"], "result": {"roots": [folder("shop"), folder("till")]}}
    )
    assert root_asked(peer) == "file:///code/till"


def test_a_client_that_does_not_say_where_it_works_is_answered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.ask("initialize", protocolVersion="2025-11-25", capabilities={"roots": {}})
    monkeypatch.setattr(protocol, "ROOTS_S", 0.0)
    peer.call(1, "symbols", name="x")
    assert peer.protocol.due_s() == 0.0
    peer.protocol.tick()
    assert root_asked(peer).startswith("file:///")
    peer.call(2, "symbols", name="x")
    peer.send("notifications/roots/list_changed")
    peer.call(3, "symbols", name="x")
    peer.protocol.take({"jsonrpc": "2.0", "id": peer.heard[-1]["id"], "error": {"code": -32601, "message": "no"}})
    assert len(peer.link.asked) == 3


def test_a_stateless_client_is_asked_for_its_folders_in_the_result() -> None:
    peer = Peer()
    peer.call(1, "symbols", stateless(roots={}), name="x")
    result = peer.heard[-1]["result"]
    assert result["resultType"] == "input_required"
    assert result["inputRequests"] == {"roots": {"method": "roots/list"}}
    assert not peer.protocol.is_busy
    responses = {"roots": {"roots": [folder("shop")]}}
    peer.send(
        "tools/call", 2, name="symbols", arguments={"name": "x"}, _meta=stateless(roots={}), inputResponses=responses
    )
    assert root_asked(peer) == "file:///code/shop"
    odd_ones: list[Any] = [None, [], {"roots": 5}, {"roots": {"roots": [{"uri": "https://x.org"}]}}]
    for number, odd in enumerate(odd_ones, 3):
        peer.send(
            "tools/call", number, name="symbols", arguments={"name": "x"}, _meta=stateless(roots={}), inputResponses=odd
        )
        assert root_asked(peer).startswith("file:///")
    peer.call(9, "symbols", stateless(), name="x")
    assert len(peer.link.asked) == 6


def test_progress_is_told_to_who_wants_it_and_only_grows() -> None:
    peer = Peer()
    peer.call(1, "symbols", {"progressToken": "p"}, name="x")
    peer.call(2, "symbols", name="x")
    for waiting in list(peer.link.waiting.values()):
        waiting({"root": "/code/shop", "rootUri": "file:///code/shop", "hasIndex": False, "refused": ""}, None)
    for done in (10, 5, 10, 30):
        told = {"rootUri": "file:///code/shop", "phase": "indexing", "done": done, "total": 20}
        peer.protocol.hear_daemon("lowtide/progress", told)
    peer.protocol.hear_daemon("lowtide/progress", {"rootUri": "file:///other", "done": 99, "total": 100, "phase": ""})
    peer.protocol.hear_daemon("lowtide/statusChanged", {})
    assert [message["params"] for message in peer.heard] == [
        {"progressToken": "p", "progress": 10, "message": "indexing", "total": 20},
        {"progressToken": "p", "progress": 30, "message": "indexing"},
    ]
