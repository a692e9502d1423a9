"""An older index, an older or newer daemon, an older or newer command: each pair works, or says what to do.

The other version is this program with another number: so what is tested is how versions meet, and not what they do
differently, which golden files are for (`tests/data/formats`, `tests/data/protocol`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.harness import Lowtide, python_module

import lowtide as package
from lowtide.store.schema import SCHEMA_VERSION

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ROOT / "tests/data/formats"
OTHERS = ["0.0.9", "99.0.0"]
"""Older, and newer."""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Installs this program under another version; the folder for PYTHONPATH."""
    made: dict[str, Path] = {}

    def install(version: str) -> Path:
        if version not in made:
            folder = tmp_path_factory.mktemp(version)
            for source in ("daemon/lowtide", "lsp/lowtide_lsp"):
                target = folder / Path(source).name
                shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
            head = folder / "lowtide/__init__.py"
            head.write_text(
                re.sub(r'__version__ = "[^"]+"', f'__version__ = "{version}"', head.read_text("utf-8")), "utf-8"
            )
            made[version] = folder
        return made[version]

    return install


@pytest.fixture
def both(lowtide: Lowtide, tmp_path: Path, installed: Callable[[str], Path]) -> Iterator[Callable[[str], Lowtide]]:
    """The command of another version, with the home that `lowtide` has; the daemon is ended afterwards."""
    lowtide.environment["LOWTIDE_EMBEDDED"] = ""

    def other(version: str) -> Lowtide:
        paths = [str(installed(version)), *filter(None, [os.environ.get("PYTHONPATH", "")])]
        return Lowtide(lowtide.home, {**lowtide.environment, "PYTHONPATH": os.pathsep.join(paths)})

    yield other
    lowtide.run("daemon", "stop", code=None)


@pytest.mark.parametrize("version", OTHERS)
def test_an_idle_daemon_of_another_version_makes_way(
    version: str, lowtide: Lowtide, both: Callable[[str], Lowtide], tree: Callable[..., Path]
) -> None:
    root = tree({"m.py": python_module(1)})
    other = both(version)
    other.run("index", root)
    other.run("daemon", "stop")  # with the workspace open it would be in use
    other.run("daemon", "start")
    assert lowtide.json("daemon", "status")["status"]["version"] == version, "looking changes nothing"
    assert lowtide.json("search", "value", root)["hits"]
    assert lowtide.json("daemon", "status")["status"]["version"] == package.__version__


@pytest.mark.parametrize("version", OTHERS)
def test_a_daemon_of_another_version_that_is_in_use_stays_and_it_is_said_what_to_do(
    version: str, lowtide: Lowtide, both: Callable[[str], Lowtide], tree: Callable[..., Path]
) -> None:
    root = tree({"m.py": python_module(1)})
    other = both(version)
    other.run("index", root)
    editor = subprocess.Popen(
        other.command("lsp", "--stdio"), env=other.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert editor.stdin is not None
        assert editor.stdout is not None
        body = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"capabilities":{}}}'
        editor.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        editor.stdin.flush()
        assert editor.stdout.readline().startswith(b"Content-Length")
        error = lowtide.json("search", "value", root, code=1)["error"]
        assert version in error["message"]
        assert "lowtide daemon stop" in error["remedy"]
        assert "--embedded" in error["remedy"]
        (check,) = [check for check in lowtide.json("doctor", code=None)["checks"] if check["name"] == "daemon"]
        assert not check["ok"]
        assert "lowtide daemon stop" in check["remedy"]
        assert lowtide.json("--embedded", "symbols", "Holder", root)["symbols"]
        assert lowtide.json("report")["daemon"]["version"] == version
        lowtide.run("daemon", "stop")
        assert lowtide.json("search", "value", root)["hits"]
    finally:
        editor.kill()
        editor.wait()
        for pipe in (editor.stdin, editor.stdout):
            if pipe is not None:
                pipe.close()


def test_a_daemon_of_another_build_of_this_version_answers_and_it_is_said(
    lowtide: Lowtide, both: Callable[[str], Lowtide], installed: Callable[[str], Path], tree: Callable[..., Path]
) -> None:
    root = tree({"m.py": python_module(1)})
    other = both(package.__version__)
    other.run("index", root)
    assert "another build" not in lowtide.run("search", "value", root).stderr, "two installations of the same"
    with (installed(package.__version__) / "lowtide/cli/help.py").open("a") as file:
        file.write("# one that was worked on\n")
    told = lowtide.run("search", "value", root)
    assert "m.py" in told.stdout
    assert f"the daemon is another build of {package.__version__}, from {installed(package.__version__)}" in told.stderr
    assert "another build" in lowtide.run("status", root).stderr
    assert "another build" not in other.run("search", "value", root).stderr, "its own"
    lowtide.run("daemon", "stop")
    assert "another build" not in lowtide.run("search", "value", root).stderr


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_index_of_an_older_schema_answers_or_says_what_to_do_and_is_brought_up_to_date(
    version: int, lowtide: Lowtide, tree: Callable[..., Path]
) -> None:
    root = tree({f"m{number}.py": python_module(number) for number in range(3)})
    lowtide.run("index", root)
    folder = lowtide.index_folder()
    for path in folder.iterdir():
        if path.name not in ("root", "lock"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copyfile(FORMATS / f"catalog-{version}.sqlite", folder / "catalog.sqlite")
    (folder / "catalog.sqlite").chmod(0o600)
    asked = lowtide.run("search", "value", root, code=None)
    assert asked.returncode == 0 or "lowtide index" in asked.stderr, asked.stderr
    assert "Traceback" not in asked.stderr
    report = lowtide.json("index", root)
    assert report["files"]["indexed"] + report["files"]["unchanged"] == 3
    assert lowtide.json("search", "value", root)["hits"]
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_an_index_of_a_newer_version_is_left_as_it_is_and_it_is_said_what_to_do(
    lowtide: Lowtide, tree: Callable[..., Path]
) -> None:
    root = tree({"m.py": python_module(1)})
    lowtide.run("index", root)
    catalog = lowtide.index_folder() / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        db.commit()
    before = catalog.read_bytes()
    for words in (["index"], ["search", "value"], ["symbols", "Holder"]):
        error = lowtide.json(*words, root, code=1)["error"]
        assert error["kind"] == "index-too-new"
        assert "upgrade Lowtide" in error["remedy"]
    assert catalog.read_bytes() == before
    lowtide.run("clear", root)
    lowtide.run("index", root)
    assert lowtide.json("search", "value", root)["hits"]


def test_the_other_version_is_really_another(both: Callable[[str], Lowtide]) -> None:
    assert "99.0.0" in both("99.0.0").run("--version").stdout
    assert sys.version_info >= (3, 11)


def spoken(command: Lowtide, root: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """An editor's session of `command`, opened on `root`: its process, and what `workspace/symbol` answers or how it
    failed to begin."""
    editor = subprocess.Popen(
        command.command("lsp", "--stdio"),
        env=command.env(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert editor.stdin is not None
    assert editor.stdout is not None

    def send(message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert editor.stdin is not None
        editor.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        editor.stdin.flush()

    def answer(number: int) -> dict[str, Any]:
        assert editor.stdout is not None
        while head := editor.stdout.readline():
            while editor.stdout.readline().strip():
                pass
            message: dict[str, Any] = json.loads(editor.stdout.read(int(head.split(b":")[1])))
            if message.get("id") == number and "method" not in message:
                return message
            if "id" in message and "method" in message:
                send({"id": message["id"], "result": None})
        assert editor.stderr is not None
        return {"ended": editor.stderr.read().decode()}

    folders = [{"uri": root.as_uri(), "name": "x"}]
    send(
        {
            "id": 1,
            "method": "initialize",
            "params": {"processId": None, "capabilities": {}, "workspaceFolders": folders},
        }
    )
    if "result" not in (begun := answer(1)):
        return editor, begun
    send({"method": "initialized", "params": {}})
    for number in range(2, 40):
        send({"id": number, "method": "workspace/symbol", "params": {"query": "Holder"}})
        if (found := answer(number)).get("result"):
            return editor, found
        time.sleep(0.25)
    return editor, found


def end(editor: subprocess.Popen[bytes]) -> None:
    editor.kill()
    editor.wait()
    for pipe in (editor.stdin, editor.stdout, editor.stderr):
        if pipe is not None:
            pipe.close()


@pytest.mark.parametrize("version", OTHERS)
@pytest.mark.parametrize("in_use", [False, True], ids=["idle", "in use"])
def test_an_editor_of_another_version_is_answered(
    version: str, in_use: bool, lowtide: Lowtide, both: Callable[[str], Lowtide], tree: Callable[..., Path]
) -> None:
    """As when a window was open while Lowtide was updated, or an extension has a server of its own."""
    root = tree({"m.py": python_module(1)})
    lowtide.run("index", root)
    sessions = []
    try:
        if in_use:
            sessions.append(spoken(lowtide, root))
            assert sessions[0][1].get("result")
        else:
            lowtide.run("daemon", "stop")
            lowtide.run("daemon", "start")
        sessions.append(spoken(both(version), root))
        assert sessions[-1][1].get("result"), sessions[-1][1]
        if in_use:
            assert lowtide.json("symbols", "Holder", root)["symbols"], "and the first goes on"
    finally:
        for editor, _ in sessions:
            end(editor)


@pytest.mark.parametrize("version", OTHERS)
def test_an_agent_of_another_version_is_answered_or_is_told_what_to_do(
    version: str, lowtide: Lowtide, both: Callable[[str], Lowtide], tree: Callable[..., Path]
) -> None:
    root = tree({"m.py": python_module(1)})
    lowtide.run("index", root)
    agent = both(version)
    opened = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    asked = {"name": "symbols", "arguments": {"name": "Holder1", "root": str(root)}}
    lines: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": opened},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": asked},
    ]
    editor, _ = spoken(lowtide, root)  # somebody else has the daemon in use
    try:
        with subprocess.Popen(
            agent.command("mcp"), env=agent.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for line in lines:
                process.stdin.write(json.dumps({"jsonrpc": "2.0", **line}) + "\n")
                process.stdin.flush()
            answers = (json.loads(line) for line in process.stdout)
            answer = next(each for each in answers if each.get("id") == 2)
            process.stdin.close()
    finally:
        end(editor)
    text = answer["result"]["content"][0]["text"]
    assert "m.py" in text or "lowtide daemon stop" in text, text
