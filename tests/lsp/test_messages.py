"""Messages on the wire: whole, in order, of any size, and refused when they are none."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from tests.lsp.wire import STATUS, FakeService, connected, symbol


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def test_custom_messages_are_whole_on_the_wire(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            await connection.wire.initialize(tmp_path)
            told = await connection.wire.hear("lowtide/statusChanged")
            assert told == {"jsonrpc": "2.0", "method": "lowtide/statusChanged", "params": STATUS}
            answer = await connection.wire.ask("lowtide/search", {"query": "a"})
            assert set(answer["result"]) == {"hits", "degraded", "staleFiles", "tookMs", "freshness"}
            assert answer["jsonrpc"] == "2.0"

    run(main)


def test_order_and_envelope_are_checked(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            assert (await wire.ask("workspace/symbol", {"query": "a"}))["error"]["code"] == -32002
            assert (await wire.ask("shutdown"))["error"]["code"] == -32002
            wire.notify("textDocument/didOpen", {})
            assert (await wire.ask("initialize", {"processId": "x"}))["error"]["code"] == -32602
            await wire.initialize(tmp_path)
            assert (await wire.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}}))["error"][
                "code"
            ] == -32600
            for params in ({}, {"textDocument": 7, "position": []}):
                error = (await wire.ask("textDocument/hover", params))["error"]
                assert error["code"] == -32602
                assert error["message"].startswith("params of textDocument/hover: ")
                assert "Error" not in error["message"], "the names of Python's exceptions tell nobody anything"
            backwards = {"start": {"line": 9, "character": 0}, "end": {"line": 1, "character": 0}}
            asked = {"textDocument": {"uri": (tmp_path / "a.py").as_uri()}, "range": backwards}
            error = (await wire.ask("lowtide/similar", asked))["error"]
            assert (error["code"], error["message"]) == (-32602, "params: range: its end comes before its start")
            assert (await wire.ask("no/suchMethod", {}))["error"]["code"] == -32601
            assert (await wire.ask("workspace/executeCommand", {"command": "x"}))["error"]["code"] == -32601
            for wrong, code in (
                (b"{", -32700),
                (b"[]", -32600),
                (b'"a"', -32600),
                (b"{}", -32600),
                (b'{"jsonrpc":"2.0","method":1}', -32600),
                (b'{"jsonrpc":"2.0","id":{},"method":"shutdown"}', -32600),
                (b"\xff\xfe", -32700),
                (b"[" * 100_000, -32700),
                (b'{"jsonrpc":"2.0"}', -32600),
                (b"", -32700),
            ):
                wire.send_raw(b"Content-Length: %d\r\n\r\n%b" % (len(wrong), wrong))
                assert (await wire.answer(None))["error"]["code"] == code, wrong[:20]
            wire.send({"jsonrpc": "2.0", "id": 12345, "result": None})
            wire.send({"jsonrpc": "2.0", "id": "lost", "error": {"code": 1, "message": "x"}})
            assert await wire.result("lowtide/status", {}) == STATUS

    run(main)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"Content-Length: 99999999999\r\n\r\n", b"x" * 10_000, b"Content-Length: -1\r\n\r\n"],
)
def test_what_is_no_message_ends_the_connection(data: bytes) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            connection.wire.send_raw(data)
            connection.wire.writer.write_eof()
            assert (await connection.wire.answer(None))["error"]["code"] == -32600
            assert await connection.code() == 1

    run(main)


def test_a_huge_text_is_taken_or_left_but_never_breaks(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            uri = (tmp_path / "big.txt").as_uri()
            wire.open(uri, "word " * (8 << 20), "plaintext")
            answer = await wire.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
            assert answer["error"]["code"] == -32803
            assert await wire.result("lowtide/status", {}) == STATUS

    run(main)


def test_a_message_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lowtide.serve.intake.MOST_MESSAGE_BYTES", 1 << 20)

    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            wire.open((tmp_path / "big.txt").as_uri(), "word " * (1 << 20), "plaintext")
            answer = await wire.answer(None)
            assert answer["error"]["code"] == -32600
            assert "passed over" in answer["error"]["message"]
            assert await wire.result("lowtide/status", {}) == STATUS

    run(main)


def test_a_text_of_many_lines_is_weighed_by_them_and_the_user_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowtide.read.unsaved.documents.MOST_TEXTS_BYTES", 1 << 20)

    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            (tmp_path / "many.py").write_text("class OnDisk: ...\n")
            uri = (tmp_path / "many.py").as_uri()
            wire.open(uri, "x\n" * 50_000)
            told = await wire.hear("window/logMessage")
            assert "many.py is answered as it is on the disk" in told["params"]["message"]
            params = {"textDocument": {"uri": uri}}
            assert "close others" in (await wire.ask("textDocument/documentSymbol", params))["error"]["message"]
            wire.notify("textDocument/didClose", params)
            assert (await wire.result("textDocument/documentSymbol", params))[0]["name"] == "OnDisk"

    run(main)


@pytest.mark.parametrize("open_first", [False, True])
def test_what_is_no_plain_file_is_never_waited_for(tmp_path: Path, open_first: bool) -> None:
    async def main() -> None:
        os.mkfifo(tmp_path / "pipe.py")
        os.symlink("/dev/zero", tmp_path / "endless.py")
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            for name, why in (("pipe.py", "no plain file"), ("endless.py", "it is a link")):
                params = {"textDocument": {"uri": (tmp_path / name).as_uri()}}
                if open_first:
                    wire.open(params["textDocument"]["uri"], "class Typed: ...\n")
                    assert (await wire.result("textDocument/documentSymbol", params))[0]["name"] == "Typed"
                else:
                    answer = await wire.ask("textDocument/documentSymbol", params)
                    assert answer["error"]["code"] == -32803
                    assert why in answer["error"]["message"]

    run(main)


def test_half_a_surrogate_pair_survives(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.found = [symbol("broken\ud800", "a.py", 0)]
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            found = await wire.result("workspace/symbol", {"query": "broken"})
            assert found[0]["name"] == "broken\ud800"

    run(main)
