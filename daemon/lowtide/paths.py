"""Where Lowtide keeps things.

`LOWTIDE_HOME` moves everything; else the user's configuration, cache and runtime folders (platformdirs).

Invariant: an index folder belongs to one root, named after its real path; folders are 0700.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from lowtide.errors import StoreError

ROOT_FILE = "root"
"""In an index folder: the path of its root, as bytes of the file system."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one user."""

    config: Path
    cache: Path
    runtime: Path

    @classmethod
    def from_environment(cls) -> Places:
        """By `LOWTIDE_HOME`, else by the platform's conventions. Nothing is created."""
        home = os.environ.get("LOWTIDE_HOME")
        if home:
            base = Path(home).absolute()
            return cls(base / "config", base / "cache", base / "run")
        import platformdirs

        return cls(
            Path(platformdirs.user_config_dir("lowtide", appauthor=False)),
            Path(platformdirs.user_cache_dir("lowtide", appauthor=False)),
            Path(platformdirs.user_runtime_dir("lowtide", appauthor=False)),
        )

    @property
    def config_file(self) -> Path:
        """The user's configuration; it need not exist."""
        return self.config / "config.toml"

    @property
    def socket(self) -> Path:
        """The daemon's socket."""
        return self.runtime / "daemon.sock"

    def index_folder(self, root: Path, *, create: bool = False) -> Path:
        """The folder of `root`'s index; with `create` it is made (StoreError when it cannot be)."""
        real = os.fsencode(os.path.realpath(root))
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name)[:40].strip("-.") or "root"
        folder = self.cache / "indexes" / f"{slug}-{hashlib.blake2b(real, digest_size=8).hexdigest()}"
        if create:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                (folder / ROOT_FILE).write_bytes(real)
            except OSError as error:
                raise StoreError(
                    f"cannot write to {folder}",
                    error.strerror or str(error),
                    "make it writable, free some space, or set LOWTIDE_HOME to another folder",
                ) from error
        return folder

    def list_indexes(self) -> list[tuple[Path, Path]]:
        """(root, folder) of every index, by root."""
        found = []
        for mark in (self.cache / "indexes").glob(f"*/{ROOT_FILE}"):
            try:
                found.append((Path(os.fsdecode(mark.read_bytes())), mark.parent))
            except OSError:
                continue
        return sorted(found)

    def find_index_root(self, start: Path) -> Path:
        """The nearest folder at or above `start` that has an index, else as `find_root`."""
        real = Path(os.path.realpath(start))
        for folder in (real, *real.parents):
            if (self.index_folder(folder) / ROOT_FILE).exists():
                return folder
        return _git_root(real) or real

    def find_root(self, start: Path) -> Path:
        """The workspace around `start`: the nearest folder with an index, else the git root, else `start` itself."""
        return self.find_index_root(start)

    def free_disk_bytes(self) -> int:
        """Free bytes on the disk of the cache."""
        folder = self.cache
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free


def _git_root(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    return None
