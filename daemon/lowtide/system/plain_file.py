"""Opening what may be no file at all: whatever stands under a name, nobody waits for it.

Invariant: never blocks: a pipe without a writer would, for ever, and a device such as /dev/zero never ends.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotPlain(OSError):
    """It is there, and is no plain file."""


def open_plain(file: bytes | Path, *, follow: bool = True) -> BinaryIO:
    """A plain file, to read; a link to one counts when `follow`. OSError, NotPlain for anything else that is there."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if not follow:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(file, flags)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotPlain(errno.EINVAL, "it is no plain file", os.fsdecode(file))
        return open(handle, "rb")
    except BaseException:
        os.close(handle)
        raise
