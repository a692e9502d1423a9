"""Whose turn it is to index a whole workspace: a few at once, so that many workspaces cost no more than a few.

What somebody has asked for or looked at lately comes first, the others in the order in which they came. A turn that
lasts long lets one more begin, so that a very large workspace does not hold up all small ones. Narrow runs need no
turn.

Invariant: pure, the clock is passed in; at most `most + 1` turns are held; whoever waits gets one once the others end.
Threads: the event loop's alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

LONG_S = 15.0
"""A turn that lasts so long is not waited for: one more may begin beside it."""
BYTES_A_TURN = 192 << 20
MOST_TURNS = 3


def most_turns(budget_bytes: int) -> int:
    """How many workspaces are indexed at once under a budget: each takes a few MiB of this process."""
    return max(1, min(MOST_TURNS, budget_bytes // BYTES_A_TURN + 1))


class Turns:
    """Who holds a turn, and who waits for one."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._held: dict[Hashable, float] = {}
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._asked: set[Hashable] = set()

    @property
    def are_waited_for(self) -> bool:
        """Whether somebody waits for a turn."""
        return bool(self._waiting)

    def take(self, key: Hashable, now_s: float, granted: Callable[[], None]) -> bool:
        """Whether the turn is `key`'s now. If not it waits, and `granted` is called when to take again."""
        if key in self._held:
            return True
        self._waiting[key] = granted
        if self._room(now_s) <= self._before(key):
            return False
        del self._waiting[key]
        self._asked.discard(key)
        self._held[key] = now_s
        return True

    def end(self, key: Hashable, now_s: float) -> None:
        """The turn of `key` is over, or it wants none any more: the next one's has come."""
        self._held.pop(key, None)
        self._waiting.pop(key, None)
        self._asked.discard(key)
        self.look(now_s)

    def ask(self, key: Hashable) -> None:
        """Somebody asks for it, or looks at it: it comes before those that nobody waits for, now or the next time."""
        if key not in self._held:
            self._asked.add(key)

    def look(self, now_s: float) -> None:
        """Tell those whose turn has come; call it now and then, for a turn may have become a long one."""
        for key in self._order()[: self._room(now_s)]:
            self._waiting[key]()

    def before(self, key: Hashable) -> int | None:
        """How many come before `key`, with those whose turn it is; None when it does not wait."""
        return len(self._held) + self._before(key) if key in self._waiting else None

    def _before(self, key: Hashable) -> int:
        return self._order().index(key)

    def _order(self) -> list[Hashable]:
        return sorted(self._waiting, key=lambda key: key not in self._asked)

    def _room(self, now_s: float) -> int:
        lasts_long = any(now_s - since_s >= LONG_S for since_s in self._held.values())
        return max(0, max(1, self._most()) + lasts_long - len(self._held))
