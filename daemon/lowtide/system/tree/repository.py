"""What git's own files say of a tree: where rules stand beside `.gitignore`, and which files are tracked.

Invariant: git runs no program that a repository names; it is asked for one setting and for its last commits, and held
to a time and a size, for a repository can have it read what it likes. All else is read from its files, so that a tree's
tracked files cost no memory.
Source: gitrepository-layout(5), gitformat-index(5), git-config(1).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from contextlib import suppress
from enum import Enum, auto

import msgspec

from lowtide.system.beneath import Refusal
from lowtide.system.tree.git_index import Entries, read_entries
from lowtide.system.tree.ignore import MAX_IGNORE_BYTES, Rules, read_rules, read_small

log = logging.getLogger(__name__)

_SMALL_BYTES = 1 << 16
_MOST_LINKS = 20_000
"""Submodules of one repository that are kept in mind."""
_GIT_S = 5.0
_GIT_KIB = 16 << 10
"""What git may take to answer: it reads what a repository tells it to read."""
_REDIRECTING = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_COMMON_DIR",
        "GIT_PREFIX",
        "GIT_OBJECT_DIRECTORY",
        "GIT_NAMESPACE",
    }
)


class Repository(msgspec.Struct, frozen=True):
    """A work tree's git folder, and the one that it shares with other work trees (often the same)."""

    git: bytes
    common: bytes
    fold: bool
    """core.ignorecase: patterns match letters in either case."""
    hash_bytes: int
    bare: bool = False
    """It says that no work tree belongs to it, but for those that were added."""
    origin: bytes = b""
    """Where it was cloned from: the address, or a path, of the remote `origin`; empty when there is none."""

    def exclude_rules(
        self, *, base_bytes: int = 0, outer: bytes = b"", limit_bytes: int = MAX_IGNORE_BYTES
    ) -> Rules | None:
        """`info/exclude`, up to `limit_bytes` of it, for a walk that begins as `Rules` says."""
        file = os.path.join(self.common, b"info", b"exclude")
        shown = ".git/info/exclude"
        return read_rules(
            file, shown, base_bytes=base_bytes, outer=outer, fold=self.fold, follow=True, limit_bytes=limit_bytes
        )


def repository_at(folder: bytes) -> Repository | None:
    """The repository whose work tree begins at `folder`; `.git` may be a file that names another place."""
    git = os.path.join(folder, b".git")
    if os.path.isfile(git):
        line = (read_small(git, _SMALL_BYTES, follow=True) or b"").strip()
        if not line.startswith(b"gitdir:"):
            return None
        git = os.path.normpath(os.path.join(folder, line.removeprefix(b"gitdir:").strip()))
    try:
        if not os.path.exists(os.path.join(git, b"HEAD")):
            return None
    except ValueError:
        return None
    common = git
    if named := (read_small(os.path.join(git, b"commondir"), _SMALL_BYTES) or b"").strip():
        common = os.path.normpath(os.path.join(git, named))
    config = read_small(os.path.join(common, b"config"), _SMALL_BYTES, follow=True) or b""
    fold = re.search(rb"^\s*ignorecase(?:\s*=\s*(?:true|yes|on|1))?\s*$", config, re.IGNORECASE | re.MULTILINE)
    sha256 = re.search(rb"^\s*objectformat\s*=\s*sha256\s*$", config, re.IGNORECASE | re.MULTILINE)
    bare = re.search(rb"^\s*bare(?:\s*=\s*(?:true|yes|on|1))?\s*$", config, re.IGNORECASE | re.MULTILINE)
    return Repository(git, common, fold is not None, 32 if sha256 else 20, bare is not None, _origin(config))


class Kinship(Enum):
    """How two work trees belong together."""

    WORK_TREE = auto()
    """They share one repository."""
    CLONE = auto()
    """One was cloned from the other, or both from the same place."""


def same_repository(one: Repository, other: Repository) -> Kinship | None:
    """Whether two work trees are of one repository, and how; None when they are not."""
    if os.path.realpath(one.common) == os.path.realpath(other.common):
        return Kinship.WORK_TREE
    if one.origin and one.origin == other.origin:
        return Kinship.CLONE
    for clone, source in ((one, other), (other, one)):
        places = {os.path.realpath(source.common), os.path.dirname(os.path.realpath(source.common))}
        if clone.origin.startswith(b"/") and os.path.realpath(clone.origin) in places:
            return Kinship.CLONE
    return None


def _origin(config: bytes) -> bytes:
    """The url of the remote `origin`, without what differs between two ways to the same place."""
    inside, text = False, b""
    for line in config.splitlines():
        if line.lstrip().startswith(b"["):
            inside = line.strip() == b'[remote "origin"]'
        elif inside and line.partition(b"=")[0].strip().lower() == b"url":
            text = line.partition(b"=")[2].strip().removesuffix(b"/").removesuffix(b".git")
    named = re.fullmatch(rb"(?:\w+://)?(?:[^@/\s]{1,200}@)?([\w.-]{1,200})(?::\d+)?[:/]+(.+)", text)
    return b"//" + named[1].lower() + b"/" + named[2] if named and not text.startswith((b"/", b".")) else text


def enclosing_repository(root: bytes) -> tuple[bytes, Repository] | None:
    """The work tree (its top folder) that the real path `root` lies in."""
    folder = root
    while True:
        if (found := repository_at(folder)) is not None:
            return folder, found
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def is_added_work_tree(folder: bytes) -> bool:
    """Whether `folder` is one more work tree of the very repository whose work tree it lies in."""
    own = repository_at(folder) if os.path.isfile(os.path.join(folder, b".git")) else None
    if own is None or own.git == own.common:
        return False
    around = enclosing_repository(os.path.dirname(folder))
    if around is None:
        return False
    outer = around[1]
    # Beside a bare one no files lie around it: the added work trees are all there is.
    is_outer_bare = outer.bare and outer.git == outer.common
    return not is_outer_bare and os.path.realpath(own.common) == os.path.realpath(outer.common)


def global_rules(root: bytes) -> Rules | None:
    """The user's own excludes: core.excludesFile (asked of git when it is there), else git's default place."""
    with suppress(OSError):
        asked = ask_git("config", "--type=path", "--get", "core.excludesFile", cwd=root)
        if asked.returncode == 0:
            named = asked.stdout.rstrip(b"\n")
            return read_rules(os.path.join(root, named), os.fsdecode(named), follow=True) if named else None
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    file = os.path.join(config, "git", "ignore")
    return read_rules(os.fsencode(file), file, follow=True)


class Tracked:
    """Tells whether git tracks a path; paths must be asked for in the order of their bytes, as a walk comes by them.

    `prefix` is what lies between the work tree's top and the walk's root, `base_bytes` the length of the path from the
    root to the top: one of the two is nothing.
    """

    def __init__(self, repository: Repository, *, prefix: bytes = b"", base_bytes: int = 0) -> None:
        self._entries = _entries(repository)
        self._prefix = prefix
        self._base_bytes = base_bytes
        self._here: bytes | None = b""
        self._links: set[bytes] = set()

    def has(self, path: bytes, is_folder: bool) -> bool:
        """Whether the file at `path` (from the walk's root) is tracked; for a folder, anything below it or itself."""
        wanted = self._prefix + path[self._base_bytes :] + (b"/" if is_folder else b"")
        while self._here is not None and self._here < wanted:
            self._here, is_link = next(self._entries, (None, False))
            if is_link and self._here is not None and len(self._links) < _MOST_LINKS:
                self._links.add(self._here + b"/")
        if is_folder:
            return (self._here or b"").startswith(wanted) or wanted in self._links
        return self._here == wanted

    def close(self) -> None:
        """Close the index file."""
        self._entries.close()


def _entries(repository: Repository) -> Entries:
    """Each path of the index, from the work tree's top, in order; nothing more from where it cannot be read."""
    try:
        yield from read_entries(repository.git, repository.hash_bytes)
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError) or getattr(error, "refusal", None) is Refusal.MISSING:
            return
        log.warning("git-index-not-read git=%s why=%r", os.fsdecode(repository.git), error)


def ask_git(*arguments: str | bytes, cwd: bytes, data_kib: int = _GIT_KIB) -> subprocess.CompletedProcess[bytes]:
    """git's answer, for which it takes `data_kib` of memory at most. OSError when it is not there or does not end."""
    git = shutil.which("git")
    if not git:
        raise FileNotFoundError("git")
    command: list[str | bytes] = [
        "/bin/sh",
        "-c",
        'ulimit -d "$0" 2>/dev/null; exec "$@"',
        str(data_kib),
        os.path.abspath(git),
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        *arguments,
    ]
    environment = {key: value for key, value in os.environ.items() if key not in _REDIRECTING}
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    environment["GIT_NO_LAZY_FETCH"] = "1"
    try:
        return subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=_GIT_S, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"git did not end within {_GIT_S:.0f} s") from error
