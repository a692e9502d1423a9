"""The course of a live workspace: what is open, works and is wanted, and what each event makes of that.

A whole run looks at every file, a narrow one at some. A *doubt* is that something may have changed which no run covers.

Invariant: pure; `TABLE` says of every event what it changes, and what is to be done then.
Invariant: while a doubt is not dispelled, which only a whole run does that began after it, `is_incomplete` holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

import msgspec
from msgspec.structs import replace


class Will(Enum):
    """What people want of it."""

    GO = auto()
    HELD = auto()
    """Cancelled: no whole run begins until there is a reason to."""
    PAUSED = auto()
    """Nothing begins until it is resumed."""


class Whole(Enum):
    """The run over all files."""

    NONE = auto()
    WORKS = auto()
    MERGES = auto()
    """All files are in; the segments are put in order."""


class Doubt(Enum):
    """Whether something may lack."""

    NONE = auto()
    COVERED = auto()
    """A whole run works that began after it."""
    OPEN = auto()


class Reopen(Enum):
    """Whether the index is to be closed and opened again."""

    NO = auto()
    AS_IS = auto()
    ANEW = auto()
    """From nothing."""


class Event(Enum):
    """What happens to a workspace."""

    OPENED = auto()
    REOPENS = auto()
    """It is about to be closed and opened again, as was wished."""
    CLOSED = auto()
    """Its index is closed: no run works any more."""
    FAILED = auto()
    """It cannot be opened or kept current, and is tried again later."""
    COMPLAINED = auto()
    """Something is wrong that does not end what works."""
    STALE = auto()
    """Some of what is in has to be made again: it is damaged, or mostly dead."""
    TRY_AGAIN = auto()
    RESCAN = auto()
    """Somebody wants everything to be looked at."""
    RESTART = auto()
    RESTART_ANEW = auto()
    PAUSE = auto()
    RESUME = auto()
    CANCEL = auto()
    DOUBT = auto()
    """A change is told of that no list of paths covers."""
    FIRST_DOUBT = auto()
    """The watches stand: everything is to be looked at once."""
    DROPPED = auto()
    """Changes that waited are forgotten."""
    TICK = auto()
    """The last whole run was long ago."""
    NARROW_BEGINS = auto()
    NARROW_DONE = auto()
    NARROW_STOPPED = auto()
    WHOLE_BEGINS = auto()
    WHOLE_SEEN = auto()
    """Every file was looked at, and is in."""
    WHOLE_DONE = auto()
    WHOLE_ENDS = auto()
    """Done or not."""


class Effect(Enum):
    """What is to be done when something has happened."""

    STOP_RUNS = auto()
    GIVE_TURN = auto()
    """It waits for no turn to begin a whole run."""
    TELL = auto()
    """Who schedules, and who looks at the status, is to look again."""


class Course(msgspec.Struct, frozen=True):
    """See the module."""

    is_open: bool = False
    will: Will = Will.GO
    reopen: Reopen = Reopen.NO
    whole: Whole = Whole.NONE
    is_wanted: bool = False
    """A whole run is to begin."""
    is_narrow: bool = False
    """A narrow run works."""
    doubt: Doubt = Doubt.OPEN
    has_failed: bool = False

    @property
    def is_incomplete(self) -> bool:
        """No whole run has ended since the last doubt."""
        return self.doubt is not Doubt.NONE

    @property
    def works(self) -> bool:
        """Whether a run works."""
        return self.is_narrow or self.whole is not Whole.NONE

    @property
    def is_paused(self) -> bool:
        return self.will is Will.PAUSED

    @property
    def may_begin(self) -> bool:
        """Whether runs may begin at all."""
        return self.is_open and not self.is_paused and self.reopen is Reopen.NO

    @property
    def begins_whole(self) -> bool:
        """Whether a whole run is to begin now."""
        return self.may_begin and self.is_wanted and self.whole is Whole.NONE

    @property
    def closes(self) -> bool:
        """Whether the index is to be closed now."""
        return self.is_open and self.reopen is not Reopen.NO and not self.works


_Change = Mapping[str, Any]


def _go_on(course: Course) -> Will:
    return course.will if course.is_paused else Will.GO


def _doubt(course: Course) -> _Change:
    return {"will": _go_on(course), "is_wanted": True, "doubt": Doubt.OPEN}


def _first_doubt(course: Course) -> _Change:
    return {"doubt": Doubt.OPEN} if course.will is Will.HELD else _doubt(course)


def _uncovered(course: Course) -> Doubt:
    return Doubt.OPEN if course.doubt is Doubt.COVERED else course.doubt


TABLE: dict[Event, tuple[Callable[[Course], _Change], frozenset[Effect]]] = {
    Event.OPENED: (lambda course: {"is_open": True, "has_failed": False}, frozenset()),
    Event.REOPENS: (lambda course: {"is_open": False, "reopen": Reopen.NO}, frozenset()),
    Event.CLOSED: (
        lambda course: {
            "is_open": False,
            "whole": Whole.NONE,
            "is_narrow": False,
            "doubt": _uncovered(course),
        },
        frozenset({Effect.GIVE_TURN}),
    ),
    Event.FAILED: (lambda course: {"has_failed": True, "doubt": Doubt.OPEN}, frozenset({Effect.TELL})),
    Event.COMPLAINED: (lambda course: {"has_failed": True}, frozenset()),
    Event.STALE: (lambda course: {"is_wanted": True, "doubt": Doubt.OPEN}, frozenset()),
    Event.TRY_AGAIN: (lambda course: {"is_wanted": True}, frozenset()),
    Event.RESCAN: (lambda course: {**_doubt(course), "has_failed": False}, frozenset({Effect.TELL})),
    Event.RESTART: (
        lambda course: {
            "will": _go_on(course),
            "reopen": Reopen.ANEW if course.reopen is Reopen.ANEW else Reopen.AS_IS,
        },
        frozenset({Effect.STOP_RUNS, Effect.TELL}),
    ),
    Event.RESTART_ANEW: (
        lambda course: {"will": _go_on(course), "reopen": Reopen.ANEW},
        frozenset({Effect.STOP_RUNS, Effect.TELL}),
    ),
    Event.PAUSE: (
        lambda course: {"will": Will.PAUSED},
        frozenset({Effect.STOP_RUNS, Effect.GIVE_TURN, Effect.TELL}),
    ),
    Event.RESUME: (
        lambda course: {
            "will": Will.GO,
            "is_wanted": course.is_wanted or course.is_incomplete or course.has_failed,
        },
        frozenset({Effect.TELL}),
    ),
    Event.CANCEL: (
        lambda course: {"will": Will.PAUSED if course.is_paused else Will.HELD, "is_wanted": False},
        frozenset({Effect.STOP_RUNS, Effect.GIVE_TURN, Effect.TELL}),
    ),
    Event.DOUBT: (_doubt, frozenset()),
    Event.FIRST_DOUBT: (_first_doubt, frozenset()),
    Event.DROPPED: (lambda course: {"doubt": Doubt.OPEN}, frozenset()),
    Event.TICK: (lambda course: {"is_wanted": course.is_wanted or course.will is not Will.HELD}, frozenset()),
    Event.NARROW_BEGINS: (lambda course: {"will": _go_on(course), "is_narrow": True}, frozenset()),
    Event.NARROW_DONE: (lambda course: {"is_narrow": False}, frozenset({Effect.TELL})),
    Event.NARROW_STOPPED: (lambda course: {"is_narrow": False, "doubt": Doubt.OPEN}, frozenset({Effect.TELL})),
    Event.WHOLE_BEGINS: (
        lambda course: {"whole": Whole.WORKS, "is_wanted": False, "doubt": Doubt.COVERED},
        frozenset(),
    ),
    Event.WHOLE_SEEN: (lambda course: {"whole": Whole.MERGES}, frozenset()),
    Event.WHOLE_DONE: (
        lambda course: {"doubt": Doubt.NONE if course.doubt is Doubt.COVERED else course.doubt},
        frozenset(),
    ),
    Event.WHOLE_ENDS: (
        lambda course: {
            "whole": Whole.NONE,
            "doubt": _uncovered(course),
        },
        frozenset({Effect.GIVE_TURN, Effect.TELL}),
    ),
}
"""What each event changes, and what is to be done then. A turn is given only where no whole run has it."""


def after(course: Course, event: Event) -> tuple[Course, frozenset[Effect]]:
    """The course after an event, and what is to be done."""
    change, effects = TABLE[event]
    fresh = replace(course, **change(course))
    return fresh, effects if fresh.whole is Whole.NONE else effects - {Effect.GIVE_TURN}
