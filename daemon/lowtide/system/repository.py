"""What git's own files say of a tree: where rules stand beside `.gitignore`, and which files are tracked.

Invariant: git runs no program that a repository names; it is asked for one setting, and for a split index. All else is
read from its files, so that a tree's tracked files cost no memory and no second process.
Source: gitrepository-layout(5), gitformat-index(5), git-config(1).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass

from lowtide.system.ignore import Rules, read_rules, read_small

log = logging.getLogger(__name__)

_SMALL_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 16
_GITLINK = 0o160000
_FOLDER = 0o040000
_REDIRECTING = frozenset({
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Repository:
    """A work tree's git folder, and the one that it shares with other work trees (often the same)."""

    git: bytes
    common: bytes
    fold: bool
    """core.ignorecase: patterns match letters in either case."""
    hash_bytes: int

    def exclude_rules(self, *, base_bytes: int = 0, outer: bytes = b"") -> Rules | None:
        """`info/exclude`, for a walk that begins as `Rules` says."""
        file = os.path.join(self.common, b"info", b"exclude")
        shown = ".git/info/exclude"
        return read_rules(file, shown, base_bytes=base_bytes, outer=outer, fold=self.fold, follow=True)


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
    return Repository(git, common, fold is not None, 32 if sha256 else 20)


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


def global_rules(root: bytes) -> Rules | None:
    """The user's own excludes: core.excludesFile (asked of git when it is there), else git's default place."""
    with suppress(OSError):
        asked = _git("config", "--type=path", "--get", "core.excludesFile", cwd=root)
        if asked.returncode == 0:
            named = asked.stdout.rstrip(b"\n")
            return read_rules(os.path.join(root, named), os.fsdecode(named), follow=True) if named else None
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    file = os.path.join(config, "git", "ignore")
    return read_rules(os.fsencode(file), file, follow=True)


class Tracked:
    """Tells whether git tracks a path; paths must be asked for in the order of their bytes, as a walk comes by them.

    `prefix` is what lies between the work tree's top and the walk's root, `base_bytes` the length of the path from the root to
    the top: one of the two is nothing.
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
            if is_link and self._here is not None:
                self._links.add(self._here + b"/")
        if is_folder:
            return (self._here or b"").startswith(wanted) or wanted in self._links
        return self._here == wanted

    def close(self) -> None:
        """Close the index file."""
        self._entries.close()


def _entries(repository: Repository) -> Generator[tuple[bytes, bool], None, None]:
    """Each path of the index, from the work tree's top, in order; and whether it is a submodule."""
    try:
        shared = any(name.startswith(b"sharedindex.") for name in os.listdir(repository.git))
        if not shared:
            yield from _read_index(os.path.join(repository.git, b"index"), repository.hash_bytes)
            return
        top = os.path.dirname(repository.git)
        listed = _git("--git-dir", repository.git, "ls-files", "-c", "--stage", "-z", cwd=top)
        for line in listed.stdout.split(b"\0"):
            mode, _, path = line.partition(b"\t")
            if path:
                yield path, mode.startswith(b"160000")
    except FileNotFoundError:
        return
    except (OSError, ValueError, IndexError, struct.error) as error:
        log.warning("git-index-not-read git=%s why=%r", os.fsdecode(repository.git), error)


def _read_index(file: bytes, hash_bytes: int) -> Generator[tuple[bytes, bool], None, None]:
    """The entries of an index of version 2, 3 or 4, a block at a time. ValueError, IndexError for what is none."""
    with open(file, "rb") as stream:
        magic, version, count = struct.unpack(">4sII", stream.read(12))
        if magic != b"DIRC" or version not in (2, 3, 4):
            raise ValueError(f"index version {version}")
        block = stream.read(_BLOCK_BYTES)
        position = 0
        path = b""
        for _ in range(count):
            if len(block) - position < _BLOCK_BYTES // 4:
                block = block[position:] + stream.read(_BLOCK_BYTES)
                position = 0
            start = position
            mode = int.from_bytes(block[position + 24 : position + 28], "big")
            position += 40 + hash_bytes
            position += 4 if block[position] & 0x40 else 2
            if version == 4:
                dropped, position = _varint(block, position)
                end = block.index(0, position)
                path = path[: len(path) - dropped] + block[position:end]
                position = end + 1
            else:
                end = block.index(0, position)
                path = block[position:end]
                position = start + ((end - start + 8) & ~7)
            if mode != _FOLDER:
                yield path, mode == _GITLINK


def _varint(block: bytes, position: int) -> tuple[int, int]:
    byte = block[position]
    value = byte & 127
    while byte & 128:
        position += 1
        byte = block[position]
        value = ((value + 1) << 7) + (byte & 127)
    return value, position + 1


def _git(*arguments: str | bytes, cwd: bytes) -> subprocess.CompletedProcess[bytes]:
    """git's answer. OSError when it is not there or does not end."""
    git = shutil.which("git")
    if not git:
        raise FileNotFoundError("git")
    command: list[str | bytes] = [
        os.path.abspath(git),
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        *arguments,
    ]
    environment = {key: value for key, value in os.environ.items() if key not in _REDIRECTING}
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    try:
        return subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError("git did not end within 60 s") from error
