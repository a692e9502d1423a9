"""When to look at what the watcher hinted: at once for a single edit, once for a storm.

A path that changes by itself is due when it has been quiet for a moment. One that keeps changing is *hot*: it waits for
calm, at growing intervals at most, and holds up no other path. Many paths at once are a *storm*, and so is whatever
changes while git works (a branch switch, a rebase, a stash): that is one diff after it has settled.

Invariant: pure, the clock is passed in; nothing that was added is lost; whatever is pending is due within
LONGEST_WAIT_S; what is remembered is bounded.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from lowtide.core.hints import MOST_PATHS, GitActivity, Hints, outermost

QUIET_S = 0.025
"""A path by itself: saving one file takes an editor a few milliseconds, in several events."""
FRESH_WAIT_S = 0.2
"""A path by itself that does not become quiet."""
HURRIED_QUIET_S = 0.005
"""Any path, once somebody waits for an answer that it may be in."""
HOT_GAP_S = 0.5
"""A path hinted again sooner than this after the hint that it was last taken for is hot."""
HOT_QUIET_S = 0.25
HOT_WAIT_S = 2.0
"""A hot path that does not become quiet; doubled each time, up to HOT_MOST_S."""
HOT_MOST_S = 16.0
SEVERAL_PATHS = 8
SEVERAL_QUIET_S = 0.1
"""More paths than these may be the beginning of a storm."""
STORM_PATHS = 100
STORM_QUIET_S = 0.25
STORM_WAIT_S = 3.0
STORM_COST_FACTOR = 8.0
"""A storm that does not settle is run that late, or when that many times the last run's cost have gone by."""
LOCKED_QUIET_S = 0.15
"""A few paths while git holds its index: `git status` holds it too, and an edit need not wait for that."""
UNLOCKED_QUIET_S = 0.05
"""After git gave its index back: a stash takes it several times in a row."""
STEPPING_QUIET_S = 0.4
STALE_LOCK_S = 5.0
"""A storm with no news while git's lock stays: who took it may be gone."""
LONGEST_WAIT_S = 30.0
_MOST_HOT = 1024


class _Hot(msgspec.Struct):
    """A path lately taken: when it was last hinted, how often in a row it was taken without being quiet."""

    last_s: float
    forced_count: int


class _Waiting(msgspec.Struct):
    first_s: float
    last_s: float
    hot: _Hot | None
    hurried: bool = False

    @property
    def due_s(self) -> float:
        return min(self.last_s + HURRIED_QUIET_S, self._patient_s) if self.hurried else self._patient_s

    @property
    def _patient_s(self) -> float:
        if self.hot is None:
            return min(self.last_s + QUIET_S, self.first_s + FRESH_WAIT_S)
        longest_s = min(HOT_WAIT_S * (1 << self.hot.forced_count), HOT_MOST_S)
        return min(self.last_s + HOT_QUIET_S, self.first_s + longest_s)


class Debounce:
    """Gathers hints and tells when to act on them.

    Times are seconds of one clock that does not go back. One run at a time is meant: `take`, work, `finished`; hints
    may come meanwhile. What a run could not do is given back with `add`.
    """

    def __init__(self) -> None:
        self._waiting: dict[bytes, _Waiting] = {}
        self._hot: dict[bytes, _Hot] = {}
        self._calm_count = 0
        self._swallowed_count = 0
        self._rescan_s: float | None = None
        self._reason = ""
        self._first_s = 0.0
        self._calm_s = 0.0
        self._git = GitActivity.IDLE
        self._git_s = 0.0
        self._cost_s = 0.0

    def __bool__(self) -> bool:
        """Whether anything is pending."""
        return self._rescan_s is not None or bool(self._waiting)

    def __len__(self) -> int:
        """Paths pending; a rescan is one."""
        return len(self._waiting) + (self._rescan_s is not None)

    @property
    def paths(self) -> Collection[bytes]:
        """What is pending, without what a rescan may find."""
        return self._waiting.keys()

    @property
    def wants_all(self) -> bool:
        """Whether a rescan is pending."""
        return self._rescan_s is not None

    @property
    def git(self) -> GitActivity:
        """What git was doing when last heard of."""
        return self._git

    def add(self, hints: Hints, now_s: float) -> None:
        """Take in what the watcher hints, or what a client knows to have changed."""
        if hints.git is not self._git:
            self._git, self._git_s = hints.git, now_s
        if not hints:
            return
        if not self:
            self._first_s = self._calm_s = now_s
        if hints.rescan:
            self._rescan(hints.reason, now_s)
        for path in hints.paths:
            self._add_path(path, now_s)

    def _rescan(self, reason: str, now_s: float) -> None:
        """A scan of everything finds the paths too; how many there were still tells a storm."""
        if self._rescan_s is None:
            self._rescan_s, self._reason = now_s, reason
            self._calm_s = now_s
        self._swallowed_count += len(self._waiting)
        self._waiting.clear()
        self._calm_count = 0

    def _add_path(self, path: bytes, now_s: float) -> None:
        hot = self._hot.get(path)
        if hot is not None:
            if now_s - hot.last_s > HOT_GAP_S:
                del self._hot[path]
                hot = None
            else:
                hot.last_s = now_s
        if hot is None:
            self._calm_s = now_s
        if self._rescan_s is not None:
            self._swallowed_count += 1
        elif (waiting := self._waiting.get(path)) is not None:
            waiting.last_s = now_s
        elif len(self._waiting) >= MOST_PATHS:
            self._rescan(f"more than {MOST_PATHS} paths changed", now_s)
        else:
            self._waiting[path] = _Waiting(now_s, now_s, hot)
            self._calm_count += hot is None

    def hurry(self) -> None:
        """Somebody waits for an answer: what is pending by itself is due as soon as it is written. A storm, and what
        git is in the middle of, are not: they are one diff after they have settled."""
        if len(self._waiting) < STORM_PATHS:
            for waiting in self._waiting.values():
                waiting.hurried = True

    def due_s(self, now_s: float) -> float | None:
        """Seconds until `take` has something to give, 0 when it has now; None when nothing is pending."""
        if not self:
            return None
        return max(0.0, min(self._due_at(), self._first_s + LONGEST_WAIT_S) - now_s)

    def _due_at(self) -> float:
        settled_s = max(self._calm_s, self._git_s)
        if self._git is GitActivity.STEPPING:
            return max(settled_s + STEPPING_QUIET_S, self._soonest())
        if self._git is GitActivity.LOCKED:
            if self._is_storm() or self._rescan_s is not None:
                return max(settled_s + STALE_LOCK_S, self._soonest())
            return max(self._calm_s + LOCKED_QUIET_S, self._soonest())
        if self._is_storm():
            longest_s = self._first_s + max(STORM_WAIT_S, STORM_COST_FACTOR * self._cost_s)
            return min(max(settled_s + STORM_QUIET_S, self._soonest()), longest_s)
        soonest_s = max(self._git_s + UNLOCKED_QUIET_S, self._soonest())
        if self._calm_count > SEVERAL_PATHS and not all(waiting.hurried for waiting in self._waiting.values()):
            return min(max(soonest_s, self._calm_s + SEVERAL_QUIET_S), self._first_s + STORM_WAIT_S)
        return soonest_s

    def _is_storm(self) -> bool:
        return len(self._waiting) + self._swallowed_count >= STORM_PATHS

    def _soonest(self) -> float:
        """When the first of what is pending would be due by itself."""
        if self._rescan_s is not None:
            return self._rescan_s + QUIET_S
        if self._is_storm():
            # Not worth asking each: if all of them are hot they wait as one hot path does.
            return self._first_s + (QUIET_S if self._calm_count else HOT_WAIT_S)
        return min(waiting.due_s for waiting in self._waiting.values())

    def take(self, now_s: float) -> Hints:
        """What is due, empty when nothing is; the hot paths that are not due stay."""
        due_s = self.due_s(now_s)
        if due_s is None or due_s > 0:
            return Hints(git=self._git)
        if self._is_storm() or self._rescan_s is not None or now_s >= self._first_s + LONGEST_WAIT_S:
            return self.take_all()
        paths = [path for path, waiting in self._waiting.items() if waiting.hot is None or waiting.due_s <= now_s]
        if len(self._waiting) < STORM_PATHS:
            for path in paths:
                self._remember(path, self._waiting[path], now_s)
        return self._take(paths)

    def take_all(self) -> Hints:
        """All that is pending, due or not; empty when nothing is."""
        return self._take(list(self._waiting))

    def _take(self, paths: list[bytes]) -> Hints:
        hints = Hints(frozenset(outermost(paths)), self._rescan_s is not None, self._reason, self._git)
        for path in paths:
            self._calm_count -= self._waiting.pop(path).hot is None
        self._rescan_s, self._reason, self._swallowed_count = None, "", 0
        self._first_s = min((waiting.first_s for waiting in self._waiting.values()), default=0.0)
        return hints

    def _remember(self, path: bytes, waiting: _Waiting, now_s: float) -> None:
        """So that the next hint for `path` is known to be one of many."""
        if waiting.hot is not None:
            if waiting.hurried:
                return
            was_quiet = now_s >= waiting.last_s + HOT_QUIET_S
            waiting.hot.forced_count = 0 if was_quiet else min(waiting.hot.forced_count + 1, 16)
            return
        if len(self._hot) >= _MOST_HOT:
            self._hot = {key: hot for key, hot in self._hot.items() if now_s - hot.last_s <= HOT_GAP_S}
        if len(self._hot) < _MOST_HOT:
            self._hot[path] = _Hot(waiting.last_s, 0)

    def finished(self, wall_s: float) -> None:
        """The run over what was last taken has ended; it took `wall_s` seconds."""
        self._cost_s = wall_s
