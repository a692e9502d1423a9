"""What is in the way of a daemon's start, and what it starts with."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.daemons import with_daemon as with_daemon
from tests.e2e.harness import Lowtide, until


@pytest.fixture
def root(tree: Callable[..., Path]) -> Path:
    return tree({"lamp.py": "def lantern_room():\n    return 1\n"})


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    (line,) = done.stderr.splitlines()
    return line


def test_a_relative_home_is_the_same_folder_for_the_daemon(lowtide: Lowtide, tmp_path: Path) -> None:
    lowtide.environment["LOWTIDE_HOME"] = "rh"
    try:
        pid = lowtide.json("daemon", "start", cwd=tmp_path)["pid"]
        told = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert b"LOWTIDE_HOME=" + os.fsencode(tmp_path / "rh") in told
        assert (tmp_path / "rh" / "cache" / "daemon.lock").exists()
    finally:
        lowtide.run("daemon", "stop", code=None, cwd=tmp_path)
        del lowtide.environment["LOWTIDE_HOME"]


def test_a_budget_beyond_the_machine_is_told_by_commands_status_and_doctor(lowtide: Lowtide, root: Path) -> None:
    lowtide.environment["LOWTIDE_BUDGET"] = "9999GiB"
    said = "LOWTIDE_BUDGET: 9.8 TiB is more than this machine allows"
    assert said in one_line(lowtide.run("daemon", "start"))
    status = lowtide.json("status", root)
    assert said in status["message"]
    assert status["memory"]["budgetBytes"] < 9999 << 30
    assert said in lowtide.run("doctor", code=1).stdout
    err = lowtide.run("--embedded", "index", root).stderr
    assert err.count(said) == 1


def test_another_model_is_no_complaint_once_it_is_configured_no_more(lowtide: Lowtide, root: Path) -> None:
    lowtide.run("index", root)
    file = lowtide.home / "config" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[model]\npath = "/nonexistent"\n')
    assert "another model is configured" in lowtide.run("search", "lantern", root).stderr
    file.write_text('[daemon]\nniceness = 3\n[model]\npath = "/nonexistent"\n')
    assert "another model is configured" in lowtide.run("search", "lantern", root).stderr
    file.unlink()
    assert "another model" not in lowtide.run("search", "lantern", root).stderr


@pytest.mark.parametrize("words", [["daemon", "start"], ["daemon", "logs"]])
def test_a_log_that_is_a_pipe_is_refused_and_nobody_waits_for_it(lowtide: Lowtide, words: list[str]) -> None:
    log = lowtide.home / "cache" / "log" / "daemon.log"
    log.parent.mkdir(parents=True)
    os.mkfifo(log)
    done = subprocess.run(lowtide.command(*words), env=lowtide.env(), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert f"{log}: it is not a regular file" in one_line(done)
    log.unlink()


@pytest.fixture(params=[fcntl.LOCK_EX, fcntl.LOCK_SH], ids=["alone", "shared"])
def foreign(lowtide: Lowtide, request: pytest.FixtureRequest) -> Iterator[int]:
    cache = lowtide.home / "cache"
    cache.mkdir(parents=True)
    fd = os.open(cache / "daemon.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(fd, request.param)
    yield request.param
    os.close(fd)


def test_who_holds_the_lock_and_is_no_daemon_is_named(lowtide: Lowtide, foreign: int, root: Path) -> None:
    name = Path("/proc/self/comm").read_text().strip()
    said = f"process {os.getpid()} ({name}) holds {lowtide.home / 'cache' / 'daemon.lock'}"
    err = one_line(lowtide.run("search", "lantern", root, code=1))
    assert said in err
    assert f"end it (`kill {os.getpid()}`)" in err
    assert "daemon stop" not in err
    if foreign == fcntl.LOCK_EX:
        assert said in one_line(lowtide.run("daemon", "stop", code=1))


@pytest.mark.parametrize("source", [os.devnull, "/proc/self/status"])
def test_a_language_server_without_an_editor_says_so_in_one_line(lowtide: Lowtide, source: str) -> None:
    with open(source, "rb") as stdin:
        done = subprocess.run(
            lowtide.command("lsp", "--embedded"),
            env=lowtide.env(),
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert one_line(done).startswith("lowtide: standard input is no pipe and no socket")


@pytest.mark.parametrize("words", [["abc"], []])
def test_a_descriptor_that_is_no_number_is_refused_in_one_line(lowtide: Lowtide, words: list[str]) -> None:
    assert "is no descriptor" in one_line(lowtide.run("daemon", "run", "--ready-fd", *words, code=2))


def test_the_lock_of_the_words_is_for_the_user_alone(lowtide: Lowtide, root: Path) -> None:
    before = os.umask(0o022)
    try:
        lowtide.run("index", root)
        lowtide.run("search", "lantern", root)
        locks = until(lambda: list(lowtide.home.glob("cache/indexes/*/lexical-*/.tantivy-meta.lock")))
    finally:
        os.umask(before)
    assert {stat.S_IMODE(lock.stat().st_mode) for lock in locks} == {0o600}
