"""One writer a workspace.

Invariant: the lock is the operating system's (flock), so it ends with its holder, however that ends; the file's text
only says who holds it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from lowtide.errors import LockHeld, StoreError

_TRIES = 10


class WriterLock:
    """Held while this process may write to an index; `LockHeld` when another process has it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise: LockHeld when another process has it, StoreError when the file cannot be made."""
        for _ in range(_TRIES):
            self._take()
            if self.is_in_place:
                return
            self.release()  # its file was removed between opening and locking
        raise StoreError(f"cannot lock {self._path}", "it is removed again and again", "see who removes it")

    @property
    def is_in_place(self) -> bool:
        """Whether it is held, and its name still leads to the file that is locked. May be asked by any thread."""
        fd = self._fd
        if fd is None:
            return False
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self._path, follow_symlinks=False))
        except OSError:
            return False

    def _take(self) -> None:
        try:
            # Neither through a link nor waiting at a pipe.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(self._path, flags, 0o600)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                raise OSError(errno.EINVAL, "it is not a regular file")
        except OSError as error:
            raise StoreError(
                f"cannot lock {self._path}", error.strerror or str(error), "check the folder's permissions and space"
            ) from error
        try:
            _lock(fd)
        except OSError as error:
            holder = ""
            with suppress(OSError):
                holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
            os.close(fd)
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK):
                raise StoreError(f"cannot lock {self._path}", error.strerror or str(error)) from error
            who = f"process {holder}" if holder else "another process"
            raise LockHeld(
                "this index is in use", f"{who} is writing to it", "wait for it to end, or stop it"
            ) from error
        with suppress(OSError):
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> WriterLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _lock(fd: int) -> None:
    import fcntl

    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
