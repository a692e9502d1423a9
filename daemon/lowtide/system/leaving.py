"""How a process that has watched files ends, once all is closed.

Invariant: threads that wait in the kernel for a watch's next event are not waited for, and Python's own end is not run:
it would take the ground from under them (seen with 3.13, as a segmentation fault).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End this process now, with what was written to its streams."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
    os._exit(code)
