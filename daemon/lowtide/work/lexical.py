"""Writing a generation of the lexical index, inside a worker: it is what needs memory.

Invariant: reads one generation and writes another; knows nothing of the catalog. Without numpy: it holds little beside
Tantivy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import astuple

from lowtide import wire
from lowtide.store.lexical.engine import FileEntry
from lowtide.store.lexical.generation import write
from lowtide.store.rows import Segment


def absorb(task: wire.LexicalTask, started: Callable[[int], None]) -> wire.Done:
    """Write `task.target`; the answer's `segment` holds the facts for the manifest. `started` is told each file's
    number."""
    cpu = time.process_time()
    source = (Segment(*task.source), task.check) if task.source else None
    made = write(Path(task.folder), source, task.target, entries(task), task.dead, started)
    return wire.Done([], b"", [], 0, time.process_time() - cpu, segment=astuple(made))


def entries(task: wire.LexicalTask) -> Iterator[FileEntry]:
    """The words of the task's files, unpacked one by one."""
    for first_chunk_id, path, language, packed in task.files:
        file = wire.words_of(packed)
        shown = path.decode("utf-8", "replace")
        yield FileEntry(
            first_chunk_id, shown, language, file.words, file.names, file.path_words, file.kinds, file.further
        )
