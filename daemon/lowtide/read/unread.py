"""Files that are not in the index as they are on the disk: a question that reads files looks through these besides.

Invariant: what the index would leave out is left out here, too: by the walk that found them, and by their content,
which is looked at (its first HEAD_BYTES) before anything of it is shown.
Threads: a question's own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import suppress

from lowtide.core.plan import Differing
from lowtide.languages import HEAD_BYTES as LANGUAGE_BYTES
from lowtide.languages import language_for
from lowtide.models import FileStat
from lowtide.store.rows import IndexedFile
from lowtide.system.beneath import CannotRead, Root
from lowtide.work.sniff import Skip, SniffSettings, sniff

HEAD_BYTES = 1 << 20


def with_unread(files: Iterable[IndexedFile], unread: Iterable[FileStat]) -> Iterator[IndexedFile | FileStat]:
    """Both by path, each path once; of a file that has changed what the disk has. Both come sorted by path."""
    last = b""
    both: Iterator[IndexedFile | FileStat] = heapq.merge(unread, files, key=lambda each: each.path)  # the first first
    for each in both:
        if each.path != last:
            yield each
        last = each.path


def as_it_would_be_indexed(root: Root, stat: FileStat, differing: Differing) -> IndexedFile | None:
    """A file as the index would have it, by what it is now; None when that would leave it out, or it is gone."""
    with suppress(CannotRead), root.open(stat.path, HEAD_BYTES) as file:
        head = file.read(HEAD_BYTES)
        info = file.info
        if len(head) < info.st_size:
            head = head[: head.rfind(b"\n") + 1] or head
        text = sniff(stat.path, head, SniffSettings.from_wire(differing.sniffing))
        if isinstance(text, Skip):
            return None
        language = language_for(stat.path, text.utf8[:LANGUAGE_BYTES])
        name = language.name if language is not None else ""
        return IndexedFile(0, stat.path, name, text.encoding, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    return None
