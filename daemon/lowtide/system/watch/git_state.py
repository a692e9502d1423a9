"""What git is doing in a repository, told from the files that it makes while it works.

Invariant: only asks whether files are there; reads none, starts no program.
Source: gitrepository-layout(5); lockfile.h and sequencer.c of git.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from lowtide.core.hints import GitActivity

_LOCK = b"index.lock"
_SEQUENCES = (b"rebase-merge", b"rebase-apply", b"sequencer")
NAMES = frozenset({_LOCK, *_SEQUENCES})
"""Entries of a git folder that come and go as git works."""


def git_activity(folders: Iterable[bytes]) -> GitActivity:
    """The busiest of the repositories whose git folders these are (a work tree's own, not the one it shares)."""
    found = GitActivity.IDLE
    for folder in folders:
        if os.path.lexists(os.path.join(folder, _LOCK)):
            return GitActivity.LOCKED
        if any(os.path.lexists(os.path.join(folder, name)) for name in _SEQUENCES):
            found = GitActivity.STEPPING
    return found
