"""What watches one workspace, for as long as it lives: its root may go and come, events may run out.

Invariant: an error does not end the looking: it is said in `state`, and tried again.
Threads: its steps are done one at a time, in whichever thread is free (`rounds`); everything public from any thread.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from lowtide.core.hints import Hints
from lowtide.system.watch.inotify import OutOfWatches
from lowtide.system.watch.rounds import Pause, Round, Rounds
from lowtide.system.watch.watch_session import Root, Session
from lowtide.system.watch.watch_state import Outbox, Source, Timing, WatchMode, WatchState

log = logging.getLogger(__name__)

ROUNDS = Rounds()
"""Those of this process: the threads are for all workspaces."""

_GONE = WatchState(WatchMode.GONE, "the folder is not there", "when it is back it is looked at again")


class WatchLoop:
    """Watches `root` with the events of `open_source(the real root, what to call when there are some)`.

    `wake` is called, in a thread of `rounds`, when there is something to take, or `state` is another: once, until
    `take`.
    """

    def __init__(
        self,
        root: Path,
        open_source: Callable[[bytes, Callable[[], None]], Source],
        wake: Callable[[], None],
        timing: Timing | None = None,
        rounds: Rounds = ROUNDS,
    ) -> None:
        self._root = os.fsencode(root)
        self._open_source = open_source
        self._timing = timing or Timing()
        self._outbox = Outbox(self._root, wake)
        self._source: Source | None = None
        self._reason = "start"
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._round: Round | None = None
        self._rounds = rounds

    @property
    def state(self) -> WatchState:
        """How changes are found now."""
        return self._outbox.state

    def start(self) -> WatchState:
        """Begin to watch; returns when the watches stand, or when it is known why they do not."""
        self._round = Round(self._rounds, self._steps())
        self._round.begin()
        self._started.wait()
        return self.state

    def stop(self) -> None:
        """End it and give all watches back. What was gathered can still be taken."""
        self._stopping.set()
        if self._round is not None:
            self._round.hurry()
            self._round.ended.wait()
            self._rounds.settle()

    def take(self) -> Hints:
        """All that was gathered since it was last taken; empty when nothing was."""
        return self._outbox.take()

    def rescan_took(self, wall_s: float) -> None:
        """A scan of the workspace has ended; it took `wall_s`. Where no events come the next is asked for
        accordingly."""
        self._outbox.rescan_took(wall_s)

    def caught_up(self) -> bool:
        """Whether every change made before this call has been taken: nothing is unread, planned or gathered."""
        source = self._source
        return (source is None or source.caught_up()) and self._outbox.empty

    def _steps(self) -> Iterator[Pause]:
        while not self._stopping.is_set():
            try:
                yield from self._watch()
            except Exception as error:
                log.exception("event=watch-failed root=%r", os.fsdecode(self._root))
                self._reason = f"watching failed: {error!r}"
                yield from self._watch_without(OutOfWatches(self._reason, "see `lowtide daemon logs`"))
        self._started.set()

    def _watch(self) -> Iterator[Pause]:
        """Watch the root until it is another folder, or there is a reason to begin anew."""
        self._outbox.settle(False)
        root = Root.at(self._root)
        if root is None:
            yield from self._wait_for_root()
            return
        try:
            assert self._round is not None
            with closing(self._open_source(root.real, self._round.wake)) as source:
                self._source = source
                began_s = time.monotonic()
                source.plan(None, self._stopping.is_set)
                self._outbox.suppose_rescan_takes(2 * (time.monotonic() - began_s))
                yield from self._session(root, source)
        except OutOfWatches as trouble:
            self._source = None
            yield from self._session(root, trouble)
        finally:
            self._source = None

    def _watch_without(self, trouble: OutOfWatches) -> Iterator[Pause]:
        """After a fault of ours: look now and then, until watching is tried again."""
        root = Root.at(self._root)
        try:
            if root is not None:
                yield from self._session(root, trouble)
        except Exception:
            log.exception("event=polling-failed root=%r", os.fsdecode(self._root))
            self._started.set()
            yield Pause(self._timing.retry_s)

    def _session(self, root: Root, source: Source | OutOfWatches) -> Iterator[Pause]:
        session = Session(root, self._outbox, source, self._stopping, self._timing)
        self._reason = yield from session.steps(self._reason, self._started.set)

    def _wait_for_root(self) -> Iterator[Pause]:
        if self.state != _GONE:
            self._outbox.enter(_GONE)
            self._outbox.rescan("the folder is gone")
        self._reason = "the folder is back"
        self._outbox.settle(True)
        self._outbox.flush()
        self._started.set()
        yield Pause(self._timing.root_s)
