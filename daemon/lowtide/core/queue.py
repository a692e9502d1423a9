"""The queue of files to index: priority, tag boost, one entry a key, generations.

(After clangd's BackgroundQueue: tasks have a priority, a tag and a key; boosting a tag moves its tasks forward.)

Invariant: pure; a key stands at most once; a result for an older generation than the newest is told apart.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Priority(IntEnum):
    """Lower runs first."""

    INTERACTIVE = 0
    OPEN = 1
    NEAR = 2
    RECENT = 3
    REST = 4


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One queued task: `tag` groups tasks that are boosted together (a folder), `generation` counts the key's
    changes."""

    key: bytes
    priority: Priority
    tag: bytes
    generation: int
    payload: T


class Queue(Generic[T]):
    """Keyed tasks in order of priority, then of arrival."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, bytes, int]] = []
        self._entries: dict[bytes, Entry[T]] = {}
        self._stamps: dict[bytes, int] = {}
        self._generations: dict[bytes, int] = {}
        self._boosts: dict[bytes, Priority] = {}
        self._counter = 0

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, key: bytes, payload: T, priority: Priority = Priority.REST, tag: bytes = b"") -> Entry[T]:
        """Queue a task; one with the same key is replaced, keeps the better priority, and the generation goes up."""
        generation = self._generations.get(key, 0) + 1
        self._generations[key] = generation
        old = self._entries.get(key)
        best = min(priority, self._boosts.get(tag, priority), old.priority if old else priority)
        entry = Entry(key, best, tag, generation, payload)
        self._entries[key] = entry
        self._stamp(entry)
        return entry

    def pop(self) -> Entry[T] | None:
        """The next task, or None."""
        while self._heap:
            _, _, key, stamp = heapq.heappop(self._heap)
            if self._stamps.get(key) == stamp:
                del self._stamps[key]
                return self._entries.pop(key)
        return None

    def peek(self) -> Entry[T] | None:
        """The next task, left in its place."""
        while self._heap:
            _, _, key, stamp = self._heap[0]
            if self._stamps.get(key) == stamp:
                return self._entries[key]
            heapq.heappop(self._heap)
        return None

    def boost(self, tag: bytes, priority: Priority) -> None:
        """Tasks with `tag`, queued or to come, run at least at `priority`."""
        self._boosts[tag] = priority
        for key, entry in self._entries.items():
            if entry.tag == tag and entry.priority > priority:
                self._entries[key] = Entry(key, priority, tag, entry.generation, entry.payload)
                self._stamp(self._entries[key])

    def unboost(self, tag: bytes) -> None:
        """Tasks to come with `tag` have their own priority again."""
        self._boosts.pop(tag, None)

    def is_current(self, key: bytes, generation: int) -> bool:
        """Whether a result for `generation` of `key` may be used: no newer change was queued since."""
        return self._generations.get(key, 0) == generation

    def finish(self, key: bytes, generation: int) -> None:
        """Forget the key's generation when nothing newer waits: bounds what is remembered to what is unfinished."""
        if key not in self._entries and self._generations.get(key) == generation:
            del self._generations[key]

    def clear(self) -> list[Entry[T]]:
        """Drop every queued task and return them."""
        dropped = list(self._entries.values())
        self._entries.clear()
        self._stamps.clear()
        self._heap.clear()
        self._generations.clear()
        return dropped

    def _stamp(self, entry: Entry[T]) -> None:
        self._counter += 1
        self._stamps[entry.key] = self._counter
        heapq.heappush(self._heap, (entry.priority, self._counter, entry.key, self._counter))
