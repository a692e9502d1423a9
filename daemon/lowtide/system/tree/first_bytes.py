"""What the first bytes of a file tell where its name means two things: `.mo` is Modelica's text, or gettext's tables.

A worker reads each file and knows; this is for who counts files before they are read.

Invariant: little is read, and of files whose name is in doubt alone; what cannot be read is left to the worker.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path

from lowtide.models import FileStat, Reason
from lowtide.system.beneath import CannotRead, Root
from lowtide.system.tree.named import is_in_doubt

_HEAD_BYTES = 512
_RULE = "it holds NUL bytes"
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_WIDE = 4
"""A Western text in UTF-16 has a NUL among so many bytes at least, and all at even places or all at odd ones."""


def looked_into(root: bytes | Path, files: Iterable[FileStat]) -> Iterator[FileStat]:
    """The files of a walk over `root`, with those left out that are binary though their name may be a text's."""
    with Root(root) as opened:
        for file in files:
            yield look_into(opened, file)


def look_into(root: Root, file: FileStat) -> FileStat:
    """The file, left out when it is binary though its name may be a text's."""
    if file.reason is not None or not is_in_doubt(file.path):
        return file
    try:
        head = root.read(file.path, _HEAD_BYTES).data
    except CannotRead:
        return file
    return file._replace(reason=Reason.BINARY, rule=_RULE) if _is_binary(head) else file


def _is_binary(head: bytes) -> bool:
    nuls = head.count(b"\0")
    if nuls < 2 or head.startswith(_MARKS):
        return False
    even = head[::2].count(b"\0")
    return nuls * _WIDE < len(head) or even not in (0, nuls)
