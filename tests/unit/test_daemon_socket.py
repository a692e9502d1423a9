"""The daemon's socket: in a folder of this user's alone, whatever others put in its place."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lowtide.errors import StoreError
from lowtide.serve import daemon_socket
from lowtide.serve.daemon_socket import Listener, UntrustedSocket, connect, listen


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    return tmp_path / "run"


def ended(listener: Listener) -> None:
    listener.withdraw()
    listener.socket.close()


@pytest.fixture
def listener(runtime: Path) -> Iterator[Listener]:
    made = listen(runtime)
    yield made
    ended(made)


def reach(path: Path) -> bool:
    connection = connect(path)
    if connection is None:
        return False
    connection.close()
    return True


def test_it_is_reached_where_it_listens(listener: Listener, runtime: Path) -> None:
    assert listener.path == runtime / "daemon.sock"
    assert listener.is_in_place()
    assert reach(listener.path)
    assert (runtime.stat().st_mode & 0o777, listener.path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert not reach(runtime / "another")
    assert not reach(runtime / "missing" / "daemon.sock")


def test_a_path_may_be_longer_than_a_sockets(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a long name of a folder"] * 8)
    listener = listen(deep)
    assert listener.path == deep / "daemon.sock"
    assert reach(listener.path)
    ended(listener)


def test_a_socket_that_nobody_listens_on_is_replaced(runtime: Path) -> None:
    runtime.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(runtime / "daemon.sock"))
    assert not reach(runtime / "daemon.sock")
    listener = listen(runtime)
    assert reach(runtime / "daemon.sock")
    ended(listener)
    assert list(runtime.iterdir()) == []


def test_two_daemons_of_one_runtime_folder_do_not_take_each_others_socket(listener: Listener, runtime: Path) -> None:
    other = listen(runtime)
    assert other.path.parent != runtime
    assert listener.is_in_place()
    assert reach(other.path)
    ended(other)
    assert not other.path.parent.exists()


def test_it_notices_that_it_was_removed_or_replaced(listener: Listener) -> None:
    listener.path.unlink()
    assert not listener.is_in_place()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(os.fspath(listener.path))
        assert not listener.is_in_place()
        listener.withdraw()
        assert listener.path.exists(), "what is another's stays"


def test_a_link_in_place_of_the_folder_is_neither_followed_nor_changed(tmp_path: Path, runtime: Path) -> None:
    public = tmp_path / "public"
    public.mkdir(mode=0o755)
    runtime.symlink_to(public)
    listener = listen(runtime)
    assert listener.path.parent not in (runtime, public)
    assert (public.stat().st_mode & 0o777, list(public.iterdir())) == (0o755, [])
    ended(listener)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(os.fspath(public / "daemon.sock"))
        other.listen()
        with pytest.raises(UntrustedSocket, match="a link"):
            connect(runtime / "daemon.sock")


def test_a_folder_that_others_can_enter_is_not_trusted(listener: Listener, runtime: Path) -> None:
    runtime.chmod(0o777)
    with pytest.raises(UntrustedSocket, match="others can enter it"):
        connect(listener.path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_root_takes_no_folder_of_another_user(runtime: Path, temporary: Path) -> None:
    runtime.mkdir(mode=0o777)
    os.chown(runtime, 12346, 12346)
    listener = listen(runtime)
    assert listener.path.parent.parent == temporary
    assert list(runtime.iterdir()) == []
    ended(listener)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(os.fspath(runtime / "daemon.sock"))
        other.listen()
        with pytest.raises(UntrustedSocket, match="user 12346 owns it"):
            connect(runtime / "daemon.sock")


def test_who_listens_must_be_this_user(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_socket, "peer", lambda _: (1, os.geteuid() + 1))
    with pytest.raises(UntrustedSocket, match="will not talk to who listens"):
        connect(listener.path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_by_the_kernels_word_another_user_is_not_talked_to(runtime: Path) -> None:
    runtime.mkdir(mode=0o700)
    path = runtime / "daemon.sock"
    code = (
        "import os, socket, sys\nlistener = socket.socket(socket.AF_UNIX)\nlistener.bind(sys.argv[1])\n"
        "os.setuid(12346)\n"
        "listener.listen()\nprint('listens', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == b"listens\n"
        with pytest.raises(UntrustedSocket, match="a process of user 12346"):
            connect(path)
        stranger.communicate()


def test_without_any_place_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match="cannot listen") as caught:
        listen(tmp_path / "file" / "run")
    assert "LOWTIDE_HOME" in caught.value.remedy


def test_what_a_killed_daemon_left_in_a_temporary_folder_goes(runtime: Path, temporary: Path) -> None:
    runtime.write_text("in the way")
    listener = listen(runtime)
    listener.socket.close()
    daemon_socket.sweep(listener.path)
    assert list(temporary.iterdir()) == []
    daemon_socket.sweep(runtime / "daemon.sock")  # what it did not make stays
    daemon_socket.sweep(None)
    assert runtime.exists()
