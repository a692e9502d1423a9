"""When hints become work: an edit at once, a storm once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from lowtide.core.debounce import (
    HOT_MOST_S,
    HURRIED_QUIET_S,
    LONGEST_WAIT_S,
    QUIET_S,
    STALE_LOCK_S,
    STORM_PATHS,
    STORM_WAIT_S,
    Debounce,
)
from lowtide.core.hints import MOST_PATHS, GitActivity, Hints

IDLE, STEPPING, LOCKED = GitActivity.IDLE, GitActivity.STEPPING, GitActivity.LOCKED


def hint(*paths: bytes, git: GitActivity = IDLE) -> Hints:
    return Hints(frozenset(paths), git=git)


def many(count: int, git: GitActivity = IDLE) -> Hints:
    return hint(*(b"f%d" % number for number in range(count)), git=git)


def play(events: list[tuple[float, Hints]], until_s: float, run_s: float = 0.0) -> list[tuple[float, Hints]]:
    """What is run, and when, if a caller runs whatever is due; each run takes `run_s`."""
    debounce = Debounce()
    runs: list[tuple[float, Hints]] = []
    now = 0.0
    waiting = sorted(events, key=lambda event: event[0])
    while now <= until_s:
        while waiting and waiting[0][0] <= now:
            debounce.add(waiting.pop(0)[1], now)
        if debounce.due_s(now) == 0.0:
            runs.append((now, debounce.take(now)))
            end = now + run_s
            while waiting and waiting[0][0] <= end:
                at, hints = waiting.pop(0)
                debounce.add(hints, at)
            debounce.finished(run_s)
            now = end
        now += 0.001
    return runs


def runs_of(path: bytes, runs: list[tuple[float, Hints]]) -> list[float]:
    return [now for now, hints in runs if path in hints.paths]


def every(gap_s: float, count: int, make: Callable[[int], Hints]) -> list[tuple[float, Hints]]:
    return [(1.0 + number * gap_s, make(number)) for number in range(count)]


def test_nothing_is_due_when_nothing_was_hinted() -> None:
    debounce = Debounce()
    assert debounce.due_s(5.0) is None
    assert not debounce.take(5.0)
    debounce.add(Hints(git=LOCKED), 6.0)
    assert debounce.due_s(7.0) is None


def test_a_single_edit_is_due_within_50_ms() -> None:
    runs = play([(1.0, hint(b"a.py"))], 3)
    assert len(runs) == 1
    assert 1.0 <= runs[0][0] <= 1.05


def test_the_events_of_one_save_are_one_run() -> None:
    save = [(1.0, hint(b"a.py.tmp")), (1.004, hint(b"a.py.tmp")), (1.01, hint(b"a.py", b"a.py.tmp"))]
    runs = play(save, 3)
    assert [hints.paths for _, hints in runs] == [{b"a.py", b"a.py.tmp"}]


def test_edits_a_second_apart_are_each_due_at_once() -> None:
    runs = play(every(1.0, 20, lambda _: hint(b"a.py")), 25)
    assert len(runs) == 20
    assert all(now % 1.0 <= 0.05 for now, _ in runs)


def test_a_file_saved_50_times_a_second_is_run_twice() -> None:
    runs = play(every(0.02, 50, lambda _: hint(b"a.py")), 6, run_s=0.03)
    assert 1 <= len(runs_of(b"a.py", runs)) <= 2
    assert runs[-1][0] >= 1.98, "what was saved last is looked at"


def test_uneven_saves_are_run_twice_too() -> None:
    gaps = [0.03, 0.005, 0.06, 0.01, 0.04, 0.02, 0.1, 0.015, 0.03, 0.02]
    events, now = [], 1.0
    for number in range(50):
        events.append((now, hint(b"a.py")))
        now += gaps[number % len(gaps)]
    assert len(runs_of(b"a.py", play(events, 8, run_s=0.05))) <= 2


def test_a_file_that_never_rests_is_run_less_and_less_but_is_run() -> None:
    runs = play(every(0.02, 3000, lambda _: hint(b"build.log")), 90)
    times = runs_of(b"build.log", runs)
    gaps = [after - before for before, after in pairwise(times)]
    assert len(times) <= 9
    assert max(gaps) <= HOT_MOST_S + 0.1


def test_a_file_that_never_rests_does_not_hold_up_an_edit() -> None:
    events = every(0.01, 2000, lambda _: hint(b"build.log"))
    runs = play([*events, (12.0, hint(b"a.py"))], 25)
    assert len(runs_of(b"a.py", runs)) == 1
    assert runs_of(b"a.py", runs)[0] <= 12.05


def test_many_files_are_one_run_after_they_rest() -> None:
    runs = play([(0.99, many(20)), *every(0.02, 100, lambda number: hint(b"g%d" % number))], 10)
    assert [len(hints.paths) for _, hints in runs] == [120]
    runs = play([(0.99, many(20)), *every(0.002, 980, lambda number: hint(b"g%d" % number))], 10)
    assert len(runs) == 1
    now, hints = runs[0]
    assert len(hints.paths) == 1000
    assert now <= 3.0 + 0.3


def test_a_storm_that_does_not_rest_is_run_all_the_same() -> None:
    runs = play(every(0.05, 400, lambda number: many(150 + number)), 40)
    assert runs
    assert runs[0][0] <= 1.0 + STORM_WAIT_S + 0.1
    assert len(runs) <= 25 / STORM_WAIT_S + 1


def test_a_costly_storm_that_does_not_settle_runs_seldom() -> None:
    runs = play(every(0.05, 2000, lambda number: many(150 + number)), 101, run_s=8.0)
    gaps = [after[0] - before[0] for before, after in pairwise(runs)]
    assert min(gaps) >= LONGEST_WAIT_S


def test_a_branch_switch_is_one_run_after_git_let_go() -> None:
    events = [(1.0, Hints(git=LOCKED))]
    events += every(0.001, 2000, lambda number: hint(b"f%d" % number, git=LOCKED))
    events.append((4.5, Hints(git=IDLE)))
    runs = play(events, 10)
    assert len(runs) == 1
    now, hints = runs[0]
    assert len(hints.paths) == 2000
    assert 4.5 < now <= 4.8


def test_a_rebase_is_one_run_after_its_last_step() -> None:
    events = []
    for step in range(60):
        start = 1.0 + step * 0.1
        events += [
            (start, Hints(git=LOCKED)),
            (start + 0.02, hint(b"a.py", b"%d.py" % step, git=LOCKED)),
            (start + 0.03, Hints(git=STEPPING)),
        ]
    events.append((7.0, Hints(git=IDLE)))
    runs = play(events, 12)
    assert len(runs) == 1
    assert len(runs[0][1].paths) == 61
    assert 7.0 < runs[0][0] <= 7.3


def test_an_edit_does_not_wait_for_a_git_that_holds_its_index_long() -> None:
    """`git status` of a large tree, or the lock that a killed git left behind."""
    runs = play([(1.0, Hints(git=LOCKED)), (9.0, hint(b"a.py", git=LOCKED))], 12)
    assert len(runs) == 1
    assert runs[0][0] <= 9.2


def test_a_short_lock_delays_an_edit_but_little() -> None:
    runs = play([(1.0, hint(b"a.py")), (1.01, Hints(git=LOCKED)), (1.04, Hints(git=IDLE))], 3)
    assert len(runs) == 1
    assert runs[0][0] <= 1.1


def test_a_storm_under_a_stale_lock_is_run_all_the_same() -> None:
    runs = play([(1.0, many(500, LOCKED))], 20)
    assert len(runs) == 1
    assert runs[0][0] <= 1.0 + STALE_LOCK_S + 0.1


def test_a_lock_held_for_ever_by_a_busy_git_is_bounded() -> None:
    events = every(0.05, 1000, lambda number: hint(b"f%d" % number, git=LOCKED))
    runs = play(events, 51)
    assert runs
    assert runs[0][0] <= 1.0 + LONGEST_WAIT_S + 0.1


def test_a_rescan_is_due_soon_and_swallows_paths() -> None:
    debounce = Debounce()
    debounce.add(hint(b"a.py"), 1.0)
    debounce.add(Hints(rescan=True, reason="events were lost"), 1.0)
    debounce.add(hint(b"b.py"), 1.01)
    hints = debounce.take(1.05)
    assert hints.rescan
    assert hints.reason == "events were lost"
    assert not hints.paths
    assert debounce.due_s(1.05) is None


def test_too_many_paths_are_a_rescan() -> None:
    debounce = Debounce()
    debounce.add(hint(*(b"%d" % number for number in range(MOST_PATHS + 1))), 1.0)
    assert debounce.take_all().rescan


def test_what_is_given_back_is_due_again() -> None:
    debounce = Debounce()
    debounce.add(hint(b"a.py"), 1.0)
    taken = debounce.take(1.1)
    debounce.add(taken, 1.2)
    assert debounce.take(1.2 + 2.0).paths == {b"a.py"}


def test_a_folder_stands_for_what_lies_in_it() -> None:
    debounce = Debounce()
    debounce.add(hint(b"new", b"new/a.py", b"new/deep/b.py", b"newer.py"), 1.0)
    assert debounce.take(2.0).paths == {b"new", b"newer.py"}


def test_a_hot_path_is_due_at_once_for_who_waits_and_a_storm_is_not() -> None:
    debounce = Debounce()
    now = 1.0
    for _ in range(3):
        debounce.add(hint(b"hot.py"), now)
        debounce.take(now + QUIET_S)
        now += 0.1
    debounce.add(hint(b"hot.py"), now)
    assert debounce.due_s(now) > 0.2  # type: ignore[operator]
    debounce.hurry()
    assert debounce.due_s(now) == pytest.approx(HURRIED_QUIET_S)
    assert debounce.take(now + HURRIED_QUIET_S).paths == {b"hot.py"}

    storm = hint(*(b"%d.py" % number for number in range(STORM_PATHS)))
    debounce.add(storm, now + 5.0)
    debounce.hurry()
    assert debounce.due_s(now + 5.0) > HURRIED_QUIET_S  # type: ignore[operator]


def test_several_paths_need_no_calm_for_who_waits() -> None:
    debounce = Debounce()
    debounce.add(hint(*(b"%d.py" % number for number in range(20))), 1.0)
    debounce.hurry()
    assert len(debounce.take(1.0 + HURRIED_QUIET_S).paths) == 20
