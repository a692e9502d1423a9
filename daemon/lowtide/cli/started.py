"""`lowtide daemon run` as commands and editors start it (`serve/client.py`).

Invariant: none of the command line's libraries is imported: the daemon would hold them for as long as it lives (2 MiB).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from lowtide.errors import LowtideError
from lowtide.serve.client import START_WORDS
from lowtide.serve.configured import load
from lowtide.serve.process import run_daemon


def run_started(words: Sequence[str]) -> int:
    """Serve until stopped; 1 when it could not, which who started it and the log are told."""
    ready_fd, *budget = words[len(START_WORDS) :] or [""]
    if not ready_fd.isdecimal():
        from lowtide.cli.console import warn  # no daemon comes of this

        warn(f"lowtide: --ready-fd: {ready_fd!r} is no descriptor; use `lowtide daemon start`")
        return 2
    try:
        run_daemon(partial(load, budget[-1] if budget else None), ready_fd=int(ready_fd))
    except LowtideError as error:
        logging.getLogger(__name__).error("event=not-started why=%r", str(error))
        return 1
