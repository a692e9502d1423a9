"""A command's connection to the daemon: ids, many requests, and a client that goes, with handlers that wait as they are
told."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from tests.lsp.wire import AllRoom, Wire

from lowtide.serve import api, server
from lowtide.serve import session as session_module
from lowtide.serve.intake import Intake, Taken
from lowtide.serve.server import Session


class Handlers:
    """`lowtide/wait` ends when it is told to, `lowtide/now` at once."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = asyncio.Event()
        self.go = asyncio.Event()

    async def wait(self, service: Any, caller: Any, params: Any) -> dict[str, Any]:
        self.begun += 1
        try:
            await self.go.wait()
        finally:
            self.ended.set()
        return {"params": params}

    async def now(self, service: Any, caller: Any, params: Any) -> dict[str, Any]:
        return {}


class Play:
    def __init__(self, client: Wire, handlers: Handlers, room: AllRoom, task: asyncio.Task[None]) -> None:
        self.client, self.handlers, self.room, self.task = client, handlers, room, task

    def request(self, number: Any, method: str, params: Any = None) -> None:
        self.client.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})

    async def begun(self, count: int) -> None:
        while self.handlers.begun < count:
            await asyncio.sleep(0.005)


@asynccontextmanager
async def session(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Play]:
    handlers, room = Handlers(), AllRoom()
    monkeypatch.setattr(server, "HANDLERS", {"lowtide/wait": handlers.wait, "lowtide/now": handlers.now})
    host = SimpleNamespace(budget=SimpleNamespace(total_bytes=1))

    async def heed_configuration() -> None:
        pass

    service: Any = SimpleNamespace(
        workspaces=(), host=host, intake=Intake(room), complaint="", heed_configuration=heed_configuration
    )
    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=there)
    client = Wire(*await asyncio.open_connection(sock=here))
    whole: Any = SimpleNamespace(client_count=1)
    hello = Taken({"jsonrpc": "2.0", "id": 0, "method": "lowtide/hello"})
    task = asyncio.ensure_future(Session(whole, service, "test", reader, writer).run(hello))
    assert "budgetBytes" in (await client.answer(0))["result"]
    try:
        yield Play(client, handlers, room, task)
    finally:
        client.writer.close()
        await asyncio.wait_for(task, 20)
        writer.close()
        assert room.lent_bytes == 0


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(body(), 60))


@pytest.mark.parametrize("number", [[1], {"a": 1}, True, 1.5, 10**30])
def test_an_id_that_cannot_be_one_is_refused_and_the_session_goes_on(
    number: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with session(monkeypatch) as play:
            play.request(number, "lowtide/wait")
            assert (await play.client.answer(None))["error"]["code"] == -32600
            play.client.notify("$/cancelRequest", {"id": number})
            play.client.notify("$/cancelRequest", [number])
            play.request(1, "lowtide/now")
            assert (await play.client.answer(1))["result"] == {}
            assert play.handlers.begun == 0

    run(body)


def test_an_id_that_is_at_work_is_refused_and_the_first_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with session(monkeypatch) as play:
            play.request(7, "lowtide/wait", {"first": True})
            await play.begun(1)
            play.request(7, "lowtide/now")
            assert (await play.client.answer(7))["error"]["code"] == -32600
            play.handlers.go.set()
            assert (await play.client.answer(7))["result"] == {"params": {"first": True}}
            play.request(7, "lowtide/now")
            assert (await play.client.answer(7))["result"] == {}

    run(body)


def test_a_cancellation_is_heard_behind_very_many_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "MOST_REQUESTS", 8)

    async def body() -> None:
        async with session(monkeypatch) as play:
            for number in range(1, 21):
                play.request(number, "lowtide/wait")
            play.client.notify("$/cancelRequest", {"id": 3})
            assert (await play.client.answer(3))["error"]["code"] == -32800
            assert "wait for one to end" in (await play.client.answer(20))["error"]["message"]
            play.handlers.go.set()
            assert "result" in await play.client.answer(8)

    run(body)


def test_a_client_that_goes_ends_what_it_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with session(monkeypatch) as play:
            play.request(1, "lowtide/wait", {"x": "y" * 300_000})
            await play.begun(1)
            assert play.room.lent_bytes > 300_000
            play.client.writer.transport.abort()
            await asyncio.wait_for(play.handlers.ended.wait(), 20)
            await asyncio.wait_for(asyncio.shield(play.task), 20)
            assert play.room.lent_bytes == 0

    run(body)


def test_what_is_no_message_is_answered_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with session(monkeypatch) as play:
            for wrong in (b"null", b"[]", b'"x"', b"{}", b'{"id":1,"method":null}', b"{{", b"[" * 5000):
                play.client.send_raw(b"Content-Length: %d\r\n\r\n%b" % (len(wrong), wrong))
            play.client.send({"id": 2, "result": json.loads("{}")})  # an answer to nothing
            play.request(3, "lowtide/now")
            assert (await play.client.answer(3))["result"] == {}

    run(body)


def test_handlers_are_those_of_the_api() -> None:
    assert vars(server)["HANDLERS"] is api.HANDLERS
