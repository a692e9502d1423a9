"""What is used of watchdog that is not promised: if a new version changes it, this fails first."""

from __future__ import annotations

import errno
import os
import threading
import time
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
from tests.system.watching import HASTY, Watching

from lowtide.system.watch import inotify, watch
from lowtide.system.watch.inotify import FOLDER_MASK, IN_CREATE, IN_IGNORED, Batch
from lowtide.system.watch.watch import ObserverSource
from lowtide.system.watch.watch_loop import WatchLoop

inotify_c = pytest.importorskip("watchdog.observers.inotify_c")


def test_watchdog_is_pinned_to_the_version_these_tests_know() -> None:
    pinned = [line for line in requires("lowtide") or [] if line.startswith("watchdog")]
    assert pinned == ["watchdog==7.1.*"]


def test_the_private_parts_of_the_reader_are_there() -> None:
    reader: Any = inotify_c.InotifyFD()
    try:
        assert issubclass(inotify_c.InotifyFD, threading.Thread)
        assert not reader.is_alive(), "it reads by itself only when it is started"
        assert isinstance(reader._inotify_fd, int)
        assert isinstance(reader._kill_w, int)
        assert callable(reader._poller.poll)
        assert reader._closed is False
        assert inotify_c.inotify_add_watch(reader._inotify_fd, b"/no such folder", 2) == -1
        assert inotify_c.ctypes.get_errno() == errno.ENOENT
        assert inotify_c.inotify_rm_watch(reader._inotify_fd, 12345) == -1
    finally:
        reader._close_resources()


def test_the_reader_waits_by_the_method_that_is_overridden(tmp_path: Path) -> None:
    """Were it to wait elsewhere, the thread would hang in there, and never look at the root."""
    asked = []

    class Probe(inotify_c.InotifyFD):  # type: ignore[name-defined]
        def _check_inotify_fd(self) -> bool:
            asked.append(1)
            return True

    reader = Probe()
    try:
        number = inotify_c.inotify_add_watch(reader._inotify_fd, os.fsencode(tmp_path), FOLDER_MASK)
        (tmp_path / "a").mkdir()
        (tmp_path / "b").touch()
        found = list(reader._parse_event_buffer(reader._read_event_buffer(4096)))
        assert asked
        assert [(at, name) for at, _, _, name in found][:2] == [(number, b"a"), (number, b"b")]
        assert found[0][1] & IN_CREATE
        inotify_c.inotify_rm_watch(reader._inotify_fd, number)
        assert [mask for _, mask, _, _ in reader._parse_event_buffer(reader._read_event_buffer(4096))][-1] & IN_IGNORED
    finally:
        reader._close_resources()


def test_our_constants_are_the_kernels() -> None:
    for name in dir(inotify_c.InotifyConstants):
        if name.startswith("IN_") and hasattr(inotify, name):
            assert getattr(inotify, name) == getattr(inotify_c.InotifyConstants, name), name


def test_a_failed_start_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pipe() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "too many")

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, "pipe", no_pipe)
    with pytest.raises(OSError, match="too many"):
        watch.InotifyReader()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def source(tmp_path: Path) -> ObserverSource:
    (tmp_path / "src").mkdir()
    (tmp_path / ".git").mkdir()
    return ObserverSource(os.fsencode(tmp_path), os.fsencode(tmp_path / ".git"))


def gather(source: ObserverSource, until: str, *paths: bytes) -> Batch:
    """What is told until all of `paths` are among it."""
    whole = Batch()
    for _ in range(200):
        batch = source.take()
        time.sleep(0.05)
        whole.changed |= batch.changed
        whole.arrived |= batch.arrived
        whole.git |= batch.git
        whole.root_went |= batch.root_went
        if getattr(whole, until) is True or (paths and set(paths) <= getattr(whole, until)):
            return whole
    raise AssertionError(f"not told: {paths} {whole}")


@pytest.mark.filterwarnings(
    "ignore:Callback with id:RuntimeWarning"
)  # its observer on Linux may see a new folder twice
def test_the_observer_of_other_platforms_tells_the_same(source: ObserverSource, tmp_path: Path) -> None:
    """watchdog's native observer, here that of this platform."""
    try:
        (tmp_path / "src/a.py").write_text("x = 1\n")
        gather(source, "changed", b"src/a.py")
        os.rename(tmp_path / "src/a.py", tmp_path / "src/b.py")
        gather(source, "changed", b"src/a.py", b"src/b.py")
        (tmp_path / "src/.gitignore").write_text("x\n")
        gather(source, "arrived", b"src")
        (tmp_path / "node_modules/m").mkdir(parents=True)
        (tmp_path / "node_modules/m/x.js").write_text("x\n")
        (tmp_path / ".git/index.lock").touch()
        told = gather(source, "git")
        assert b"node_modules/m/x.js" not in told.changed
        assert not any(path.startswith(b".git") for path in told.changed)
    finally:
        source.close()


def test_the_observer_waits_to_be_read_in_bounds(source: ObserverSource, tmp_path: Path) -> None:
    try:
        for number in range(10_100):
            source._note(os.fsencode(tmp_path) + b"/%d" % number)
        batch = source.take()
        assert len(batch.changed) == 10_000
        assert batch.overflow
    finally:
        source.close()


@pytest.mark.filterwarnings(
    "ignore:Callback with id:RuntimeWarning"
)  # its observer on Linux may see a new folder twice
def test_a_watcher_on_the_observer_hints_edits(tmp_path: Path) -> None:
    watching = Watching()
    watching.watcher = WatchLoop(tmp_path, lambda root, wake: ObserverSource(root, None, wake), watching.wake, HASTY)
    watching.watcher.start()
    try:
        watching.wait(lambda: watching.rescans)
        watching.forget()
        (tmp_path / "a.py").write_text("x = 1\n")
        watching.wait(lambda: b"a.py" in watching.paths)
    finally:
        watching.watcher.stop()
