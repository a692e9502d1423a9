"""A new work tree or clone begins with the index of another one of the same repository, or with a bundle.

Invariant: the copy is one moment of a sound index of this user's, whole or not there: it becomes this workspace's by
one rename, and is then compared with the files like any other index. What goes wrong costs nothing but the copy.
Invariant: segments are never changed, so both indexes name the same files on the disk (hard links) where the file
system can, and each may be removed without the other.
Threads: any, under the writer's lock of the new index.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

from lowtide.errors import LowtideError
from lowtide.index.bundles import install
from lowtide.index.folder import remove
from lowtide.index.git_stamps import blobs_as_indexed, take_stamps
from lowtide.index.sharing import Begun
from lowtide.index.workspace import Workspace
from lowtide.models import display_path
from lowtide.store import schema
from lowtide.store.catalog import Catalog
from lowtide.store.durable import link_or_copy
from lowtide.store.vetting import SEED
from lowtide.system.tree.checkout import checkout_at

log = logging.getLogger(__name__)

SPARE_BYTES = 64 << 20
"""Room on the disk that a copy leaves."""


class Beginning:
    """What an index begins with where there is none: called under the lock, before anything is written."""

    def __init__(self, siblings: Callable[[Workspace], Iterable[Workspace]], begun: Begun | None = None) -> None:
        self._siblings = siblings
        self._begun = begun or Begun()
        self.messages: tuple[str, ...] = ()
        """What there is to tell of it, once it was called."""
        self.is_copy = False
        """Whether the index has begun with another one's files."""

    def __call__(self, workspace: Workspace) -> None:
        """Install the bundle if there is one, else a copy of a sibling's index. Errors: none."""
        self.messages = (self._begun.message,) if self._begun.message else ()
        if self._begun.staged is None:
            self.is_copy = begin_from(self._siblings, workspace) is not None
            return
        try:
            install(self._begun.staged, workspace)
        except LowtideError as error:
            log.warning("event=bundle-not-installed root=%r why=%r", str(workspace.root), str(error))
            self.messages = (f"the bundle could not be taken over: {error.message}; it is built here",)
        else:
            self.is_copy = True

    def discard(self) -> None:
        """What was not installed goes."""
        if self._begun.staged is not None:
            self._begun.staged.discard()


def nothing_to_begin_with() -> Beginning:
    """For an index that is to be made of the files alone."""
    return Beginning(lambda _: ())


def is_fit(sibling: Workspace) -> bool:
    """Whether a sibling's index is one to begin with, as far as that is told quickly."""
    try:
        with closing(sibling.reading()) as catalog:
            is_of_version = catalog.get_meta("content_version") == str(schema.CONTENT_VERSION)
            return is_of_version and not sibling.is_marked and catalog.last_run() is not None
    except LowtideError:
        return False


def begin_from(siblings: Callable[[Workspace], Iterable[Workspace]], workspace: Workspace) -> Workspace | None:
    """Give `workspace`, which has no index, a copy of the first sibling's that can be copied; returns that sibling.

    Errors: none; a sibling that is damaged, a stranger's, of another format or too large for the disk is passed by.
    """
    sweep(workspace.folder)
    for sibling in siblings(workspace):
        try:
            _copy(sibling, workspace)
        except (LowtideError, OSError) as error:
            log.info("event=not-seeded root=%r from=%r why=%r", str(workspace.root), str(sibling.root), str(error))
        else:
            log.info("event=seeded root=%r from=%r", str(workspace.root), str(sibling.root))
            return sibling
        finally:
            sweep(workspace.folder)
    return None


def sweep(folder: Path) -> None:
    """Remove what is left of a copy that did not come to its end."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            (folder / (SEED + suffix)).unlink()


def _copy(sibling: Workspace, workspace: Workspace) -> None:
    seed = workspace.folder / SEED
    if sibling.is_marked:
        raise _Unfit("it is damaged")
    with closing(sibling.reading()) as catalog:
        if catalog.get_meta("content_version") != str(schema.CONTENT_VERSION):
            raise _Unfit("it is of another version")
        if sibling.catalog_path.stat().st_size + SPARE_BYTES > shutil.disk_usage(workspace.folder).free:
            raise _Unfit("the disk has no room for a copy")
        catalog.compact_to(seed)  # free pages of the sibling's are no use here, and cost the first run
    with closing(Catalog(seed, writable=True)) as copy:
        if copy.last_run() is None:
            raise _Unfit("it has not been indexed to its end")
        copy.begin_as_copy(display_path(os.fsencode(workspace.root)))
        _take_stamps(sibling, workspace, copy)
        names = [segment.name for segment in copy.segments()]
    made = []
    try:
        for name in names:
            made.append(name)
            _share(sibling.folder / name, workspace.folder / name)
        os.rename(seed, workspace.catalog_path)
    except BaseException:
        for name in made:
            with suppress(OSError):
                remove(workspace.folder / name)
        raise


def _take_stamps(sibling: Workspace, workspace: Workspace, copy: Catalog) -> None:
    """What git knows to be the same on both sides need not be read here."""
    there, here = (checkout_at(os.fsencode(each.root)) for each in (sibling, workspace))
    if there is not None and here is not None:
        known = take_stamps(blobs_as_indexed(sibling.root, there, copy), workspace.root, here, copy)
        log.info("event=stamps-taken root=%r files=%d", str(workspace.root), known)


def _share(file: Path, place: Path) -> None:
    """The same immutable file under a second name, in place of what is there; a folder (of the lexical index) is made,
    with its files."""
    if file.is_dir() and not file.is_symlink():
        place.mkdir(mode=0o700)
        for name in os.listdir(file):
            _share(file / name, place / name)
        return
    place.unlink(missing_ok=True)
    link_or_copy(file, place)


class _Unfit(LowtideError):
    """This sibling's index is none to begin with."""

    kind = "unfit"
