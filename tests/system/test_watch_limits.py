"""When the system runs out of watches, of files, of room for events; and where no events come."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from tests.system.watching import HASTY, LONGEST_S, Watching, watched

from lowtide.config.settings import IndexSettings
from lowtide.core.hints import Hints
from lowtide.system.tree.walk import folders
from lowtide.system.watch import mounts, watch_session
from lowtide.system.watch.inotify import max_user_watches
from lowtide.system.watch.mounts import SilentMount, silent_mounts
from lowtide.system.watch.watch import Timing, Watcher, WatchMode, WatchQuota, WatchState

MOST_EVENTS = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


class Stalled(Watching):
    """A watcher whose thread can be held up, while events pile up in the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()
        self.held = threading.Event()

    def wake(self) -> None:
        super().wake()
        self.held.set()
        assert self.go.wait(LONGEST_S)

    def hold(self, root: Path) -> None:
        """Return when the thread is held up."""
        self.catch_up()
        self.held.clear()
        self.go.clear()
        (root / "hold").touch()
        assert self.held.wait(LONGEST_S)


@pytest.fixture
def stalled(tmp_path: Path) -> Iterator[tuple[Stalled, Path]]:
    root = tmp_path / "tree"
    root.mkdir()
    watching = Stalled()
    watching.watcher = Watcher(root, partial(folders, root, IndexSettings()), watching.wake, timing=HASTY)
    watching.watcher.start()
    yield watching, root
    watching.go.set()
    watching.watcher.stop()


@pytest.mark.skipif(MOST_EVENTS > 20_000, reason="the queue of events is too long to fill")
def test_lost_events_are_one_rescan_after_which_all_is_watched(stalled: tuple[Stalled, Path]) -> None:
    watching, root = stalled
    watching.hold(root)
    (root / "unseen/deep").mkdir(parents=True)
    for number in range(MOST_EVENTS + 500):
        (root / f"{number}.py").write_text("x = 1\n")
    (root / "lost/deep").mkdir(parents=True)
    watching.rescans.clear()
    watching.go.set()
    watching.wait(lambda: "events were lost" in watching.rescans)
    watching.forget()
    (root / "lost/deep/x.py").write_text("x = 1\n")
    (root / "unseen/deep/x.py").write_text("x = 1\n")
    watching.wait_for(b"lost/deep/x.py", b"unseen/deep/x.py")
    assert not watching.rescans


@pytest.mark.skipif(MOST_EVENTS > 20_000, reason="the queue of events is too long to fill")
def test_a_flood_of_folders_does_not_feed_itself(stalled: tuple[Stalled, Path]) -> None:
    """The watches that end with their folders are events too; more of them than the queue holds."""
    watching, root = stalled
    count = MOST_EVENTS // 2 + 1000
    for _ in range(2):
        watching.hold(root)
        for number in range(count):
            (root / f"{number % 100}" / f"{number}").mkdir(parents=True)
        watching.go.set()
        watching.wait_for(b"5/5")
        watching.catch_up()
        watching.hold(root)
        for number in range(100):
            shutil.rmtree(root / f"{number}")
        watching.rescans.clear()
        watching.go.set()
        watching.wait(lambda: "events were lost" in watching.rescans)
        watching.catch_up()
        assert len(watching.rescans) <= 2
    watching.forget()
    before_s = time.process_time()
    (root / "a.py").write_text("x = 1\n")
    watching.wait_for(b"a.py")
    assert watching.paths == {b"a.py"}
    assert time.process_time() - before_s < 0.5, "it is quiet again"


@pytest.mark.skipif(MOST_EVENTS > 20_000, reason="the queue of events is too long to fill")
def test_a_flood_that_does_not_end_gets_its_rescan_all_the_same(tmp_path: Path) -> None:
    """Files written as fast as can be, by another process, until the loss was told and dealt with."""
    watching = Stalled()
    watching.watcher = Watcher(tmp_path, partial(folders, tmp_path, IndexSettings()), watching.wake, timing=HASTY)
    watching.watcher.start()
    watching.hold(tmp_path)
    flood = subprocess.Popen(
        [sys.executable, "-c", _FLOOD, str(tmp_path), str(MOST_EVENTS)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert flood.stdout is not None
        assert flood.stdout.readline() == "overflowing\n"
        watching.go.set()
        watching.wait(lambda: "events were lost" in watching.rescans)
    finally:
        flood.kill()
        flood.communicate()
        watching.watcher.stop()


_FLOOD = """
import os, sys
root, most = sys.argv[1], int(sys.argv[2])
number = 0
while True:
    path = f"{root}/{number % 5000}"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.unlink(path)
    number += 1
    if number == most:
        print("overflowing", flush=True)
"""

_LIMITED = """
import json, resource, sys, threading
from functools import partial
from pathlib import Path
from lowtide.config.settings import IndexSettings
from lowtide.system.tree.walk import folders
from lowtide.system.watch.watch import Timing, Watcher
root = Path(sys.argv[1])
if sys.argv[2:]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    import os
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + int(sys.argv[2]) - 1, hard))
rescans = threading.Semaphore(0)
def wake():
    hints = watcher.take()
    if hints.rescan:
        rescans.release()
timing = Timing(poll_least_s=0.05, retry_s=1000)
watcher = Watcher(root, partial(folders, root, IndexSettings(gitignore=False)), wake, timing=timing)
state = watcher.start()
again = all(rescans.acquire(timeout=10) for _ in range(3))
watcher.stop()
print(json.dumps({"mode": state.mode, "reason": state.reason, "remedy": state.remedy, "again": again}))
"""


def limited(root: Path, *arguments: str, limit: str = "", value: int = 0) -> dict[str, str]:
    """How a watcher fares in a process with a limit of its own: of the user name space, or of open files."""
    command = [sys.executable, "-c", _LIMITED, str(root), *arguments]
    if limit:
        script = f'echo {value} > /proc/sys/user/{limit} && exec "$@"'
        command = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh", *command]
        if subprocess.run([*command[:6], "sh", "true"], capture_output=True).returncode:
            pytest.skip("no user name spaces here")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture
def many_folders(tmp_path: Path) -> Path:
    for number in range(30):
        (tmp_path / f"{number}").mkdir()
    return tmp_path


def test_without_watches_left_it_polls_and_says_what_to_raise(many_folders: Path) -> None:
    found = limited(many_folders, limit="max_inotify_watches", value=20)
    assert found["mode"] == "polling"
    assert "fs.inotify.max_user_watches" in found["reason"]
    assert found["remedy"].startswith("raise the limit: sudo sysctl fs.inotify.max_user_watches=")
    assert found["again"], "rescans follow at intervals"


def test_without_inotify_instances_it_polls_and_says_what_to_raise(many_folders: Path) -> None:
    found = limited(many_folders, limit="max_inotify_instances", value=0)
    assert found["mode"] == "polling"
    assert "sysctl fs.inotify.max_user_instances=" in found["remedy"]
    assert found["again"]


@pytest.mark.parametrize("spare", [0, 1, 2, 3])
def test_without_files_left_it_polls_and_says_what_to_raise(many_folders: Path, spare: int) -> None:
    found = limited(many_folders, str(spare))
    assert found["mode"] == "polling"
    assert "oo many" in found["reason"]
    assert "open files" in found["reason"] or "files are open" in found["reason"]
    assert "ulimit -n" in found["remedy"]
    assert found["again"]


def test_other_programs_keep_a_share_of_the_watches(many_folders: Path) -> None:
    quota = WatchQuota(20)
    with watched(many_folders, quota=quota) as watching:
        assert watching.state.mode is WatchMode.POLLING
        assert "need more file watches than the 20" in watching.state.reason
        assert quota.count == 0, "what is not enough is given back whole"
        watching.wait(lambda: watching.rescans)
    assert WatchQuota.of_machine().most_count < max_user_watches()


def test_it_watches_again_when_there_are_watches_again(many_folders: Path) -> None:
    quota = WatchQuota(20)
    with watched(many_folders, quota=quota) as watching:
        for number in range(20):
            (many_folders / f"{number}").rmdir()
        watching.wait(lambda: watching.state.mode is WatchMode.WATCHING)
        assert watching.state.reason == ""
        watching.forget()
        (many_folders / "25/x.py").write_text("x = 1\n")
        watching.wait_for(b"25/x.py")


def test_running_out_of_watches_later_is_noticed(many_folders: Path) -> None:
    quota = WatchQuota(40)
    with watched(many_folders, quota=quota) as watching:
        assert watching.state.mode is WatchMode.WATCHING
        for number in range(30, 60):
            (many_folders / f"{number}").mkdir()
        watching.wait(lambda: watching.state.mode is WatchMode.POLLING)
        assert quota.count == 0


def test_polling_asks_at_most_for_its_share_of_time(tmp_path: Path) -> None:
    """2 % of the time, as the scans are said to take: never again within fifty times the last one."""
    timing = Timing(poll_least_s=0.01, root_s=0.01, retry_s=1000)
    asked: list[float] = []
    enough = threading.Event()

    def wake() -> None:
        if watcher.take().rescan:
            asked.append(time.monotonic())
            watcher.rescan_took(0.004)
            if len(asked) == 4:
                enough.set()

    (tmp_path / "a").mkdir()
    watcher = Watcher(tmp_path, partial(folders, tmp_path, IndexSettings()), wake, quota=WatchQuota(1), timing=timing)
    watcher.start()
    try:
        assert enough.wait(LONGEST_S)
    finally:
        watcher.stop()
    assert all(after - before >= 0.2 for before, after in pairwise(asked[1:]))


def test_a_network_drive_is_watched_and_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own changes are told at once; others' are looked for."""
    (tmp_path / "mountinfo").write_text(f"22 1 0:21 / / rw - ext4 x rw\n23 22 0:40 / {tmp_path} rw - nfs4 host:/x rw\n")
    monkeypatch.setattr(mounts, "MOUNTINFO", str(tmp_path / "mountinfo"))
    with watched(tmp_path) as watching:
        assert watching.state.mode is WatchMode.POLLING
        assert "nfs4" in watching.state.reason
        watching.wait(lambda: len(watching.rescans) >= 3)
        for number in range(50):  # a rescan that comes at the same moment says it too
            (tmp_path / "a.py").write_text(f"x = {number}\n")
            watching.catch_up()
            if b"a.py" in watching.paths:
                break
        assert b"a.py" in watching.paths


def test_a_drive_mounted_below_is_looked_through_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "tree"
    (root / "drive").mkdir(parents=True)
    table = tmp_path / "mountinfo"
    table.write_text("22 1 0:21 / / rw - ext4 x rw\n")
    monkeypatch.setattr(mounts, "MOUNTINFO", str(table))
    with watched(root) as watching:
        assert watching.state == WatchState(WatchMode.WATCHING)
        table.write_text(f"22 1 0:21 / / rw - ext4 x rw\n23 22 0:40 / {root}/drive rw - fuse.sshfs host:/x rw\n")
        watching.wait(lambda: watching.rescans)
        watching.forget()
        watching.wait(lambda: watching.paths)
        assert watching.paths == {b"drive"}
        assert watching.state.mode is WatchMode.WATCHING
        assert "drive (fuse.sshfs)" in watching.state.reason


def test_which_mounts_are_silent() -> None:
    table = rb"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/c rw,noatime - 9p C:\134 rw,aname=drvfs
31 22 0:41 / /home/u/net\040drive rw shared:5 master:1 - cifs //host/x rw
32 31 0:42 / /home/u/net\040drive/local rw - tmpfs tmpfs rw
33 22 0:43 / /home/u/data rw - nfs4 host:/x rw
34 33 0:44 / /home/u/data rw - ext4 /dev/sdb1 rw
35 22 0:45 / /home/u/ntfs rw - fuseblk /dev/sdc1 rw
"""
    assert silent_mounts(b"/home/u/work", table) == ()
    assert silent_mounts(b"/mnt/c/code", table) == (SilentMount(b"", "9p"),)
    assert silent_mounts(b"/home/u/net drive", table) == (SilentMount(b"", "cifs"),)
    assert silent_mounts(b"/home/u/net drive/local", table) == ()
    assert silent_mounts(b"/home/u", table) == (SilentMount(b"net drive", "cifs"),)
    assert silent_mounts(b"/", b"nonsense\n\n - \n1 2 3 - nfs\n") == ()


def test_a_machine_that_slept_is_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(tmp_path) as watching:
        awake_s = watch_session._asleep_s()
        monkeypatch.setattr(watch_session, "_asleep_s", lambda: awake_s + 3600)
        watching.wait(lambda: "the machine slept" in watching.rescans)
        watching.catch_up()
        assert len(watching.rescans) == 1


def test_a_fault_of_ours_is_said_and_not_the_end(tmp_path: Path) -> None:
    """A broken lister of folders: the watcher stays alive, says so, and has everything scanned."""

    def broken(only: object) -> Iterator[bytes]:
        raise ZeroDivisionError("broken")
        yield b""

    woken = threading.Event()
    watcher = Watcher(tmp_path, broken, woken.set, timing=HASTY)
    try:
        state = watcher.start()
        assert state.mode is WatchMode.POLLING
        assert "broken" in state.reason
        assert watcher.take() == Hints(rescan=True, reason="watching failed: ZeroDivisionError('broken')")
    finally:
        watcher.stop()


def test_no_file_is_inherited_by_workers(tmp_path: Path) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with watched(tmp_path):
        found = [fd for fd in range(min(soft, 1024)) if _is_inotify(fd) and os.get_inheritable(fd)]
    assert found == []


def _is_inotify(fd: int) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:inotify"
    except OSError:
        return False
