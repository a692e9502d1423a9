"""From options and PATH to a configuration and a root.

Invariant: no part of the engine is imported that a command which asks the daemon can do without.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lowtide.cli.options import Options
from lowtide.errors import PathError, RefusedError, RootAway
from lowtide.paths import ROOT_FILE, Places, real_path
from lowtide.serve import configured

if TYPE_CHECKING:
    from lowtide.config.settings import Config


def load(options: Options) -> tuple[Places, Config]:
    """The places and the configuration, with the command line's budget."""
    return configured.load(options.budget)


def asked_budget(options: Options) -> int | None:
    """The bytes of `--budget`, if it was given: see `configured.asked_budget`."""
    return configured.asked_budget(options.budget)


def check_named(path: str) -> None:
    """PathError for an empty path: as a rule a variable of a script that is not set, and never the current folder."""
    if not path:
        raise PathError("an empty path", "", "name a folder, `.` for the current one, or leave it out")


def resolve_root(path: str | None, *, indexing: bool = False, consent: bool = False) -> Path:
    """The workspace root that PATH means. PathError for a path that is none; RefusedError without `consent` for a
    home."""
    places = Places.from_environment()
    if path is None:
        try:
            here = Path.cwd()
        except OSError as error:
            raise PathError(
                "the current folder is gone", error.strerror or "", "name a folder, or go to one"
            ) from error
        root = places.find_root(here)
    else:
        check_named(path)
        root = Path(path)
        if not os.path.exists(root):
            real = real_path(root)
            if (places.index_folder(real) / ROOT_FILE).exists():
                remedy = f"bring it back, or remove the index with `lowtide clear {real}`"
                raise RootAway(f"{real} is not there", "no such folder; its index is kept", remedy)
            raise PathError(f"no such folder: {path}", "", "check the spelling")
        if not os.path.isdir(root):
            raise PathError(f"{path} is not a folder", "", "name the folder that holds it")
        root = real_path(root)
        root = root if indexing else places.find_index_root(root)
    if indexing and not consent:
        from lowtide.system.tree.walk import refuse_reason

        why = refuse_reason(root)
        if why:
            raise RefusedError(
                f"will not index {root}", why, "name a project's folder, or add --yes to do it all the same"
            )
    return root
