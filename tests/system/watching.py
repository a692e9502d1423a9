"""A watched folder for tests: collects hints, and waits for what they should tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lowtide.config.settings import IndexSettings
from lowtide.core.hints import GitActivity, Hints, folders_around
from lowtide.system.tree.walk import folders
from lowtide.system.watch.watch import Timing, Watcher, WatchQuota, WatchState
from lowtide.system.watch.watch_loop import WatchLoop

HASTY = Timing(root_s=0.05, mounts_s=0.2, git_s=0.05, settle_s=0.05, settle_most_s=0.5, poll_least_s=0.1, retry_s=0.2)
"""What the watcher looks at by itself it looks at often, so that tests need not wait."""
LONGEST_S = 120.0
"""A bound for what never comes: a busy machine takes long, and is not wrong."""


class Watching:
    """Everything hinted by one watcher since it was last forgotten."""

    def __init__(self) -> None:
        self.paths: set[bytes] = set()
        self.rescans: list[str] = []
        self.git: list[GitActivity] = [GitActivity.IDLE]
        self.watcher: WatchLoop | None = None
        self._changed = threading.Condition()

    def wake(self) -> None:
        """The watcher's thread calls this."""
        assert self.watcher is not None
        hints = self.watcher.take()
        with self._changed:
            self.paths |= hints.paths
            if hints.rescan:
                self.rescans.append(hints.reason)
            if hints.git is not self.git[-1]:
                self.git.append(hints.git)
            self._changed.notify_all()

    def wait(self, what: Callable[[], object], timeout_s: float = LONGEST_S) -> None:
        """Until `what()` holds."""
        with self._changed:
            assert self._changed.wait_for(what, timeout_s), f"{self.paths} {self.rescans} {self.git} {self.state}"

    def wait_for(self, *paths: bytes) -> None:
        """Until each of `paths` is to be looked at, by itself or with a folder around it."""
        self.wait(lambda: all(self.covers(path) for path in paths))

    def covers(self, path: bytes) -> bool:
        """Whether a scan of what was hinted comes by `path`."""
        return bool(self.rescans) or path in self.paths or any(around in self.paths for around in folders_around(path))

    def catch_up(self) -> None:
        """Until all that happened so far is hinted."""
        assert self.watcher is not None
        deadline_s = time.monotonic() + LONGEST_S
        while not self.watcher.caught_up():
            assert time.monotonic() < deadline_s, "the watcher does not catch up"
            with self._changed:
                self._changed.wait(0.002)

    def forget(self) -> None:
        """Forget what was hinted so far."""
        self.catch_up()
        with self._changed:
            self.paths.clear()
            self.rescans.clear()
            self.git = self.git[-1:]

    def drain(self) -> Hints:
        """What was hinted and not drained yet, forgotten herewith."""
        with self._changed:
            hints = Hints(frozenset(self.paths), bool(self.rescans), "; ".join(self.rescans), self.git[-1])
            self.paths.clear()
            self.rescans.clear()
        return hints

    @property
    def state(self) -> WatchState:
        assert self.watcher is not None
        return self.watcher.state


@contextmanager
def watched(
    root: Path, *, timing: Timing = HASTY, quota: WatchQuota | None = None, settings: IndexSettings | None = None
) -> Iterator[Watching]:
    """A started watcher of `root`, its first rescan forgotten."""
    watching = Watching()
    listed = partial(folders, root, settings or IndexSettings())
    watching.watcher = Watcher(root, listed, watching.wake, quota=quota, timing=timing)
    watching.watcher.start()
    try:
        watching.wait(lambda: watching.rescans)
        watching.forget()
        yield watching
    finally:
        watching.watcher.stop()
