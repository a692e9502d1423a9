"""What others ask of a live workspace: to look, to pause, to go on, to stop, to begin anew.

Invariant: nothing here waits for a run, but for `wait_idle`; what is asked is an event of its course, and whoever
lives by it is woken.
Threads: the event loop's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

import anyio

from lowtide.core.course import Effect, Event, Reopen, Whole, after
from lowtide.core.hints import Hints
from lowtide.errors import LowtideError, StoreError
from lowtide.index.live_state import LiveState
from lowtide.index.sharing import Begun
from lowtide.index.workspace import INDEX_GONE

log = logging.getLogger(__name__)

ONE_FILE = "one of its files"
"""What was damaged, when it is built anew."""


class LiveControl(LiveState):
    """A live workspace to those who steer it."""

    def _hear(self, hints: Hints, now_s: float) -> None:
        self._hints.add(hints, now_s)
        self._notify()

    def look_at(self, hints: Hints) -> None:
        """Something may have changed; call it in the event loop."""
        now = time.monotonic()
        self._hints.add(hints, now)
        self._notify()

    def look_first(self, paths: Collection[bytes]) -> None:
        """Somebody has these before their eyes: as long as not all is in, they come before all others, and behind
        those that were told before."""
        self._shown.append(paths)
        self._notify()

    def rescan(self) -> None:
        """Look at everything again; what could not be opened is tried at once."""
        self._go(Event.RESCAN)  # an error that still holds is found again

    def restart(self, *, anew: bool) -> None:
        """Close the index and open it again, `anew` from nothing. A run that works is ended."""
        self._go(Event.RESTART_ANEW if anew else Event.RESTART)

    def take_over(self, begun: Begun) -> None:
        """Close the index, forget it, and begin with this bundle. A run that works is ended."""
        self._begun = begun
        self.restart(anew=True)

    def look_after(self, now_s: float) -> bool:
        """See what became of the index's files: found damaged, removed, or replaced. True when it is opened anew for
        that.

        In the event loop, now and then and when a question has failed; what is damaged again waits ever longer.
        """
        writing = self._writing
        if writing is None or self.course.reopen is not Reopen.NO:
            return False
        gone = not writing.writer.may_write
        if gone or self.workspace.is_marked:
            if not self._may_rebuild(now_s, "its catalog" if not gone else "its files are gone"):
                return False
            log.warning("event=index-%s root=%r", "gone" if gone else "damaged", str(self.root))
            self._mended = (INDEX_GONE,) if gone else ()
            self.restart(anew=False)  # whoever opens it sees the mark
            return True
        course = self.course
        can_begin = course.whole is Whole.NONE and not course.is_wanted and not course.is_paused
        # Where the watches do not stand yet, a run is to come that sees to it.
        can_begin = can_begin and self._watcher is not None and self._watcher.has_begun and not self._hints
        if can_begin and self.workspace.has_damaged_segments and self._may_rebuild(now_s, ONE_FILE):
            log.warning("event=segments-damaged root=%r", str(self.root))
            self.rescan()
        return False

    def _may_rebuild(self, now_s: float, why: str) -> bool:
        """Count a rebuild that begins now; false when the last ones were so lately that this one must wait, and `error`
        says so."""
        wait_s = self._rebuilds.due_s(now_s)
        if wait_s <= 0:
            self._rebuilds.begin(now_s)
            return True
        error = StoreError(
            f"the index of {self.root} was damaged again",
            why,
            f"check the disk; it is built anew in {wait_s:.0f} s, and at once by `lowtide index --force {self.root}`",
        )
        self._fail(error, Event.COMPLAINED)
        return False

    def pause(self) -> None:
        """Stop what runs; keep collecting hints."""
        self._go(Event.PAUSE)

    def resume(self) -> None:
        """Go on; what was cut short is looked for by a whole scan."""
        self._go(Event.RESUME)

    def cancel(self) -> None:
        """Stop what runs, and what was to run."""
        if self._hints.take_all():
            self._go(Event.DROPPED)
        self._go(Event.CANCEL)

    def _go(self, event: Event) -> None:
        """Something happens: the course is what it is then, and what is to be done is done."""
        self.course, effects = after(self.course, event)
        if Effect.GIVE_TURN in effects:
            self.host.turns.end(self, time.monotonic())
        if Effect.STOP_RUNS in effects:
            self.cancel_runs()
        if Effect.TELL in effects:
            self._notify()

    def _fail(self, error: LowtideError, event: Event = Event.FAILED) -> None:
        self._error = error
        self._go(event)

    def cancel_runs(self) -> None:
        """Stop what runs now."""
        for scope in self._scopes:
            scope.cancel()

    async def wait_idle(self) -> None:
        """Until nothing is left to do, or nothing can be done (paused, failed)."""
        while self.error is None:
            if self.quiescent and (self.course.is_paused or self._watcher is None or self._watcher.caught_up()):
                return
            with anyio.move_on_after(0.05):
                await self.settled.wait()

    def _notify(self) -> None:
        self._wake.set()
        self._wake = anyio.Event()
        if self.quiescent or self.error is not None:
            self.settled.set()
            self.settled = anyio.Event()
        self._changed()
