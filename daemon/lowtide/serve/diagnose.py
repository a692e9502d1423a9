"""What `lowtide doctor` examines.

Invariant: a check never raises and never changes anything; one that fails says what to do.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

import lowtide
from lowtide.config.settings import Config, format_size, load_workspace_settings
from lowtide.errors import ConfigError, LowtideError
from lowtide.index.inventory import all_indexes
from lowtide.index.removal import limit_of, told_removals
from lowtide.index.report import check_index
from lowtide.index.workspace import Workspace
from lowtide.models import counted
from lowtide.paths import Places
from lowtide.serve.client import END_S, Client, NotRunning
from lowtide.status import set_by
from lowtide.system import memory
from lowtide.work.model.model_folder import check_model, default_model, read_model

LEAST_WATCHES = 65_536
LEAST_FREE_DISK_BYTES = 1 << 30


class Check(msgspec.Struct, frozen=True):
    """One thing examined."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "detail": self.detail, "remedy": self.remedy}


def examine(places: Places, config: Config, complaint: LowtideError | None = None) -> list[Check]:
    """Every check, in the order shown; `complaint` is what is wrong with the configuration, when `config` is not it."""
    checks: list[Check] = []
    parts: list[Callable[[], Iterator[Check]]] = [
        _versions,
        lambda: _memory(config),
        _watches,
        lambda: _places(places),
        lambda: _indexes_on_disk(places, config),
        lambda: _daemon(places, config),
        lambda: _configuration(places, config, complaint),
        lambda: _model(config),
        lambda: _indexes(places),
    ]
    for part in parts:
        try:
            checks += part()
        except Exception as error:
            checks.append(
                Check("examination", False, f"{type(error).__name__}: {error}", "report this with `lowtide doctor -v`")
            )
    return checks


def _versions() -> Iterator[Check]:
    libraries = [
        "tree-sitter",
        "usearch",
        "numkong",
        "google-re2",
        "onnxruntime",
        "tokenizers",
        "numpy",
        "watchdog",
        "pygls",
    ]
    found = []
    for name in libraries:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            yield Check(
                "versions",
                False,
                f"{name} is not installed",
                "install Lowtide again, as it was installed",
            )
    python = f"Python {platform.python_version()}"
    yield Check("versions", sys.version_info >= (3, 11), f"Lowtide {lowtide.__version__}, {python}, {', '.join(found)}")


def _memory(config: Config) -> Iterator[Check]:
    machine = memory.machine_bytes()
    budget = config.budget_bytes
    available = memory.available_bytes()
    yield Check(
        "budget",
        budget <= machine and not config.budget_note,
        config.budget_note or f"{format_size(budget)} of the {format_size(machine)} that this machine allows",
        "lower the budget: the machine has less",
    )
    yield Check(
        "memory",
        available > budget // 2,
        f"{format_size(available)} available",
        "" if available > budget // 2 else "other programs hold the memory; end some, or lower the budget",
    )


def _watches() -> Iterator[Check]:
    path = Path("/proc/sys/fs/inotify/max_user_watches")
    with suppress(OSError, ValueError):
        watches = int(path.read_text())
        yield Check(
            "watches",
            watches >= LEAST_WATCHES,
            f"inotify allows {watches:,} folders to be watched",
            ""
            if watches >= LEAST_WATCHES
            else "`sudo sysctl fs.inotify.max_user_watches=1048576` (keep it in /etc/sysctl.d)",
        )
    with suppress(ImportError, OSError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield Check("files", soft >= 256, f"{soft:,} open files allowed", "" if soft >= 256 else "`ulimit -n 1024`")
    git = shutil.which("git")
    yield Check("git", True, git or "not found: a configured core.excludesFile is not read")


def _places(places: Places) -> Iterator[Check]:
    folder = places.cache
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    writable = os.access(folder, os.W_OK)
    yield Check(
        "cache folder", writable, str(places.cache), "" if writable else "make it writable, or set LOWTIDE_HOME"
    )
    free = shutil.disk_usage(folder).free
    enough = free >= LEAST_FREE_DISK_BYTES
    yield Check(
        "disk",
        enough,
        f"{format_size(free)} free",
        "" if enough else "free some space, or set LOWTIDE_HOME to another disk",
    )


def _indexes_on_disk(places: Places, config: Config) -> Iterator[Check]:
    found = all_indexes(places)
    total = sum(index.size_bytes for index in found)
    limit = limit_of(places, config.disk_limit_bytes)
    shown = f"{format_size(total)} in {counted(len(found), 'index', 'indexes')}"
    told = "".join(f"; {entry['root']} left at {entry['at']}: {entry['why']}" for entry in told_removals(places)[:3])
    within = not limit or total <= limit
    yield Check(
        "indexes",
        within,
        f"{shown}, {f'the limit is {format_size(limit)}' if limit else 'without a limit'}{told}",
        "" if within else "`lowtide list` shows them; `lowtide clear PATH`, or raise [disk] limit in config.toml",
    )


def _daemon(places: Places, config: Config) -> Iterator[Check]:
    try:
        with Client.connect(places, start=False, patience_s=END_S) as client:
            version = client.hello["version"]
            same = version == lowtide.__version__
            remedy = "" if same else "`lowtide daemon stop`: the next command starts this version's"
            size = int(client.hello["budgetBytes"])
            budget = format_size(size)
            if size != config.budget_bytes:
                by = set_by(client.ask("lowtide/status", {}, within_s=END_S)["memory"]["budgetFrom"])
                budget += f" ({by}: it holds for this daemon until it ends or another is set)"
            yield Check("daemon", same, f"process {client.hello['pid']}, version {version}, budget {budget}", remedy)
    except NotRunning:
        yield Check("daemon", True, "it does not run; commands and editors start it")
    except LowtideError as error:
        yield Check("daemon", False, error.message, error.remedy)


def _configuration(places: Places, config: Config, complaint: LowtideError | None) -> Iterator[Check]:
    sound = complaint is None
    if complaint is not None:
        yield Check("configuration", False, complaint.message, complaint.remedy)
    for root in _roots(places):
        try:
            load_workspace_settings(root, config)
        except ConfigError as error:
            yield Check("configuration", False, error.message, error.remedy)
            sound = False
    if sound:
        there = "" if places.config_file.exists() else " (not there: defaults)"
        yield Check("configuration", True, f"{places.config_file}{there}")


def _roots(places: Places) -> list[Path]:
    """The workspace around the current folder, and all that have an index and are there."""
    roots = [Path(root) for root, _ in places.list_indexes()]
    with suppress(OSError):
        roots.insert(0, places.find_root(Path.cwd()))
    return [root for root in dict.fromkeys(roots) if root.is_dir()]


def _model(config: Config) -> Iterator[Check]:
    folder = config.model_path or default_model()
    try:
        model = read_model(folder)
        if config.model_path:
            check_model(folder, config.budget_bytes)
    except LowtideError as error:
        yield Check("model", False, error.message, error.remedy)
        return
    size = f", {model.dims} dimensions" if model.dims else ""
    yield Check("model", True, f"{model.name} ({model.kind}{size}, {model.licence})")


def index_check(root: str | Path) -> str:
    """What the check of a workspace's index is called."""
    return f"index {Path(root).name}"


def _indexes(places: Places) -> Iterator[Check]:
    for root, folder in places.list_indexes():
        name = index_check(root)
        try:
            workspace = Workspace(Path(root), folder)
            with closing(workspace.reading()) as catalog:
                complaint = check_index(workspace, catalog)
                counts = catalog.counts()
        except LowtideError as error:
            yield Check(name, False, error.message, error.remedy)
            continue
        if complaint:
            yield Check(name, False, f"{root}: damaged: {complaint}", f"`lowtide index {root}` builds it anew")
        elif not Path(root).is_dir():
            yield Check(
                name, True, f"{root} is gone; `lowtide clear` removes its index ({format_size(workspace.disk_bytes())})"
            )
        else:
            yield Check(
                name,
                True,
                f"{root}: {counted(counts.files, 'file')}, {counted(counts.symbols, 'symbol')}, "
                f"{format_size(workspace.disk_bytes())}",
            )
