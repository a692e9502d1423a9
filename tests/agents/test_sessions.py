"""Agents' sessions on a real daemon: fresh answers, the right tree, and processes that end when they should."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.agents.client import Agent
from tests.agents.conftest import Tree
from tests.e2e.harness import Lowtide, until
from tests.e2e.soak import git

from lowtide.paths import Places
from lowtide.serve import client

MIB = 1 << 20
SHIM_MIB = 10


def daemon_pid(lowtide: Lowtide) -> int:
    told: int = lowtide.json("daemon", "status")["pid"]
    return told


def anonymous_bytes(pid: int) -> int:
    """As the kernel counts them."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (line,) = [line for line in rollup.splitlines() if line.startswith("Anonymous:")]
    return int(line.split()[1]) << 10


def test_a_folder_without_an_index_is_indexed_and_answered(lowtide: Lowtide, modules: Path) -> None:
    with Agent(lowtide, modules) as agent:
        text = until(partial(_whole, agent, query="grow the size of a holder", limit=30))
        assert "class Holder7" in text
        assert "pkg3/module7.py:39 class Holder7" in agent.call("symbols", name="Holder7")
        assert agent.call("references", name="Holder7").splitlines()[0] == "pkg3/module7.py"
        status = agent.call("status", file="pkg3/module7.py")
        assert f"root: {modules}" in status
        assert "20 files" in status
        assert "file: pkg3/module7.py: indexed" in status
        assert agent.close() == 0


def test_status_promises_no_index_of_a_folder_that_gets_none(lowtide: Lowtide, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    with Agent(lowtide, tmp_path) as agent:
        assert "not indexed yet: the first search begins it" in agent.call("status", root=str(plain))
        told = agent.call("status", root="/etc")
        assert "root: /etc\n  not indexed, nor will it be: it is a system folder" in told
        assert "it is a system folder" in agent.fail("search", query="anything", root="/etc")


def test_a_text_is_found_as_it_stands_and_lines_are_compared(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    with Agent(lowtide, modules) as agent:
        (modules / "odd.py").write_text("def odd():\n    return '[a-z]+ (twice)'\n")
        text = until(lambda: "odd.py" in (got := agent.call("search", query="[a-z]+ (twice)", exact=True)) and got)
        assert text.splitlines() == ["odd.py", "  2: return '[a-z]+ (twice)'  [in odd]"]
        assert "nothing found" in agent.call("search", query="[a-z]+ (TWICE)", exact=True)
        many = agent.call("search", query="total += step", exact=True, limit=5, path="pkg1/**")
        assert many.count(": total += step") == 5
        assert "there are more" in many
        like = agent.call("search", query="pkg3/module7.py:39-44", limit=3)
        assert "class Holder" in like
        assert "pkg3/module7.py:39-" not in like
        assert "class Holder7" in agent.call("search", query="Holder7:39", limit=3)  # no file: plain words


def test_a_status_begins_nothing(lowtide: Lowtide, modules: Path) -> None:
    with Agent(lowtide, modules) as agent:
        assert "not indexed yet" in agent.call("status")
    assert list(lowtide.home.glob("**/catalog.sqlite")) == []


def test_two_agents_write_and_ask_in_turn_and_each_finds_what_was_written(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    with Agent(lowtide, modules) as one, Agent(lowtide, modules) as other:
        one.call("symbols", name="Holder1")
        for number in range(6):
            writer, asker = (one, other) if number % 2 else (other, one)
            (modules / "written.py").write_text(f"def written_{number}_now(value):\n    return {number}\n")
            for agent in (writer, asker):
                text = until(partial(_defined, agent, f"written_{number}_now", f"return {number}"))
                assert text.startswith(f"written.py:1-2 function written_{number}_now")
        (modules / "written.py").unlink()
        assert until(lambda: "nothing found" in one.call("symbols", name="written_5_now"))


def _whole(agent: Agent, **question: Any) -> str:
    """What a search finds, once nothing is lacking."""
    text = agent.call("search", **question)
    return "" if "results so far" in text else text


def _defined(agent: Agent, name: str, code: str) -> str:
    text = agent.call("symbols", name=name, code=True)
    return text if code in text else ""


def test_a_work_tree_answers_for_itself_and_is_let_go(lowtide: Lowtide, tree: Tree) -> None:
    main = tree({"a.py": "def on_main():\n    pass\n"})
    git(main, "init", "-q")
    git(main, "add", ".")
    git(main, "commit", "-qm", "one")
    linked = main / ".trees" / "side"
    with Agent(lowtide, main) as agent:
        assert until(lambda: "a.py:1 function on_main" in agent.call("symbols", name="on_main"))
        git(main, "worktree", "add", "-q", str(linked), "-b", "side")
        (linked / "a.py").write_text("def on_side():\n    pass\n")
        with Agent(lowtide, linked) as inside:
            assert until(lambda: "a.py:1 function on_side" in inside.call("symbols", name="on_side"))
            assert "on_main" not in inside.call("symbols", name="on_main")
            assert until(lambda: "a.py:1 function on_side" in agent.call("symbols", name="on_side", root=".trees/side"))
            git(main, "worktree", "remove", "--force", str(linked))
            assert "is not there" in until(lambda: inside_error(inside))
        assert "on_main" in agent.call("symbols", name="on_main")


def inside_error(agent: Agent) -> str:
    result = agent.ask("tools/call", name="search", arguments={"query": "on side"})["result"]
    return str(result["content"][0]["text"]) if result["isError"] else ""


def test_the_clients_folders_decide_and_may_change(lowtide: Lowtide, tree: Tree, tmp_path: Path) -> None:
    shop, till = (
        tree({"a.py": "def in_shop():\n    pass\n"}, "shop"),
        tree({"b.py": "def in_till():\n    pass\n"}, "till"),
    )
    with Agent(lowtide, tmp_path, roots=[shop]) as agent:
        shown = "a.py:1 function in_shop: def in_shop():"
        assert until(lambda: agent.call("symbols", name="in_shop") == shown)
        agent.roots = [shop, till]
        agent.send({"method": "notifications/roots/list_changed"})
        assert until(lambda: agent.call("symbols", name="in_till").splitlines()[0] == f"root: {till}")
        assert agent.call("symbols", name="in_shop", root="shop") == shown
        assert "name a folder that exists" in agent.fail("symbols", name="x", root=str(tmp_path / "gone"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_that_ends_in_mid_session_is_replaced_at_the_next_call(
    lowtide: Lowtide, modules: Path, how: signal.Signals
) -> None:
    with Agent(lowtide, modules) as agent:
        until(lambda: "Holder3" in agent.call("symbols", name="Holder3"))
        first = daemon_pid(lowtide)
        os.kill(first, how)
        assert "Holder3" in agent.call("symbols", name="Holder3")
        assert daemon_pid(lowtide) != first


def test_a_daemon_that_ends_while_it_is_greeted_is_not_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that was killed the socket may still take connections for a moment."""
    ends: list[socket.socket] = []

    def open_socket(*_: object, **__: object) -> socket.socket:
        if ends:
            raise client.NotRunning
        here, there = socket.socketpair()
        there.close()
        ends.append(here)
        return here

    monkeypatch.setattr(client, "open_socket", open_socket)
    with pytest.raises(client.NotRunning):
        client.Client.connect(Places(tmp_path, tmp_path, tmp_path), start=False)
    ends[0].close()


def test_a_daemon_that_is_killed_is_replaced_for_all_of_its_sessions(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    with ExitStack() as stack:
        agents = [stack.enter_context(Agent(lowtide, modules)) for _ in range(8)]
        for agent in agents:
            agent.call("status")
        os.kill(daemon_pid(lowtide), signal.SIGKILL)
        with ThreadPoolExecutor(len(agents)) as threads:
            answers = list(threads.map(lambda agent: agent.call("symbols", name="Holder7"), agents))
        assert all("class Holder7" in answer for answer in answers)


def test_a_daemon_that_is_stopped_is_told_of_and_pings_are_answered_meanwhile(lowtide: Lowtide, modules: Path) -> None:
    with Agent(lowtide, modules) as agent:
        until(lambda: "Holder3" in agent.call("symbols", name="Holder3"))
        pid = daemon_pid(lowtide)
        os.kill(pid, signal.SIGSTOP)
        try:
            number = agent.begin("tools/call", name="symbols", arguments={"name": "Holder3"})
            assert agent.ask("ping")["result"] == {}
            message = next((each for each in agent.notified if each.get("id") == number), None) or agent.hear()
            assert message["result"]["isError"]
            assert "has been stopped" in message["result"]["content"][0]["text"]
        finally:
            os.kill(pid, signal.SIGCONT)
        assert "Holder3" in agent.call("symbols", name="Holder3")


def test_hostile_messages_cost_nothing_but_an_error(lowtide: Lowtide, modules: Path) -> None:
    with Agent(lowtide, modules) as agent:
        until(lambda: "Holder3" in agent.call("symbols", name="Holder3"))
        before = anonymous_bytes(agent.process.pid)
        hostile = [
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[[]" + b",[]" * 200_000 + b"]",
            b'"' + b"\\u00e9" * 100_000 + b'"',
            b"\xff" * 5000,
            b"x" * (8 << 20),
            b"{}",
            b"null",
            b'{"id":1}',
        ]
        for data in hostile:
            agent.write(data + b"\n")
            assert "error" in agent.hear()
        for path in ("../../etc/passwd", "\0", "/proc/self/mem", "~root", "a" * 5000, "file:///etc", "https://x.org/"):
            assert "root:x:" not in _text_of(
                agent.ask("tools/call", name="search", arguments={"query": "x", "root": path})
            )
            assert "root:x:" not in _text_of(agent.ask("tools/call", name="status", arguments={"file": path}))
        assert "Holder3" in agent.call("symbols", name="Holder3")
        assert anonymous_bytes(agent.process.pid) < before + 2 * MIB


def _text_of(message: dict[str, Any]) -> str:
    return str(message["result"]["content"][0]["text"])


def test_a_cancelled_call_has_no_answer_and_the_next_has(lowtide: Lowtide, modules: Path) -> None:
    with Agent(lowtide, modules) as agent:
        for _ in range(5):
            number = agent.begin("tools/call", name="search", arguments={"query": "grow the size"})
            agent.send({"method": "notifications/cancelled", "params": {"requestId": number}})
            assert agent.ask("ping")["result"] == {}
            assert [each for each in agent.notified if each.get("id") == number] == []
        assert until(lambda: "Holder3" in agent.call("symbols", name="Holder3"))
        assert agent.notified == []


def test_progress_is_told_while_a_first_index_is_made(lowtide: Lowtide, modules: Path) -> None:
    with Agent(lowtide, modules) as agent:
        agent.ask("tools/call", name="search", arguments={"query": "grow"}, _meta={"progressToken": "p"})
        told = [each["params"] for each in agent.notified if each.get("method") == "notifications/progress"]
        assert all(each["progressToken"] == "p" for each in told)
        values = [each["progress"] for each in told]
        assert values == sorted(set(values))


def test_a_session_ends_with_its_input_and_with_its_parent(lowtide: Lowtide, modules: Path) -> None:
    with Agent(lowtide, modules) as agent:
        agent.ask("ping")
        began = time.monotonic()
        assert agent.close() == 0
        assert time.monotonic() - began < 5.0
    # A parent that is killed, while somebody else holds the streams open.
    read, write = os.pipe()
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({lowtide.command('mcp')!r}, stdin={read},"
        f" stdout=subprocess.PIPE, pass_fds=({read},))\n"
        "print(child.pid, flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, pass_fds=(read,), env=lowtide.env(), cwd=modules
    )
    try:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        os.write(write, b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        until(lambda: child.num_fds() >= 5)
    finally:
        parent.kill()
        parent.wait()
    began = time.monotonic()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10)
    assert time.monotonic() - began < 1.0
    parent.stdout.close()
    os.close(read)
    os.close(write)


def test_a_session_takes_little_memory_and_loads_nothing_that_is_large(lowtide: Lowtide, modules: Path) -> None:
    with Agent(lowtide, modules) as agent:
        until(lambda: "Holder3" in agent.call("search", query="Holder3 grow", limit=50, max_tokens=50_000))
        agent.call("references", name="size")
        agent.call("status")
        assert anonymous_bytes(agent.process.pid) <= SHIM_MIB * MIB
    heavy = "dataclasses,asyncio,inspect,anyio,click,numpy,pygls,lsprotocol,msgspec,sqlite3,subprocess,tempfile,hashlib"
    script = (
        "import sys; from lowtide.cli import mcp; import lowtide.mcp.loop, lowtide.mcp.link, lowtide.mcp.protocol;"
        f"print([name for name in {heavy!r}.split(',') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=lowtide.env())
    assert out.stdout.strip() == "[]"


def test_many_sessions_at_once_are_each_answered_and_each_small(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    with ExitStack() as stack:
        agents = [stack.enter_context(Agent(lowtide, modules, begin=False)) for _ in range(30)]
        numbers = [
            agent.begin("tools/call", name="symbols", arguments={"name": f"Holder{number % 20}", "limit": 1})
            for number, agent in enumerate(agents)
        ]
        for number, agent in enumerate(agents):
            answer = agent.hear()
            assert answer["id"] == numbers[number]
            assert f"class Holder{number % 20}" in _text_of(answer)
        assert max(anonymous_bytes(agent.process.pid) for agent in agents) <= SHIM_MIB * MIB
        assert len({daemon_pid(lowtide)}) == 1
