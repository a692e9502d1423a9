"""The daemon as users meet it: one for all, started on demand, gone at once, unharmed by what connects to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.e2e.daemons import with_daemon as with_daemon
from tests.e2e.harness import Lowtide, python_module, until

from lowtide.paths import Places
from lowtide.serve import rpc
from lowtide.serve.client import Client

MIB = 1 << 20


@pytest.fixture
def modules(tree: Callable[..., Path]) -> Path:
    return tree({f"pkg{n % 6}/module{n}.py": python_module(n, 20) for n in range(120)})


def places(lowtide: Lowtide) -> Places:
    return Places(lowtide.home / "config", lowtide.home / "cache", lowtide.home / "run")


def connect(lowtide: Lowtide) -> Client:
    return Client.connect(places(lowtide), start=False)


def socket_path(lowtide: Lowtide) -> Path:
    """Where its daemon listens when nothing is in the way."""
    return places(lowtide).runtime / "daemon.sock"


def pid_of(lowtide: Lowtide) -> int:
    return int(lowtide.json("daemon", "status")["pid"])


def plain_socket(lowtide: Lowtide) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(os.fspath(socket_path(lowtide)))
    return connection


def workers_of(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def test_commands_start_one_daemon_and_share_it(lowtide: Lowtide, modules: Path) -> None:
    assert lowtide.json("daemon", "status") == {"running": False}
    report = lowtide.json("index", modules)
    assert report["files"]["indexed"] == 120
    pid = pid_of(lowtide)
    answer = lowtide.json("search", "compute the third figure of part 7", modules, "--limit", "3")
    assert answer["degraded"] is None
    assert len(answer["hits"]) == 3
    assert lowtide.json("symbols", "Holder77", modules)["symbols"][0]["name"] == "Holder77"
    assert pid_of(lowtide) == pid
    assert lowtide.json("index", modules)["files"] == {
        "indexed": 0,
        "unchanged": 120,
        "removed": 0,
        "skipped": 0,
        "failed": 0,
        "quarantined": 0,
    }


def test_ten_that_start_at_once_get_the_same_daemon(lowtide: Lowtide) -> None:
    running = [lowtide.start("--json", "daemon", "start") for _ in range(10)]
    answers = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 10, answers
    assert len({out for out, _ in answers}) == 1


def test_doctor_says_who_has_set_the_budget_of_the_daemon(lowtide: Lowtide) -> None:
    lowtide.run("--budget", "300MiB", "daemon", "start")
    found = {check["name"]: check["detail"] for check in lowtide.json("doctor")["checks"]}
    assert "budget 300 MiB (set by --budget: " in found["daemon"]
    again = {check["name"]: check["detail"] for check in lowtide.json("--budget", "300MiB", "doctor")["checks"]}
    assert again["daemon"].endswith("budget 300 MiB")


def test_socket_and_folder_are_the_users_alone(lowtide: Lowtide) -> None:
    lowtide.run("daemon", "start")
    path = socket_path(lowtide)
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert oct(path.parent.stat().st_mode & 0o777) == "0o700"


def test_a_socket_left_by_a_killed_daemon_is_taken_over(lowtide: Lowtide) -> None:
    lowtide.run("daemon", "start")
    pid = pid_of(lowtide)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert socket_path(lowtide).exists()
    lowtide.run("daemon", "start")
    assert pid_of(lowtide) != pid


def test_killed_daemon_leaves_no_worker_and_the_next_goes_on(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("daemon", "start")
    pid = pid_of(lowtide)
    process = lowtide.start("index", modules)
    workers = until(lambda: workers_of(pid))
    os.kill(pid, signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the daemon has gone away" in err
    _gone, alive = psutil.wait_procs(workers, timeout=5)
    assert alive == []
    report = lowtide.json("index", modules)
    assert report["files"]["indexed"] + report["files"]["unchanged"] == 120


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_a_second(lowtide: Lowtide, modules: Path, number: signal.Signals) -> None:
    lowtide.run("daemon", "start")
    pid = pid_of(lowtide)
    process = lowtide.start("index", modules)
    workers = until(lambda: workers_of(pid))
    handle = os.pidfd_open(pid)
    began = time.monotonic()
    os.kill(pid, number)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    took = time.monotonic() - began
    os.close(handle)
    process.communicate(timeout=30)
    assert took < 5.0  # it gives itself 0.7 s; the rest is for a machine that runs all the other tests as well
    assert psutil.wait_procs(workers, timeout=5)[1] == []
    assert not socket_path(lowtide).exists()


def test_interrupted_command_stops_the_work_and_keeps_the_daemon(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("daemon", "start")
    process = lowtide.start("index", modules)
    with connect(lowtide) as client:
        until(lambda: client.ask("lowtide/status", {})["state"] == "indexing")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 130
        until(lambda: client.ask("lowtide/status", {})["state"] == "idle")
    assert lowtide.json("status", modules)["workspaces"][0]["incomplete"]
    assert "`lowtide index` goes on" in lowtide.run("status", modules).stdout
    lowtide.run("index", modules)
    assert "goes on" not in lowtide.run("status", modules).stdout


def test_the_live_view_ends_with_ctrl_c_and_without_a_complaint(lowtide: Lowtide) -> None:
    lowtide.run("daemon", "start")
    screen, terminal = os.openpty()
    view = subprocess.Popen(
        lowtide.command("status", "--watch"),
        env=lowtide.env(),
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    said = b""
    while b"Ctrl-C ends this view" not in said:
        said += os.read(screen, 65536)
    view.send_signal(signal.SIGINT)
    with suppress(OSError):  # a terminal that nobody writes to any more
        while more := os.read(screen, 65536):
            said += more
    os.close(screen)
    assert view.wait(timeout=10) == 0
    assert b"lowtide:" not in said


def test_pause_stops_and_resume_goes_on(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("daemon", "start")
    process = lowtide.start("--json", "index", modules)
    with connect(lowtide) as client:
        until(lambda: client.ask("lowtide/status", {})["state"] == "indexing")
        status = client.ask("lowtide/pause", {})
        assert status["state"] == "paused"
        assert status["ladder"] == {"step": "paused", "reason": "you paused it"}
        until(lambda: len(client.ask("lowtide/status", {})["memory"]["processes"]) == 1, 2.0)
        out, _ = process.communicate(timeout=10)
        assert process.returncode == 1
        assert "paused" in out
        status = client.ask("lowtide/resume", {})
        assert status["ladder"]["step"] == "full"
    lowtide.run("index", modules)
    assert lowtide.json("status", modules)["workspaces"][0]["files"] == 120


def test_cancel_stops_within_a_moment_and_the_index_stays_sound(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("daemon", "start")
    process = lowtide.start("--json", "index", modules)
    with connect(lowtide) as client:
        until(lambda: (client.ask("lowtide/status", {})["progress"] or {}).get("done"))
        began = time.monotonic()
        client.ask("lowtide/cancel", {})
        until(lambda: client.ask("lowtide/status", {})["state"] == "idle")
        assert time.monotonic() - began < 2.0
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert lowtide.json("status", modules)["health"] == "ok"
    assert lowtide.json("index", modules)["symbols"] > 0


def test_a_budget_that_changes_nothing_is_said_to(lowtide: Lowtide) -> None:
    lowtide.run("--budget", "160MiB", "daemon", "start")
    answer = lowtide.run("--budget", "192MiB", "--json", "status")
    assert json.loads(answer.stdout)["memory"]["budgetBytes"] == 160 * MIB
    assert "--budget changes nothing here: the daemon has 160 MiB" in answer.stderr
    assert lowtide.run("--budget", "160MiB", "status").stderr == ""
    lowtide.run("--budget", "192MiB", "daemon", "start")
    assert lowtide.run("--budget", "192MiB", "status").stderr == ""


def test_budget_can_be_lowered_while_it_works(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("daemon", "start", "--budget", "400MiB")
    process = lowtide.start("--json", "index", modules)
    with connect(lowtide) as client:
        until(lambda: client.ask("lowtide/status", {})["state"] == "indexing")
        status = client.ask("lowtide/setBudget", {"bytes": 96 * MIB})
        assert status["memory"]["budgetBytes"] == 96 * MIB
        until(lambda: client.ask("lowtide/status", {})["memory"]["usedBytes"] <= 96 * MIB, 1.5)
        process.communicate(timeout=60)
        assert process.returncode == 0
        assert client.ask("lowtide/status", {"rootUri": modules.as_uri()})["memory"]["usedBytes"] <= 96 * MIB
    out = lowtide.run("--json", "daemon", "start", "--budget", "10MiB", code=2)
    assert "too small" in out.stderr


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\xff" * 5000,
        b"Content-Length: 100000000000\r\n\r\n{",
        b"Content-Length: -5\r\n\r\n",
        b'Content-Length: 20\r\n\r\n{"half":',
        rpc.frame({"jsonrpc": "2.0", "method": "lowtide/hello", "id": 1}) + b"Content-Length: 9\r\n\r\nnot json!",
        b"Content-Length: 40\r\n\r\n" + b"[" * 40,
    ],
    ids=["http", "bytes", "huge", "negative", "half", "not json", "deep"],
)
def test_garbage_ends_its_connection_and_nothing_else(lowtide: Lowtide, said: bytes) -> None:
    lowtide.run("daemon", "start")
    with connect(lowtide) as client, plain_socket(lowtide) as garbage:
        garbage.sendall(said)
        garbage.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while garbage.recv(65536):
                pass
        assert client.ask("lowtide/version", {})["pid"] == pid_of(lowtide)


def test_a_hundred_megabytes_are_not_taken_into_memory(lowtide: Lowtide) -> None:
    lowtide.run("daemon", "start")
    with connect(lowtide) as client, plain_socket(lowtide) as flood:
        before = client.ask("lowtide/status", {})["memory"]["usedBytes"]
        flood.sendall(b"Content-Length: 100000000\r\n\r\n")
        with suppress(ConnectionError):
            for _ in range(100):
                flood.sendall(b"x" * 1_000_000)
        after = client.ask("lowtide/status", {})["memory"]["usedBytes"]
        assert after - before < 8 * MIB


def test_bad_requests_are_answered_with_what_is_wrong(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("daemon", "start")
    with connect(lowtide) as client:
        cases: list[tuple[str, dict[str, Any], str]] = [
            ("lowtide/nothing", {}, "no method"),
            ("lowtide/find", {"query": "x"}, "rootUri"),
            ("lowtide/find", {"query": "x", "rootUri": "https://example.org"}, "not a file"),
            ("lowtide/find", {"query": "x", "rootUri": modules.as_uri()}, "no index"),
            ("lowtide/find", {"query": "x", "rootUri": modules.as_uri(), "limit": 0}, "limit"),
            ("lowtide/symbols", {"query": 7, "rootUri": modules.as_uri()}, "query"),
            ("lowtide/setBudget", {"bytes": "lots"}, "bytes"),
            ("lowtide/setBudget", {"bytes": 5}, "too small"),
            ("lowtide/setBudget", {"bytes": 2**70}, "too large"),
            ("lowtide/explain", {"uri": "file:///%00"}, "not a file"),
            ("lowtide/explain", {"uri": "file://[half/a.py"}, "not a file"),
            ("lowtide/explain", {"uri": "file://elsewhere/a.py"}, "not a file"),
            ("lowtide/explain", {"uri": "vscode-remote://ssh-remote+there/a.py"}, "not a file"),
            ("lowtide/reindex", {"rootUri": modules.as_uri()}, "not open"),
        ]
        for method, params, text in cases:
            with pytest.raises(Exception, match=text):
                client.ask(method, params)


def test_many_clients_ask_at_once(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    failures: list[BaseException] = []

    def ask(number: int) -> None:
        try:
            with connect(lowtide) as client:
                for step in range(10):
                    found = client.ask("lowtide/symbols", {"query": f"Holder{number}", "rootUri": modules.as_uri()})
                    assert found["symbols"][0]["name"] == f"Holder{number}", step
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_it_leaves_when_nobody_needs_it(lowtide: Lowtide) -> None:
    config = lowtide.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[daemon]\nidle_minutes = 0.01\n")
    pid = int(lowtide.json("daemon", "start")["pid"])
    assert psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=30)[1] == []
    assert not socket_path(lowtide).exists()


def test_a_configuration_that_becomes_bad_is_told_by_each_command_and_one_that_is_mended_obeyed_at_once(
    lowtide: Lowtide, modules: Path
) -> None:
    lowtide.run("index", modules)
    file = lowtide.home / "config" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    for text, said in (
        (
            "[daemon]\nidle_minuts = 3\n",
            "config.toml:2: [daemon] idle_minuts: no such key; did you mean `idle_minutes`?",
        ),
        ("[team]\nurl = 7\n", "config.toml:2: [team] url: 7 is not an address"),
        ("[team\n", "config.toml cannot be read: "),
    ):
        file.write_text(text)
        for words in (["search", "figure"], ["symbols", "Holder7"], ["refs", "Holder7"], ["index"], ["status"]):
            err = lowtide.run(*words, modules).stderr
            assert [line for line in err.splitlines() if said in line and line.startswith("not obeyed: ")], (
                text,
                words,
            )
        assert said in lowtide.run("daemon", "status").stderr
        assert said in lowtide.json("status", modules)["message"]
    file.write_text("budget = '150MiB'\n")
    assert lowtide.json("status", modules)["memory"]["budgetBytes"] == 150 << 20, "the very next question"
    assert "not obeyed" not in lowtide.run("search", "figure", modules).stderr


def test_a_bad_configuration_is_said_to_who_starts_it(lowtide: Lowtide) -> None:
    config = lowtide.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("budget = 'lots'\n")
    out = lowtide.run("daemon", "start", code=1)
    assert "not a size" in out.stderr
    assert len(out.stderr.strip().splitlines()) == 1


def test_without_the_daemon_an_index_that_it_holds_is_locked(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("daemon", "start")
    with connect(lowtide) as client:
        client.ask("lowtide/index", {"rootUri": modules.as_uri()})
        out = lowtide.run("--embedded", "index", modules, code=5)
        assert "in use" in out.stderr
    lowtide.run("--embedded", "search", "compute a figure", modules)


def test_an_index_made_anew_beside_the_daemon_is_seen(lowtide: Lowtide, modules: Path) -> None:
    config = lowtide.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[daemon]\nidle_minutes = 0.02\n")
    lowtide.run("index", modules)
    assert lowtide.json("symbols", "Holder7", modules)["symbols"]
    (modules / "pkg1" / "module7.py").write_text("def entirely_new():\n    return 1\n")
    with connect(lowtide) as client:  # the daemon stays, and lets go of what nobody asks about
        until(lambda: not client.ask("lowtide/status", {})["workspaces"])
        lowtide.run("--embedded", "index", "--force", modules)
    assert lowtide.json("symbols", "entirely_new", modules)["symbols"][0]["name"] == "entirely_new"
    names = [symbol["name"] for symbol in lowtide.json("symbols", "Holder7", modules)["symbols"]]
    assert "Holder7" not in names


def test_the_memory_tree_names_what_the_daemon_holds(lowtide: Lowtide, modules: Path) -> None:
    """A figure that nobody can act on is none: at most 15 % may have no name."""
    lowtide.run("index", str(modules))
    lowtide.run("search", "compute a figure", str(modules))
    with connect(lowtide) as client:
        tree = client.ask("lowtide/memory", {})
    daemon = next(child for child in tree["children"] if child["name"].startswith("daemon"))
    parts = {part["name"]: part["bytes"] for part in daemon["children"]}
    assert parts["program"] > 8 << 20
    assert parts["unattributed"] <= 0.15 * daemon["bytes"], parts


def test_log_is_shown(lowtide: Lowtide) -> None:
    assert lowtide.run("daemon", "logs", code=3).stderr.count("\n") == 1
    lowtide.run("daemon", "start")
    assert "event=listening" in lowtide.run("daemon", "logs").stdout


def test_version_mismatch_is_settled(lowtide: Lowtide) -> None:
    lowtide.run("daemon", "start")
    pid = pid_of(lowtide)
    script = (
        "import lowtide, sys; lowtide.__version__ = '99.0'\n"
        "from lowtide.cli.app import run_app; sys.exit(run_app(['--json', 'daemon', 'start']))"
    )
    with connect(lowtide):
        out = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=lowtide.env(), timeout=60
        )
        assert out.returncode == 1
        assert "is in use" in out.stderr

    def alone() -> bool:
        with connect(lowtide) as client:
            return bool(client.hello["idle"])

    until(alone)
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=lowtide.env(), timeout=60)
    assert pid_of(lowtide) != pid


def test_configuration_is_obeyed_when_it_changes(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", str(modules))
    config = lowtide.home / "config"
    config.mkdir(parents=True, exist_ok=True)
    with connect(lowtide) as client:
        client.ask("lowtide/index", {"rootUri": modules.as_uri()})

        def status() -> Any:
            return client.ask("lowtide/status", {})

        files = status()["workspaces"][0]["files"]
        (config / "config.toml").write_text("budget = '150MiB'\n[index]\nexclude = ['pkg1/']\n")
        until(lambda: status()["memory"]["budgetBytes"] == 150 << 20)
        until(lambda: 0 < status()["workspaces"][0]["files"] < files)

        (config / "config.toml").write_text("budget = 'lots'\n")
        until(lambda: "lots" in status()["message"])
        assert status()["memory"]["budgetBytes"] == 150 << 20

        (config / "config.toml").unlink()
        until(lambda: status()["workspaces"][0]["files"] == files)
        assert status()["message"] == ""


def test_an_index_that_is_being_made_is_cleared_without_harm_to_who_makes_it(
    lowtide: Lowtide, tree: Callable[..., Path]
) -> None:
    """By the daemon: it begins anew, and says so; by another process: that has the lock, and `clear` says so."""
    root = tree({f"m{number}.py": python_module(number) for number in range(300)})
    lowtide.run("daemon", "start")

    def begun() -> bool:
        # Not the files beside it, which come and go.
        return any(catalog.stat().st_size for catalog in lowtide.home.glob("**/catalog.sqlite"))

    with connect(lowtide) as client:  # a command would take a while to start
        indexing = lowtide.start("index", root, "--json")
        until(begun)
        assert client.ask("lowtide/clear", {"rootUri": root.as_uri()})["begins_anew"]
    out, err = indexing.communicate(timeout=300)
    assert indexing.returncode == 0, err
    print(out, lowtide.run("daemon", "logs").stdout)
    assert json.loads(out)["files"]["indexed"] == 300
    assert lowtide.json("symbols", "Holder299", root, "--fresh")["symbols"][0]["name"] == "Holder299"
    lowtide.json("clear", root)

    lowtide.environment["LOWTIDE_EMBEDDED"] = "1"
    indexing = lowtide.start("index", root, "--json")
    until(begun)
    lowtide.environment["LOWTIDE_EMBEDDED"] = "0"
    indexing.send_signal(signal.SIGSTOP)  # it has the lock for as long
    done = lowtide.run("clear", root, code=5)
    indexing.send_signal(signal.SIGCONT)
    assert done.stderr.startswith("lowtide: ")
    assert "in use" in done.stderr
    out, err = indexing.communicate(timeout=300)
    assert indexing.returncode == 0, err
    assert json.loads(out)["files"]["indexed"] == 300
    assert lowtide.json("symbols", "Holder299", root)["symbols"][0]["name"] == "Holder299"
