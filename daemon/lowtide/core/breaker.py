"""Whether a server that failed is asked again: at once after single failures, and ever later when it stays down.

Invariant: pure; while it is open nothing is asked but one trial each time its rest is over.
"""

from __future__ import annotations

FAILURES = 3
"""In a row, before it opens."""
FIRST_REST_S = 5.0
LONGEST_REST_S = 300.0


class Breaker:
    """Of one server."""

    def __init__(self) -> None:
        self._failures = 0
        self._rest_s = FIRST_REST_S
        self._until_s = 0.0
        self._has_trial = False

    def may_ask(self, now_s: float) -> bool:
        """Whether to ask now; where it says yes, `succeeded`, `failed` or `left` is to follow."""
        if self._failures < FAILURES:
            return True
        if now_s < self._until_s or self._has_trial:
            return False
        self._has_trial = True
        return True

    def succeeded(self) -> None:
        """It has answered in time."""
        self._failures, self._rest_s, self._has_trial = 0, FIRST_REST_S, False

    def left(self) -> None:
        """Nobody waits for its answer any more: it is not known what it would have been."""
        self._has_trial = False

    def failed(self, now_s: float) -> None:
        """It has not."""
        self._failures += 1
        self._has_trial = False
        if self._failures >= FAILURES:
            self._until_s = now_s + self._rest_s
            self._rest_s = min(LONGEST_REST_S, 2 * self._rest_s)

    @property
    def is_open(self) -> bool:
        """Whether it has failed so often that it is not asked as a rule."""
        return self._failures >= FAILURES
