"""A cache that is bounded in bytes and tells how it does.

Invariant: pure; what is held never exceeds the limit; the least recently used goes first.
"""

from __future__ import annotations

from collections import OrderedDict

_ENTRY_BYTES = 160
"""What an entry costs beside its key and value (measured: dictionary slot and two bytes objects)."""


class ByteCache:
    """Bytes by bytes, at most `limit_bytes` of both together."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self.hits = 0
        self.misses = 0
        self.evictions = 0
        self._entries: OrderedDict[bytes, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> bytes | None:
        """The value, or None; it counts as a hit or a miss."""
        value = self._entries.get(key)
        if value is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Keep it, unless it alone is over the limit."""
        cost = len(key) + len(value) + _ENTRY_BYTES
        if cost > self.limit_bytes:
            return
        old = self._entries.pop(key, None)
        if old is not None:
            self.size_bytes -= len(key) + len(old) + _ENTRY_BYTES
        self._entries[key] = value
        self.size_bytes += cost
        while self.size_bytes > self.limit_bytes:
            gone, data = self._entries.popitem(last=False)
            self.size_bytes -= len(gone) + len(data) + _ENTRY_BYTES
            self.evictions += 1

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.size_bytes = 0
