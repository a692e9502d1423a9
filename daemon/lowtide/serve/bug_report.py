"""What a report of a fault needs to be understood: versions, the machine, doctor's checks, the daemon, the log's end.

Invariant: no source text is read for it; without leave no path and no name of the user's is in it (`core/scrub.py`).
Invariant: a part that cannot be had says why, and the others are there all the same.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections import deque
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import lowtide
from lowtide.config.settings import Config
from lowtide.core.scrub import Scrubber, words_of
from lowtide.errors import LowtideError
from lowtide.paths import Places, open_regular
from lowtide.serve.client import END_S, Client, NotRunning
from lowtide.serve.diagnose import examine, index_check
from lowtide.system import memory

LOG_LINES = 200
COMMON = "lowtide-default C.UTF-8 en_US.UTF-8 xterm xterm-256color screen-256color tmux-256color linux dumb"
"""Words that stand in no source of ours, and tell nothing of anybody."""
MOST_LINE_CHARACTERS = 2000
_VARIABLES = (
    *("LOWTIDE_HOME", "LOWTIDE_BUDGET", "LOWTIDE_MODEL", "LOWTIDE_EMBEDDED"),
    *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "NO_COLOR", "TERM", "LANG", "LC_ALL", "GLIBC_TUNABLES"),
)
"""What Lowtide reads, and nothing else: a variable that is called alike may hold a token."""


def collect(
    places: Places, config: Config, complaint: LowtideError | None, *, with_paths: bool, lines: int = LOG_LINES
) -> dict[str, Any]:
    """The object of `lowtide report --json`. `lines`: how many of the log's. A daemon is asked, and never started."""
    parts: dict[str, Callable[[], Any]] = {
        "environment": _variables,
        "configuration": lambda: _configuration(config, complaint),
        "checks": lambda: [check.as_json() for check in examine(places, config, complaint)],
        "daemon": lambda: _daemon(places),
        "log": lambda: _log(places, lines),
    }
    found: dict[str, Any] = {}
    for name, part in parts.items():
        try:
            found[name] = part()
        except (LowtideError, OSError) as error:
            found[name] = {"error": str(error)}
    if not with_paths:
        found = _scrubber(places).value(found)
    return {"lowtide": lowtide.__version__, "with_paths": with_paths, "machine": _machine(), **found}


def _machine() -> dict[str, Any]:
    """Versions of what Lowtide runs on; nothing of it is the user's."""
    return {
        "python": platform.python_version(),
        "system": _kernel(),
        "architecture": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
        "cores": memory.cpu_count(),
        "memory_bytes": memory.machine_bytes(),
        "available_bytes": memory.available_bytes(),
        "encoding": sys.getfilesystemencoding(),
        "container": Path("/.dockerenv").exists() or Path("/run/.containerenv").exists(),
        "libraries": {name: _version(name) for name in _libraries()},
    }


def _kernel() -> str:
    """Its version without what whoever built it has called it, which may be a company's name."""
    release = platform.release()
    number = re.match(r"\d+(?:\.\d+)*", release)
    return f"{platform.system()} {number[0] if number else ''}{' (WSL)' if 'microsoft' in release.lower() else ''}"


def _libraries() -> list[str]:
    try:
        wanted = metadata.requires("lowtide") or []
    except metadata.PackageNotFoundError:
        return []
    names = [
        each.split(";")[0].split("=")[0].split("<")[0].split(">")[0].strip() for each in wanted if "extra" not in each
    ]
    return sorted(name for name in names if not name.startswith("tree-sitter-"))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _variables() -> dict[str, str]:
    return {name: value for name, value in sorted(os.environ.items()) if name in _VARIABLES}


def _configuration(config: Config, complaint: LowtideError | None) -> dict[str, Any]:
    index = config.index
    return {
        "complaint": str(complaint) if complaint else None,
        "budget_bytes": config.budget_bytes,
        "model": str(config.model_path) if config.model_path else "default",
        "niceness": config.niceness,
        "idle_minutes": config.idle_minutes,
        "pause_on_battery": config.pause_on_battery,
        "disk_limit_bytes": config.disk_limit_bytes,
        "max_file_bytes": index.max_file_bytes,
        "gitignore": index.gitignore,
        "vendored": index.vendored,
        "generated": index.generated,
        "minified": index.minified,
        "include": len(index.include),
        "exclude": len(index.exclude),
        "languages": list(index.languages),
    }


def _daemon(places: Places) -> dict[str, Any] | None:
    """Its greeting, Status and memory tree; None when none runs."""
    try:
        with Client.connect(places, start=False, patience_s=END_S) as client:
            return {
                "version": client.hello["version"],
                "status": client.ask("lowtide/status", {}, within_s=END_S),
                "memory": client.ask("lowtide/memory", {}, within_s=END_S),
            }
    except NotRunning:
        return None


def _log(places: Places, lines: int) -> list[str]:
    with open(open_regular(places.log_file, os.O_RDONLY), encoding="utf-8", errors="replace") as stream:
        return [line.rstrip("\n")[:MOST_LINE_CHARACTERS] for line in deque(stream, lines)]


def _scrubber(places: Places) -> Scrubber:
    package = Path(lowtide.__file__).parent
    files = sorted(package.rglob("*.py"))
    sources = "\n".join(path.read_text("utf-8") for path in files)
    # A traceback says which of our lines it is, and a complaint of the configuration what is wrong with it.
    names = {str(package): package.name, str(places.config_file): "config-file", str(places.log_file): "log-file"}
    for number, (root, _) in enumerate(sorted(places.list_indexes()), 1):
        names[str(root)] = names[root.as_uri()] = f"workspace-{number}"
        # A folder may be called as anything, `search` or `index` too: no word of it tells that it is a name.
        names[index_check(root)] = f"index workspace-{number}"
    return Scrubber(
        words_of(f"{sources} {COMMON}", (path.relative_to(package.parent).as_posix() for path in files)), names
    )
