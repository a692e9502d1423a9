"""Watching from the event loop: a watcher wakes the loop from its thread, and the loop takes the hints.

Invariant: a watcher that stands needs no task; whoever has started one stops it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from lowtide.config.settings import IndexSettings
from lowtide.core.hints import Hints
from lowtide.system.tree.walk import folders
from lowtide.system.watch.watch import Watcher, WatchState
from lowtide.system.watch.watch_state import WatchMode

log = logging.getLogger(__name__)

FIRST_HINT = "start"
"""The reason of a watcher's first rescan."""
MOST_STARTING = 4
"""Each holds a thread of the event loop's until its watches stand: questions need some, too."""
_starting: RunVar[anyio.CapacityLimiter] = RunVar("lowtide-watches-starting")


class FolderWatch:
    """One root, watched from `start` until `stop`; `on_hints` is called in the event loop."""

    def __init__(self, root: Path, settings: IndexSettings, on_hints: Callable[[Hints, float], None]) -> None:
        self._root = root
        self._on_hints = on_hints
        self._loop = asyncio.get_running_loop()
        self.has_begun = False
        """The watches stand, and the first hint has been told."""
        self._watcher = Watcher(root, partial(folders, root, settings), wake=self._wake)

    @property
    def state(self) -> WatchState:
        """How changes are found now."""
        return self._watcher.state

    def caught_up(self) -> bool:
        """Whether every change made so far has been told."""
        return self._watcher.caught_up()

    def rescan_took(self, seconds: float) -> None:
        """What a whole scan costs: where no events come, it is repeated accordingly."""
        self._watcher.rescan_took(seconds)

    async def start(self) -> None:
        """Until the watches stand; the first hint is a rescan. Cancelling waits for it."""
        state = await anyio.to_thread.run_sync(self._watcher.start, limiter=_limit_of_starting())
        log.info("event=watching root=%r mode=%s why=%r", str(self._root), state.mode, state.reason)
        self.has_begun = True
        self._look()

    async def stop(self) -> None:
        """After `start`, whatever became of that."""
        await anyio.to_thread.run_sync(self._watcher.stop)

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._on_hints(self._watcher.take(), time.monotonic())


class OneLook:
    """In place of a `FolderWatch` where nobody stays: it tells once, that everything is to be looked at."""

    state = WatchState(WatchMode.POLLING, "it is looked at once")

    def __init__(self, root: Path, settings: IndexSettings, on_hints: Callable[[Hints, float], None]) -> None:
        self._on_hints = on_hints
        self.has_begun = False

    def caught_up(self) -> bool:
        """Whether all has been told."""
        return self.has_begun

    def rescan_took(self, seconds: float) -> None:
        """No scan is repeated."""

    async def start(self) -> None:
        """As `FolderWatch.start`."""
        self.has_begun = True
        self._on_hints(Hints(rescan=True, reason=FIRST_HINT), time.monotonic())

    async def stop(self) -> None:
        """There is nothing to stop."""


def _limit_of_starting() -> anyio.CapacityLimiter:
    """The one of this event loop."""
    try:
        return _starting.get()
    except LookupError:
        limit = anyio.CapacityLimiter(MOST_STARTING)
        _starting.set(limit)
        return limit


def neighbours(root: Path, paths: Sequence[Path]) -> tuple[list[bytes], list[bytes]]:
    """Open files below `root`, and the files beside them, as paths relative to it; at most a few hundred."""
    shown = dict.fromkeys(os.fsencode(path.relative_to(root)) for path in paths if root in path.parents)
    beside: dict[bytes, None] = {}
    for folder in dict.fromkeys(path.parent for path in paths if root in path.parents):
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if len(shown) + len(beside) >= 500:
                    return list(shown), list(beside)
                near = os.fsencode(Path(entry.path).relative_to(root))
                with suppress(OSError):
                    if near not in shown and entry.is_file(follow_symlinks=False):
                        beside[near] = None
    return list(shown), list(beside)
