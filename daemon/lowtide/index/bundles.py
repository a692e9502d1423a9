"""An index as one file: made of a workspace's index, and taken over as another workspace's.

Invariant: a bundle is a stranger's until all of it was looked at: it is unpacked into a folder of its own, which no
index is read from; files, schema, rows and the lexical index are checked there, and segments are made there from the
rows. Then it becomes the workspace's by renames, the catalog's last.
Invariant: what the bundle says of the machine that it was made on is left out, on both sides.
Threads: any; `install` under the writer's lock of the workspace.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import struct
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

import lowtide
from lowtide.errors import BundleError, CorruptIndex, LowtideError, PathError, StoreError, UsageError
from lowtide.index.bundle_vectors import take_vectors, write_vectors
from lowtide.index.folder import remove
from lowtide.index.git_stamps import take_written_stamps, write_blobs
from lowtide.index.report import verify_segments
from lowtide.index.upkeep import settle_names
from lowtide.index.workspace import Workspace
from lowtide.models import display_path
from lowtide.paths import Places, make_private
from lowtide.store import bundle_file, schema
from lowtide.store.bundle_file import BLOBS, VECTORS, Facts, Manifest
from lowtide.store.catalog import Catalog
from lowtide.store.columns import take_columns, write_columns
from lowtide.store.durable import link_or_copy, sync_file, sync_folder
from lowtide.store.rows import LEXICAL_KIND
from lowtide.store.vetting import CATALOG
from lowtide.system.beneath import CannotRead, open_plain
from lowtide.system.tree.checkout import Checkout, ancestors, checkout_at

INCOMING = "incoming"
"""Folder of the cache in which bundles are made and looked at, each in a folder of its own."""
SPARE_BYTES = 64 << 20
"""Room on the disk that is left."""
MOST_ANCESTORS = 10_000
"""Commits that are looked at to see whether a bundle is of this repository."""
_LEFT_S = 24 * 3600.0
"""What is older was left by a process that was killed."""
_NO_CHECKOUT = Checkout(None, "", b"", "")


class Carried(msgspec.Struct, frozen=True):
    """What was exported, or taken over. `bytes`: of the file."""

    root: Path
    commit: str
    files: int
    chunks: int
    size_bytes: int

    def as_json(self) -> dict[str, Any]:
        """The object of `lowtide export --json` and `lowtide import --json`."""
        return {
            "root": display_path(os.fsencode(self.root)),
            "commit": self.commit,
            "files": self.files,
            "chunks": self.chunks,
            "bytes": self.size_bytes,
        }


class Staged(msgspec.Struct, frozen=True):
    """A bundle that was found sound, unpacked beside the indexes."""

    folder: Path
    carried: Carried | None = None
    """What is known of it where it was looked at."""

    def discard(self) -> None:
        """What was not installed goes."""
        shutil.rmtree(self.folder, ignore_errors=True)


def staged_as(places: Places, name: str) -> Staged:
    """What another process of this user's has staged under this name. UsageError."""
    folder = places.cache / INCOMING / name
    if not re.fullmatch(r"[0-9a-f]{16}", name) or not folder.is_dir():
        raise UsageError(f"{name[:40]!r} is no bundle that waits", "", "run `lowtide import` again")
    return Staged(folder)


def export(places: Places, workspace: Workspace, target: Path) -> Carried:
    """Write the index of `workspace`, as it is at one moment, to the file `target`. PathError, StoreError."""
    if target.is_dir():
        raise PathError(f"{target} is a folder", "", "name the file to write")
    if not target.parent.is_dir():
        raise PathError(f"no such folder: {target.parent}", "", "make it first, or name a file in another")
    checkout = checkout_at(os.fsencode(workspace.root)) or _NO_CHECKOUT
    folder = _room_of_its_own(places)
    try:
        facts, parts = _copy(workspace, folder, checkout)
        size_bytes = bundle_file.write(target, facts, parts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Carried(workspace.root, facts.commit, facts.files, facts.chunks, size_bytes)


def _copy(workspace: Workspace, folder: Path, checkout: Checkout) -> tuple[Facts, list[tuple[str, Path]]]:
    """What is packed: the rows at one moment, which of the files are as git has them, and the words."""
    with closing(workspace.reading()) as catalog:
        if catalog.last_run() is None:
            why = "no run over its files has come to its end"
            raise StoreError(f"the index of {workspace.root} is not complete", why, "run `lowtide index` first")
        _need_room(folder, 2 * workspace.catalog_path.stat().st_size)
        catalog.compact_to(folder / CATALOG)
    with closing(Catalog(folder / CATALOG, writable=True)) as copy:
        segments = copy.vector_segments()
        copy.keep_what_travels()
        write_vectors(folder / VECTORS, workspace.folder, segments, copy)
        write_blobs(folder / BLOBS, workspace.root, checkout, copy)
        facts = _facts(checkout, copy)
        with copy.view():
            write_columns(folder, copy.ask)
        copy.leave_out()
        lexical = copy.lexical_segment()
    parts = [(name, folder / name) for name in bundle_file.PARTS]
    if lexical is None:
        return facts, parts
    words, kept = workspace.folder / lexical.name, folder / lexical.name
    try:
        kept.mkdir(mode=0o700)
        for name in sorted(os.listdir(words)):
            link_or_copy(words / name, kept / name)
            parts.append((f"{lexical.name}/{name}", kept / name))
    except OSError as error:  # another process has written the next one meanwhile
        raise StoreError(f"the index of {workspace.root} is being written", str(error), "try again") from error
    return facts, parts


def _facts(checkout: Checkout, catalog: Catalog) -> Facts:
    counts = catalog.counts()
    return Facts(
        repository=checkout.name,
        commit=checkout.commit,
        prefix=os.fsdecode(checkout.prefix).encode("utf-8", "replace").decode(),
        recipe=catalog.get_meta("recipe") or "",
        content_version=schema.CONTENT_VERSION,
        schema_version=schema.SCHEMA_VERSION,
        files=counts.files,
        chunks=counts.chunks,
        vectors=counts.vectors,
        made_by=lowtide.__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def stage(
    places: Places,
    file: Path,
    workspace: Workspace,
    recipe: str,
    *,
    commit: str = "",
    is_stopped: Callable[[], bool] = lambda: False,
) -> Staged:
    """Look at the bundle `file` as if a stranger had made it, and make it ready to be the index of `workspace`.

    `recipe` is of the model that vectors must be of, `commit` the one that was asked for, if any. Errors: BundleError
    for whatever is wrong with it; StoreError when it cannot be written here. Whoever gets it discards it at last.
    """
    try:
        with open_plain(file, 1 << 62, follow=True) as opened:
            size_bytes = opened.info.st_size
            manifest = bundle_file.read_manifest(opened, size_bytes)
            facts = manifest.facts
            checkout = checkout_at(os.fsencode(workspace.root)) or _NO_CHECKOUT
            _check_facts(facts, workspace.root, checkout, recipe, commit)
            folder = _room_of_its_own(places)
            try:
                _need_room(folder, 2 * manifest.size_bytes)
                bundle_file.unpack(opened, manifest, folder, is_stopped)
                _look_over(Workspace(workspace.root, folder), manifest, checkout)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    except CannotRead as error:
        raise BundleError("it cannot be read", error.why, "name a file that `lowtide export` made") from error
    return Staged(folder, Carried(workspace.root, facts.commit, facts.files, facts.chunks, size_bytes))


def _check_facts(facts: Facts, root: Path, checkout: Checkout, recipe: str, commit: str) -> None:
    """BundleError when the index would not be of use here."""
    theirs, ours = (facts.schema_version, facts.content_version), (schema.SCHEMA_VERSION, schema.CONTENT_VERSION)
    if theirs != ours:
        why = f"content version {theirs[1]}, schema {theirs[0]}; here they are {ours[1]} and {ours[0]}"
        raise BundleError(
            "it was made by another version of Lowtide", why, "make it with the version that is used here"
        )
    if facts.recipe != recipe:
        raise BundleError("it was made with another embedding model", "", "make it with the model that is used here")
    if commit and facts.commit != commit:
        why = f"it is of commit {facts.commit[:12] or 'none'}, and not of {commit[:12]}"
        raise BundleError("it is of another commit than its name says", why, "publish it under its own commit")
    same_place = facts.repository and facts.repository == checkout.name
    known = commit or not checkout.commit or not facts.commit or same_place
    if not known and facts.commit not in ancestors(os.fsencode(root), MOST_ANCESTORS):
        made_of = f"{facts.repository}, commit" if facts.repository else "commit"
        why = f"it was made of {made_of} {facts.commit[:12]}, which is no commit before the one here"
        raise BundleError("it is of another repository", why, "take one that was made of this repository")
    if os.fsencode(facts.prefix) != checkout.prefix:
        why = f"{facts.prefix or 'all of it'}, and not {os.fsdecode(checkout.prefix) or 'all of it'}"
        raise BundleError("it is of another folder of the repository", why, "make it of the same folder")


def _look_over(unpacked: Workspace, manifest: Manifest, checkout: Checkout) -> None:
    """Check all that was unpacked, and make of it an index of this workspace. BundleError; StoreError when that cannot
    be written."""
    try:
        with closing(unpacked.reading()) as catalog:
            if complaint := _complaint(catalog, manifest):
                raise _unsound(complaint)
    except LowtideError as error:
        raise error if isinstance(error, BundleError) else _unsound(error.message) from error
    try:
        with closing(Catalog(unpacked.catalog_path, writable=True)) as catalog:
            with catalog.filling() as (ask, put):
                take_columns(unpacked.folder, ask, put)
            counts, facts = catalog.counts(), manifest.facts
            if (counts.files, counts.chunks, counts.vectors) != (facts.files, facts.chunks, facts.vectors):
                raise _unsound("it does not hold what it says")
            catalog.keep_what_travels()
            catalog.begin_as_copy(display_path(os.fsencode(unpacked.root)))
            take_vectors(unpacked.folder / VECTORS, unpacked.folder, catalog)
            settle_names(unpacked, catalog)
            if damage := verify_segments(unpacked, catalog):
                raise _unsound(damage)
            take_written_stamps(unpacked.folder / BLOBS, unpacked.root, checkout, catalog)
        sync_file(unpacked.catalog_path)
    except CorruptIndex as error:
        raise _unsound(error.message) from error
    except (ValueError, TypeError, OverflowError, ArithmeticError, LookupError, struct.error) as error:
        # numpy, met by numbers that no check thought of.
        raise _unsound(f"{type(error).__name__}: {error}"[:200]) from error


def _complaint(catalog: Catalog, manifest: Manifest) -> str:
    """What is wrong with the rows; empty when nothing is."""
    facts, segments = manifest.facts, catalog.segments()
    named = {part.name.partition("/")[0] for part in manifest.parts if "/" in part.name}
    if complaint := (catalog.check() or "") or catalog.implausible():
        return complaint
    if catalog.path_that_leads_out() is not None:
        return "it names a file outside of the workspace"
    if {row.kind for row in segments} - {LEXICAL_KIND} or [row.name for row in segments] != sorted(named):
        return "its segments are not those that it names"
    if catalog.get_meta("content_version") != str(facts.content_version):
        return "its content version is not the one that it says"
    return "" if (catalog.get_meta("recipe") or "") == facts.recipe else "its model is not the one that it says"


def _unsound(why: str) -> BundleError:
    return BundleError("it is damaged", why, bundle_file.FETCH_AGAIN)


def install(found: Staged, workspace: Workspace) -> None:
    """Make the staged index the one of `workspace`, which has none. StoreError."""
    made: list[Path] = []
    try:
        names = sorted(os.listdir(found.folder), key=lambda name: name == CATALOG)
        for name in names:
            if name == BLOBS or name.startswith(f"{CATALOG}-"):
                continue
            os.rename(found.folder / name, workspace.folder / name)
            made.append(workspace.folder / name)
        sync_folder(workspace.folder)
    except OSError as error:
        for path in made:
            with suppress(OSError):
                remove(path)
        what = f"cannot put the index into {workspace.folder}"
        raise StoreError(what, error.strerror or str(error), "look at the folder, then try again") from error


# -- places -------------------------------------------------------------------------------------------------------


def _room_of_its_own(places: Places) -> Path:
    """A new private folder beside the indexes, on the same file system."""
    incoming = places.cache / INCOMING
    make_private(incoming)
    _sweep(incoming)
    folder = incoming / secrets.token_hex(8)
    make_private(folder)
    return folder


def _sweep(incoming: Path) -> None:
    with suppress(OSError):
        for path in incoming.iterdir():
            with suppress(OSError):
                if time.time() - path.stat(follow_symlinks=False).st_mtime > _LEFT_S:
                    shutil.rmtree(path, ignore_errors=True)


def _need_room(folder: Path, size_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if size_bytes + SPARE_BYTES > free:
        raise StoreError("the disk has no room for it", f"{size_bytes >> 20:,} MiB are needed", "free some space")
