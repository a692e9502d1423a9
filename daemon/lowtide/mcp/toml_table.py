"""One table set in a TOML file that people edit: every other byte stays as it is.

Invariant: the result means what the file meant before, with that table set: it is read again to make sure, and a file
that cannot be read is never changed.
Source: TOML 1.0, as Codex keeps its configuration.
"""

from __future__ import annotations

import json
import re
import tomllib
from itertools import pairwise
from typing import Any

from lowtide.mcp.jsonc import CannotEdit

_HEAD = re.compile(r"^[ \t]*\[[^\n]*$", re.MULTILINE)


def read(text: str) -> dict[str, Any]:
    """What the file means. CannotEdit."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CannotEdit(f"it is not TOML: {error}") from None


def set_table(text: str, outer: str, name: str, table: dict[str, Any]) -> str:
    """The file with `[outer.name]` set to `table`: texts, lists of texts, tables of texts. CannotEdit."""
    before = read(text)
    known = before.get(outer, {})
    if not isinstance(known, dict):
        raise CannotEdit(f"{outer} is no table")
    wanted = {**before, outer: {**known, name: table}}
    kept = _without(text, outer, name) if name in known else text
    gap = "" if not kept.strip() else "\n" if kept.endswith("\n") else "\n\n"
    fresh = f"{kept}{gap}{_shown(outer, name, table)}"
    try:
        is_safe = read(fresh) == wanted
    except CannotEdit:
        is_safe = False
    if not is_safe:
        raise CannotEdit(f"{outer} is written in a way that cannot be changed safely")
    return fresh


def _without(text: str, outer: str, name: str) -> str:
    """Without the table and those in it, with the lines that they hold."""
    heads = [*(match.span() for match in _HEAD.finditer(text)), (len(text), len(text))]
    own = re.compile(rf'\[\s*"?{re.escape(outer)}"?\s*\.\s*"?{re.escape(name)}"?\s*(\]|\.)')
    kept, at = [], 0
    for (start, end), (following, _) in pairwise(heads):
        if own.match(text[start:end].strip()):
            kept.append(text[at:start])
            at = following
    return "".join([*kept, text[at:]])


def _shown(outer: str, name: str, table: dict[str, Any]) -> str:
    lines = [f"[{outer}.{name}]"]
    inner: list[str] = []
    for key, value in table.items():
        if isinstance(value, dict):
            inner += ["", f"[{outer}.{name}.{key}]", *(f"{each} = {_literal(text)}" for each, text in value.items())]
        else:
            lines.append(f"{key} = {_literal(value)}")
    return "\n".join([*lines, *inner]) + "\n"


def _literal(value: Any) -> str:
    """A text or a list of texts; JSON's escapes are TOML's, too, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
