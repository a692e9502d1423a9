"""Changes the user's `config.toml`: one value, the rest of the file byte for byte as its owner wrote it.

Invariant: a change is written only when the new text, parsed, is the old one with that value and nothing else changed.
Invariant: the file is replaced whole or not at all, and is its user's alone (0600); a link is kept, and what it leads
to replaced.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lowtide.config.settings import MOST_CONFIG_BYTES
from lowtide.errors import ConfigError, StoreError
from lowtide.paths import make_private, write_private
from lowtide.system.beneath import CannotRead, Refusal, open_plain

_MARK = "\ufeff"
"""A byte order mark, as some editors put it in front."""
_STRING = r"\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''.*?'''|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'"
_KEY = r"(?:path|\"path\"|'path')[ \t]*=[ \t]*"
_VALUE = re.compile(rf"(?<![\w.-]){_KEY}({_STRING})|\.[ \t]*{_KEY}({_STRING})", re.DOTALL)
_MODEL = r"(?:model|\"model\"|'model')"
_HEADER = re.compile(rf"^[ \t]*\[[ \t]*{_MODEL}[ \t]*\][ \t\r]*(?:#[^\n]*)?(?:\n|\Z)", re.MULTILINE)
_LINE = re.compile(
    rf"^[ \t]*(?:(?:{_MODEL}[ \t]*\.[ \t]*)?{_KEY}(?:{_STRING})"
    rf"|{_MODEL}[ \t]*=[ \t]*\{{[ \t]*{_KEY}(?:{_STRING})[ \t]*\}})[ \t\r]*(?:#[^\n]*)?(?:\n|\Z)",
    re.MULTILINE | re.DOTALL,
)


def write_model_path(file: Path, model: Path | None) -> bool:
    """Set `[model] path` in `file` to `model`, or take it out for None; returns whether that changed the file.

    `file` is made when it is not there. Errors: ConfigError when it is not TOML, when `model` cannot be spelled in
    TOML, or when the value stands where it cannot be told from the rest; StoreError when it cannot be written.
    """
    # A user's configuration may be a link into a folder of theirs: the link stays.
    file = Path(os.path.realpath(file))
    old = _read(file)
    new = changed_text(old, model, str(file))
    if new == old:
        return False
    if not file.parent.exists():
        make_private(file.parent)
    try:
        write_private(file, new.encode())
    except OSError as error:
        raise StoreError(f"cannot write {file}", error.strerror or str(error), "make its folder writable") from error
    return True


def changed_text(text: str, model: Path | None, name: str) -> str:
    """`text`, a configuration, with `[model] path` set to `model` or taken out; `name` is the file's, for errors."""
    if text.startswith(_MARK):
        return _MARK + changed_text(text.removeprefix(_MARK), model, name)
    before = _parse(text, name)
    value = None if model is None else _spell(model)
    table = before.get("model", {})
    if not isinstance(table, dict):
        raise ConfigError(f"{name}: model", "not a table", "write it as [model]")
    if table.get("path") == (None if model is None else str(model)):
        return text
    wanted = {name: content for name, content in table.items() if name != "path"}
    if model is not None:
        wanted["path"] = str(model)
    rest = {name: content for name, content in before.items() if name != "model"}
    for candidate in _removals(text) if value is None else _settings(text, value, "path" in table):
        try:
            after = tomllib.loads(candidate)
        except ValueError:
            continue
        if after.get("model", {}) == wanted and {key: after[key] for key in after if key != "model"} == rest:
            return candidate
    shown = "take `path` out of its [model] table" if value is None else f"write `path = {value}` in its [model] table"
    raise ConfigError(f"{name} cannot be changed", "its `model` is written in an unusual way", f"{shown} by hand")


def _settings(text: str, value: str, replacing: bool) -> Iterator[str]:
    """Texts of which one has the value set, as near as can be to where its owner would look."""
    if replacing:
        for match in _VALUE.finditer(text):
            start, end = match.span(1 if match[1] is not None else 2)
            yield text[:start] + value + text[end:]
        return
    end_of_line = "\r\n" if "\r\n" in text else "\n"
    for match in _HEADER.finditer(text):
        head = match[0] if match[0].endswith("\n") else match[0] + end_of_line
        yield text[: match.start()] + head + f"path = {value}{end_of_line}" + text[match.end() :]
    gap = "" if not text else end_of_line if text.endswith("\n") else 2 * end_of_line
    yield f"{text}{gap}[model]{end_of_line}path = {value}{end_of_line}"


def _removals(text: str) -> Iterator[str]:
    for match in _LINE.finditer(text):
        yield text[: match.start()] + text[match.end() :]


def _spell(path: Path) -> str:
    """A TOML string; JSON's escapes are TOML's, but for one character."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{str(path)!r} cannot be written to the configuration", "its name is not UTF-8", "rename the folder"
        ) from None
    return json.dumps(str(path), ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(file: Path) -> str:
    try:
        with open_plain(file, MOST_CONFIG_BYTES, follow=False) as opened:
            return opened.whole().decode("utf-8")
    except CannotRead as error:
        if error.refusal is Refusal.MISSING:
            return ""
        raise ConfigError(f"{file} cannot be read", error.why, "correct the file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} cannot be read", str(error), "correct the file") from error


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} cannot be read", str(error), "correct the file") from error
