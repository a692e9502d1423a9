"""Which places deliver no events for what others change in them: network drives, and folders shared with a host.

The kernel tells only of changes that are made through it. What another machine writes to a network drive, or the host
of a virtual machine to a shared folder, is found by looking.

Invariant: reads /proc/self/mountinfo and nothing else; where there is none, no place is suspect.
Source: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import os
import re

import msgspec

MOUNTINFO = "/proc/self/mountinfo"

_SILENT = frozenset(
    "9p afs beegfs ceph cifs coda davfs drvfs fakeowner fhgfs gfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 "
    "orangefs "
    "panfs prl_fs pvfs2 shfs smb2 smb3 smbfs v9fs vboxsf virtiofs vmhgfs wslfs".split()
)
_ESCAPED = re.compile(rb"\\([0-7]{3})")


class SilentMount(msgspec.Struct, frozen=True):
    """A mount that delivers no events for others' changes: `path` from the root of the workspace, nothing for all of
    it."""

    path: bytes
    kind: str


def silent_mounts(root: bytes, mountinfo: bytes | None = None) -> tuple[SilentMount, ...]:
    """Those that the real path `root` lies in or that lie below it; `mountinfo` as the kernel gives it."""
    if mountinfo is None:
        try:
            with open(MOUNTINFO, "rb") as stream:
                mountinfo = stream.read()
        except OSError:
            return ()
    around, kind_around = b"", ""
    below: dict[bytes, str] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(b" - ")
        fields, kinds = left.split(b" "), right.split(b" ")
        if len(fields) < 5:
            continue
        place = _ESCAPED.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), fields[4])
        kind = kinds[0].decode("ascii", "replace")
        if _lies_in(root, place):
            if len(place) >= len(around):  # the later one of two at one place lies on top
                around, kind_around = place, kind
        elif _lies_in(place, root):
            below[os.path.relpath(place, root)] = kind
    if _is_silent(kind_around):
        return (SilentMount(b"", kind_around),)
    return tuple(SilentMount(place, kind) for place, kind in sorted(below.items()) if _is_silent(kind))


def _is_silent(kind: str) -> bool:
    return kind in _SILENT or (kind.startswith("fuse.") and kind not in ("fuse.portal", "fuse.lxcfs"))


def _lies_in(path: bytes, place: bytes) -> bool:
    return path == place or path.startswith(place.rstrip(b"/") + b"/")
