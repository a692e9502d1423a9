"""Watching a workspace: events are hints of where to look again, and the scan is the truth.

The kernel's events are read by one thread for all workspaces (`inotify_hub`). What a workspace was told is dealt with
in steps, by a thread that is free (`rounds`): the watches are kept in line with what the walk would list, and what
changed is gathered until it is taken:

    watcher = Watcher(root, partial(walk.folders, root, settings), wake=lambda: loop.call_soon_threadsafe(look))
    def look(): debounce.add(watcher.take(), time.monotonic())   # and watcher.state may be another
    state = await to_thread(watcher.start)                       # when the watches stand
    await to_thread(watcher.stop)

The first hint is a rescan, given when the watches stand: the scan that follows misses nothing, so no other is needed at
the start. More rescans follow whenever there is doubt: events lost, rules changed at the root, the root gone, back or
another, a mount put over it, the machine asleep. Where no events come a rescan is hinted at an interval that grows with
its cost: `rescan_took` tells what it was. When the settings change, stop it and make another.

Invariant: the only module that imports watchdog; what is used of it that is private is checked by
tests/system/test_watchdog.py.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import termios
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from watchdog.observers.inotify_c import InotifyFD, Mask, WatchDescriptor, inotify_add_watch, inotify_rm_watch

from lowtide.system.tree.repository import Repository, enclosing_repository
from lowtide.system.watch.inotify import RAISE_FILES, Batch, Event, FolderWatches, OutOfWatches, WatchQuota
from lowtide.system.watch.inotify_hub import Hub, Inbox
from lowtide.system.watch.watch_loop import WatchLoop
from lowtide.system.watch.watch_state import Source, Timing, WatchMode, WatchState

__all__ = ["Folders", "Timing", "WatchMode", "WatchQuota", "WatchState", "Watcher"]

Folders = Callable[[Sequence[bytes] | None], Iterator[bytes]]
"""The folders that a walk lists: all, or those at, below and around some (see `walk.folders`)."""

_BUFFER_BYTES = 1 << 16
_FILES_NEEDED = 4
"""The instance, watchdog's pipe, and one to list a folder."""


class Watcher(WatchLoop):
    """Watches one workspace.

    `folders` tells which folders are worth a watch; `quota` is what all watchers of the process may take together.
    """

    def __init__(
        self,
        root: Path,
        folders: Folders,
        wake: Callable[[], None],
        *,
        quota: WatchQuota | None = None,
        timing: Timing | None = None,
    ) -> None:
        limit = quota or WatchQuota.of_machine()
        super().__init__(root, lambda real, wake: open_source(real, folders, limit, wake), wake, timing)


def open_source(root: bytes, folders: Folders, quota: WatchQuota, wake: Callable[[], None]) -> Source:
    """The kernel's events below the real path `root`; `wake` is called, in any thread, when there are some.

    OutOfWatches when the system grants none.
    """
    found = enclosing_repository(root)
    around = None if found is None or found[0] == root else found[1]
    try:
        return InotifySource(root, folders, quota, around, HUB.join(wake))
    except OSError as error:
        raise _no_instance(error) from error


def _no_instance(error: OSError) -> OutOfWatches:
    if error.errno not in (errno.EMFILE, errno.ENFILE):
        return OutOfWatches(f"the system gives no file events: {error.strerror or error}", "")
    if not _can_open(_FILES_NEEDED):
        return OutOfWatches("too many files are open", RAISE_FILES)
    return OutOfWatches(
        "other programs have taken all inotify instances of this user (fs.inotify.max_user_instances)",
        "raise the limit: sudo sysctl fs.inotify.max_user_instances=1024",
    )


def _can_open(count: int) -> bool:
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(count))
    except OSError:
        return False
    finally:
        for number in opened:
            os.close(number)
    return True


class InotifyReader(InotifyFD):
    """watchdog's reader of one inotify instance, without its thread and its books of watches: ours are smaller."""

    def __init__(self) -> None:
        self._inotify_fd = -1
        self._busy = False
        try:
            super().__init__()
        except OSError:
            if self._inotify_fd >= 0:
                os.close(self._inotify_fd)
            raise
        os.set_inheritable(self._inotify_fd, False)

    def add(self, path: bytes, mask: int) -> int:
        watch = inotify_add_watch(self._inotify_fd, path, Mask(mask))
        if watch < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return watch

    def remove(self, watch: int) -> None:
        inotify_rm_watch(self._inotify_fd, WatchDescriptor(watch))

    def read(self) -> list[Event]:
        """The events there are; waits for the first, or until it is interrupted."""
        parsed = self._parse_event_buffer(self._read_event_buffer(_BUFFER_BYTES))
        return [Event(watch, mask, name) for watch, mask, _, name in parsed]

    def _check_inotify_fd(self) -> bool:
        assert self._poller is not None
        ready = any(fd == self._inotify_fd for fd, _ in self._poller.poll())
        if ready:
            self._busy = True  # before they are read: who asks sees them unread, or being dealt with
        return ready

    def unread(self) -> bool:
        if self._closed:
            return False
        try:
            count = array("i", [0])
            fcntl.ioctl(self._inotify_fd, termios.FIONREAD, count)
        except OSError:
            return False  # it is being closed
        return count[0] > 0 or self._busy

    def dealt_with(self) -> None:
        self._busy = False

    def interrupt(self) -> None:
        os.write(self._kill_w, b"!")

    def release(self) -> None:
        """Close the instance; the kernel removes all its watches."""
        self._closed = True
        self._close_resources()


HUB = Hub(InotifyReader)
"""That of this process: one instance for all workspaces."""


class InotifySource(FolderWatches):
    """Events of Linux, of the folders that are worth a watch."""

    def __init__(
        self, root: bytes, folders: Folders, quota: WatchQuota, around: Repository | None, inbox: Inbox
    ) -> None:
        self._inbox = inbox
        super().__init__(root, inbox, folders, quota, around)

    def take(self) -> Batch:
        return self.apply(self._inbox.take())

    def caught_up(self) -> bool:
        return self._inbox.caught_up()

    def close(self) -> None:
        super().close()
        self._inbox.close()
