"""How an answer stands to the disk, and waiting a moment so that it stands well.

Whoever asks just after a file was written expects to find it. The watcher may not have spoken yet, and what it has told
waits for calm; so a question has both looked at at once, and is answered when that is in, or when its patience ends.

Invariant: a question is answered within OPENING_S, whatever the workspace does, and within BEGINNING_S where there was
no index; only FULL waits for as long as it takes.
Threads: the event loop's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

import anyio

from lowtide.core.freshness import Freshness, FreshState, Standing, judge
from lowtide.errors import LowtideError
from lowtide.index.live import LiveWorkspace
from lowtide.system.watch.watch_state import WatchMode

BRIEF_S = 0.25
"""A question waits so long for files that have just been written;"""
OPENING_S = 0.8
"""and so long for the first comparison of a workspace that it has opened, and for the few files which that finds, when
the last one took no longer than QUICK_S or it has at most SMALL_FILES. A first worker starts in 0.25 s."""
QUICK_S = 0.5
SMALL_FILES = 1000
BEGINNING_S = 2.0
"""A question about a folder without an index waits so long for the first one."""
FEW_FILES = 64
"""More than these are not in by then: the answer does not wait for them."""
LOOK_S = 0.01
"""Between two looks whether the watcher has spoken, while somebody waits."""
TELL_S = 0.1


class Patience(Enum):
    """How long a question waits for what is on the disk to be in."""

    NONE = "none"
    """Not at all: it is asked with every key."""
    BRIEF = "brief"
    FULL = "full"
    """Until all is in."""


def freshness_of(live: LiveWorkspace) -> Freshness:
    """How what is committed now stands to the disk."""
    counts, whole = live.counts, live.whole_progress
    known, counted = counts.held, 0
    if live.is_first:
        known, counted = known - counts.to_renew, max(live.file_count.files, known)
    if whole is not None:
        counted = max(whole.candidates, counted)
        known = max(known, whole.candidates - max(0, whole.total - whole.done))
    return judge(
        Standing(
            known=known,
            waiting=live.waiting,
            counted=counted,
            is_first=live.is_first,
            is_comparing=live.is_comparing,
            is_lacking=live.incomplete and whole is None,
            stopped=live.stopped,
            unwatched=_unwatched(live),
            failed=str(live.error or ""),
            age_s=live.compared_age_s,
        )
    )


def _unwatched(live: LiveWorkspace) -> str:
    state = live.watch_state
    if state is None or state.mode in (WatchMode.STARTING, WatchMode.WATCHING):
        return state.reason if state is not None and state.mode is WatchMode.WATCHING else ""
    return state.reason or state.mode.value


async def catch_up(live: LiveWorkspace, began_s: float) -> None:
    """Wait a moment for what was written just before; `began_s` is when the question came."""
    if live.is_first:
        with anyio.move_on_after(max(0.0, began_s + OPENING_S - time.monotonic())):
            await live.file_count.learn()
    if live.error is not None and not live.stopped:
        await _try_again(live, began_s + BRIEF_S)
    while not (fresh := freshness_of(live)).is_current:
        if live.error is not None or live.stopped or live.waiting > FEW_FILES or live.is_first:
            return
        # While all is compared, it waits for what is known to have changed; for what may have, if that is soon known.
        most_s = BRIEF_S if live.completed_runs else _opening_s(live)
        left_s = began_s + most_s - time.monotonic()
        if left_s <= 0 or fresh.state in (FreshState.UNWATCHED, FreshState.INCOMPLETE):
            return
        changed = live.hurry()
        with anyio.move_on_after(min(left_s, LOOK_S)):
            await changed.wait()


async def _try_again(live: LiveWorkspace, until_s: float) -> None:
    """What was wrong may have been mended by now: do not wait for the next try, which may be a minute away."""
    known = live.error
    changed = live.hurry()
    while live.error is known and (left_s := until_s - time.monotonic()) > 0:
        with anyio.move_on_after(left_s):
            await changed.wait()
        changed = live.changed


async def begin_with(live: LiveWorkspace, told: Callable[[], None]) -> None:
    """Wait a moment for a first index: a small one is whole by then, of a large one there is a beginning.

    Errors: why it cannot be made.
    """
    with anyio.move_on_after(BEGINNING_S):
        await live.file_count.learn()
        while live.is_first or not live.quiescent:
            if live.error is not None:
                raise live.error
            if live.stopped:
                return
            told()
            with anyio.move_on_after(TELL_S):
                await live.settled.wait()


def _opening_s(live: LiveWorkspace) -> float:
    """How long a question waits for the first comparison since its workspace was opened."""
    before = live.workspace.last_comparison()
    # One that is not open yet holds none, and may turn out to be small.
    if before is None or before.took_s <= QUICK_S or live.counts.held <= SMALL_FILES:
        return OPENING_S
    return BRIEF_S if live.waiting else 0.0


async def wait_fresh(live: LiveWorkspace, told: Callable[[], None]) -> None:
    """Wait until what is on the disk is in, however long it takes; `told` is called now and then.

    Errors: why it cannot be brought up to date; LowtideError when a person has paused the work.
    """
    looked = live.completed_runs
    if live.error is not None or not live.is_comparing:
        live.rescan()  # some changes come without an event: through another name of the file, or from another machine
    while not (fresh := freshness_of(live)).is_current:
        if live.error is not None:
            raise live.error
        if live.state == "paused":
            raise LowtideError("indexing is paused", "", "`lowtide daemon resume` goes on")
        if fresh.state is FreshState.UNWATCHED and live.completed_runs > looked:
            return
        changed = live.hurry()
        told()
        with anyio.move_on_after(TELL_S):
            await changed.wait()
