"""What this process holds for being there at all: interpreter, libraries, code, each measured as it is loaded.

Invariant: a figure is what the kernel counted before and after; nothing here is a guess. The first name is what was
there when the first look was made.
Threads: any may load; two that load at the same time are measured together, under the name of whoever ends last.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

FIRST = "Python and the command line"
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_lock = threading.Lock()
_parts: dict[str, int] = {}


@contextmanager
def loading(name: str) -> Iterator[None]:
    """What is loaded within goes by `name` in the memory tree."""
    before = _anonymous_bytes()
    with _lock:
        if not _parts:
            _parts[FIRST] = before
    yield
    with _lock:
        grown = max(0, _anonymous_bytes() - before)
        _parts[name] = _parts.get(name, 0) + grown


def loaded() -> Mapping[str, int]:
    """Anonymous bytes by name, in the order of loading; empty where nothing was measured (a test, `--embedded`)."""
    with _lock:
        return dict(_parts)


def _anonymous_bytes() -> int:
    """As `memory.own_anonymous_bytes`, without what that loads itself."""
    try:
        with open("/proc/self/statm", "rb") as file:
            fields = file.read(256).split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * _PAGE_BYTES
