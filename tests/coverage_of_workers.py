"""A plug-in of coverage.py: a worker is ended by a kill, so it saves what it has run through as it goes.

`make coverage` puts it on the path of every process; it does something in workers alone.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import coverage

EACH_S = 0.25


def coverage_init(*_: Any) -> None:
    """Called by coverage.py in each process that it measures."""
    if "lowtide.work" in sys.orig_argv:
        threading.Thread(target=_save, daemon=True).start()


def _save() -> None:
    while True:
        time.sleep(EACH_S)
        if (measured := coverage.Coverage.current()) is not None:
            measured.save()
