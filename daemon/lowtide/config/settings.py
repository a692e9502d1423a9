"""Configuration: the user's `config.toml`, the environment, and a workspace's `.lowtide.toml`, which says only what to
index.

Invariant: every value is checked when it is read; an error names the file, the line, the key, and what would be right.
Invariant: a workspace cannot raise the budget, name a program or a model: such keys are ignored with a warning.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from lowtide.errors import ConfigError
from lowtide.system.beneath import CannotRead, Refusal, open_plain, read_beneath
from lowtide.system.way import STRAIGHT, Way

MIB = 1 << 20
NICENESS = 5
"""Of the workers that index: on a busy machine they get a third of what an editor gets, on an idle one all there is."""
LEAST_BUDGET_BYTES = 96 * MIB
MOST_DEFAULT_BUDGET_BYTES = 512 * MIB
DEFAULT_MAX_FILE_BYTES = 4 * MIB
WORKSPACE_FILE = ".lowtide.toml"
MOST_SIZE_BYTES = 1 << 50
MOST_CONFIG_BYTES = 1 << 16

NOBODY = "default"
"""Of a budget that nobody has chosen."""
_USERS_ALONE = ("budget", "model", "daemon", "disk", "share", "team")
_WAY = {
    "certificates": "A file of certificates (PEM) that are trusted instead of the machine's, relative to the "
    "configuration's folder.",
    "proxy": "The proxy that leads to the server, `http://host:port`. Unless told: what HTTPS_PROXY and NO_PROXY say "
    "where the daemon was begun.",
}
KEYS: dict[str, dict[str, str]] = {
    "": {
        "budget": "Memory for the daemon and all its workers together, the least is `96MiB`. Unless told: an eighth of "
        "what the machine allows, at most 512 MiB.",
    },
    "model": {
        "path": "The folder of an embedding model of your own, relative to the configuration's folder. Unless told: "
        "the model that comes with Lowtide.",
    },
    "daemon": {
        "idle_minutes": "So long after the last question a workspace is watched no more, and so long after its last "
        "client the daemon leaves; 0: never.",
        "pause_on_battery": "Whether indexing waits while the machine runs on battery.",
        "niceness": "Of the workers that index, 0 to 19: on a busy machine the others go first.",
    },
    "disk": {
        "limit": "Of all indexes together; beyond it the least used leave. Unless told: a twentieth of the disk; "
        "`0`: none.",
    },
    "share": {
        "url": "Where bundles of your team's indexes lie, `https://…/{repo}/{commit}.lowtide` or a folder: a "
        "repository without an index begins with the nearest one. Unless told: none is asked for.",
        "token_file": "A file with the token that the server asks for, relative to the configuration's folder.",
        **_WAY,
    },
    "team": {
        "url": "The address of your team's gateway (`lowtide serve`): repositories that are not checked out here are "
        "found by it. Unless told: none is asked.",
        "token_file": "A file with the token that the gateway asks for, relative to the configuration's folder.",
        **_WAY,
    },
    "index": {
        "exclude": "Patterns, in gitignore's syntax, of what is not indexed; a workspace's are added to the user's.",
        "include": "Patterns of what is indexed, and nothing else is.",
        "languages": "The languages that are indexed, and no others; text without a language stays out, too.",
        "generated": "Whether files that programs wrote are indexed.",
        "vendored": "Whether folders of other people's code, such as `node_modules`, are indexed.",
        "minified": "Whether packed code is indexed.",
        "max_file_size": "The largest file that is indexed.",
        "gitignore": "Whether `.gitignore` and git's other rules are obeyed.",
    },
}
"""Table -> key -> what it is for: all that a configuration may say. A workspace's own may say what is in `index`."""
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_PART = r"(?:[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+"
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_PART}){{50}}")
"""tomllib takes time and memory by the square of a key's parts."""
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_size(text: str | int) -> int:
    """Bytes of `256MiB`, `1G`, `512m`, `1048576`; units are powers of 1024. ConfigError for anything else."""
    shown = text if isinstance(text, int) else text.strip()
    match = _SIZE.fullmatch(str(shown)[:40])
    if match is None or isinstance(text, bool) or len(str(shown)) > 40:
        raise ConfigError(f"{str(text)[:60]!r} is not a size", "", "write it as 256MiB, 1G or a number of bytes")
    size = float(match[1]) * _UNITS[match[2].lower()]
    if size > MOST_SIZE_BYTES:
        raise ConfigError(
            f"{text!r} is too large a size", f"the most is {format_size(MOST_SIZE_BYTES)}", "give a smaller one"
        )
    return int(size)


def check_budget(size_bytes: int, where: str) -> None:
    """ConfigError for a budget under the least; of a number without a unit it asks whether MiB are meant."""
    if size_bytes >= LEAST_BUDGET_BYTES:
        return
    remedy = "give at least 96MiB"
    if LEAST_BUDGET_BYTES // MIB <= size_bytes < MIB:
        remedy = f"did you mean {size_bytes}MiB?"
    raise ConfigError(f"{where}: {format_size(size_bytes)} is too small", "the least is 96MiB", remedy)


def check_fits(size_bytes: int, machine_bytes: int, where: str) -> None:
    """ConfigError for a budget that is more than the machine has: it would hold nothing back.

    Only what somebody has just typed is checked: a configuration may be shared with a larger machine, and is cut down
    to what this one allows.
    """
    if size_bytes > machine_bytes:
        raise ConfigError(
            f"{where}: {format_size(size_bytes)} is too much",
            f"this machine allows {format_size(machine_bytes)}",
            "give less",
        )


def format_size(count: int) -> str:
    """`256 MiB`, `1.5 GiB`, `900 B`: as people read it."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.1f} {unit}"


class IndexSettings(msgspec.Struct, frozen=True):
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
    niceness: int = NICENESS
    idle_minutes: float = 30.0
    """The daemon leaves this long after its last client; 0 never."""
    pause_on_battery: bool = True
    disk_limit_bytes: int | None = None
    """What all indexes may take together; 0 for no limit, None for what suits the disk."""
    share: ShareSettings = field(default_factory=lambda: ShareSettings())
    team: TeamSettings = field(default_factory=lambda: TeamSettings())
    index: IndexSettings = field(default_factory=IndexSettings)
    budget_from: str = field(default=NOBODY, compare=False)
    """Who has said how large the budget is: an option, a variable, a line of the file."""
    budget_note: str = ""
    """Why it is less than they said; empty when it is not."""


class ShareSettings(msgspec.Struct, frozen=True):
    """Where indexes that others made are had from; empty for nowhere."""

    url: str = ""
    """With `{commit}`, and mostly `{repo}`, in it: an address, or a path."""
    token_file: Path | None = None
    way: Way = STRAIGHT


class TeamSettings(msgspec.Struct, frozen=True):
    """The gateway of a team's index; an empty `url` for none."""

    url: str = ""
    token_file: Path | None = None
    way: Way = STRAIGHT


class WorkspaceSettings(msgspec.Struct, frozen=True):
    """One workspace's settings: the user's, narrowed by its `.lowtide.toml`; `warnings` tell what was ignored there."""

    index: IndexSettings
    warnings: tuple[str, ...] = ()


def default_budget_bytes(machine_bytes: int) -> int:
    """The smaller of 512 MiB and an eighth of what the machine allows, and never less than the least budget."""
    return max(LEAST_BUDGET_BYTES, min(MOST_DEFAULT_BUDGET_BYTES, machine_bytes // 8))


def load_config(
    file: Path, *, machine_bytes: int, budget_bytes: int | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """The user's configuration: `budget_bytes` (a flag) before the environment, that before `file`, that before the
    defaults.

    `environment` (os.environ when None) may hold LOWTIDE_BUDGET and LOWTIDE_MODEL. `file` need not be there.

    Errors: ConfigError for TOML that cannot be read, unknown keys, wrong types, values out of range, a budget under 96
    MiB.
    """
    environment = os.environ if environment is None else environment
    reader = _read(file)
    chosen, where = budget_bytes, "--budget"
    if chosen is None:
        chosen, where = _size_in(environment, "LOWTIDE_BUDGET"), "LOWTIDE_BUDGET"
    from_file = reader.size("budget")
    if chosen is None:
        chosen, where = from_file, reader.where("budget")
    if chosen is None:
        chosen, where = default_budget_bytes(machine_bytes), NOBODY
    check_budget(chosen, where)
    note = ""
    if where != "--budget" and chosen > (most := max(machine_bytes, LEAST_BUDGET_BYTES)):
        note = f"{where}: {format_size(chosen)} is more than this machine allows: the budget is {format_size(most)}"
        chosen = most
    model = reader.table("model")
    daemon = reader.table("daemon")
    niceness, idle_minutes = daemon.number("niceness", 0, 19), daemon.number("idle_minutes", 0, 1e6)
    index = _index_settings(reader.table("index"), IndexSettings())
    model_path = (
        Path(environment["LOWTIDE_MODEL"]).absolute()
        if environment.get("LOWTIDE_MODEL")
        else model.path("path", file.parent)
    )
    model.finish(KEYS["model"])
    pause_on_battery = daemon.flag("pause_on_battery", True)
    daemon.finish(KEYS["daemon"])
    disk = reader.table("disk")
    disk_limit_bytes = disk.size("limit")
    disk.finish(KEYS["disk"])
    share = _share_settings(reader.table("share"), file.parent)
    team = _team_settings(reader.table("team"), file.parent)
    reader.finish([*KEYS[""], *filter(None, KEYS)])
    return Config(
        budget_bytes=chosen,
        budget_from=where,
        budget_note=note,
        model_path=model_path,
        niceness=NICENESS if niceness is None else int(niceness),
        idle_minutes=30.0 if idle_minutes is None else float(idle_minutes),
        pause_on_battery=pause_on_battery,
        disk_limit_bytes=disk_limit_bytes,
        share=share,
        team=team,
        index=index,
    )


def load_workspace_settings(root: Path, config: Config) -> WorkspaceSettings:
    """The settings of the workspace at `root`. ConfigError as `load_config`."""
    reader = _read(root / WORKSPACE_FILE, Path(os.path.realpath(root)))
    index = _index_settings(reader.table("index"), config.index)
    reader.finish(["index", *_USERS_ALONE])
    warnings = tuple(
        f"{WORKSPACE_FILE}: `{key}` is ignored: only your own configuration may set it"
        for key in _USERS_ALONE
        if reader.has(key)
    )
    return WorkspaceSettings(index, warnings)


def _share_settings(reader: _Reader, folder: Path) -> ShareSettings:
    url = reader.template("url", required="{commit}", allowed=("{repo}", "{commit}"))
    if "://" in url:
        reader.check_address("url", url.replace("{repo}", "r").replace("{commit}", "c"))
    settings = ShareSettings(url, reader.path("token_file", folder), _way(reader, folder))
    reader.finish(KEYS["share"])
    return settings


def _team_settings(reader: _Reader, folder: Path) -> TeamSettings:
    url = reader.template("url", required="", allowed=())
    if url:
        reader.check_address("url", url)
    settings = TeamSettings(url, reader.path("token_file", folder), _way(reader, folder))
    reader.finish(KEYS["team"])
    return settings


def _way(reader: _Reader, folder: Path) -> Way:
    proxy = reader.template("proxy", required="", allowed=())
    return Way(reader.path("certificates", folder), proxy)


def _index_settings(reader: _Reader, base: IndexSettings) -> IndexSettings:
    size = reader.size("max_file_size", least=1)
    settings = IndexSettings(
        max_file_bytes=base.max_file_bytes if size is None else size,
        gitignore=reader.flag("gitignore", base.gitignore),
        vendored=reader.flag("vendored", base.vendored),
        generated=reader.flag("generated", base.generated),
        minified=reader.flag("minified", base.minified),
        include=reader.texts("include") or base.include,
        exclude=base.exclude + reader.texts("exclude"),
        languages=reader.languages("languages") or base.languages,
    )
    reader.finish(KEYS["index"])
    return settings


def _size_in(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    if not text:
        return None
    try:
        return parse_size(text)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error.what}", error.why, error.remedy) from None


def _read(file: Path, root: Path | None = None) -> _Reader:
    """The file's table; an empty one when there is no file. A FIFO does not block, a large or odd file does no harm.

    With a `root`, it is that workspace's own, and no link out of it counts.
    """
    try:
        if root is None:
            with open_plain(file, MOST_CONFIG_BYTES, follow=True) as opened:
                content = opened.content()
        else:
            content = read_beneath(root, os.fsencode(file.name), MOST_CONFIG_BYTES)
    except CannotRead as error:
        if error.refusal is Refusal.MISSING:
            return _Reader(file, "", {})
        why, remedy = {
            Refusal.NOT_PLAIN: ("it is not a file", "put a TOML file there, or nothing"),
            Refusal.LINK: ("it is a link, which is not followed in a workspace", "put the file itself there"),
        }.get(error.refusal, (error.why, "check its permissions"))
        raise ConfigError(f"{file} cannot be read", why, remedy) from error
    if content.has_more:
        raise ConfigError(f"{file} cannot be read", f"it is over {format_size(MOST_CONFIG_BYTES)}", "make it smaller")
    try:
        text = content.data.decode("utf-8-sig")
        if _LONG_KEY.search(text):
            raise ConfigError(f"{file} cannot be read", "a key in it has too many parts", "correct the file")
        return _Reader(file, text, tomllib.loads(text))
    except RecursionError:
        raise ConfigError(f"{file} cannot be read", "it is nested too deep", "correct the file") from None
    except ValueError as error:
        raise ConfigError(f"{file} cannot be read", str(error), "correct the file") from error


def _meant(key: str, known: Iterable[str], what: str) -> str:
    names = list(known)
    near = difflib.get_close_matches(key, names, 1)
    return f"did you mean `{near[0]}`?" if near else f"the {what} are: {', '.join(names)}"


class _Reader:
    """Takes checked values out of one table of a file."""

    def __init__(self, file: Path, text: str, values: Mapping[str, Any], name: str = "") -> None:
        self._file = file
        self._text = text
        self._values = values
        self._name = name

    def has(self, key: str) -> bool:
        return key in self._values

    def where(self, key: str) -> str:
        """`config.toml:4: [index] vendored`; without the line where it cannot be told."""
        line = self._line(key)
        place = f"{self._file}:{line}" if line else f"{self._file}"
        return f"{place}: [{self._name}] {key}" if self._name else f"{place}: {key}"

    def _line(self, key: str) -> int:
        inside = ""
        for number, line in enumerate(self._text.splitlines(), 1):
            if header := re.fullmatch(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?", line):
                inside = header[1]
                if not self._name and inside == key:
                    return number
            elif inside == self._name and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
                return number
        return 0

    def _wrong(self, key: str, expected: str) -> ConfigError:
        value = self._values[key]
        shown = repr(value)
        if "@" in shown:  # it may hold a password
            from lowtide.system.address import shown_address

            shown = repr(shown_address(value)) if isinstance(value, str) else shown_address(shown)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return ConfigError(self.where(key), f"{shown} is not {expected}", "correct the file")

    def table(self, key: str) -> _Reader:
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, f"a table: write it as [{key}]")
        return _Reader(self._file, self._text, value, key)

    def size(self, key: str, least: int = 0) -> int | None:
        if (value := self._values.get(key)) is None:
            return None
        try:
            size = parse_size(value) if isinstance(value, str | int) else -1
        except ConfigError:
            size = -1
        if size < 0:
            raise self._wrong(key, "a size: write it as 256MiB, 1G or a number of bytes")
        if size < least:
            raise self._wrong(key, "a size that any file has: nothing would be indexed")
        return size

    def path(self, key: str, base: Path) -> Path | None:
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value or "\0" in value:
            raise self._wrong(key, "a path in quotes")
        try:
            return Path(os.path.abspath(base / Path(value).expanduser()))
        except RuntimeError as error:
            raise ConfigError(self.where(key), str(error), "write the whole path") from None

    def template(self, key: str, *, required: str, allowed: Sequence[str]) -> str:
        """A text with such marks in it; empty when it is not there."""
        value = self._values.get(key, "")
        if not isinstance(value, str) or len(value) > 2000 or "\0" in value:
            raise self._wrong(key, "an address or a path in quotes")
        rest = value
        for mark in allowed:
            rest = rest.replace(mark, "")
        if value and (required not in value or "{" in rest or "}" in rest):
            raise self._wrong(key, f"an address or a path with {required} in it, and no marks but {', '.join(allowed)}")
        return value

    def check_address(self, key: str, url: str) -> None:
        """ConfigError for an address that is none, or holds a password."""
        from lowtide.system.address import parse_url  # most configurations have none

        try:
            parse_url(url)
        except ConfigError as error:
            raise ConfigError(self.where(key), error.message, error.remedy) from None

    def number(self, key: str, least: float, most: float) -> float | None:
        if (value := self._values.get(key)) is None:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or math.isnan(value)
            or not least <= value <= most
        ):
            raise self._wrong(key, f"a number from {least:g} to {most:g}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, "a list of texts in quotes")
        return tuple(value)

    def languages(self, key: str) -> tuple[str, ...]:
        names = self.texts(key)
        if names:
            from lowtide.languages import LANGUAGES

            known = [language.name for language in LANGUAGES]
            for name in names:
                if name not in known:
                    raise ConfigError(f"{self.where(key)}: no language `{name}`", "", _meant(name, known, "languages"))
        return names

    def finish(self, known: Iterable[str]) -> None:
        """ConfigError for a key that there is not, with the one that was probably meant."""
        for key in self._values:
            if key not in known:
                raise ConfigError(f"{self.where(key)}: no such key", "", _meant(key, known, "keys"))
