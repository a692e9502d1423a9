"""Which workspaces questions keep open, and when each is let go.

Invariant: pure, the clock is passed in; at most MOST_OPEN are kept, the one that was asked longest ago goes first.
"""

from __future__ import annotations

from pathlib import Path

MOST_OPEN = 32
"""Each holds watches, and a snapshot for a while; a person or an agent works in a few."""


class Visits:
    """The workspaces that were asked lately."""

    def __init__(self, most_open: int = MOST_OPEN) -> None:
        self._asked_s: dict[Path, float] = {}
        self._most_open = most_open

    def __contains__(self, root: Path) -> bool:
        return root in self._asked_s

    def ask(self, root: Path, now_s: float) -> list[Path]:
        """A question about `root`; those that are to be let go for it."""
        self._asked_s.pop(root, None)
        self._asked_s[root] = now_s
        over = list(self._asked_s)[: -self._most_open]
        for each in over:
            del self._asked_s[each]
        return over

    def expired(self, now_s: float, idle_s: float) -> list[Path]:
        """Those that nobody has asked for `idle_s`; they stay until they are forgotten. 0 keeps all."""
        return [root for root, asked_s in self._asked_s.items() if idle_s and now_s - asked_s >= idle_s]

    def forget(self, root: Path) -> None:
        """It is closed."""
        self._asked_s.pop(root, None)
