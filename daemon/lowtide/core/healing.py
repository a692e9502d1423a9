"""How soon a damaged index is built anew: at once, and ever later when it does not stay sound.

Invariant: pure; an index that is damaged again and again (a failing disk) costs a bounded share of the machine.
"""

from __future__ import annotations

WAITS_S = (0.0, 0.0, 30.0, 120.0, 600.0, 1800.0)
"""Before the first, second, ... rebuild since the index was last sound for FORGET_S."""
FORGET_S = 3600.0


class Rebuilds:
    """Counts the rebuilds of one index."""

    def __init__(self) -> None:
        self._count = 0
        self._last_s = 0.0

    def due_s(self, now_s: float) -> float:
        """In how many seconds the next rebuild may begin; 0 for now."""
        if self._count and now_s - self._last_s > FORGET_S:
            self._count = 0
        wait = WAITS_S[min(self._count, len(WAITS_S) - 1)]
        return max(0.0, self._last_s + wait - now_s) if self._count else 0.0

    def begin(self, now_s: float) -> None:
        """One begins."""
        self._count += 1
        self._last_s = now_s
