"""What a question is narrowed to, and which chunks and vectors of an index that leaves.

Invariant: a selection is made of sets of bits, from files as ranges of chunks: its memory is a quarter of a byte for
each chunk that the index ever had, and while it is made a few bytes; never an object a file or a chunk.
Invariant: it takes a vector when one of the chunks that share it is taken; which chunk it was is asked again of
`chunks`.
Threads: any number ask `Selections.get`; `_lock` lets one at a time make what is not there yet, on its own connection.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import takewhile

import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.errors import QuestionStopped
from lowtide.models import SymbolKind
from lowtide.read.question import check_names
from lowtide.store.catalog import Catalog
from lowtide.store.chunk_kinds import mask_of
from lowtide.store.id_set import IdSet
from lowtide.store.lexical.engine import Narrowing
from lowtide.system.tree.globs import Globs

KEPT = 4
"""Selections kept for the next question of the same kind."""
BLOCK_CHUNKS = 16_384
"""Read at a time; between two blocks a question can be stopped."""
LOOK_FILES = 4_096
FEW_FILES = 1_024
"""So many are named one by one to the lexical index."""
_WAIT_S = 0.02
_SLACK_BYTES = 1 << 20
"""A block of chunks, the names of files, a block of the catalog's rows."""

Stopped = Callable[[], bool]


class Filter(msgspec.Struct, frozen=True):
    """What a search is narrowed to; empty means everything."""

    languages: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    kinds: tuple[SymbolKind, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.languages or self.globs or self.kinds)

    def check(self) -> None:
        """UsageError when it names more than a question may."""
        for what, names in (("languages", self.languages), ("globs", self.globs), ("kinds", self.kinds)):
            check_names(what, names)

    def of_files(self) -> Callable[[bytes, str], bool]:
        """Tells of a file's path and language whether they pass; for one thread. UsageError for globs that cannot be
        taken."""
        globs = Globs(self.globs) if self.globs else None
        languages = frozenset(self.languages)

        def takes(path: bytes, language: str) -> bool:
            return (not languages or language in languages) and (globs is None or globs.take(path))

        return takes


class Selection(msgspec.Struct, frozen=True):
    """What of an index a filter leaves."""

    chunks: IdSet
    vectors: IdSet
    narrowing: Narrowing
    """The same as far as the lexical index can tell: it saves looking at what the filter leaves out."""

    @property
    def size_bytes(self) -> int:
        return self.chunks.size_bytes + self.vectors.size_bytes


class Selections:
    """The selections of one snapshot: the last few are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Filter, Selection | None] = OrderedDict()

    def get(self, narrow: Filter, catalog: Catalog, stopped: Stopped) -> Selection | None:
        """What `narrow` leaves; None when that is everything. UsageError, StoreError, QuestionStopped."""
        while not self._lock.acquire(timeout=_WAIT_S):
            look(stopped)
        try:
            if narrow in self._kept:
                self._kept.move_to_end(narrow)
            else:
                self._kept[narrow] = _select(narrow, catalog, stopped)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[narrow]
        finally:
            self._lock.release()

    def shrink(self) -> None:
        """Forget them."""
        self._kept = OrderedDict()

    @property
    def size_bytes(self) -> int:
        return sum(kept.size_bytes for kept in tuple(self._kept.values()) if kept is not None)


def selecting_bytes(chunks: int, vectors: int) -> int:
    """What making a selection takes at most, and using one, in an index where the highest ids are these."""
    return 2 * (chunks + vectors) + _SLACK_BYTES


def _select(narrow: Filter, catalog: Catalog, stopped: Stopped) -> Selection | None:
    files, is_everything = _files(narrow.of_files(), catalog, stopped)
    if is_everything and not narrow.kinds:
        return None
    chunks = np.zeros(catalog.last_id("chunks") + 1, np.bool_)
    firsts: Sequence[int] | None = None
    if is_everything:
        chunks[:] = True
    else:
        firsts = _take_chunks(chunks, files, catalog, stopped)
    kinds = mask_of(narrow.kinds) if narrow.kinds else -1
    vectors = np.zeros(catalog.last_id("vectors") + 1, np.bool_)
    for start in range(0, len(chunks), BLOCK_CHUNKS):
        look(stopped)
        block = chunks[start : start + BLOCK_CHUNKS]
        taken = np.flatnonzero(block)
        if not len(taken):
            continue
        first, last = start + int(taken[0]), start + int(taken[-1])
        if not narrow.kinds and len(taken) == last - first + 1:
            vectors[catalog.vectors_of_chunks(first, last)] = True
            continue
        ids, used = catalog.chunks_of_kinds(first, last, kinds)
        wanted = chunks[ids]
        if narrow.kinds:
            block[:] = False
            chunks[ids[wanted]] = True
        vectors[used[wanted]] = True
    vectors[:1] = False  # what a chunk has that has none
    # Not by kind: there a chunk has that of one definition, and here it may hold others.
    narrowing = Narrowing(narrow.languages, (), folders_of_globs(narrow.globs), firsts)
    return Selection(IdSet(chunks), IdSet(vectors), narrowing)


def _files(
    takes: Callable[[bytes, str], bool], catalog: Catalog, stopped: Stopped
) -> tuple[npt.NDArray[np.bool_], bool]:
    """By number the files that pass, and whether all do."""
    table = bytearray()
    everything = True
    for number, (file_id, path, language) in enumerate(catalog.file_places()):
        if number % LOOK_FILES == 0:
            look(stopped)
        if file_id >= len(table):
            table.extend(bytes(file_id - len(table) + LOOK_FILES))
        if takes(path, language):
            table[file_id] = True
        else:
            everything = False
    return np.frombuffer(table, np.bool_), everything


def _take_chunks(
    chunks: npt.NDArray[np.bool_], files: npt.NDArray[np.bool_], catalog: Catalog, stopped: Stopped
) -> Sequence[int] | None:
    """Mark the chunks of the files that pass; those of a file follow each other. The first of each, when they are
    few."""
    firsts: list[int] = []
    for number, (file_id, first, last) in enumerate(catalog.chunk_ranges()):
        if number % LOOK_FILES == 0:
            look(stopped)
        if file_id < len(files) and files[file_id]:
            chunks[first : last + 1] = True
            if len(firsts) <= FEW_FILES:
                firsts.append(first)
    return firsts if len(firsts) <= FEW_FILES else None


def folders_of_globs(globs: Sequence[str]) -> tuple[str, ...]:
    """Folders below which everything lies that the globs take; empty when they do not tell."""
    found = set()
    for glob in globs:
        if glob.startswith("!"):
            continue
        bare = glob.removeprefix("./")
        is_anchored = "/" in bare.rstrip("/")
        if not is_anchored or not bare.isprintable() or set(bare) & set("{}\\"):
            return ()
        *around, _ = bare.removeprefix("/").split("/")
        literal = list(takewhile(lambda part: part and not set(part) & set("*?["), around))
        if not literal or any(part in (".", "..") for part in literal):
            return ()
        found.add("/".join(literal))
    return tuple(sorted(found))


def look(stopped: Stopped) -> None:
    """QuestionStopped once nobody waits for the answer any more."""
    if stopped():
        raise QuestionStopped("the question was stopped")
