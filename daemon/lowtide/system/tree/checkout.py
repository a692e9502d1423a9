"""Which commit of which repository a folder holds, what came before it, and which files are as git has them.

Threads: any; it reads the disk, and asks git.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from lowtide.system.tree.git_index import read_clean
from lowtide.system.tree.repository import Repository, ask_git, enclosing_repository

log = logging.getLogger(__name__)

_HISTORY_KIB = 128 << 10
"""What git may take to look back."""
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Checkout(msgspec.Struct, frozen=True):
    """Which commit of which repository a folder holds. `name`: host and path of where it was cloned from, `prefix`:
    where in the work tree the folder lies; each is empty where there is nothing to tell."""

    repository: Repository | None
    name: str
    prefix: bytes
    commit: str


def checkout_at(root: bytes) -> Checkout | None:
    """What the folder at the real path `root` holds, if it lies in a work tree."""
    found = enclosing_repository(root)
    if found is None:
        return None
    top, repository = found
    prefix = os.path.relpath(root, top) + b"/" if root != top else b""
    commits = ancestors(root, 1)
    named = repository.origin.removeprefix(b"//") if repository.origin.startswith(b"//") else b""
    return Checkout(repository, named.decode("utf-8", "replace"), prefix, commits[0] if commits else "")


def ancestors(root: bytes, limit: int) -> list[str]:
    """The commit that is checked out and those before it, the newest first; at most `limit`. None where git cannot
    tell."""
    with suppress(OSError):
        asked = ask_git("rev-list", f"--max-count={limit}", "HEAD", "--", cwd=root, data_kib=_HISTORY_KIB)
        if asked.returncode == 0:
            lines = asked.stdout.decode("ascii", "replace").split()
            return [line for line in lines if _COMMIT.fullmatch(line)]
    return []


def committed_s(root: bytes) -> float:
    """When the commit that is checked out was made, in seconds since 1970; 0 where git cannot tell."""
    with suppress(OSError, ValueError):
        asked = ask_git("log", "-1", "--no-show-signature", "--format=%ct", "HEAD", "--", cwd=root)
        if asked.returncode == 0:
            return float(asked.stdout.strip())
    return 0.0


def clean_files(root: bytes, checkout: Checkout) -> Iterator[tuple[bytes, bytes, os.stat_result]]:
    """(path from `root`, blob, stat) of each file that is as git has it, in order of the paths; as many as git's index
    can tell of."""
    if checkout.repository is None:
        return
    folder = os.path.join(root, b"")
    try:
        for entry in read_clean(checkout.repository.git, checkout.repository.hash_bytes):
            if not entry.path.startswith(checkout.prefix):
                continue
            path = entry.path[len(checkout.prefix) :]
            try:
                info = os.lstat(folder + path)
            except (OSError, ValueError):
                continue
            if entry.is_of(info):
                yield path, entry.blob, info
    except (OSError, ValueError) as error:
        log.info("git-index-not-read git=%s why=%r", os.fsdecode(checkout.repository.git), error)
