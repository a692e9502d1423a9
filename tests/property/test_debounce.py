"""Nothing is lost, nothing starves, whatever comes in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.debounce import HOT_GAP_S, LONGEST_WAIT_S, Debounce
from lowtide.core.hints import Gathered, GitActivity, Hints, folders_around

PATHS = st.one_of(
    st.integers(0, 300).map(lambda number: b"d/%d" % number), st.sampled_from([b"a", b"d", b"d/e", b"d/e/f", b"log"])
)
HINTS = st.builds(
    lambda paths, rescan, git: Hints(frozenset(paths), rescan, "doubt" if rescan else "", git),
    st.one_of(st.lists(PATHS, max_size=3), st.lists(PATHS, min_size=90, max_size=140)),
    st.sampled_from([False, False, False, False, True]),
    st.sampled_from(GitActivity),
)
GAPS = st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.03, 0.1, 0.3, 1.0, 4.0, 20.0])
EVENTS = st.lists(st.tuples(GAPS, HINTS, st.booleans()), max_size=60)


def covered(path: bytes, hints: Hints) -> bool:
    return hints.rescan or path in hints.paths or any(around in hints.paths for around in folders_around(path))


@given(EVENTS)
def test_every_hint_is_taken_in_time_and_only_after_it_came(events: list[tuple[float, Hints, bool]]) -> None:
    debounce = Debounce()
    now = 0.0
    pending: dict[bytes, float] = {}
    rescan_since: float | None = None
    for gap, hints, takes in [*events, (0.0, Hints(), True)]:
        now += gap
        debounce.add(hints, now)
        for path in hints.paths:
            pending.setdefault(path, now)
        if hints.rescan and rescan_since is None:
            rescan_since = now
        due = debounce.due_s(now)
        assert (due is None) == (not pending and rescan_since is None)
        oldest = min([*pending.values(), *([] if rescan_since is None else [rescan_since])], default=now)
        assert due is None or due <= max(0.0, oldest + LONGEST_WAIT_S - now) + 1e-6
        if takes:
            taken = debounce.take(now)
            assert bool(taken) == (due == 0.0)
            if rescan_since is not None and taken.rescan:
                rescan_since = None
            pending = {path: since for path, since in pending.items() if not covered(path, taken)}
    for _ in range(400):
        due = debounce.due_s(now)
        if due is None:
            break
        now += due + 1e-9
        taken = debounce.take(now)
        assert taken, "what is due is given"
        rescan_since = None if taken.rescan else rescan_since
        pending = {path: since for path, since in pending.items() if not covered(path, taken)}
    assert not pending
    assert rescan_since is None


@given(st.lists(st.floats(0.0, HOT_GAP_S / 2.1), min_size=20, max_size=200))
def test_a_path_hinted_without_rest_is_taken_seldom(gaps: list[float]) -> None:
    debounce = Debounce()
    now, taken = 0.0, 0
    for gap in gaps:
        end = now + gap
        while (due := debounce.due_s(now)) is not None and now + due <= end:
            now += due + 1e-9
            taken += bool(debounce.take(now))
        now = max(now, end)
        debounce.add(Hints(frozenset({b"a"})), now)
    assert taken <= 2 + now / 2


@given(st.lists(st.one_of(PATHS, st.just(b"")), max_size=300), st.integers(1, 40))
def test_what_is_gathered_covers_all_that_was_added_and_stays_bounded(paths: list[bytes], most: int) -> None:
    gathered = Gathered(most)
    for path in paths:
        gathered.add(path)
    hints = gathered.take()
    assert len(hints.paths) <= most
    assert all(covered(path, hints) for path in paths)
    assert not gathered.take()
