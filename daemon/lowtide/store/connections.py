"""Read connections to one catalog, each lent to one asker at a time.

Invariant: a connection is used by one thread at a time, and while it is lent it sees one moment of the catalog.
Invariant: every connection is closed here: when it is given back and not kept, or by `close`.
Threads: any thread may call anything; `_lock` guards what is shared. A lent catalog belongs to the thread that took it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from lowtide.errors import StoreError
from lowtide.store.catalog import Catalog

T = TypeVar("T")
MOST_KEPT = 4
"""Connections kept open for the next asker; each has a page cache of up to 2 MB, until `shrink`."""


class Connections:
    """The readers of one catalog; `open_catalog` opens one more."""

    def __init__(self, open_catalog: Callable[[], Catalog], most_kept: int = MOST_KEPT) -> None:
        self._open_catalog = open_catalog
        self._most_kept = most_kept
        self._lock = threading.Lock()
        self._free: list[Catalog] = []
        self._closed = False

    @classmethod
    def of_file(cls, path: Path, most_kept: int = MOST_KEPT) -> Connections:
        """Connections to the catalog in `path`."""
        return cls(partial(Catalog, path, writable=False), most_kept)

    @contextmanager
    def lend(self, stopped: Callable[[], bool] | None = None) -> Iterator[Catalog]:
        """A catalog for this thread alone, at one moment of it; `stopped` is asked now and then and ends its queries.

        Errors: StoreError and its kinds; QuestionStopped once `stopped` has said so.
        """
        with self.lend_moving() as catalog, catalog.view(stopped):
            yield catalog

    @contextmanager
    def lend_moving(self) -> Iterator[Catalog]:
        """The same, each query by itself at the newest moment: for what takes long and must not hold back the log."""
        with self._lock:
            catalog = self._free.pop() if self._free else None
        if catalog is None:
            catalog = self._open_catalog()
        sound = True
        try:
            yield catalog
        except StoreError:
            sound = False
            raise
        finally:
            with self._lock:
                keep = sound and not self._closed and len(self._free) < self._most_kept
                if keep:
                    self._free.append(catalog)
            if not keep:
                catalog.close()

    def read(self, question: Callable[[Catalog], T]) -> T:
        """The answer of one question to a lent catalog."""
        with self.lend() as catalog:
            return question(catalog)

    def shrink(self) -> None:
        """Close what is not lent: the next asker opens it again."""
        with self._lock:
            free, self._free = self._free, []
        for catalog in free:
            catalog.close()

    @property
    def keeps_none(self) -> bool:
        """Whether none is open that waits for the next asker."""
        return not self._free

    def close(self) -> None:
        """Close everything; what is lent now is closed when it is given back."""
        with self._lock:
            self._closed = True
        self.shrink()


def sqlite_bytes() -> int:
    """What SQLite has allocated in this process, by its own count; 0 where that cannot be asked."""
    import ctypes

    try:
        import _sqlite3

        ask = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
    except (ImportError, AttributeError, OSError):
        return 0
    ask.restype = ctypes.c_int64
    return int(ask())
