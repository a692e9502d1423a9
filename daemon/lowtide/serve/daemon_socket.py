"""The daemon's socket: made in a folder that is this user's alone, and reached only there.

Invariant: the folder is opened without following a link, belongs to this user (root too takes no other's) and lets
nobody else in; the socket is bound and reached through that open folder, so that nothing can be put in its place
between.
Invariant: who listens is this user, by the kernel's word, before a byte is said to it.
Threads: a Listener belongs to the daemon's event loop, which also lets one thread at a time ask `is_in_place`.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path

from lowtide.errors import LowtideError, StoreError

BACKLOG = 128
CONNECT_S = 5.0
"""The queue of a daemon that does not take its connections is full, and it has not been emptied by then."""


class UntrustedSocket(LowtideError):
    """Where the daemon should listen somebody else could, or does."""

    kind = "untrusted"


class Silent(LowtideError):
    """Somebody listens, and takes no connection."""

    kind = "silent"


class Listener:
    """A listening socket, and the folder it is in."""

    def __init__(self, folder: Path, *, is_temporary: bool) -> None:
        self.path = folder / "daemon.sock"
        self._is_temporary = is_temporary
        self._folder_fd = open_folder(folder, create=True)
        try:
            self.socket = self._bind()
        except BaseException:
            os.close(self._folder_fd)
            raise
        self._mark = _mark(self.path)

    def _bind(self) -> socket.socket:
        place = _through(self._folder_fd, self.path)
        if _is_listening(place):
            raise UntrustedSocket(f"cannot listen on {self.path}", "somebody else does")
        with suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(self.path.name, dir_fd=self._folder_fd)  # nobody listens: whoever made it is gone
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(place)
            os.chmod(place, 0o600)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
        return listener

    def is_in_place(self) -> bool:
        """Whether others still find this socket."""
        return self._mark is not None and _mark(self.path) == self._mark

    def withdraw(self) -> None:
        """Leave nothing behind on the disk; who is connected stays so."""
        if self._folder_fd < 0:
            return
        if self.is_in_place():
            with suppress(OSError):
                os.unlink(self.path.name, dir_fd=self._folder_fd)
        if self._is_temporary:
            with suppress(OSError):
                os.rmdir(self.path.parent)
        os.close(self._folder_fd)
        self._folder_fd = -1


def listen(runtime: Path) -> Listener:
    """Listen in the runtime folder, or, when that is not ours alone or cannot hold a socket, in a fresh temporary one.

    Others learn which from the daemon's lock. StoreError when there is no place at all.
    """
    try:
        return Listener(runtime, is_temporary=False)
    except (OSError, LowtideError) as error:
        first = error
    fresh: Path | None = None
    import tempfile

    try:
        fresh = Path(tempfile.mkdtemp(prefix=_temporary_prefix()))
        return Listener(fresh, is_temporary=True)
    except (OSError, LowtideError) as error:
        if fresh is not None:
            with suppress(OSError):
                fresh.rmdir()
        raise StoreError(
            f"cannot listen in {runtime}",
            f"{_why(first)}; nor in a temporary folder: {_why(error)}",
            "make one of them yours alone, or set LOWTIDE_HOME to a folder of yours",
        ) from error


def sweep(path: Path | None) -> None:
    """Remove what a daemon that was killed left in a temporary folder."""
    if path is None or not path.parent.name.startswith(_temporary_prefix()):
        return
    with suppress(OSError, LowtideError):
        fd = open_folder(path.parent)
        try:
            with suppress(FileNotFoundError):
                os.unlink(path.name, dir_fd=fd)
        finally:
            os.close(fd)
        os.rmdir(path.parent)


def connect(path: Path) -> socket.socket | None:
    """A connection to who listens at `path`; None when nobody does. UntrustedSocket, Silent, StoreError."""
    try:
        folder_fd = open_folder(path.parent)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot connect to {path}", _why(error), "check the folder's permissions") from error
    try:
        return _connect(_through(folder_fd, path), path)
    finally:
        os.close(folder_fd)


def _connect(place: str, path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_S)
        connection.connect(place)
        connection.settimeout(None)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except (TimeoutError, BlockingIOError):
        connection.close()
        raise Silent(f"nobody takes a connection at {path}") from None
    except OSError as error:
        connection.close()
        raise StoreError(f"cannot connect to {path}", _why(error), "check the folder's permissions") from error
    other = peer(connection)
    if other is not None and other[1] != os.geteuid():
        connection.close()
        raise UntrustedSocket(
            f"will not talk to who listens on {path}",
            f"it is a process of user {other[1]}",
            "run this as that user, or set LOWTIDE_HOME to a folder of yours",
        )
    return connection


def peer(connection: socket.socket) -> tuple[int, int] | None:
    """(process id, user id) of the other side; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    try:
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    except OSError:
        return None
    return pid, uid


def open_folder(folder: Path, *, create: bool = False) -> int:
    """A descriptor of a folder that is this user's alone. OSError; UntrustedSocket when it is a link or another's."""
    if create:
        folder.parent.mkdir(parents=True, exist_ok=True)
        owner = os.stat(folder.parent).st_uid
        if owner not in (os.geteuid(), 0):  # who could put another folder in its place
            raise _not_ours(folder.parent, f"user {owner} owns it")
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and os.path.lexists(folder):
            raise _not_ours(folder, "it is a link or a file") from error
        raise
    try:
        info = os.fstat(fd)
        if info.st_uid != os.geteuid():
            raise _not_ours(folder, f"user {info.st_uid} owns it")
        if stat.S_IMODE(info.st_mode) & 0o077:
            if not create:
                raise _not_ours(folder, "others can enter it")
            os.fchmod(fd, 0o700)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _not_ours(folder: Path, why: str) -> UntrustedSocket:
    return UntrustedSocket(
        f"cannot trust the folder {folder}", why, "remove it if you can, or set LOWTIDE_HOME to a folder of yours"
    )


def _through(folder_fd: int, path: Path) -> str:
    """A name for what is at `path` that leads through the open folder, and is never too long for a socket."""
    own = f"/proc/self/fd/{folder_fd}"
    return f"{own}/{path.name}" if os.path.isdir(own) else os.fspath(path)


def _is_listening(place: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(place)
        except BlockingIOError:
            return True  # its queue is full
        except OSError:
            return False
    return True


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What tells this socket from one made in its place, which may get its number."""
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_mtime_ns


def _temporary_prefix() -> str:
    return f"lowtide-{os.geteuid()}-"


def _why(error: BaseException) -> str:
    return error.message if isinstance(error, LowtideError) else getattr(error, "strerror", None) or str(error)
