"""The course of a workspace: whatever happens in whatever order, nothing works that may not, nothing is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.course import TABLE, Course, Effect, Event, Reopen, Whole, Will, after

ASKED = (
    Event.RESCAN,
    Event.RESTART,
    Event.RESTART_ANEW,
    Event.PAUSE,
    Event.RESUME,
    Event.CANCEL,
    Event.DOUBT,
    Event.FIRST_DOUBT,
    Event.DROPPED,
    Event.TICK,
    Event.COMPLAINED,
)
DOUBTS = (
    Event.RESCAN,
    Event.DOUBT,
    Event.FIRST_DOUBT,
    Event.DROPPED,
    Event.STALE,
    Event.FAILED,
    Event.NARROW_STOPPED,
)
STEPS = st.lists(
    st.sampled_from([*ASKED, "narrow", "seen", "done", "go on", "whole", "whole", "fail", "damage", "open"]),
    max_size=60,
)


class Workspace:
    """Does what a live workspace does: begins what may begin, stops what is to stop; and knows what is true."""

    def __init__(self) -> None:
        self.course = Course()
        self.doubted_s = self.moment = 0
        """When the last doubt came that a run has to cover."""
        self.began_s = -1
        self.is_anew = False

    def tell(self, event: Event) -> None:
        self.moment += 1
        before = self.course
        self.course, effects = after(before, event)
        if event in DOUBTS:
            self.doubted_s = self.moment
        if event is Event.RESTART_ANEW:
            self.is_anew = True
        assert Effect.GIVE_TURN not in effects or self.course.whole is Whole.NONE
        if Effect.STOP_RUNS in effects:
            self.stop()

    def stop(self) -> None:
        """Runs that are told to stop end, not at once in truth; here, at once."""
        if self.course.is_narrow:
            self.tell(Event.NARROW_STOPPED)
        if self.course.whole is not Whole.NONE:
            self.tell(Event.WHOLE_ENDS)

    def schedule(self) -> None:
        """What is to begin or to close, begins and closes."""
        if self.course.closes:
            assert not self.is_anew or self.course.reopen is Reopen.ANEW
            self.is_anew = False
            self.tell(Event.REOPENS)
            self.tell(Event.CLOSED)
            self.tell(Event.OPENED)
        if self.course.begins_whole:
            self.began_s = self.moment
            self.tell(Event.WHOLE_BEGINS)

    def step(self, step: Event | str) -> None:
        course = self.course
        if isinstance(step, Event):
            if step not in (Event.DOUBT, Event.FIRST_DOUBT, Event.TICK) or course.may_begin:
                self.tell(step)
        elif step == "narrow":
            if course.may_begin:
                self.tell(Event.NARROW_DONE if course.is_narrow else Event.NARROW_BEGINS)
        elif step == "seen" and course.whole is Whole.WORKS:
            self.tell(Event.WHOLE_SEEN)
        elif step == "done" and course.whole is Whole.MERGES:
            self.finish()
        elif step == "go on":
            self.schedule()
        elif step == "whole":
            self.step("open")
            self.step(Event.RESUME)
            for each in ("go on", "seen", "done"):
                self.step(each)
        elif step in ("fail", "damage") and course.is_open:
            self.stop()
            self.tell(Event.CLOSED)
            self.tell(Event.FAILED if step == "fail" else Event.STALE)
        elif step == "open" and not course.is_open:
            self.tell(Event.TRY_AGAIN)
            self.tell(Event.OPENED)

    def finish(self) -> None:
        self.tell(Event.WHOLE_DONE)
        if self.doubted_s < self.began_s:
            assert not self.course.is_incomplete
        self.tell(Event.WHOLE_ENDS)

    def check(self) -> None:
        course = self.course
        assert not (course.is_paused and (course.works or course.begins_whole))
        assert course.is_open or not course.works
        assert not (course.closes and course.begins_whole)
        if self.doubted_s > self.began_s:
            assert course.is_incomplete, "a doubt is forgotten"


def test_every_event_has_its_row() -> None:
    assert set(TABLE) == set(Event)


@given(STEPS)
def test_nothing_works_that_may_not_and_no_doubt_is_forgotten(steps: list[Event | str]) -> None:
    workspace = Workspace()
    workspace.tell(Event.OPENED)
    for step in steps:
        workspace.step(step)
        workspace.check()


@given(STEPS)
def test_from_wherever_it_is_it_becomes_whole_once_it_is_resumed(steps: list[Event | str]) -> None:
    workspace = Workspace()
    for step in steps:
        workspace.step(step)
    workspace.step("open")
    workspace.tell(Event.RESUME)
    for _ in range(6):
        workspace.schedule()
        if workspace.course.is_narrow:
            workspace.tell(Event.NARROW_DONE)
        workspace.step("seen")
        workspace.step("done")
        workspace.check()
    course = workspace.course
    assert (course.is_open, course.works, course.is_wanted, course.is_incomplete) == (True, False, False, False)
    assert course.will is Will.GO
    assert course.reopen is Reopen.NO
