"""The queue of files to index: in order of arrival, one entry a key.

Invariant: pure; a key stands at most once, with its newest payload.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Queue(Generic[T]):
    """Keyed tasks in order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, T] = {}  # a dict keeps the order in which its keys came

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, key: bytes, payload: T) -> None:
        """Queue a task; one with the same key is replaced, and waits behind all others."""
        self._waiting.pop(key, None)
        self._waiting[key] = payload

    def pop(self) -> T | None:
        """The next task, or None."""
        key = next(iter(self._waiting), None)
        return None if key is None else self._waiting.pop(key)

    def peek(self) -> T | None:
        """The next task, left in its place."""
        return next(iter(self._waiting.values()), None)
