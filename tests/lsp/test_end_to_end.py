"""`lowtide lsp` as editors start it: the shim over the daemon, and embedded."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.lsp.wire import Wire

from lowtide.paths import Places
from lowtide.serve.client import Client, DaemonError, stop

SOURCE = (
    '"""Tides."""\n\n\nclass TideTable:\n    def read_gauge(self):\n'
    '        """How high the water stands."""\n        return 1\n'
)
TREES = {"textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": True}}}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "tides.py").write_text(SOURCE)
    for number in range(5):
        (root / f"file_{number}.py").write_text(f"def function_{number}():\n    return {number}\n")
    return root


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LOWTIDE_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    try:
        stop(Client.connect(Places.from_environment(), start=False))
    except DaemonError:
        pass


class Editor(Wire):
    """A `lowtide lsp` process and its wire."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        assert process.stdin is not None
        super().__init__(process.stdout, process.stdin)
        self.process = process

    async def symbols(self, query: str) -> list[str]:
        """Their names, once there are some."""
        while not (found := await self.result("workspace/symbol", {"query": query})):
            await asyncio.sleep(0.02)
        return [item["name"] for item in found]

    async def end(self) -> int:
        """The exit status after it closed or was told to go; within a second or so."""
        return await asyncio.wait_for(self.process.wait(), 5)


@asynccontextmanager
async def started(*arguments: str, stderr: int | None = None) -> AsyncIterator[Editor]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lowtide.cli",
        "lsp",
        "--stdio",
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        limit=1 << 20,
    )
    editor = Editor(process)
    try:
        yield editor
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        editor.writer.close()


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main(), 120))


@pytest.mark.parametrize("arguments", [(), ("--embedded",)])
def test_from_handshake_to_leave(home: Path, tree: Path, arguments: tuple[str, ...]) -> None:
    async def main() -> None:
        async with started(*arguments) as editor:
            await editor.initialize(tree, processId=os.getpid(), capabilities=TREES)
            assert (await editor.symbols("TideTab"))[0] == "TideTable"
            assert (await editor.symbols("RG"))[0] == "read_gauge"
            uri = (tree / "tides.py").as_uri()
            editor.open(uri, SOURCE)
            editor.edit(uri, (3, 6), (3, 15), "Almanac")
            outline = await editor.result("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
            assert [outline[0]["name"], outline[0]["children"][0]["name"]] == ["Almanac", "read_gauge"]
            assert await editor.result("workspace/symbol", {"query": "TideTable"}) == []
            found = await editor.result("lowtide/search", {"query": "how high the water stands", "limit": 1})
            assert found["hits"][0]["uri"] == uri
            assert "Almanac" in found["hits"][0]["snippet"]
            editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
            assert (await editor.symbols("TideTable"))[0] == "TideTable"
            selection = {"start": {"line": 4, "character": 0}, "end": {"line": 7, "character": 0}}
            similar = await editor.result("lowtide/similar", {"textDocument": {"uri": uri}, "range": selection})
            assert all(hit["uri"] != uri for hit in similar["hits"])
            assert (await editor.result("lowtide/explain", {"uri": uri}))["status"] == "indexed"
            assert (await editor.result("lowtide/memory", {}))["name"] == "lowtide"
            assert (await editor.result("lowtide/pause", {}))["state"] == "paused"
            assert (await editor.result("lowtide/resume", {}))["state"] != "paused"
            assert (await editor.ask("lowtide/setBudget", {"bytes": 1}))["error"]["code"] == -32803
            assert await editor.result("shutdown") is None
            editor.notify("exit")
            assert await editor.end() == 0

    run(main)


def test_references_are_found_in_every_file_that_has_the_name(home: Path, tree: Path) -> None:
    for number in range(400):
        (tree / f"use_{number}.sh").write_text(f"# {number}\nread_gauge {number}\nread_gauges; gauge_read\n")
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "deep" / "er" / "near.sh").write_text("read_gauge\n")

    async def main() -> None:
        async with started() as editor:
            await editor.initialize(tree)
            assert await editor.symbols("TideTab")
            while not (await editor.result("lowtide/status", {}))["quiescent"]:
                await asyncio.sleep(0.02)
            uri = (tree / "deep" / "er" / "here.sh").as_uri()
            editor.open(uri, "read_gauge 1\n", "shellscript")
            place = {
                "textDocument": {"uri": uri},
                "position": {"line": 0, "character": 3},
                "context": {"includeDeclaration": True},
            }
            found = await editor.result("textDocument/references", place)
            assert len(found) == 400 + 3
            assert [Path(item["uri"]).name for item in found[:2]] == ["here.sh", "near.sh"]
            assert {item["range"]["start"]["line"] for item in found[2:]} == {1, 4}
            told = await editor.result("textDocument/references", {**place, "partialResultToken": "some"})
            assert told == []
            parts = [message["params"] for message in editor.heard if message["method"] == "$/progress"]
            assert [item for part in parts if part["token"] == "some" for item in part["value"]] == found

    run(main)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_uses_of_any_name_are_told_with_what_holds_them(home: Path, tree: Path, encoding: str) -> None:
    (tree / "uses.py").write_text("from tides import TideTable\n\n\ndef moor():\n    '🌊'; TideTable().read_gauge()\n")

    async def main() -> None:
        async with started() as editor:
            await editor.initialize(tree, capabilities={"general": {"positionEncodings": [encoding]}})
            assert await editor.symbols("moor") == ["moor"]
            asked = {"name": "TideTable", "fresh": True}
            found = await editor.result("lowtide/references", asked)
            assert found["freshness"]["state"] == "current"
            assert (found["name"], found["truncated"]) == ("TideTable", False)
            shown = [
                (Path(use["uri"]).name, use["range"]["start"]["line"], use["holder"], use["definition"])
                for use in found["references"]
            ]
            assert shown == [("tides.py", 3, "", True), ("uses.py", 0, "", False), ("uses.py", 4, "moor", False)]
            last = found["references"][-1]
            before = "    '🌊'; "
            at = len(before.encode()) if encoding == "utf-8" else len(before.encode("utf-16-le")) // 2
            assert last["range"]["start"]["character"] == at
            assert last["range"]["end"]["character"] == at + len("TideTable")
            assert last["text"] == before + "TideTable().read_gauge()"
            # What is open and not saved lies over the disk.
            text = "def dock():\n    return TideTable\n\n\nclass TideTable:\n    pass\n"
            uri = (tree / "uses.py").as_uri()
            editor.open(uri, text)
            found = await editor.result("lowtide/references", {**asked, "rootUri": tree.as_uri()})
            shown = [
                (Path(use["uri"]).name, use["range"]["start"]["line"], use["holder"], use["definition"])
                for use in found["references"]
            ]
            assert shown == [("uses.py", 1, "dock", False), ("uses.py", 4, "", True), ("tides.py", 3, "", True)]
            one = await editor.result("lowtide/references", {"name": "def TideTable", "limit": 1})
            assert (len(one["references"]), one["truncated"]) == (1, True)
            error = (await editor.ask("lowtide/references", {"name": "()"}))["error"]
            assert error["data"]["kind"] == "usage"

    run(main)


def test_folders_inside_folders_and_links_to_them_are_one_place(home: Path, tree: Path, tmp_path: Path) -> None:
    inner = tree / "inner"
    inner.mkdir()
    (inner / "ebb.py").write_text('def ebb_of_spring():\n    """The water falls in spring."""\n    return 1\n')
    (tree / ".gitignore").write_text("ignored/\n")
    (tree / ".env").write_text("KEY = lantern\n")
    link = tmp_path / "link"
    link.symlink_to(tree)

    async def main() -> None:
        async with started() as editor:
            folders = [{"uri": folder.as_uri(), "name": folder.name} for folder in (link, link / "inner")]
            await editor.initialize(link, workspaceFolders=folders)
            assert await editor.symbols("ebb_of_spring") == ["ebb_of_spring"]
            await editor.symbols("function_4")
            query = {"query": "the water falls in spring", "limit": 20}

            async def places(**more: Any) -> list[tuple[str, int]]:
                found = await editor.result("lowtide/search", {**query, **more})
                return [(hit["uri"].rpartition("/")[2], hit["range"]["start"]["line"]) for hit in found["hits"]]

            found = await places()
            assert found.count(("ebb.py", 0)) == 1
            assert len(found) == len(set(found))
            uri = (link / "inner" / "ebb.py").as_uri()
            editor.open(uri, (inner / "ebb.py").read_text())
            editor.edit(uri, (0, 0), (2, 99), "def zebra():\n    'The water falls in spring, unsaved.'")
            for root in (link, tree, link / "inner", inner):
                hits = (await editor.result("lowtide/search", {**query, "rootUri": root.as_uri()}))["hits"]
                assert [hit["name"] for hit in hits if hit["uri"] == uri] == ["zebra"], root
            for name in (".env", "new.env", "ignored/new.py"):
                secret = (link / name).as_uri()
                editor.open(secret, "")
                editor.edit(secret, (0, 0), (0, 0), "def lantern(): return 'the water falls in spring, lantern'\n")
            found = await editor.result("lowtide/search", {"query": "lantern water spring", "limit": 20})
            names = {hit["uri"].rpartition("/")[2] for hit in found["hits"]}
            assert "ebb.py" in names
            assert names.isdisjoint({".env", "new.env", "new.py"})
            assert "lantern" not in [
                item["name"] for item in await editor.result("workspace/symbol", {"query": "lantern"})
            ]

    run(main)


def test_an_edit_leaves_the_answers_of_its_file_where_they_were(home: Path, tree: Path) -> None:
    text = "".join(
        f'def {name}_gauge(station):\n    """{name.title()} the height of the water at a station."""\n'
        f"    return [row.height for row in station.rows if row.{name}]\n\n\n"
        for name in ("read", "calibrate", "repair", "archive")
    )
    (tree / "gauges.py").write_text(text)

    async def main() -> None:
        async with started() as editor:
            await editor.initialize(tree)
            assert await editor.symbols("calibrate_gauge") == ["calibrate_gauge"]
            uri = (tree / "gauges.py").as_uri()

            async def answer(query: str, **more: Any) -> list[tuple[str, float]]:
                found = await editor.result("lowtide/search", {"query": query, **more})
                return [(hit["name"], round(hit["score"], 1)) for hit in found["hits"]]

            queries = ("calibrate the height of the water", "calibrate_gauge", "where is a station's height archived")
            before = [await answer(query) for query in queries]
            files = await answer(queries[0], group="file")
            assert before[1][0][0] == "calibrate_gauge"
            editor.open(uri, text)
            editor.edit(uri, (0, 0), (0, 0), "\n")
            for query, there in zip(queries, before, strict=True):
                edited = await answer(query)
                assert [name for name, _ in edited][:4] == [name for name, _ in there][:4], query
                assert edited[0][1] == pytest.approx(there[0][1], abs=0.3), query
            assert [name for name, _ in await answer(queries[0], group="file")][:1] == [name for name, _ in files][:1]

    run(main)


def test_two_editors_see_one_index_and_both_are_told(home: Path, tree: Path) -> None:
    async def main() -> None:
        async with started() as one, started() as two:
            await one.initialize(tree)
            await two.initialize(tree)
            assert await one.symbols("TideTable") == await two.symbols("TideTable")
            one.heard.clear()
            two.heard.clear()
            (tree / "new.py").write_text("class FreshArrival: ...\n")
            assert (await one.symbols("FreshArrival"))[0] == "FreshArrival"
            assert (await two.symbols("FreshArrival"))[0] == "FreshArrival"
            for editor in (one, two):
                told = await editor.hear("lowtide/statusChanged")
                assert told["params"]["workspaces"][0]["rootUri"] == tree.as_uri()
            own = (await one.result("lowtide/status", {}))["memory"]["processes"][0]["pid"]
            assert (await two.result("lowtide/status", {}))["memory"]["processes"][0]["pid"] == own

    run(main)


@pytest.mark.parametrize("arguments", [(), ("--embedded",)])
def test_the_end_of_input_ends_it_with_1(home: Path, tree: Path, arguments: tuple[str, ...]) -> None:
    async def main() -> None:
        async with started(*arguments) as editor:
            await editor.initialize(tree)
            await editor.result("lowtide/status", {})
            editor.writer.close()
            assert await editor.end() == 1

    run(main)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("arguments", [(), ("--embedded",)])
def test_a_signal_ends_it(home: Path, tree: Path, arguments: tuple[str, ...], number: signal.Signals) -> None:
    async def main() -> None:
        async with started(*arguments) as editor:
            await editor.initialize(tree)
            await editor.result("lowtide/status", {})
            editor.process.send_signal(number)
            assert await editor.end() != 0

    run(main)


def test_the_shim_ends_with_the_process_it_was_told(home: Path, tree: Path) -> None:
    async def main() -> None:
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
        async with started(f"--clientProcessId={other.pid}") as editor:
            await editor.initialize(tree)
            other.kill()
            began = time.monotonic()
            assert await editor.end() == 1
            assert time.monotonic() - began < 1.0
            await other.wait()
            assert other.stdin is not None
            other.stdin.close()

    run(main)


def test_the_least_budget_holds_an_editor_too(home: Path, tree: Path) -> None:
    async def main() -> None:
        async with started("--budget", "96MiB") as editor:
            await editor.initialize(tree)
            assert (await editor.symbols("TideTable"))[0] == "TideTable"
            while True:
                status = await editor.result("lowtide/status", {})
                if status["quiescent"] and status["workspaces"]:
                    break
                await asyncio.sleep(0.02)
            (workspace,) = status["workspaces"]
            assert (workspace["files"], workspace["quarantined"], workspace["failed"]) == (6, 0, 0)
            assert status["memory"]["usedBytes"] <= 96 << 20
            assert status["ladder"]["reason"]

    run(main)


def test_the_daemons_end_ends_the_shim(home: Path, tree: Path) -> None:
    async def main() -> None:
        async with started() as editor:
            await editor.initialize(tree)
            await editor.result("lowtide/status", {})
            await asyncio.to_thread(lambda: stop(Client.connect(Places.from_environment(), start=False)))
            assert await editor.end() == 1

    run(main)


def test_the_daemons_death_is_said(home: Path, tree: Path) -> None:
    async def main() -> None:
        async with started(stderr=subprocess.PIPE) as editor:
            await editor.initialize(tree)
            status = await editor.result("lowtide/status", {})
            (pid,) = [each["pid"] for each in status["memory"]["processes"] if each["role"] == "daemon"]
            os.kill(pid, signal.SIGKILL)
            while "the daemon has ended" not in (await editor.hear("window/logMessage"))["params"]["message"]:
                pass
            assert await editor.end() == 1
            assert editor.process.stderr is not None
            assert b"the daemon has ended" in await editor.process.stderr.read()

    run(main)


def test_nothing_is_quiescent_before_the_folders_of_an_editor_are_open(home: Path, tree: Path) -> None:
    async def main() -> None:
        async with started() as editor:
            await editor.initialize(tree)
            status = await editor.result("lowtide/status", {})
            assert not status["quiescent"] or status["workspaces"]
            while not status["quiescent"]:
                status = await editor.result("lowtide/status", {})
            assert [(entry["files"], entry["pending"]) for entry in status["workspaces"]] == [(6, 0)]

    run(main)


def test_an_editor_attaches_to_the_socket_itself(home: Path, tree: Path) -> None:
    async def main() -> None:
        places = Places.from_environment()
        (await asyncio.to_thread(Client.connect, places)).close()
        wire = Wire(*await asyncio.open_unix_connection(places.runtime / "daemon.sock"))
        await wire.initialize(tree)
        assert (await wire.result("lowtide/status", {}))["health"] == "ok"
        wire.writer.close()

    run(main)


def test_without_a_daemon_the_editor_is_told_why(home: Path, tree: Path) -> None:
    home.mkdir()
    (home / "cache").write_text("in the way")

    async def main() -> None:
        async with started() as editor:
            answer = await editor.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
            assert answer["error"]["code"] == -32803
            assert await editor.end() != 0

    run(main)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--help"], 0), (["--nothing"], 2), (["--clientProcessId=x"], 2), (["--clientProcessId"], 2)],
)
def test_its_options(home: Path, arguments: list[str], status: int) -> None:
    command = [sys.executable, "-m", "lowtide.cli", "lsp", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == status
    assert ("Usage" in done.stdout) == (status == 0)
    assert done.stderr.startswith("lowtide: ") == (status == 2)


def test_verbose_shows_where_a_failure_comes_from(home: Path) -> None:
    command = [sys.executable, "-m", "lowtide.cli", "lsp", "--nothing"]
    plain, verbose = (
        subprocess.run([*command, *more], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False).stderr
        for more in ([], ["-v"])
    )
    assert "Traceback" not in plain
    assert "Traceback" in verbose
    assert verbose.endswith(plain)


def test_the_shim_imports_neither_an_event_loop_nor_the_command_line(home: Path) -> None:
    code = (
        "import sys; from lowtide.cli import is_lsp; assert is_lsp(['--budget', '1G', 'lsp']); import lowtide.cli.lsp;"
        "print([n for n in ('asyncio','anyio','click','msgspec','pygls','numpy','rich') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [(), ("--embedded",)])
def test_the_first_questions_of_an_editor_are_answered(home: Path, tree: Path, arguments: tuple[str, ...]) -> None:
    """As fast as they can be sent: before the folder is open, and before its index is there."""
    root, uri = tree.as_uri(), (tree / "tides.py").as_uri()
    span = {"start": {"line": 3, "character": 0}, "end": {"line": 6, "character": 0}}

    async def main() -> None:
        async with started(*arguments) as editor:
            await editor.initialize(tree)
            asked = [
                editor.begin("lowtide/search", {"query": "height of the water", "rootUri": root}),
                editor.begin("lowtide/search", {"query": "height of the water"}),
                editor.begin("lowtide/symbols", {"query": "TideTable", "rootUri": root}),
                editor.begin("lowtide/references", {"name": "TideTable", "rootUri": root}),
                editor.begin("lowtide/similar", {"textDocument": {"uri": uri}, "range": span}),
            ]
            answers = [await editor.answer(number) for number in asked]
            assert not [answer["error"] for answer in answers if "error" in answer]
            assert "unwatched" not in [answer["result"]["freshness"]["state"] for answer in answers]
            while (await editor.result("lowtide/search", {"query": "tide table"}))["freshness"]["state"] != "current":
                await asyncio.sleep(0.02)

    run(main)
