"""From options and PATH to a host and a root."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lowtide.cli.options import Options
from lowtide.config import Config, load_config, parse_size
from lowtide.errors import PathError, RefusedError
from lowtide.host import Host
from lowtide.paths import Places, real_path
from lowtide.system.memory import machine_bytes
from lowtide.system.walk import refuse_reason


def load(options: Options) -> tuple[Places, Config]:
    """The places and the configuration, with the command line's budget."""
    places = Places.from_environment()
    budget_bytes = parse_size(options.budget) if options.budget else None
    return places, load_config(places.config_file, machine_bytes=machine_bytes(), budget_bytes=budget_bytes)


@asynccontextmanager
async def open_host(options: Options) -> AsyncIterator[Host]:
    """A host of this process's own, ended on exit."""
    places, config = load(options)
    async with Host(places, config) as host:
        yield host


def resolve_root(path: str | None, *, indexing: bool = False, consent: bool = False) -> Path:
    """The workspace root that PATH means. PathError for a path that is none; RefusedError without `consent` for a home."""
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
        root = Path(path)
        if not os.path.exists(root):
            raise PathError(f"no such folder: {path}", "", "check the spelling")
        if not os.path.isdir(root):
            raise PathError(f"{path} is not a folder", "", "name the folder that holds it")
        root = real_path(root)
        root = root if indexing else places.find_index_root(root)
    if indexing and not consent:
        why = refuse_reason(root)
        if why:
            raise RefusedError(
                f"will not index {root}", why, "name a project's folder, or add --yes to do it all the same"
            )
    return root
