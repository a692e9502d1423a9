"""Workers that cannot be started: why, and when to try again.

Invariant: pure; the caller tells the time. However many ask, one try is made a wait, and waits grow up to the last.
Threads: the event loop's.
"""

from __future__ import annotations

WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Between one try and the next: an upgrade takes seconds, a broken installation stays until somebody mends it."""


class Outage:
    """Whether workers can be had, as far as is known."""

    def __init__(self) -> None:
        self.why = ""
        """Empty: they can."""
        self._next_s = 0.0
        self._tries = 0

    def failed(self, why: str, now_s: float) -> bool:
        """One could not be started. True when that is news: it is the first, or for another reason."""
        is_news = why != self.why
        if not self.why:
            self._tries = 0
        self.why = why
        if now_s >= self._next_s:
            self._next_s = now_s + WAITS_S[min(self._tries, len(WAITS_S) - 1)]
            self._tries += 1
        return is_news

    def ended(self) -> bool:
        """One has started. True when that is news."""
        was, self.why, self._next_s = self.why, "", 0.0
        return bool(was)

    def wait_s(self, now_s: float) -> float:
        """How long nobody should try; 0 when somebody may."""
        return max(0.0, self._next_s - now_s) if self.why else 0.0
