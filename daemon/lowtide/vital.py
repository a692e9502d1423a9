"""A loop that must live: it looks again and again, and whoever relies on it can ask whether it still can.

The thread that guards the budget is one, the monitor another. A look that fails is logged, counted and done again; when
several have failed in a row, or none has come to its end for too long, `complaint` says so, and nothing may begin that
the loop was to watch over. It is empty again as soon as a look succeeds.

Invariant: no error of a look ends the loop; only cancellation, and what ends the interpreter, passes.
Threads: `look` is called by the loop alone; `complaint` and the figures are read by anyone, without a lock: each is one
value.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

MOST_FAILURES = 5
"""In a row; one or two are a moment without descriptors or memory."""
LOG_S = 10.0
"""At most so often a failing look is logged."""


class Vital:
    """See the module. `name` as people call it; `stale_s`: longer than this no two looks lie apart while all is
    well."""

    def __init__(self, name: str, *, stale_s: float = math.inf, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.failed_looks = 0
        """Since the start."""
        self._stale_s = stale_s
        self._clock = clock
        self._in_a_row = 0
        self._why = ""
        self._seen_s = math.inf
        """When a look last came to its end; in the future until the first has begun."""
        self._next_log_s = -math.inf
        self._unlogged = 0

    @property
    def is_failing(self) -> bool:
        """Whether the last look failed."""
        return self._in_a_row > 0

    def begin(self) -> None:
        """The loop starts now."""
        self._seen_s = self._clock()

    @contextmanager
    def look(self) -> Iterator[None]:
        """One look: what it raises is kept here."""
        try:
            yield
        except Exception as error:
            self._failed(error)
        else:
            if self._in_a_row >= MOST_FAILURES:
                log.warning("event=looks-again name=%r failed=%d", self.name, self._in_a_row)
            self._in_a_row = 0
            self._seen_s = self._clock()

    @property
    def complaint(self) -> str:
        """Why it cannot be relied on now; empty when it can."""
        silent_s = self._clock() - self._seen_s
        is_stale = silent_s > self._stale_s
        if self._in_a_row >= MOST_FAILURES or (is_stale and self._in_a_row):
            return f"{self.name} cannot look: {self._why}"
        return f"{self.name} has not looked for {silent_s:.0f} s" if is_stale else ""

    def _failed(self, error: Exception) -> None:
        self.failed_looks += 1
        self._why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        self._in_a_row += 1
        self._unlogged += 1
        if self._clock() >= self._next_log_s:
            self._next_log_s = self._clock() + LOG_S
            log.error("event=look-failed name=%r times=%d", self.name, self._unlogged, exc_info=error)
            self._unlogged = 0
