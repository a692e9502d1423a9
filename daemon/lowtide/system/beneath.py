"""Opening what is read: the one door for all that a workspace, its git folder or its user's configuration hold.

A path of a workspace comes out of its index, its tree or an editor, and what stands there may have been swapped since
for a link, a pipe, a device or a file without end. So a file of a workspace is opened beneath the descriptor of its
root (openat2 with RESOLVE_BENEATH, or folder by folder where a kernel or a container has no openat2). What the user or
git names by its whole path is opened by that name, and a link to a file counts there, if the caller says so.

Invariant: nothing outside a root is opened through it, whatever is swapped for what, and no link beneath it is
followed.
Invariant: only plain files are read, nobody waits for a pipe or a device, and never more is read than was said.
Threads: any, at once: a Root never changes, but only who has it alone may close it. A PlainFile is one thread's.
Source: openat2(2), path_resolution(7).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec

from lowtide.closing import Closing

LONGEST_PATH_BYTES = 4095
"""No system call takes a longer one."""
_PIECE_BYTES = 1 << 20
"""Read at a time of a file that has more than it said."""
_PATH_ONLY = os.O_PATH
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_STEP = _PATH_ONLY | os.O_DIRECTORY | os.O_CLOEXEC
_SYS_OPENAT2 = 437
_AT_FDCWD = -100
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08


class Refusal(StrEnum):
    """Why something is not read, for who must decide by it."""

    MISSING = "missing"
    """Nothing stands there, or the path is none of a file in a workspace."""
    LINK = "link"
    """It is a link, or lies below one."""
    NOT_PLAIN = "not-plain"
    """A folder, a pipe, a socket, a device."""
    TOO_LARGE = "too-large"
    UNREADABLE = "unreadable"
    """The system says no."""


class CannotRead(OSError):
    """A file that is not read: `why` for people, `refusal` for programs."""

    def __init__(self, refusal: Refusal, number: int, why: str, path: bytes) -> None:
        super().__init__(number, why, os.fsdecode(path))
        self.refusal = refusal
        self.why = why


_REFUSALS = {
    errno.ENOENT: Refusal.MISSING,
    errno.ENOTDIR: Refusal.MISSING,
    errno.ENAMETOOLONG: Refusal.MISSING,
    errno.ELOOP: Refusal.LINK,
    errno.EXDEV: Refusal.LINK,
    errno.ENXIO: Refusal.NOT_PLAIN,
    errno.ENODEV: Refusal.NOT_PLAIN,
    errno.EISDIR: Refusal.NOT_PLAIN,
}
_LINK_WORDS = "it is a link, or lies below one"


def _refused(error: OSError, path: bytes) -> CannotRead:
    if isinstance(error, CannotRead):
        return error
    number = error.errno or errno.EIO
    refusal = _REFUSALS.get(number, Refusal.UNREADABLE)
    return CannotRead(refusal, number, _LINK_WORDS if refusal is Refusal.LINK else os.strerror(number), path)


class Content(msgspec.Struct, frozen=True):
    """What was read of a file."""

    data: bytes
    info: os.stat_result
    """Of the opened file, before it was read."""
    has_more: bool
    """More follows behind `data`."""
    is_steady: bool
    """Its size and times were the same afterwards."""


def _stamp(info: os.stat_result) -> tuple[int, int, int]:
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns


class PlainFile(Closing):
    """A plain file, open to be read from its start on, at most `most_bytes` of it in all. Close it when done."""

    __slots__ = ("_handle", "_left_bytes", "_offset", "_path", "info")

    def __init__(self, handle: int, path: bytes, most_bytes: int) -> None:
        self._handle = handle
        self._path = path
        self._left_bytes = most_bytes
        self._offset = 0
        try:
            self.info = os.fstat(handle)
            if not stat.S_ISREG(self.info.st_mode):
                raise CannotRead(Refusal.NOT_PLAIN, errno.EINVAL, "it is no plain file", path)
        except BaseException:
            os.close(handle)
            raise

    def close(self) -> None:
        """Let go of it."""
        os.close(self._handle)

    def seek(self, offset: int) -> None:
        """Have the next read begin at this byte."""
        self._offset = offset

    def read(self, count: int) -> bytes:
        """The next bytes, at most `count`; none at the end, or when all that may be read has been. CannotRead."""
        try:
            data = os.pread(self._handle, min(count, self._left_bytes), self._offset)
        except OSError as error:
            raise _refused(error, self._path) from None
        self._offset += len(data)
        self._left_bytes -= len(data)
        return data

    @property
    def is_cut(self) -> bool:
        """Whether all that may be read has been, and more follows."""
        return self._left_bytes <= 0 and bool(os.pread(self._handle, 1, self._offset))

    def rest(self) -> bytes:
        """All that follows and may be read; no more memory is taken than the file has, whatever may be read."""
        expected = max(0, self.info.st_size - self._offset)
        data = self.read(expected + 1)  # one more: to see that it ends there
        if len(data) == expected or not data:
            return data
        pieces = [data]  # it has grown, shrunk, or tells nothing of its size
        while piece := self.read(_PIECE_BYTES):
            pieces.append(piece)
        return b"".join(pieces)

    def content(self) -> Content:
        """All that follows and may be read, with what is known of it. CannotRead."""
        data = self.rest()
        is_steady = _stamp(self.info) == _stamp(os.fstat(self._handle))
        return Content(data, self.info, self.is_cut, is_steady)

    def whole(self) -> bytes:
        """All that follows. CannotRead, also when that is more than may be read: nothing is read of what says so
        itself."""
        too_large = self.info.st_size - self._offset > self._left_bytes
        data = b"" if too_large else self.rest()
        if too_large or self.is_cut:
            raise CannotRead(Refusal.TOO_LARGE, errno.EFBIG, "it is too long", self._path)
        return data


class Root(Closing):
    """A folder to read beneath. Close it when done. `path` is its real path: a link in its place is not taken for it.

    A root that is gone is no error of its own: nothing stands beneath it.
    """

    __slots__ = ("_handle", "_why", "path")

    def __init__(self, path: bytes | Path) -> None:
        self.path = os.fsencode(path)
        self._handle = -1
        self._why: CannotRead | None = None
        try:
            self._handle = os.open(self.path.rstrip(b"/") or b"/", _STEP | os.O_NOFOLLOW)
        except OSError as error:
            self._why = _refused(error, self.path)

    def close(self) -> None:
        """Let go of it; also twice."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def open(self, path: bytes, most_bytes: int) -> PlainFile:
        """The plain file at the relative `path`, of which at most `most_bytes` will be read. CannotRead."""
        return PlainFile(self._open(path, _READ), path, most_bytes)

    def read(self, path: bytes, most_bytes: int, offset: int = 0) -> Content:
        """At most `most_bytes` of the plain file at the relative `path`, from `offset` on. CannotRead."""
        with self.open(path, most_bytes) as file:
            file.seek(offset)
            return file.content()

    def open_folder(self, path: bytes) -> int:
        """A descriptor of the folder at the relative `path` (the root for nothing), to list; the caller's to close.
        CannotRead."""
        return self._open(path or b".", _FOLDER)

    def _open(self, path: bytes, flags: int) -> int:
        if self._handle < 0:
            raise self._why or CannotRead(Refusal.MISSING, errno.EBADF, "the root is closed", path)
        if path != b"." and not is_beneath(path):
            number = errno.ENAMETOOLONG if len(path) > LONGEST_PATH_BYTES else errno.ENOENT
            raise CannotRead(Refusal.MISSING, number, os.strerror(number), path)
        try:
            if has_openat2():
                return _openat2(self._handle, path, flags)
            return _by_steps(self._handle, path, flags)
        except OSError as error:
            raise _refused(error, path) from None


def is_beneath(path: bytes) -> bool:
    """Whether a path is relative, plain and short enough: what no index, message or tree of good will has otherwise."""
    around = b"/%b/" % path
    return (
        0 < len(path) <= LONGEST_PATH_BYTES
        and b"//" not in around
        and b"/./" not in around
        and b"/../" not in around
        and b"\0" not in path
    )


def read_beneath(root: bytes | Path, path: bytes, most_bytes: int, offset: int = 0) -> Content:
    """As `Root.read`, for one file."""
    with Root(root) as opened:
        return opened.read(path, most_bytes, offset)


def open_plain(file: bytes | Path, most_bytes: int, *, follow: bool) -> PlainFile:
    """The plain file that the user, their configuration or git names by its whole path. CannotRead.

    With `follow`, a link to one counts.
    """
    path = os.fsencode(file)
    try:
        return PlainFile(os.open(path, _READ if follow else _READ | os.O_NOFOLLOW), path, most_bytes)
    except ValueError:  # no path at all: it holds a NUL
        raise CannotRead(Refusal.MISSING, errno.ENOENT, os.strerror(errno.ENOENT), path) from None
    except OSError as error:
        raise _refused(error, path) from None


class _How(ctypes.Structure):
    """`struct open_how`."""

    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


_HOWS = {flags: _How(flags, 0, _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS) for flags in (_READ, _FOLDER)}


@cache
def _system_call() -> ctypes._NamedFuncPointer:
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(_How), ctypes.c_size_t]
    call.restype = ctypes.c_long
    return call


def _openat2(folder: int, path: bytes, flags: int) -> int:
    how = _HOWS[flags]
    while True:
        handle: int = _system_call()(_SYS_OPENAT2, folder, path, ctypes.byref(how), ctypes.sizeof(how))
        if handle >= 0:
            return handle
        if (number := ctypes.get_errno()) != errno.EINTR:
            raise OSError(number, os.strerror(number))


@cache
def has_openat2() -> bool:
    """Whether this kernel has openat2, and lets this process have it: some containers' filters do not."""
    try:
        os.close(_openat2(_AT_FDCWD, b".", _FOLDER))
    except OSError as error:
        # Of another kind: the call is there, and has looked.
        return error.errno not in (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG)
    return True


def _by_steps(root: int, path: bytes, flags: int) -> int:
    """The same without openat2: one folder after the other, none through a link."""
    *folders, name = path.split(b"/")
    here = root
    try:
        for folder in folders:
            inner = _step(here, folder, _STEP)
            if here != root:
                os.close(here)
            here = inner
        return _step(here, name, flags)
    finally:
        if here != root:
            os.close(here)


def _step(folder: int, name: bytes, flags: int) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None  # as openat2 says it
        raise
