"""Mounts that are ill, made without a library: a FUSE mount whose other end is this process, which dies or never
answers.

Needs root and /dev/fuse. Invariant: `unmount` brings back the empty folder, also when nothing is mounted.
"""

from __future__ import annotations

import ctypes
import os
import stat
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_DETACH = 2
_open: dict[Path, int] = {}


def can_mount() -> bool:
    """Whether this process may."""
    return os.geteuid() == 0 and os.access("/dev/fuse", os.R_OK | os.W_OK)


def mount_silent(folder: Path) -> None:
    """Mount a file system that takes every request and answers none."""
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={fd},rootmode={stat.S_IFDIR:o},user_id=0,group_id=0,allow_other".encode()
    if _LIBC.mount(b"silent", os.fsencode(folder), b"fuse", 0, options) != 0:
        os.close(fd)
        raise OSError(ctypes.get_errno(), "cannot mount", str(folder))
    _open[folder] = fd


def mount_dead(folder: Path) -> None:
    """Mount a file system whose server is gone."""
    mount_silent(folder)
    os.close(_open.pop(folder))


def unmount(folder: Path) -> None:
    """Take the mount away; whoever waits for it gets an error."""
    fd = _open.pop(folder, None)
    if fd is not None:
        os.close(fd)
    _LIBC.umount2(os.fsencode(folder), _DETACH)
