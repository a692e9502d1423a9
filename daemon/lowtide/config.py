"""Configuration: the user's `config.toml`, and a workspace's `.lowtide.toml`, which may only narrow.

Invariant: every value is checked when it is read; an error names the file, the key, and what would be right.
Invariant: a workspace cannot raise the budget, name a program or a model: such keys are ignored with a warning.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lowtide.errors import ConfigError

MIB = 1 << 20
LEAST_BUDGET_BYTES = 96 * MIB
MOST_DEFAULT_BUDGET_BYTES = 512 * MIB
DEFAULT_MAX_FILE_BYTES = 4 * MIB
WORKSPACE_FILE = ".lowtide.toml"

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_size(text: str | int) -> int:
    """Bytes of `256MiB`, `1G`, `512m`, `1048576`; units are powers of 1024. ConfigError for anything else."""
    match = _SIZE.fullmatch(str(text).strip())
    if not match or isinstance(text, bool):
        raise ConfigError(f"{text!r} is not a size", "", "write it as 256MiB, 1G or a number of bytes")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def format_size(count: int) -> str:
    """`256 MiB`, `1.5 GiB`, `900 B`: as people read it."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.1f} {unit}"


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """What is indexed. The walk uses the paths, workers the rest."""

    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES
    gitignore: bool = True
    vendored: bool = False
    generated: bool = False
    minified: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    def for_worker(self) -> dict[str, bool | int]:
        """The part that a worker needs, as it travels."""
        return {"max_file_bytes": self.max_file_bytes, "generated": self.generated, "minified": self.minified}


@dataclass(frozen=True, slots=True)
class Config:
    """A user's configuration."""

    budget_bytes: int
    model_path: Path | None = None
    niceness: int = 0
    idle_minutes: float = 30.0
    index: IndexSettings = field(default_factory=IndexSettings)


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """One workspace's settings: the user's, narrowed by its `.lowtide.toml`; `warnings` tell what was ignored there."""

    index: IndexSettings
    warnings: tuple[str, ...] = ()


def default_budget_bytes(machine_bytes: int) -> int:
    """The smaller of 512 MiB and an eighth of what the machine allows, and never less than the least budget."""
    return max(LEAST_BUDGET_BYTES, min(MOST_DEFAULT_BUDGET_BYTES, machine_bytes // 8))


def load_config(file: Path, *, machine_bytes: int, budget_bytes: int | None = None) -> Config:
    """The user's configuration, or the defaults when `file` is not there; `budget_bytes` overrides its budget.

    Errors: ConfigError for TOML that cannot be read, unknown keys, wrong types, and a budget under 96 MiB.
    """
    table = _read(file)
    reader = _Reader(str(file), table)
    budget = reader.size("budget")
    chosen = budget_bytes if budget_bytes is not None else budget
    if chosen is None:
        chosen = default_budget_bytes(machine_bytes)
    if chosen < LEAST_BUDGET_BYTES:
        where = "--budget" if budget_bytes is not None else f"{file}: budget"
        raise ConfigError(f"{where}: {format_size(chosen)} is too small", "the least is 96MiB", "give at least 96MiB")
    model = reader.table("model")
    path = model.text("path")
    model.finish(["path"])
    daemon = reader.table("daemon")
    niceness, idle = daemon.number("niceness"), daemon.number("idle_minutes")
    daemon.finish(["niceness", "idle_minutes"])
    index = _index_settings(reader.table("index"), IndexSettings(), narrow=False)
    reader.finish(["budget", "model", "daemon", "index"])
    return Config(
        budget_bytes=chosen,
        model_path=None if path is None else (file.parent / Path(path).expanduser()).resolve(),
        niceness=int(niceness or 0),
        idle_minutes=30.0 if idle is None else idle,
        index=index,
    )


def load_workspace_settings(root: Path, config: Config) -> WorkspaceSettings:
    """The settings of the workspace at `root`. ConfigError as `load_config`."""
    file = root / WORKSPACE_FILE
    table = _read(file)
    warnings = [
        f"{WORKSPACE_FILE}: `{key}` is ignored: only your own configuration may set it"
        for key in ("budget", "model", "daemon")
        if table.pop(key, None) is not None
    ]
    reader = _Reader(str(file), table)
    index = _index_settings(reader.table("index"), config.index, narrow=True)
    reader.finish(["index"])
    return WorkspaceSettings(index, tuple(warnings))


def _index_settings(reader: _Reader, base: IndexSettings, *, narrow: bool) -> IndexSettings:
    size = reader.size("max_file_size")
    settings = IndexSettings(
        max_file_bytes=base.max_file_bytes if size is None else size,
        gitignore=reader.flag("gitignore", base.gitignore),
        vendored=reader.flag("vendored", base.vendored),
        generated=reader.flag("generated", base.generated),
        minified=reader.flag("minified", base.minified),
        include=reader.texts("include") or base.include,
        exclude=base.exclude + reader.texts("exclude"),
        languages=reader.texts("languages") or base.languages,
    )
    reader.finish(
        ["max_file_size", "gitignore", "vendored", "generated", "minified", "include", "exclude", "languages"]
    )
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read", str(error), "correct the file") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be read", error.strerror or str(error), "check its permissions") from error


class _Reader:
    """Takes checked values out of one table."""

    def __init__(self, where: str, table: Mapping[str, Any]) -> None:
        self._where = where
        self._table = table

    def _wrong(self, key: str, expected: str) -> ConfigError:
        return ConfigError(f"{self._where}: {key}", f"{self._table[key]!r} is not {expected}", "correct the file")

    def table(self, key: str) -> _Reader:
        value = self._table.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, f"a table: write it as [{key}]")
        return _Reader(f"{self._where}: [{key}]", value)

    def size(self, key: str) -> int | None:
        value = self._table.get(key)
        if value is None:
            return None
        try:
            return parse_size(value)
        except ConfigError as error:
            raise self._wrong(key, "a size, as 256MiB") from error

    def text(self, key: str) -> str | None:
        value = self._table.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, "a text in quotes")
        return value

    def number(self, key: str) -> float | None:
        value = self._table.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self._wrong(key, "a number")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._table.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, "a list of texts in quotes")
        return tuple(value)

    def finish(self, known: list[str]) -> None:
        """ConfigError for a key that there is not, with the one that was probably meant."""
        for key in self._table:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                remedy = f"did you mean `{near[0]}`?" if near else f"the keys are: {', '.join(known)}"
                raise ConfigError(f"{self._where}: no key `{key}`", "", remedy)
