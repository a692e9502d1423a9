"""The ways round what is broken in pygls 2.1.1, and bad input: each test fails without its way round."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace
from pygls.progress import Progress
from tests.lsp.wire import IDLE, STATUS, FakeService, Wire, connected

from lowtide import status
from lowtide.errors import WorkerError
from lowtide.serve.intake import Taken
from lowtide_lsp.session import Session


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def test_edits_leave_no_future_behind(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            uri = (tmp_path / "a.py").as_uri()
            wire.open(uri, "x = 1\n")
            await wire.result("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
            gc.collect()
            before = _futures()
            for number in range(2_000):
                wire.edit(uri, (0, 0), (0, 0), "y")
                if number % 100 == 0:
                    wire.notify("workspace/didChangeConfiguration", {"settings": {}})
            await wire.result("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
            gc.collect()
            assert _futures() - before <= 5

    run(main)


def _futures() -> int:
    return sum(isinstance(thing, Future | asyncio.Future) for thing in gc.get_objects())


def test_bad_params_are_answered(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            bad: list[tuple[str, Any]] = [
                ("workspace/symbol", {}),
                ("workspace/symbol", None),
                ("workspace/symbol", [1]),
                ("workspace/symbol", {"query": None}),
                ("workspace/symbol", {"query": 5}),
                ("textDocument/documentSymbol", {"textDocument": "secret text"}),
                (
                    "textDocument/hover",
                    {"textDocument": {"uri": "file:///a"}, "position": {"line": -1, "character": 0}},
                ),
                (
                    "textDocument/hover",
                    {"textDocument": {"uri": "file:///a"}, "position": {"line": "x", "character": 0}},
                ),
                ("lowtide/search", {}),
                ("lowtide/search", {"query": 1}),
                ("lowtide/search", {"query": "a", "limit": 0}),
                ("lowtide/search", {"query": "a", "mode": "magic"}),
                ("lowtide/search", {"query": "a", "kinds": ["nothing"]}),
                ("lowtide/search", [1]),
                ("lowtide/setBudget", {"bytes": "much"}),
                ("lowtide/explain", {}),
            ]
            for method, params in bad:
                answer = await wire.ask(method, params)
                assert answer["error"]["code"] == -32602, (method, params, answer)
                assert "secret" not in json.dumps(answer)

    run(main)


def test_cancelling_stops_the_work(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.hold = anyio.Event()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            number = wire.begin("workspace/symbol", {"query": "a"})
            await service.held.wait()
            wire.notify("$/cancelRequest", {"id": number})
            assert (await wire.answer(number))["error"]["code"] == -32800
            assert service.interrupted.is_set()
            wire.notify("$/cancelRequest", {"id": 999})
            wire.notify("$/cancelRequest", {"id": [1]})
            wire.notify("$/cancelRequest", None)
            assert await wire.result("lowtide/status", {}) == STATUS

    run(main)


def test_many_slow_requests_do_not_stop_the_reading(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.hold = anyio.Event()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            slow = [wire.begin("workspace/symbol", {"query": "a"}) for _ in range(100)]
            assert await wire.result("lowtide/status", {}) == STATUS
            service.hold.set()
            for number in slow:
                assert (await wire.answer(number))["result"] == []
            service.hold = anyio.Event()
            for _ in range(257):
                wire.begin("workspace/symbol", {"query": "a"})
            refused = wire.begin("lowtide/status", {})
            assert (await wire.answer(refused))["error"]["code"] == -32803
            service.hold.set()

    run(main)


def test_shutdown_with_requests_at_work(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.hold = anyio.Event()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            slow = [wire.begin("workspace/symbol", {"query": "a"}) for _ in range(10)]
            await service.held.wait()
            assert await wire.result("shutdown") is None
            for number in slow:
                assert (await wire.answer(number))["error"]["code"] == -32800
            assert (await wire.ask("workspace/symbol", {"query": "a"}))["error"]["code"] == -32600
            wire.notify("exit")
            assert await connection.code() == 0
            assert service.dropped
            assert not service.listeners

    run(main)


def test_exit_without_shutdown_is_1_and_ends_the_session_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            await connection.wire.initialize(tmp_path)
            connection.wire.notify("exit")
            assert await connection.code() == 1

    run(main)


def test_end_of_stream_ends_the_session(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.hold = anyio.Event()
        async with connected(service) as connection:
            await connection.wire.initialize(tmp_path)
            connection.wire.begin("workspace/symbol", {"query": "a"})
            await service.held.wait()
            connection.wire.writer.close()
            assert await asyncio.wait_for(connection.code(), 1) == 1
            assert service.dropped

    run(main)


def test_a_client_that_goes_ends_its_slow_question(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.hold = anyio.Event()
        async with connected(service) as connection:
            await connection.wire.initialize(tmp_path)
            connection.wire.begin("workspace/symbol", {"query": "a"})
            await service.held.wait()
            transport: Any = connection.wire.writer.transport
            transport.abort()
            with anyio.fail_after(20):
                await service.interrupted.wait()
                await connection.task
        assert service.room.lent_bytes == 0

    run(main)


@pytest.mark.parametrize("number", [[1], {"a": 1}, True, 10**30, 1.5])
def test_an_id_that_cannot_be_one_is_refused(tmp_path: Path, number: Any) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            await connection.wire.initialize(tmp_path)
            connection.wire.send({"jsonrpc": "2.0", "id": number, "method": "lowtide/status"})
            assert (await connection.wire.answer(None))["error"]["code"] == -32600
            connection.wire.notify("$/cancelRequest", {"id": number})
            assert await connection.wire.result("lowtide/status", {}) == STATUS

    run(main)


def test_a_text_that_is_passed_over_is_answered_as_on_the_disk_and_it_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            uri = (tmp_path / "a.py").as_uri()
            wire.open(uri, "class Unsaved: ...\n")
            service.room.most_bytes = 1000
            wire.edit(uri, (0, 0), (0, 0), "x" * 200_000)  # there is no room for it
            told = await wire.hear("window/logMessage")
            assert "a.py is answered as it is on the disk" in told["params"]["message"]
            answer = await wire.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
            assert answer["error"]["code"] == -32803  # what the editor has is not known any more

    run(main)


def test_the_end_of_the_clients_process_ends_the_session(tmp_path: Path) -> None:
    async def main() -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)  # noqa: ASYNC220
        try:
            async with connected(FakeService()) as connection:
                await connection.wire.initialize(tmp_path, processId=child.pid)
                await connection.wire.result("lowtide/status", {})
                child.kill()
                child.wait()
                assert await asyncio.wait_for(connection.code(), 1) == 1
        finally:
            child.kill()
            child.wait()
            assert child.stdin is not None
            child.stdin.close()

    run(main)


def test_a_process_of_another_container_is_not_watched(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            await connection.wire.initialize(tmp_path, processId=2**22 + 1)
            assert await connection.wire.result("lowtide/status", {}) == STATUS

    run(main)


def test_an_error_in_a_notification_shows_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            wire.notify("textDocument/didOpen", {"textDocument": 1})
            wire.notify(
                "textDocument/didChange", {"textDocument": {"uri": "file:///none", "version": 1}, "contentChanges": []}
            )
            wire.notify("textDocument/didClose", {"textDocument": {"uri": "file:///none"}})
            wire.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": 1, "removed": []}})
            wire.notify("workspace/didChangeConfiguration", {"settings": {"lowtide": {"symbolLimit": "many"}}})
            wire.notify("window/workDoneProgress/cancel", {"token": "unknown"})
            wire.notify("no/suchNotification", {"a": 1})
            wire.notify("$/unknown")

            def fail(client: str, paths: Any) -> None:
                raise RuntimeError("odd")

            service.set_open_files = fail  # type: ignore[method-assign]
            wire.open((tmp_path / "a.py").as_uri(), "x = 1\n")
            assert await wire.result("lowtide/status", {}) == STATUS
            assert not [message for message in wire.heard if message["method"] == "window/showMessage"]

    run(main)


def test_a_late_result_after_the_end_is_dropped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            await connection.wire.initialize(tmp_path)
            await connection.wire.result("lowtide/status", {})
            (listener,) = service.listeners
            await connection.wire.result("shutdown")
            connection.wire.notify("exit")
            await connection.code()
            listener(IDLE)

    run(main)
    assert "Error" not in capfd.readouterr().err


def test_each_connection_has_its_own_writer(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as one, connected(service) as two:
            await one.wire.initialize(tmp_path)
            await two.wire.initialize(tmp_path)
            assert await one.wire.result("lowtide/status", {}) == STATUS
            assert await two.wire.result("lowtide/status", {}) == STATUS
            for listener in list(service.listeners):
                listener(replace(IDLE, message="changed"))
            for wire in (one.wire, two.wire):
                while (await wire.hear("lowtide/statusChanged"))["params"]["message"] != "changed":
                    pass
            one.wire.writer.close()
            await one.code()
            assert await two.wire.result("lowtide/status", {}) == STATUS

    run(main)


def test_no_text_of_the_editor_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            uri = (tmp_path / "a.py").as_uri()
            wire.open(uri, "def secret_tide(): ...\n")
            wire.edit(uri, (0, 0), (0, 0), "class secret_moon: ...\n")
            assert len(await wire.result("textDocument/documentSymbol", {"textDocument": {"uri": uri}})) == 2
            await wire.ask("workspace/symbol", {"query": ["secret_query"]})
            wire.notify("textDocument/didChange", {"textDocument": "secret_text"})
            await wire.result("lowtide/status", {})

    run(main)
    assert "secret" not in caplog.text


def test_one_converter_serves_all_sessions(tmp_path: Path) -> None:
    async def main() -> None:
        async with anyio.create_task_group() as group:
            one, two = (Session(FakeService(), name, group) for name in "ab")  # type: ignore[arg-type]
            assert one.protocol._converter is two.protocol._converter

    run(main)


def test_errors_of_the_engine_say_what_to_do(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            await connection.wire.initialize(tmp_path)
            service.error = WorkerError("the workers are busy", "", "try again")
            error = (await connection.wire.ask("workspace/symbol", {"query": "a"}))["error"]
            assert error["code"] == -32803
            told = {"kind": "worker", "message": "the workers are busy", "remedy": "try again", "exit": 1}
            assert error["data"] == told
            service.error = RuntimeError("odd")
            assert (await connection.wire.ask("workspace/symbol", {"query": "a"}))["error"]["code"] == -32603

    run(main)


def test_first_message_read_by_the_daemon(tmp_path: Path) -> None:
    async def main() -> None:
        message = {
            "jsonrpc": "2.0",
            "id": 7,
            "method": "initialize",
            "params": {"processId": os.getpid(), "rootUri": None, "capabilities": {}},
        }
        async with connected(FakeService(), Taken(message)) as connection:
            wire: Wire = connection.wire
            assert (await wire.answer(7))["result"]["serverInfo"]["name"] == "lowtide"

    run(main)


def test_progress_is_shown_once_can_be_cancelled_and_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Progress] = []
    begin_progress = Progress.__init__

    def remember(progress: Progress, *arguments: Any) -> None:
        begin_progress(progress, *arguments)
        made.append(progress)

    monkeypatch.setattr(Progress, "__init__", remember)

    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path, capabilities={"window": {"workDoneProgress": True}})
            await wire.hear("lowtide/statusChanged")
            (listener,) = service.listeners
            workspace = status.WorkspaceStatus(tmp_path.as_uri(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, True, state="indexing")
            busy = replace(IDLE, state="indexing", progress=status.Progress(1, 100, "a.py"), workspaces=[workspace])
            listener(busy)
            listener(busy)
            token = (await wire.hear("window/workDoneProgress/create"))["params"]["token"]
            begin = (await wire.hear("$/progress"))["params"]
            assert begin["value"] == {
                "kind": "begin",
                "title": "Lowtide: indexing",
                "cancellable": True,
                "message": "1/100 a.py",
                "percentage": 1,
            }
            listener(replace(busy, progress=status.Progress(50, 100, "b.py")))
            assert (await wire.hear("$/progress"))["params"]["value"]["percentage"] == 50
            first = replace(workspace, freshness=status.Standing("indexing", 100, 1000, ""))
            listener(replace(busy, workspaces=[first], progress=status.Progress(60, 110, "c.py")))
            said = (await wire.hear("$/progress"))["params"]["value"]
            assert (said["percentage"], said["message"]) == (10, "100/1,000 c.py"), "of all that were counted"
            wire.notify("window/workDoneProgress/cancel", {"token": token})
            assert (await wire.hear("$/progress"))["params"]["value"]["kind"] == "end"
            assert service.cancelled == 1
            listener(busy)  # the run that is being cancelled may still say a word
            listener(IDLE)
            listener(busy)
            assert (await wire.hear("window/workDoneProgress/create"))["params"]["token"] != token
            await wire.hear("$/progress")
            listener(IDLE)
            assert (await wire.hear("$/progress"))["params"]["value"]["kind"] == "end"
            assert [progress.tokens for progress in made] == [{}]

    run(main)
