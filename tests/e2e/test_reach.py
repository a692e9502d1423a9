"""One daemon a cache folder that can always be reached, or is said not to answer: whatever is removed, set, or
stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.e2e.daemons import with_daemon as with_daemon
from tests.e2e.harness import Lowtide, until

from lowtide.paths import Places
from lowtide.serve.client import Client, NoAnswer
from lowtide.serve.daemon_lock import find_holder


def places(lowtide: Lowtide) -> Places:
    return Places(lowtide.home / "config", lowtide.home / "cache", lowtide.home / "run")


def pid_of(lowtide: Lowtide) -> int:
    return int(lowtide.json("daemon", "status")["pid"])


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def modules(tree: Callable[..., Path]) -> Path:
    return tree({"lamp.py": "def lantern_room():\n    return 1\n"})


def test_a_removed_socket_comes_back_and_meanwhile_commands_wait_for_it(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    pid = pid_of(lowtide)
    (places(lowtide).runtime / "daemon.sock").unlink()
    assert pid_of(lowtide) == pid
    shutil.rmtree(places(lowtide).runtime)
    assert lowtide.json("symbols", "lantern", modules)["symbols"][0]["name"] == "lantern_room"
    assert pid_of(lowtide) == pid


def test_with_the_whole_home_removed_a_daemon_in_use_takes_hold_again(lowtide: Lowtide) -> None:
    lowtide.run("daemon", "start")
    pid = pid_of(lowtide)
    with Client.connect(places(lowtide), start=False) as client:
        shutil.rmtree(lowtide.home)
        until(lambda: find_holder(places(lowtide)))
        assert pid_of(lowtide) == pid
        assert client.ask("lowtide/version", {})["pid"] == pid
    until(lambda: find_holder(places(lowtide)))
    shutil.rmtree(places(lowtide).runtime)
    assert pid_of(lowtide) == pid
    assert "listening-again" in lowtide.run("daemon", "logs").stdout, "the log is kept in the new folder"


def test_with_the_cache_removed_a_daemon_that_nobody_uses_ends(lowtide: Lowtide) -> None:
    lowtide.run("daemon", "start")
    pid = pid_of(lowtide)
    shutil.rmtree(places(lowtide).cache)
    until(lambda: is_gone(pid))
    assert not places(lowtide).runtime.joinpath("daemon.sock").exists()


def test_with_another_daemon_in_its_place_it_ends(lowtide: Lowtide) -> None:
    lowtide.run("daemon", "start")
    first = pid_of(lowtide)
    with Client.connect(places(lowtide), start=False):
        os.kill(first, signal.SIGSTOP)  # so that it cannot take hold again first
        shutil.rmtree(places(lowtide).cache)
        second = int(lowtide.json("daemon", "start")["pid"])
        os.kill(first, signal.SIGCONT)
        assert second != first
        until(lambda: is_gone(first))
    assert pid_of(lowtide) == second


def test_one_daemon_whatever_the_runtime_folder_is_called(
    tmp_path_factory: pytest.TempPathFactory, modules: Path
) -> None:
    home, runtime, temporary = (tmp_path_factory.mktemp(name) for name in ("home", "xdg", "tmp"))
    cache = {
        "XDG_CACHE_HOME": str(home / "c"),
        "XDG_CONFIG_HOME": str(home),
        "LOWTIDE_HOME": "",
        "LOWTIDE_EMBEDDED": "0",
    }
    shells = [
        Lowtide(home, {**cache, "XDG_RUNTIME_DIR": str(runtime)}),
        Lowtide(home, {**cache, "XDG_RUNTIME_DIR": "", "TMPDIR": str(temporary)}),
        Lowtide(home, {**cache, "XDG_RUNTIME_DIR": str(home / "missing")}),
    ]
    try:
        shells[0].run("index", modules)
        assert len({pid_of(shell) for shell in shells}) == 1
        for shell in shells[1:]:
            assert shell.json("index", modules)["files"]["unchanged"] == 1
    finally:
        shells[1].run("daemon", "stop")
    assert shells[0].json("daemon", "status") == {"running": False}


def test_a_stopped_daemon_is_said_not_to_answer_and_can_be_ended(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    pid = pid_of(lowtide)
    os.kill(pid, signal.SIGSTOP)
    for command in (
        ["status"],
        ["status", modules],
        ["daemon", "status"],
        ["search", "lantern", modules],
        ["clear", modules],
    ):
        out = lowtide.run(*command, code=1)
        assert f"the daemon does not answer: process {pid}" in out.stderr
        assert "lowtide daemon stop" in out.stderr
        assert out.stdout == ""
    (check,) = [check for check in lowtide.json("doctor", code=1)["checks"] if check["name"] == "daemon"]
    assert not check["ok"]
    assert str(pid) in check["detail"]
    editor = subprocess.run(
        lowtide.command("lsp"),
        env=lowtide.env(),
        timeout=60,
        capture_output=True,
        input=b'Content-Length: 58\r\n\r\n{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}',
    )
    assert b"does not answer" in editor.stdout
    stopped = lowtide.run("daemon", "stop")
    assert stopped.stdout == f"stopped: process {pid}\n"
    assert f"ending process {pid}" in stopped.stderr
    until(lambda: is_gone(pid))
    assert lowtide.json("symbols", "lantern", modules)["symbols"]


def test_a_daemon_stopped_in_the_middle_of_a_question_is_not_waited_for(lowtide: Lowtide) -> None:
    lowtide.run("daemon", "start")
    pid = pid_of(lowtide)
    with Client.connect(places(lowtide), start=False) as client:
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(NoAnswer, match=f"process {pid} has been stopped"):
            client.ask("lowtide/status", {})
        os.kill(pid, signal.SIGCONT)


def test_one_that_hears_no_signal_is_ended_by_force_and_that_is_said(lowtide: Lowtide, tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; from pathlib import Path\n"
        "from lowtide.serve.daemon_lock import DaemonLock\nfrom lowtide.serve.daemon_socket import listen\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nlock = DaemonLock(Path(sys.argv[1]))\nlock.acquire()\n"
        "listener = listen(Path(sys.argv[2])); lock.tell(listener.path)\nprint('deaf', flush=True)\ntime.sleep(600)\n"
    )
    kept = places(lowtide)
    deaf = subprocess.Popen(
        [lowtide.command()[0], "-c", code, kept.cache, kept.runtime], stdout=subprocess.PIPE, env=lowtide.env()
    )
    assert deaf.stdout is not None
    assert deaf.stdout.readline() == b"deaf\n"
    out = lowtide.run("daemon", "stop")
    assert deaf.wait(10) == -signal.SIGKILL
    deaf.stdout.close()
    assert f"ending process {deaf.pid}" in out.stderr
    assert "by force" in out.stderr
    assert lowtide.json("daemon", "status") == {"running": False}


def test_without_a_daemon_no_figures_are_given_as_its(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("--embedded", "index", modules)
    status = lowtide.json("status", modules)
    assert status["memory"]["processes"] == []
    assert (status["memory"]["usedBytes"], status["memory"]["peakBytes"]) == (0, 0)
    assert "does not run" in status["message"]
    assert status["workspaces"][0]["files"] == 1
    assert "does not run" in lowtide.run("status", modules).stdout
    assert lowtide.json("daemon", "status") == {"running": False}


def test_a_daemon_that_nobody_can_listen_beside_is_in_a_temporary_folder(lowtide: Lowtide, tmp_path: Path) -> None:
    (lowtide.home / "run").write_text("in the way")
    lowtide.environment["TMPDIR"] = str(tmp_path)
    lowtide.run("daemon", "start")
    holder = find_holder(places(lowtide))
    assert holder is not None
    assert holder.socket is not None
    assert tmp_path in holder.socket.parents
    del lowtide.environment["TMPDIR"]
    assert pid_of(lowtide) == holder.pid
    lowtide.run("daemon", "stop")
    assert list(tmp_path.glob("lowtide-*")) == []
