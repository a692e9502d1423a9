"""The hostile tree opened in a daemon: status answers meanwhile, the budget holds, and it stops within a second."""

from __future__ import annotations

from pathlib import Path

from bench.adversaries.case import Scale
from bench.adversaries.run import Verdict

NAME = "daemon"
IDEA = "many of these in one tree, opened in the daemon: status answers meanwhile, and it stops within a second"


def play(scale: Scale, work: Path) -> Verdict:
    """Open the tree, ask for the status all the while, cancel, index to the end, stop."""
    raise NotImplementedError
