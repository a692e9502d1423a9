"""One workspace: its folder of index files, opened to write or to read.

Invariant: only the holder of the folder's lock writes; readers need no lock and see the last commit.
Invariant: damage that anyone meets, by whatever way, leaves a mark in the folder (the catalog itself calls for it); the
next writer sees the mark and builds anew. A folder that Lowtide did not make is refused, and left as it is.
Threads: `reading`, the marks and `needs_healing` may be used by any thread; `writing` by one at a time.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from lowtide.errors import (
    CorruptIndex,
    CorruptSegment,
    EmptyIndex,
    ForeignIndex,
    IndexGone,
    LockHeld,
    NoIndex,
    OlderIndex,
    RootAway,
    StoreError,
)
from lowtide.index.folder import COMPARED, DAMAGED, DAMAGED_SEGMENTS, disk_bytes, is_own, remove
from lowtide.models import display_path
from lowtide.paths import ROOT_FILE, make_index_folder, write_private
from lowtide.store import schema
from lowtide.store.catalog import Catalog
from lowtide.store.vetting import CATALOG, LOCK, SEED, check_folder
from lowtide.system.beneath import open_plain
from lowtide.system.lock import WriterLock
from lowtide.system.tree.walk import refuse_reason

log = logging.getLogger(__name__)

ROOT_PLACE = "root_place"
INDEX_GONE = "the files of the index were removed or replaced: it is built anew from what is there"
REBUILT = "the index was damaged: it is built anew"
CONVERTS = "the index was written by an older version: it is being made one of this, a minute for six million symbols"
CONVERTING_S = 2.0
"""A reader waits so long for a writer that does so, before it says it."""
_VERSION_AT = 60
"""Where SQLite keeps `user_version` in a file, four bytes, the highest first."""
_KEPT = (LOCK, ROOT_FILE)
"""Files of the folder that are no part of the index."""


class Comparison(msgspec.Struct, frozen=True):
    """A look at all files: how long ago it ended, how long comparing took."""

    age_s: float
    took_s: float


class Workspace:
    """A root folder and the folder that holds its index."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self.has_keeper = False
        """Whether somebody opens it to write: readers leave to them what only a writer can do."""

    @property
    def catalog_path(self) -> Path:
        return self.folder / CATALOG

    @property
    def has_index(self) -> bool:
        """Whether there is an index to read."""
        return os.path.lexists(self.catalog_path)

    @contextmanager
    def writing(
        self, *, anew: bool = False, begin: Callable[[Workspace], object] = lambda _: None
    ) -> Iterator[tuple[Catalog, list[str]]]:
        """The catalog to write, under the lock, with what had to be mended on the way (sentences for people).

        `begin` is called where there is no index yet: it may put one there to begin with (`seeding`).
        Errors: LockHeld, IndexTooNew, ForeignIndex, StoreError. A damaged catalog is removed and begun anew. IndexGone
        out of a transaction when the folder was removed or replaced meanwhile: close it, and open it again.
        """
        check_folder(self.folder)
        make_index_folder(self.folder, os.path.realpath(os.fsencode(self.root)))
        with WriterLock(self.folder / LOCK) as lock:
            mended: list[str] = []
            if self.is_marked:
                mended.append(REBUILT)
            if anew or mended:
                self._remove_files()
            if not mended and not self.has_index:
                begin(self)
            try:
                catalog = self._writer(lock)
            except CorruptIndex as error:
                mended.append(f"{error.message}: it is built anew")
                self._remove_files()
                catalog = self._writer(lock)
            try:
                self._settle(catalog)
                yield catalog, mended
            except CorruptSegment:
                self.report_damaged_segments()
                raise
            except CorruptIndex:
                self.report_damage()  # of what is in the catalog, and SQLite takes for sound
                raise
            finally:
                catalog.close()

    def is_older(self) -> bool:
        """Whether its catalog looks like an older version's, to say so. For a thread."""
        try:
            with open_plain(self.catalog_path, _VERSION_AT + 4, follow=False) as file:
                version = int.from_bytes(file.read(_VERSION_AT + 4)[_VERSION_AT:], "big")
        except OSError:
            return False
        return 0 < version < schema.SCHEMA_VERSION

    def _convert(self) -> Catalog:
        """Make an index of an older version one of this; the catalog to read. Waits a moment for who does so. LockHeld
        when that takes long."""
        until_s = time.monotonic() + CONVERTING_S
        while True:
            if not self.has_keeper:
                with suppress(LockHeld), self.writing() as (catalog, _):
                    log.info("event=index-converted root=%r files=%d", str(self.root), catalog.counts().files)
            with suppress(OlderIndex):
                return self._reader()
            if time.monotonic() > until_s:
                raise LockHeld(f"the index of {self.root} cannot be read yet", CONVERTS, "ask again in a moment")
            time.sleep(0.05)

    def _reader(self) -> Catalog:
        return Catalog(self.catalog_path, writable=False, on_damage=self.report_damage)

    def _writer(self, lock: WriterLock) -> Catalog:
        return Catalog(self.catalog_path, writable=True, on_damage=self.report_damage, is_ours=lambda: lock.is_in_place)

    def _settle(self, catalog: Catalog) -> None:
        known = catalog.get_meta("content_version")
        with catalog.transaction():
            if known is None:
                catalog.set_meta("root", display_path(os.fsencode(self.root)))
            elif known != str(schema.CONTENT_VERSION):
                catalog.mark_all_stale()
            catalog.set_meta("content_version", str(schema.CONTENT_VERSION))
        self.sweep({segment.name for segment in catalog.segments()})

    def remember_root(self, catalog: Catalog) -> None:
        """Keep which folder was indexed: an empty one in its place is not the same one, emptied."""
        place = _place_of_root(self.root)
        if catalog.get_meta(ROOT_PLACE) != place:
            catalog.set_meta(ROOT_PLACE, place)

    def check_root(self, catalog: Catalog) -> None:
        """RootAway when the root is gone, has become a link, or is empty and not the folder that was indexed. For a
        thread."""
        if os.path.realpath(self.root) != os.fspath(self.root):
            raise self._away("it is a link to another folder now")
        try:
            with os.scandir(self.root) as entries:
                if next(entries, None) is not None or catalog.get_meta(ROOT_PLACE) == _place_of_root(self.root):
                    return
            why = "it is empty, and not the folder that was indexed: perhaps a disk is not mounted"
        except OSError as error:
            why = error.strerror or str(error)
        if next(catalog.known_files(), None) is not None:
            raise self._away(why)

    def check_there(self) -> None:
        """The same by itself, when an answer came out empty: nothing is found in what is not there. For a thread."""
        with closing(self.reading()) as catalog:
            self.check_root(catalog)

    def _away(self, why: str) -> RootAway:
        return RootAway(
            f"{self.root} is not there",
            f"{why}; its index is kept",
            f"bring it back, or remove the index with `lowtide clear {self.root}`",
        )

    def settle_model(self, catalog: Catalog, recipe: str) -> bool:
        """Make the index one of the model `recipe` (empty: none); True when vectors of another were dropped."""
        known = catalog.get_meta("recipe")
        if known == recipe:
            return False
        changed = bool(known) and bool(recipe)
        if recipe and (known is not None or catalog.vector_dims()):
            # Vectors of two models never mix, and files indexed without any get theirs now. Nobody knows whose those of
            # a catalog are that names no model.
            catalog.forget_vectors()
        if recipe or known is None:
            catalog.set_meta("recipe", recipe)
        return changed

    def settle_settings(self, catalog: Catalog, of_texts: str, of_paths: str) -> None:
        """Look again at what is indexed differently since the configuration changed.

        `of_texts` and `of_paths` name the settings by which workers judge a text and the walk a path. Other ones for
        texts concern every file; other ones for paths only what was skipped, for the walk itself tells of the rest.
        """
        known = catalog.get_meta("settings")
        now = f"{of_texts}-{of_paths}"
        if known == now:
            return
        with catalog.transaction():
            if known is not None and known.partition("-")[0] == of_texts:
                catalog.mark_skipped_stale()
            elif known is not None:
                catalog.mark_all_stale()
            catalog.set_meta("settings", now)

    def reading(self) -> Catalog:
        """The catalog to read; one of an older version becomes one of this first, as its next writer would have it.

        Errors: NoIndex when there is no index, or nothing in it yet; CorruptIndex, remembered for the next writer;
        ForeignIndex; LockHeld while somebody else converts it, and that takes long; StoreError. For a thread.
        """
        if not self.has_index:
            raise self.no_index()
        check_folder(self.folder)
        try:
            return self._reader()
        except OlderIndex:
            return self._convert()
        except EmptyIndex:
            # The writer has made the file, and not its tables yet: to call that damage would begin the index anew.
            raise NoIndex(
                f"no index for {self.root} yet",
                "it is being made",
                f"try again in a moment, or run `lowtide index {self.root}`",
            ) from None
        except IndexGone:
            raise self.no_index() from None

    def no_index(self) -> NoIndex:
        """The error for a root without an index."""
        return NoIndex(f"no index for {self.root}", "it has not been indexed", self.how_to_begin())

    def how_to_begin(self) -> str:
        """What to do about a root that has no index: not every folder is to be indexed."""
        if why := refuse_reason(self.root):
            return f"{why}: name a folder in it that holds source"
        return f"run `lowtide index {self.root}`"

    def report_damage(self) -> None:
        """Leave a mark: the next writer builds the index anew."""
        self._mark(DAMAGED)

    def report_damaged_segments(self) -> None:
        """Leave a mark: the next writer makes the damaged segments anew."""
        self._mark(DAMAGED_SEGMENTS)

    def _mark(self, name: str) -> None:
        with suppress(OSError):
            os.close(os.open(self.folder / name, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600))

    @property
    def is_marked(self) -> bool:
        """Whether somebody met damage in the catalog."""
        return os.path.lexists(self.folder / DAMAGED)

    @property
    def has_damaged_segments(self) -> bool:
        """Whether a reader met a damaged segment."""
        return (self.folder / DAMAGED_SEGMENTS).exists()

    def forget_damaged_segments(self) -> None:
        """They have been made anew."""
        (self.folder / DAMAGED_SEGMENTS).unlink(missing_ok=True)

    def remember_comparison(self, took_s: float) -> None:
        """A look at all files has just ended; comparing took so long."""
        with suppress(OSError):
            write_private(self.folder / COMPARED, b"%.1f\n" % took_s)
            os.utime(self.folder / COMPARED)

    def last_comparison(self) -> Comparison | None:
        """The last look at all files that came to its end."""
        try:
            with open_plain(self.folder / COMPARED, 32, follow=False) as file:
                ended_s, text = file.info.st_mtime, file.read(32)
            return Comparison(max(0.0, time.time() - ended_s), float(text))
        except (OSError, ValueError):
            return None

    def sweep(self, keep: set[str]) -> list[str]:
        """Remove what no manifest names: left by a process that was killed. Returns the names."""
        removed = []
        for path in self.folder.iterdir():
            used = (
                path.name in keep
                or path.name in (*_KEPT, DAMAGED, DAMAGED_SEGMENTS, COMPARED)
                or (path.name.startswith(CATALOG) and not path.name.startswith(SEED))
            )
            if not used and is_own(path):
                with suppress(OSError):
                    remove(path)
                    removed.append(path.name)
        return removed

    def _remove_files(self) -> None:
        # The mark goes last: killed in between, the next writer goes on.
        for path in sorted(self.folder.iterdir(), key=lambda path: path.name == DAMAGED):
            if is_own(path) and path.name not in _KEPT:
                with suppress(FileNotFoundError):
                    remove(path)

    def clear(self) -> int:
        """Remove the whole index, a stranger's too; returns the bytes freed. LockHeld while something writes to it,
        NoIndex when there is none.

        Only what has a name that Lowtide gives goes, links as links; StoreError when something else is left.
        """
        if not os.path.lexists(self.folder):
            raise NoIndex(f"no index for {self.root}", "it has not been indexed", "nothing has to be removed")
        freed = self.disk_bytes()
        try:
            check_folder(self.folder)
        except ForeignIndex:
            freed = 0  # perhaps of files elsewhere
            self._remove_whole()
        else:
            with WriterLock(self.folder / LOCK):
                self._remove_whole()
        return freed

    def _remove_whole(self) -> None:
        if self.folder.is_symlink():
            self.folder.unlink()
            return
        left = []
        for path in self.folder.iterdir():
            if path.name in _KEPT or is_own(path, any_kind=True):
                with suppress(FileNotFoundError):
                    remove(path)
            else:
                left.append(path.name)
        if left:
            raise StoreError(
                f"{self.folder} is not empty",
                f"it holds what is not Lowtide's: {', '.join(sorted(left)[:5])!r}",
                "remove it by hand",
            )
        self.folder.rmdir()

    def disk_bytes(self) -> int:
        """What the index takes on the disk."""
        return disk_bytes(self.folder)


def _place_of_root(root: Path) -> str:
    try:
        info = os.stat(root)
    except OSError:
        return ""
    return f"{info.st_dev}:{info.st_ino}"


def now_s() -> float:
    """The clock of durations, in seconds."""
    return time.monotonic()
