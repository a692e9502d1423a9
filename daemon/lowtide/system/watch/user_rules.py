"""The ignore rules that stand outside of a workspace: `core.excludesFile`, and what decides which file that is.

No event comes from there, so the files are looked at now and then. Those of the user are the same for every workspace,
and are looked at once for all.

Invariant: looking starts no process; git is asked again only when one of its files is another.
Threads: `changed` by one at a time; what all share is behind a lock.
Source: git-config(1), gitignore(5).
"""

from __future__ import annotations

import os
import threading
import time

from lowtide.system.tree.repository import ask_git, enclosing_repository

Mark = tuple[int, int, int, int]

_KEYS = r"^(core\.(excludesfile|ignorecase)|include\.path|includeif\..*\.path)$"
"""What the rules depend on."""
_MOST_FILES = 64
_FRESH_S = 1.0
"""So long what was seen of a file of the user's holds for other workspaces."""


class _Marks:
    """How the files of the user stood when they were last looked at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[bytes, tuple[float, Mark | None]] = {}

    def of(self, file: bytes) -> Mark | None:
        """None when there is none."""
        with self._lock:
            now = time.monotonic()
            at, mark = self._seen.get(file, (-_FRESH_S, None))
            if file not in self._seen or now - at >= _FRESH_S:
                if len(self._seen) >= _MOST_FILES:
                    self._seen.clear()
                mark = _mark(file)
                self._seen[file] = now, mark
            return mark


_MARKS = _Marks()


class UserRules:
    """Looks after the rules of the workspace at `root`, a real path, from when it is made."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._shared: tuple[bytes, ...] = ()
        self._own: tuple[bytes, ...] = ()
        self._marks: list[Mark | None] = []
        self._said: tuple[object, ...] = ()
        self._ask()

    def changed(self) -> bool:
        """Whether other rules may hold than when it was last asked."""
        if self._look() == self._marks:
            return False
        before = self._said
        self._ask()
        return self._said != before

    def _look(self) -> list[Mark | None]:
        return [*map(_MARKS.of, self._shared), *map(_mark, self._own)]

    def _ask(self) -> None:
        """Which files decide now, and what they say."""
        shared, own = _user_files(), [os.path.join(self._root, b".git", b"config")]
        if (found := enclosing_repository(self._root)) is not None:
            own += [os.path.join(found[1].common, b"config"), os.path.join(found[1].git, b"config.worktree")]
        # Before git reads them: what changes meanwhile is seen as another the next time.
        self._shared, self._own = tuple(shared), tuple(dict.fromkeys(own))
        marks = dict(zip((*self._shared, *self._own), self._look(), strict=True))
        answer, named, excludes = self._settings()
        excludes = excludes or _default_excludes()
        self._own = tuple(dict.fromkeys([*self._own, *named[:_MOST_FILES], excludes]))
        self._marks = [marks.get(file, _mark(file)) for file in (*self._shared, *self._own)]
        self._said = answer, excludes, _mark(excludes)

    def _settings(self) -> tuple[bytes, list[bytes], bytes]:
        """What git says; the files that it read for that, and the one with the rules."""
        try:
            asked = ask_git("config", "-z", "--show-origin", "--type=path", "--get-regexp", _KEYS, cwd=self._root)
        except OSError:
            return b"", [], b""
        files: list[bytes] = []
        excludes = b""
        parts = asked.stdout.split(b"\0")
        for origin, setting in zip(parts[::2], parts[1::2], strict=False):
            key, _, value = setting.partition(b"\n")
            file = os.path.join(self._root, origin.removeprefix(b"file:")) if origin.startswith(b"file:") else b""
            if file:
                files.append(file)
            if key == b"core.excludesfile":
                excludes = os.path.join(self._root, value) if value else b""
            elif key.startswith(b"include") and value:
                files.append(os.path.join(os.path.dirname(file), value))
        return asked.stdout, list(dict.fromkeys(files)), excludes


def _user_files() -> list[bytes]:
    """Those that git reads for whatever repository, there or not."""
    if named := os.environ.get("GIT_CONFIG_GLOBAL"):
        files = [named]
    else:
        files = [os.path.join(os.path.expanduser("~"), ".gitconfig"), os.path.join(_config_home(), "git", "config")]
    return [os.fsencode(file) for file in (*files, os.environ.get("GIT_CONFIG_SYSTEM") or "/etc/gitconfig")]


def _default_excludes() -> bytes:
    return os.fsencode(os.path.join(_config_home(), "git", "ignore"))


def _config_home() -> str:
    return os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")


def _mark(file: bytes) -> Mark | None:
    try:
        info = os.stat(file)
    except (OSError, ValueError):
        return None
    return info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino
