"""Where Lowtide keeps things.

`LOWTIDE_HOME` moves everything; else the user's configuration, cache and runtime folders (platformdirs). The
daemon's lock lies in the cache folder, beside the indexes, and names its socket: see `daemon_lock.py`.

Invariant: importing it is cheap, for every editor's and every agent's shim does: what is large is imported where it is
needed.
Invariant: an index folder belongs to one root, named after its real path; what is made here is the user's alone
(folders 0700, files 0600), and a folder that another user owns is never used.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lowtide.errors import ConfigError, StoreError

ROOT_FILE = "root"
"""In an index folder: the path of its root, as bytes of the file system."""
MOST_SOCKET_BYTES = 100
MOST_SMALL_BYTES = 64 << 10
INDEXES = "indexes"
CACHE_TAG = "CACHEDIR.TAG"
CACHE_TAG_TEXT = b"""Signature: 8a477f597d28d172789f06886806bc55
# Lowtide's indexes, which it can make anew: programs that make backups may leave them out.
"""
_REMEDY = "make it writable, free some space, or set LOWTIDE_HOME to another folder"


class Places(NamedTuple):
    """The folders of one user."""

    config: Path
    cache: Path
    runtime: Path

    @classmethod
    def from_environment(cls) -> Places:
        """By `LOWTIDE_HOME`, else by the platform's conventions. Nothing is created."""
        home = os.environ.get("LOWTIDE_HOME")
        if home:
            base = Path(home).absolute()
            return cls(base / "config", base / "cache", base / "run")
        import warnings

        import platformdirs

        config = _in_home(platformdirs.user_config_dir)
        cache = _in_home(platformdirs.user_cache_dir)
        with warnings.catch_warnings():
            # It warns of a runtime folder that others can enter, and takes another; standard error is not its to write
            # to.
            warnings.simplefilter("ignore")
            try:
                runtime = Path(platformdirs.user_runtime_dir("lowtide", appauthor=False))
            except PermissionError:
                runtime = cache / "run"  # someone else holds the place in the temporary folder
        return cls(config, cache, runtime if runtime.is_absolute() else cache / "run")

    @property
    def config_file(self) -> Path:
        """The user's configuration; it need not exist."""
        return self.config / "config.toml"

    @property
    def older_socket(self) -> Path:
        """Where a daemon listens whose lock lies beside its socket, as in versions before the lock lay with the
        indexes."""
        path = self.runtime / "daemon.sock"
        if len(os.fsencode(path)) <= MOST_SOCKET_BYTES:
            return path
        import hashlib
        import tempfile

        mark = hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
        return Path(tempfile.gettempdir()) / f"lowtide-{os.getuid()}-{mark}" / "daemon.sock"

    @property
    def log_file(self) -> Path:
        """The daemon's log."""
        return self.cache / "log" / "daemon.log"

    def index_folder(self, root: Path, *, create: bool = False) -> Path:
        """The folder of `root`'s index (links resolved); with `create` it is made (StoreError when it cannot be)."""
        import hashlib

        real = os.path.realpath(os.fsencode(root))
        slug = (
            re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(real).decode("utf-8", "replace"))[:40].strip("-.")
            or "root"
        )
        folder = self.cache / INDEXES / f"{slug}-{hashlib.blake2b(real, digest_size=8).hexdigest()}"
        if create:
            make_index_folder(folder, real)
        return folder

    def list_indexes(self) -> list[tuple[Path, Path]]:
        """(root, folder) of every index, by root."""
        found = []
        for mark in (self.cache / INDEXES).glob(f"*/{ROOT_FILE}"):
            try:
                found.append((Path(os.fsdecode(_read_small(mark))), mark.parent))
            except OSError:
                continue
        return sorted(found)

    def find_index_root(self, start: Path) -> Path:
        """The nearest folder at or above `start` that has an index, else as `find_root`.

        A linked work tree of git's answers for itself: the index of the work tree that it may lie in holds another
        branch.
        """
        real = Path(os.path.realpath(start))
        if not os.path.isdir(real):  # also when it may not be looked at
            real = real.parent
        main: Path | None = None  # of the work tree that `start` lies in, if that is a linked one
        for folder in (real, *real.parents):
            if main is not None and (folder == main or main in folder.parents):
                continue
            if os.path.exists(self.index_folder(folder) / ROOT_FILE):
                return folder
            main = main or _main_work_tree(folder)
        return _git_root(real) or real

    def find_root(self, start: Path) -> Path:
        """The workspace around `start`: the nearest folder with an index, else the git root, else `start`'s own
        folder."""
        return self.find_index_root(start)

    def free_disk_bytes(self) -> int:
        """Free bytes on the disk of the cache."""
        import shutil

        folder = self.cache
        while not os.path.exists(folder) and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free


def _in_home(find: Callable[..., str]) -> Path:
    """One of the user's folders. ConfigError when there is no home folder for it to be in."""
    try:
        path = Path(find("lowtide", appauthor=False))
    except RuntimeError:
        path = Path()
    if not path.is_absolute():  # of older platformdirs: `~/.cache`, or a relative path of a variable's
        why = "HOME is not set to a whole path, and the list of users has none for this one"
        raise ConfigError("no home folder", why, "set HOME, or LOWTIDE_HOME to a folder of yours")
    return path


def real_path(path: Path) -> Path:
    """With every link resolved, so that one folder has one name."""
    return Path(os.path.realpath(path))


def make_private(folder: Path) -> None:
    """Make a folder that is the user's alone, or see to it that it is. StoreError when it cannot be."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        info = os.stat(folder)
        if info.st_uid == os.geteuid():
            if stat.S_IMODE(info.st_mode) & 0o077:
                folder.chmod(0o700)
            return
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}", error.strerror or str(error), _REMEDY) from error
    if os.geteuid() != 0:
        raise StoreError(
            f"cannot use the folder {folder}", "another user owns it", "set LOWTIDE_HOME to a folder of yours"
        )


def make_index_folder(folder: Path, root: bytes) -> None:
    """Make the folder for the index of `root`, or see to it that it is there. StoreError when it cannot be."""
    make_private(folder.parent)
    make_private(folder)
    try:
        tag = folder.parent.parent / CACHE_TAG
        if folder.parent.name == INDEXES and not os.path.lexists(tag):
            write_private(tag, CACHE_TAG_TEXT)
        write_private(folder / ROOT_FILE, root)
    except OSError as error:
        raise StoreError(f"cannot write to {folder}", error.strerror or str(error), _REMEDY) from error


def _read_small(file: Path) -> bytes:
    """The beginning of a regular file; OSError for anything else that is there, a link too, and nobody waits for it."""
    fd = open_regular(file, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return os.read(fd, MOST_SMALL_BYTES)
    finally:
        os.close(fd)


def open_regular(file: Path, flags: int) -> int:
    """A descriptor of a regular file, which with O_CREAT is made for the user alone. OSError for anything else that is
    there, and nobody waits for it."""
    no_file = OSError(errno.EINVAL, "it is not a regular file", os.fspath(file))
    try:
        fd = os.open(file, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise no_file from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise no_file
    return fd


def write_private(file: Path, data: bytes) -> None:
    """Write a file that is the user's alone, whole or not at all; nothing when it holds `data` already. Raises
    OSError."""
    try:
        if _read_small(file) == data:
            return
    except OSError:
        pass
    # A name of its own for each who writes: several threads may write the same file at once.
    fresh = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}.new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _git_root(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if os.path.exists(folder / ".git"):
            return folder
    return None


def _main_work_tree(folder: Path) -> Path | None:
    """Where the main work tree lies, if `folder` is a linked one of git's; else None."""
    try:
        text = _read_small(folder / ".git")
    except OSError:
        return None
    if not text.startswith(b"gitdir:"):
        return None
    git = Path(os.path.normpath(folder / os.fsdecode(text[7:].strip())))
    if git.parent.name != "worktrees":
        return None  # of a submodule
    common = git.parent.parent
    return common.parent if common.name == ".git" else common


def path_of(uri: str) -> Path | None:
    """The absolute path of a `file:` URI of this machine, else None."""
    from urllib.parse import unquote, urlsplit  # not for those who start quickly

    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme.lower() != "file" or parts.netloc not in ("", "localhost"):
        return None
    path = os.fsdecode(unquote(parts.path, errors="surrogateescape").encode("utf-8", "surrogateescape"))
    if not path.startswith("/") or "\0" in path:
        return None
    return Path(os.path.normpath(path))
