"""Which results are still wanted: a path that changed after its work began gets a newer result, and the older is
dropped.

Invariant: pure; what is remembered is bounded: once more paths than MOST_PATHS have changed, every path counts as
changed.
"""

from __future__ import annotations

from collections.abc import Iterable

MOST_PATHS = 20_000


class Generations:
    """A counter of changes, and the last one of each path."""

    def __init__(self) -> None:
        self._now = 0
        self._changed: dict[bytes, int] = {}
        self._all_changed = 0

    @property
    def now(self) -> int:
        """The present generation; work that begins notes it."""
        return self._now

    def change(self, paths: Iterable[bytes]) -> int:
        """These files, or everything below these folders, have changed: work that began before is out of date for
        them."""
        self._now += 1
        for path in paths:
            self._changed[path] = self._now
        if len(self._changed) > MOST_PATHS:
            self._changed.clear()
            self._all_changed = self._now
        return self._now

    def is_current(self, path: bytes, since: int) -> bool:
        """Whether nothing changed at `path`, or at a folder around it, after the generation `since`."""
        if self._all_changed > since:
            return False
        if not self._changed:
            return True
        while path:
            if self._changed.get(path, 0) > since:
                return False
            path = path.rpartition(b"/")[0]
        return self._changed.get(b"", 0) <= since

    def forget(self) -> None:
        """Nothing is being worked on: no older result can come."""
        self._changed.clear()
        self._all_changed = 0
