"""The daemon's lock: who holds it, what it tells, and what is believed of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lowtide.errors import LockHeld, StoreError
from lowtide.paths import Places
from lowtide.serve import daemon_lock
from lowtide.serve.daemon_lock import LOCK_NAME, DaemonLock, Holder, find_holder
from lowtide.system.lock import WriterLock


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")


@pytest.fixture
def lock(places: Places) -> Iterator[DaemonLock]:
    made = DaemonLock(places.cache)
    yield made
    made.release()


def test_the_holder_is_found_and_so_is_its_socket(places: Places, lock: DaemonLock) -> None:
    assert find_holder(places) is None
    lock.acquire()
    assert find_holder(places) == Holder(), "held, and nothing told yet"
    lock.tell(Path("/somewhere/daemon.sock"))
    holder = find_holder(places)
    assert holder is not None
    assert (holder.pid, holder.socket) == (os.getpid(), Path("/somewhere/daemon.sock"))
    assert daemon_lock.is_here(holder)
    assert (places.cache / LOCK_NAME).stat().st_mode & 0o777 == 0o600
    lock.release()
    assert find_holder(places) is None
    assert not (places.cache / LOCK_NAME).exists()


def test_only_one_holds_it_and_the_other_is_told_who(places: Places, lock: DaemonLock) -> None:
    lock.acquire()
    lock.tell(Path("/s"))
    with pytest.raises(LockHeld, match=f"process {os.getpid()} is it"):
        DaemonLock(places.cache).acquire()


def test_asking_who_holds_it_keeps_nobody_from_taking_it(places: Places) -> None:
    asking = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from lowtide.paths import Places; from lowtide.serve.daemon_lock import find_holder\n"
            f"from pathlib import Path\np = Path({str(places.cache)!r})\nprint('asks', flush=True)\n"
            f"while True: find_holder(Places(p, p, p))",
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert asking.stdout is not None
        assert asking.stdout.readline() == b"asks\n"
        for _ in range(200):
            lock = DaemonLock(places.cache)
            lock.acquire()
            lock.release()
    finally:
        asking.kill()
        asking.communicate()


def test_what_a_killed_holder_said_is_not_believed(places: Places, lock: DaemonLock) -> None:
    code = (
        f"from pathlib import Path; from lowtide.serve.daemon_lock import DaemonLock\nlock = "
        f"DaemonLock(Path({str(places.cache)!r}))\n"
        "lock.acquire(); lock.tell(Path('/left')); print('held', flush=True); input()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    assert find_holder(places) is not None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert find_holder(places) is None
    assert lock.acquire().socket == Path("/left"), "the next may clean up after it"
    assert find_holder(places) == Holder()


def test_it_notices_that_the_file_was_removed_and_takes_another(places: Places, lock: DaemonLock) -> None:
    lock.acquire()
    assert lock.is_in_place()
    (places.cache / LOCK_NAME).unlink()
    places.cache.rmdir()
    assert not lock.is_in_place()
    lock.acquire_again()
    assert lock.is_in_place()
    (places.cache / LOCK_NAME).unlink()
    other = DaemonLock(places.cache)
    other.acquire()
    with pytest.raises(LockHeld):
        lock.acquire_again()
    lock.release()
    assert other.is_in_place(), "who does not hold the file does not remove it"
    other.release()


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b'{"pid": "x"}', b"\xff\xfe", b'{"pid": 1, "started": 2}'])
def test_half_a_story_is_none(places: Places, lock: DaemonLock, text: bytes) -> None:
    lock.acquire()
    (places.cache / LOCK_NAME).write_bytes(text)
    assert find_holder(places) == Holder()


def test_a_link_or_a_pipe_in_its_place_is_refused(places: Places, lock: DaemonLock, tmp_path: Path) -> None:
    places.cache.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (places.cache / LOCK_NAME).symlink_to(victim)
    for act in (lock.acquire, lambda: find_holder(places)):
        with pytest.raises(StoreError, match="it is a link"):
            act()
    assert victim.read_text() == "precious"
    (places.cache / LOCK_NAME).unlink()
    os.mkfifo(places.cache / LOCK_NAME)
    for act in (lock.acquire, lambda: find_holder(places)):
        with pytest.raises(StoreError, match="no file"):
            act()


def test_another_users_lock_is_refused_by_root_too(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    places.cache.mkdir()
    (places.cache / LOCK_NAME).write_text("{}")
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 4321)
    with pytest.raises(StoreError, match=f"user {owner} owns it"):
        find_holder(places)


def test_an_older_daemon_is_found_by_the_lock_beside_its_socket(places: Places) -> None:
    places.runtime.mkdir()
    with WriterLock(places.older_socket.with_name(LOCK_NAME)):
        assert find_holder(places) == Holder(os.getpid(), socket=places.older_socket, is_older=True)
    assert find_holder(places) is None


def test_a_process_that_got_the_number_of_the_daemon_is_not_it() -> None:
    own = Holder(os.getpid(), daemon_lock.started_ticks(os.getpid()))
    assert daemon_lock.is_here(own)
    assert not daemon_lock.is_here(Holder(own.pid, own.started_ticks + 1))
    assert not daemon_lock.is_here(Holder())
    assert not daemon_lock.is_here(Holder(2**22 + 1, 5))
    assert not daemon_lock.is_stopped(os.getpid())
