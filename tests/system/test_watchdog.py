"""What is used of watchdog that is not promised: if a new version changes it, this fails first."""

from __future__ import annotations

import errno
import os
import threading
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest

from lowtide.system.watch import inotify, watch
from lowtide.system.watch.inotify import FOLDER_MASK, IN_CREATE, IN_IGNORED

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
