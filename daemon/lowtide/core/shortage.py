"""When this process holds so much that no worker fits beside it: who gives back, and how often.

Every lease that cannot be had meets the same shortage. One of them has the process give back what it can, the others
wait for what comes of it; what did not help is tried again ever more seldom, for each try closes what answers
questions.

Invariant: pure, the clock is passed in; however many leases starve, two tries are at least LEAST_GAP_S apart.
"""

from __future__ import annotations

import msgspec

LEAST_GAP_S = 0.5
MOST_GAP_S = 8.0


class Shortage(msgspec.Struct):
    """One shortage after the other, and the giving back in each."""

    _next_s: float = float("-inf")
    _gap_s: float = LEAST_GAP_S

    def is_due(self, now_s: float) -> bool:
        """Whether giving back is to be tried now."""
        return now_s >= self._next_s

    def wait_s(self, now_s: float) -> float:
        """How long until it is tried again."""
        return max(0.0, self._next_s - now_s)

    def tried(self, now_s: float) -> None:
        """It is being tried; the next time it would be later."""
        self._next_s = now_s + self._gap_s
        self._gap_s = min(2 * self._gap_s, MOST_GAP_S)

    def over(self) -> None:
        """A lease was to be had: the next shortage is another."""
        self._gap_s = LEAST_GAP_S
