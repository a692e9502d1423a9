"""`python -m lowtide.serve READY_FD [BUDGET]`: the daemon as commands and editors start it.

Invariant: nothing of the command line is imported: the daemon would hold it for as long as it lives (2 MiB).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from lowtide.errors import LowtideError
from lowtide.serve.configured import load
from lowtide.serve.process import run_daemon


def main(words: Sequence[str]) -> NoReturn:
    """Serve until stopped; exit status 1 when it could not, which READY_FD and the log have told."""

    budget = words[1] if len(words) > 1 else None
    try:
        run_daemon(partial(load, budget), ready_fd=int(words[0]))
    except LowtideError as error:
        logging.getLogger(__name__).error("event=not-started why=%r", str(error))
        raise SystemExit(1) from None


if __name__ == "__main__":
    main(sys.argv[1:])
