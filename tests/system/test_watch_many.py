"""Many workspaces watched by one process: one inotify instance, few threads, and folders that lie in several of
them."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import ExitStack
from pathlib import Path

from tests.system.watching import watched

from lowtide.system.watch.watch import WatchQuota


def instance_count() -> int:
    """The inotify instances of this process."""
    count = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{number}") == "anon_inode:inotify"
        except OSError:
            continue
    return count


def test_many_roots_take_one_instance_and_few_threads(tmp_path: Path) -> None:
    roots = [tmp_path / f"tree{number}" for number in range(60)]
    for root in roots:
        (root / "src").mkdir(parents=True)
    threads, descriptors, instances = threading.active_count(), len(os.listdir("/proc/self/fd")), instance_count()
    with ExitStack() as stack:
        all_watching = [stack.enter_context(watched(root)) for root in roots]
        assert instance_count() == instances + 1
        assert len(os.listdir("/proc/self/fd")) <= descriptors + 4
        assert threading.active_count() - threads < 40
        for number in (0, 31, 59):
            (roots[number] / "src/a.py").write_text("x = 1\n")
            all_watching[number].wait_for(b"src/a.py")
        for watching in all_watching:
            watching.catch_up()
        heard = [number for number, watching in enumerate(all_watching) if watching.paths or watching.rescans]
        assert heard == [0, 31, 59], "each is told what is its own"
    assert instance_count() == instances


def test_a_workspace_inside_another_is_told_and_leaves_the_other_its_watches(tmp_path: Path) -> None:
    inner_root = tmp_path / "libs/inner"
    (inner_root / "src").mkdir(parents=True)
    quota = WatchQuota(100)
    with watched(tmp_path, quota=quota) as outer:
        with watched(inner_root, quota=quota) as inner:
            (inner_root / "src/a.py").write_text("x = 1\n")
            outer.wait_for(b"libs/inner/src/a.py")
            inner.wait_for(b"src/a.py")
        outer.catch_up()
        outer.forget()
        (inner_root / "src/b.py").write_text("x = 1\n")
        outer.wait_for(b"libs/inner/src/b.py")
        assert not outer.rescans
    assert quota.count == 0


def test_the_outer_workspace_leaves_the_inner_one_its_watches(tmp_path: Path) -> None:
    inner_root = tmp_path / "libs/inner"
    (inner_root / "src").mkdir(parents=True)
    with watched(inner_root) as inner:
        with watched(tmp_path) as outer:
            outer.catch_up()
        inner.catch_up()
        inner.forget()
        (inner_root / "src/a.py").write_text("x = 1\n")
        inner.wait_for(b"src/a.py")
        (inner_root / "deep/er").mkdir(parents=True)
        inner.wait_for(b"deep")
        inner.catch_up()
        (inner_root / "deep/er/b.py").write_text("x = 1\n")
        inner.wait_for(b"deep/er/b.py")
        assert not inner.rescans


def test_a_root_inside_another_that_goes_is_noticed_by_both(tmp_path: Path) -> None:
    """The inner root asks for more of its folder than the outer one, which came first."""
    inner_root = tmp_path / "libs/inner"
    (inner_root / "src").mkdir(parents=True)
    with watched(tmp_path) as outer, watched(inner_root) as inner:
        shutil.rmtree(inner_root)
        inner.wait(lambda: "the folder is gone" in inner.rescans)
        outer.wait_for(b"libs/inner")
        inner.forget()
        (inner_root / "src").mkdir(parents=True)
        inner.wait(lambda: "the folder is back" in inner.rescans)
        inner.catch_up()
        outer.catch_up()
        outer.forget()
        inner.forget()
        (inner_root / "src/new.py").write_text("x = 1\n")
        inner.wait_for(b"src/new.py")
        outer.wait_for(b"libs/inner/src/new.py")
