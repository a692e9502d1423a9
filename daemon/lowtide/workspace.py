"""One workspace: its folder of index files, opened to write or to read.

Invariant: only the holder of the folder's lock writes; readers need no lock and see the last commit.
Invariant: a damaged catalog is set aside and made anew by the next index run; a reader only reports it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lowtide.errors import CorruptIndex, PathError
from lowtide.paths import ROOT_FILE
from lowtide.store import schema
from lowtide.store.catalog import Catalog
from lowtide.system.lock import WriterLock

CATALOG = "catalog.sqlite"
DAMAGED = "damaged"
"""A file that says: a reader met damage in the catalog; the next writer rebuilds."""
DAMAGED_SEGMENTS = "damaged-segments"
"""The same of segments, which are made anew from the catalog."""
NO_TABLES = "no tables"
"""What the catalog says of a file that has just been made."""


_KEPT = ("lock", ROOT_FILE)
"""Files of the folder that are no part of the index."""


class Workspace:
    """A root folder and the folder that holds its index."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder

    @property
    def catalog_path(self) -> Path:
        return self.folder / CATALOG

    @property
    def has_index(self) -> bool:
        """Whether there is an index to read."""
        return self.catalog_path.exists()

    @contextmanager
    def writing(self, *, anew: bool = False) -> Iterator[tuple[Catalog, list[str]]]:
        """The catalog to write, under the lock, with what had to be mended on the way (sentences for people).

        Errors: LockHeld, IndexTooNew, StoreError. A damaged catalog is removed and begun anew.
        """
        with WriterLock(self.folder / "lock"):
            mended: list[str] = []
            if anew:
                self._remove_files()
            if (self.folder / DAMAGED).exists():
                mended.append("the index was damaged: it is built anew")
                self._remove_files()
            try:
                catalog = Catalog(self.catalog_path, writable=True)
            except CorruptIndex as error:
                mended.append(f"{error.message}: it is built anew")
                self._remove_files()
                catalog = Catalog(self.catalog_path, writable=True)
            try:
                self._settle(catalog)
                yield catalog, mended
            except CorruptIndex:
                self.report_damage()
                raise
            finally:
                catalog.close()

    def _settle(self, catalog: Catalog) -> None:
        known = catalog.get_meta("content_version")
        with catalog.transaction():
            if known is None:
                catalog.set_meta(
                    "root",
                    os.fsencode(self.root)
                    .decode("utf-8", "surrogateescape")
                    .encode("utf-8", "backslashreplace")
                    .decode(),
                )
            elif known != str(schema.CONTENT_VERSION):
                catalog.mark_all_stale()
            catalog.set_meta("content_version", str(schema.CONTENT_VERSION))
        self.sweep({segment.name for segment in catalog.segments()})

    def settle_model(self, catalog: Catalog, recipe: str) -> bool:
        """Make the index one of the model `recipe` (empty: none); True when vectors of another were dropped."""
        known = catalog.get_meta("recipe")
        if known == recipe:
            return False
        changed = bool(known) and bool(recipe)
        if recipe and known is not None:
            # Vectors of two models never mix, and files indexed without any get theirs now.
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
        """The catalog to read. PathError when there is no index, or nothing in it yet; CorruptIndex, remembered for the next writer."""
        if not self.has_index:
            raise PathError(f"no index for {self.root}", "it has not been indexed", f"run `lowtide index {self.root}`")
        try:
            return Catalog(self.catalog_path, writable=False)
        except CorruptIndex as error:
            if error.why == NO_TABLES:
                # The writer has made the file, and not its tables yet: to call that damage would begin the index anew.
                raise PathError(f"no index for {self.root} yet", "it is being made", "try again in a moment") from None
            self.report_damage()
            raise

    def report_damage(self) -> None:
        """Leave a mark: the next writer builds the index anew."""
        with suppress(OSError):
            (self.folder / DAMAGED).touch(mode=0o600)

    def report_damaged_segments(self) -> None:
        """Leave a mark: the next writer makes the damaged segments anew."""
        with suppress(OSError):
            (self.folder / DAMAGED_SEGMENTS).touch(mode=0o600)

    @property
    def has_damaged_segments(self) -> bool:
        """Whether a reader met a damaged segment."""
        return (self.folder / DAMAGED_SEGMENTS).exists()

    def forget_damaged_segments(self) -> None:
        """They have been made anew."""
        (self.folder / DAMAGED_SEGMENTS).unlink(missing_ok=True)

    def sweep(self, keep: set[str]) -> list[str]:
        """Remove what no manifest names: left by a process that was killed. Returns the names."""
        removed = []
        for path in self.folder.iterdir():
            own = path.name in keep or path.name in (*_KEPT, DAMAGED, DAMAGED_SEGMENTS) or path.name.startswith(CATALOG)
            if not own and path.is_file():
                with suppress(OSError):
                    path.unlink()
                    removed.append(path.name)
        return removed

    def _remove_files(self) -> None:
        for path in self.folder.iterdir():
            if path.is_file() and path.name not in _KEPT:
                path.unlink(missing_ok=True)

    def clear(self) -> int:
        """Remove the whole index; returns the bytes freed. LockHeld while something writes to it."""
        freed = self.disk_bytes()
        with WriterLock(self.folder / "lock"):
            shutil.rmtree(self.folder)
        return freed

    def disk_bytes(self) -> int:
        """What the index takes on disk."""
        total = 0
        with suppress(OSError):
            for path in self.folder.iterdir():
                with suppress(OSError):
                    total += (
                        path.stat().st_blocks * 512 if hasattr(os.stat_result, "st_blocks") else path.stat().st_size
                    )
        return total


def now_s() -> float:
    """The clock of durations, in seconds."""
    return time.monotonic()
