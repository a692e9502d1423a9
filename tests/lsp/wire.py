"""What the tests of the language server share: a service without an index, and a client that speaks the raw wire."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import anyio

from lowtide import wire
from lowtide.answers import Answer, Hit, SymbolHit
from lowtide.config.settings import NOBODY, IndexSettings
from lowtide.core.budget import Lease
from lowtide.core.freshness import Freshness, FreshState
from lowtide.core.lru import ByteCache
from lowtide.errors import BudgetError, RefusedError
from lowtide.read.request import SearchRequest
from lowtide.serve import rpc
from lowtide.serve.intake import Intake, Taken
from lowtide.serve.team import TeamAnswer
from lowtide.status import LadderStep, Memory, Status
from lowtide.system.tree.walk import refuse_reason
from lowtide.work import documents

IDLE = Status("0", "ok", "", "idle", True, Memory(1, NOBODY, 1, 1, 0, []), LadderStep("full", ""), None, [])
STATUS = IDLE.as_json()


class FakeReader:
    """Reads open texts in this process."""

    def __init__(self) -> None:
        self.vectors = ByteCache(1 << 16)
        self.count = 0

    async def read(self, key: str, path: bytes, language: str, text: bytes, *, chunks: bool = False) -> wire.Outline:
        self.count += 1
        task = wire.DocumentTask(key, path, language, text, 10.0, chunks, True)
        outline = documents.read(task).outline
        assert outline is not None
        return outline


class AllRoom:
    """Lends whatever is asked for; `lent_bytes` is what has not come back. `most_bytes`: a larger wish is refused."""

    def __init__(self) -> None:
        self.lent_bytes = 0
        self.most_lent_bytes = 0
        self.most_bytes = 1 << 40

    async def take_room(self, size_bytes: int, wait_s: float) -> Lease:
        if size_bytes > self.most_bytes:
            raise BudgetError("there is no room for this", "", "ask again in a moment")
        self.lent_bytes += size_bytes
        self.most_lent_bytes = max(self.most_lent_bytes, self.lent_bytes)
        return Lease(0, size_bytes)

    def end_room(self, lease: Lease) -> None:
        self.lent_bytes -= lease.total_bytes


class FakeService:
    """Answers what it is told to; remembers what it was asked."""

    def index_settings(self, root: Path) -> IndexSettings:
        return IndexSettings()

    def __init__(self) -> None:
        self.room = AllRoom()
        self.intake = Intake(self.room)
        self.documents = FakeReader()
        self.found: list[SymbolHit] = []
        self.hits: list[Hit] = []
        self.asked: SearchRequest | None = None
        self.team = TeamAnswer()
        self.asked_team = 0
        self.freshness = Freshness(FreshState.CURRENT, 1, 1, 0.0)
        self.opened: list[Path] = []
        self.closed: list[Path] = []
        self.dropped: list[str] = []
        self.open_files: Sequence[Path] = ()
        self.listeners: list[Callable[[Status], None]] = []
        self.budget = 0
        self.budget_from = NOBODY
        self.cancelled = 0
        self.hold: anyio.Event | None = None
        """Symbol queries wait for it."""
        self.held = anyio.Event()
        self.interrupted = anyio.Event()
        self.error: Exception | None = None

    def coming(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def open_workspace(self, root: Path, client: str) -> None:
        if why := refuse_reason(root):
            raise RefusedError(f"will not index {root}", why)
        self.opened.append(root)

    async def close_workspace(self, root: Path, client: str) -> None:
        self.closed.append(root)

    async def drop_client(self, client: str) -> None:
        self.dropped.append(client)

    async def attend(self, root: Path, patience: Any) -> Freshness:
        return self.freshness

    async def symbols(self, query: str, *, roots: Sequence[Path], limit: int, **_: Any) -> list[Any]:
        if self.error:
            raise self.error
        if self.hold is not None:
            self.held.set()
            try:
                await self.hold.wait()
            except anyio.get_cancelled_exc_class():
                self.interrupted.set()
                raise
        return [(roots[0], symbol) for symbol in self.found if query.lower() in symbol.name.lower()][:limit]

    async def search(self, request: SearchRequest, roots: Sequence[Path]) -> list[Any]:
        self.asked = request
        return [(root, Answer(request.query, None, 0, 0.1, self.hits[: request.limit])) for root in roots]

    async def passed_over(self, request: SearchRequest, roots: Sequence[Path]) -> dict[Path, Answer]:
        return {}

    async def ask_team(self, request: SearchRequest) -> TeamAnswer:
        self.asked_team += 1
        return self.team

    async def files_with(self, root: Path, name: str, limit: int) -> tuple[list[bytes], bool]:
        return [os.fsencode(path.relative_to(root)) for path in sorted(root.rglob("*.*"))][:limit], False

    async def cancel(self) -> None:
        self.cancelled += 1

    async def set_budget(self, size_bytes: int, by: str) -> None:
        self.budget, self.budget_from = size_bytes, by

    def status(self, roots: Sequence[Path] = ()) -> Status:
        return IDLE

    def subscribe(self, listener: Callable[[Status], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def set_open_files(self, client: str, paths: Sequence[Path]) -> None:
        self.open_files = tuple(paths)


def symbol(
    name: str, path: str, line: int, column: int = 0, *, container: str = "", kind: str = "function", score: float = 3.0
) -> SymbolHit:
    """An entry of `Service.symbols`."""
    span, place = (line, 0, line + 1, 0), (line, column)
    return SymbolHit(name, kind, container, path, score, f"def {name}():", f"Does {name}.", span, place)


class Wire:
    """The client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.heard: list[dict[str, Any]] = []
        """Notifications and requests of the server's."""
        self.answers: dict[Any, dict[str, Any]] = {}
        self._number = 0

    def send_raw(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, message: Any) -> None:
        body = json.dumps(message).encode()
        self.send_raw(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def begin(self, method: str, params: Any = None) -> int:
        """Send a request; its number."""
        self._number += 1
        self.send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        return self._number

    async def ask(self, method: str, params: Any = None) -> dict[str, Any]:
        return await self.answer(self.begin(method, params))

    async def result(self, method: str, params: Any = None) -> Any:
        answer = await self.ask(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    async def answer(self, number: Any) -> dict[str, Any]:
        while number not in self.answers:
            await self.read()
        return self.answers.pop(number)

    async def hear(self, method: str) -> dict[str, Any]:
        """The first message of this method that was not taken yet."""
        while True:
            for message in self.heard:
                if message["method"] == method:
                    self.heard.remove(message)
                    return message
            await self.read()

    async def read(self) -> None:
        head = await asyncio.wait_for(rpc.read_head(self.reader), 20)
        if head is None:
            raise EOFError
        message = rpc.decode(await self.reader.readexactly(rpc.length_of(head)))
        if "method" in message:
            self.heard.append(message)
            if message["method"] == "window/workDoneProgress/create":
                self.send({"jsonrpc": "2.0", "id": message["id"], "result": None})
        else:
            self.answers[message["id"]] = message

    async def initialize(self, root: Path | None = None, **more: Any) -> dict[str, Any]:
        params = {"processId": None, "rootUri": root.as_uri() if root else None, "capabilities": {}} | more
        result: dict[str, Any] = await self.result("initialize", params)
        self.notify("initialized", {})
        return result

    def open(self, uri: str, text: str, language: str = "python") -> None:
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def edit(self, uri: str, start: tuple[int, int], end: tuple[int, int], text: str, version: int = 2) -> None:
        span = {
            "start": dict(zip(("line", "character"), start, strict=True)),
            "end": dict(zip(("line", "character"), end, strict=True)),
        }
        self.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"range": span, "text": text}]},
        )


class Connection:
    """A session in this process: the client's end, and how it ended."""

    def __init__(self, client: Wire, task: asyncio.Task[int]) -> None:
        self.wire = client
        self.task = task

    async def code(self) -> int:
        """The exit code, when the session has ended."""
        return await asyncio.wait_for(asyncio.shield(self.task), 5)


@asynccontextmanager
async def connected(service: Any, first: Taken | None = None) -> AsyncIterator[Connection]:
    """A session over a socket pair."""
    from lowtide_lsp.server import serve

    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=there)
    client = Wire(*await asyncio.open_connection(sock=here))
    task = asyncio.ensure_future(serve(service, reader, writer, first=first, peer_pid=None))
    try:
        yield Connection(client, task)
    finally:
        client.writer.close()
        await asyncio.wait([task], timeout=5)
        assert task.done()
