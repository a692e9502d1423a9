"""One daemon a cache folder: the lock that lies beside the indexes, and what it tells of who holds it.

Invariant: the lock is the operating system's (flock), so it ends with its holder, however that ends. What its file says
is written by the holder alone, and believed only while the lock is held and the file is this user's.
Invariant: standard library only, and little of it: every command and every editor's shim reads this.
Threads: a DaemonLock belongs to the daemon's event loop, which also lets one thread at a time ask `is_in_place`.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lowtide.errors import LockHeld, StoreError
from lowtide.paths import Places, make_private

LOCK_NAME = "daemon.lock"
MOST_BYTES = 16 << 10
ASKED_S = 0.3
"""Who asks whether the lock is held holds it for an instant: so long it is tried again before it counts as held."""
_REMEDY = "check the folder's permissions and space, or set LOWTIDE_HOME to a folder of yours"
_HELD = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)


class Holder(NamedTuple):
    """The daemon of a cache folder, as it tells of itself; all but `is_older` is empty until it has."""

    pid: int = 0
    started_ticks: int = 0
    """When the process began, in clock ticks since the machine did: with `pid` it names one process for good."""
    socket: Path | None = None
    host: str = ""
    is_older: bool = False
    """It is of a version that kept its lock beside its socket."""


class DaemonLock:
    """Held while this process is the daemon of `cache`."""

    def __init__(self, cache: Path) -> None:
        self._path = cache / LOCK_NAME
        self._fd = -1

    def acquire(self) -> Holder:
        """Take the lock; returns who held it last. LockHeld when another process has it, StoreError when it cannot be
        had."""
        make_private(self._path.parent)
        deadline = time.monotonic() + ASKED_S
        while True:
            fd = _open(self._path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_same(self._path, fd):
                    break  # else its last holder has just taken it away
            except OSError as error:
                if error.errno not in _HELD:
                    os.close(fd)
                    raise StoreError(f"cannot lock {self._path}", error.strerror or str(error), _REMEDY) from error
                if time.monotonic() > deadline:
                    pid = _told(fd).pid
                    os.close(fd)
                    who = f"process {pid} is it" if pid else "another process is it"
                    raise LockHeld("the daemon runs already", who, "use that one") from None
                time.sleep(0.01)
            os.close(fd)
        before = _told(fd)
        os.ftruncate(fd, 0)
        self._fd = fd
        return before

    def tell(self, socket: Path) -> None:
        """Write where this daemon listens. StoreError when that cannot be written."""
        told = {
            "pid": os.getpid(),
            "started": started_ticks(os.getpid()),
            "host": _host(),
            "socket": os.fspath(socket),
        }
        text = json.dumps(told).encode() + b"\n"
        try:
            if os.pwrite(self._fd, text, 0) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.ftruncate(self._fd, len(text))
        except OSError as error:
            raise StoreError(f"cannot write to {self._path}", error.strerror or str(error), _REMEDY) from error

    def is_in_place(self) -> bool:
        """Whether others still find the lock that this process holds."""
        return self._fd >= 0 and _is_same(self._path, self._fd)

    def acquire_again(self) -> None:
        """The file has been removed: make another, and hold that. LockHeld, StoreError as `acquire`."""
        self.release()
        self.acquire()

    def release(self) -> None:
        """Give it back, and leave no file; nothing happens when it is not held."""
        if self._fd < 0:
            return
        if self.is_in_place():
            with suppress(OSError):
                os.unlink(self._path)
        os.close(self._fd)
        self._fd = -1


def find_holder(places: Places) -> Holder | None:
    """Who is the daemon of this cache folder; None when nobody is. StoreError when the lock is not this user's."""
    holder = _holder_of(places.cache / LOCK_NAME)
    if holder is not None:
        return holder
    older = _holder_of(places.older_socket.with_name(LOCK_NAME))
    if older is None:
        return None
    return Holder(older.pid, socket=places.older_socket, is_older=True)


def started_ticks(pid: int) -> int:
    """When a process began, in clock ticks since the machine did; 0 when there is no such process."""
    fields = _process_fields(pid)
    return int(fields[19]) if len(fields) > 19 else 0


def is_stopped(pid: int) -> bool:
    """Whether a process has been stopped (SIGSTOP, a debugger), and so answers nobody until it goes on."""
    return _process_fields(pid)[:1] in ([b"T"], [b"t"])


def is_here(holder: Holder) -> bool:
    """Whether the holder is a process that this one can see, and surely that one."""
    if holder.pid <= 0:
        return False
    try:
        if os.stat(f"/proc/{holder.pid}").st_uid != os.geteuid():
            return False
    except OSError:
        return False
    return holder.is_older or started_ticks(holder.pid) == holder.started_ticks


def is_foreign(holder: Holder) -> bool:
    """Whether who holds the lock is surely not the process of this machine that its file tells of, or tells nothing."""
    return not holder.is_older and holder.host in ("", _host()) and not is_here(holder)


def who_locks(path: Path) -> tuple[int, str]:
    """A process that holds a lock on a file, and its name, as far as Linux tells; (0, "") when it does not."""
    try:
        info = os.stat(path)
        device = f"{os.major(info.st_dev):02x}:{os.minor(info.st_dev):02x}:{info.st_ino}"
        with open("/proc/locks", encoding="ascii", errors="replace") as locks:
            for line in locks:
                # `1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF`; with `->` before FLOCK it only waits.
                fields = line.split()
                if fields[1:2] == ["FLOCK"] and len(fields) > 5 and fields[5] == device and int(fields[4]) > 0:
                    pid = int(fields[4])
                    name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
                    return pid, name
    except (OSError, ValueError):
        pass
    return 0, ""


def _process_fields(pid: int) -> list[bytes]:
    """/proc/PID/stat from the state on; the name before it may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read(4096).rpartition(b")")[2].split()
    except OSError:
        return []


def _holder_of(path: Path) -> Holder | None:
    try:
        fd = _open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError as error:
        if error.errno not in _HELD:
            raise StoreError(f"cannot look at {path}", error.strerror or str(error), _REMEDY) from error
        return _told(fd)
    finally:
        os.close(fd)


def _open(path: Path, flags: int) -> int:
    """The lock's file, if it is a file of this user's. FileNotFoundError when it is only to be read and there is
    none."""
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except (FileNotFoundError, NotADirectoryError) as error:
        if not flags & os.O_CREAT:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path)) from error
        raise StoreError(f"cannot open {path}", error.strerror or str(error), _REMEDY) from error
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror or str(error)
        raise StoreError(
            f"cannot open {path}", why, f"remove it if it is not another user's; else {_REMEDY}"
        ) from error
    info = os.fstat(fd)
    if info.st_uid == os.geteuid() and stat.S_ISREG(info.st_mode):
        return fd
    os.close(fd)
    why = f"user {info.st_uid} owns it" if stat.S_ISREG(info.st_mode) else "it is no file"
    raise StoreError(f"cannot use {path}", why, "run this as that user, or set LOWTIDE_HOME to a folder of yours")


def _is_same(path: Path, fd: int) -> bool:
    try:
        there, held = os.lstat(path), os.fstat(fd)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)


def _told(fd: int) -> Holder:
    """What the file says; nothing of it when it is not all there yet."""
    try:
        text = os.pread(fd, MOST_BYTES, 0)
        if text.strip().isdigit():  # an older version's
            return Holder(int(text))
        told = json.loads(text)
        return Holder(int(told["pid"]), int(told["started"]), Path(told["socket"]), str(told["host"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Holder()


def _host() -> str:
    return os.uname().nodename
