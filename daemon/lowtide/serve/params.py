"""What a request's parameters are, checked: each kind of value in one function.

Invariant: whoever asks, a command, an agent or an editor, is refused the same values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from lowtide.errors import PathError
from lowtide.languages import names_meant
from lowtide.models import KINDS, Group, Mode, SymbolKind
from lowtide.paths import path_of
from lowtide.read.filters import Filter
from lowtide.read.request import SearchRequest

E = TypeVar("E", bound=StrEnum)
Params = Mapping[str, Any]
MOST_HITS = 1000


class ParamsError(Exception):
    """A parameter is missing or of the wrong kind; the text names it."""


def file(params: Params, name: str) -> Path:
    """The path that a URI names. PathError for one of another machine."""
    uri = text(params, name)
    path = path_of(uri)
    if path is None:
        raise PathError(f"{uri[:200]} is not a file on this machine", "", "use a file: URI")
    return path


def root(params: Params) -> Path:
    """The folder that `rootUri` names."""
    return file(params, "rootUri")


def text(params: Params, name: str, default: str | None = None) -> str:
    """A text; there must be one without a default."""
    value = params.get(name, default)
    if not isinstance(value, str):
        raise ParamsError(f"{name}: a text")
    return value


def texts(params: Params, name: str) -> list[str]:
    """A list of texts, empty when it is not there."""
    value = params.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ParamsError(f"{name}: a list of texts")
    return value


def count(params: Params, name: str, default: int, most: int, least: int = 1) -> int:
    """A whole number within bounds."""
    value = params.get(name)
    value = default if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ParamsError(f"{name}: a whole number from {least} to {most}")
    return value


def flag(params: Params, name: str) -> bool:
    """Yes or no, which it is when it is not there."""
    value = params.get(name)
    if value is not None and not isinstance(value, bool):
        raise ParamsError(f"{name}: true or false")
    return bool(value)


def choice(params: Params, name: str, default: E) -> E:
    """One of the values of an enum."""
    value, kind = params.get(name), type(default)
    if value is None:
        return default
    if value not in list(kind):
        raise ParamsError(f"{name}: one of {', '.join(kind)}")
    return kind(value)


def kinds(names: Sequence[str]) -> tuple[SymbolKind, ...]:
    """The kinds of symbols that are meant."""
    for name in names:
        if name not in KINDS:
            raise ParamsError(f"kinds: {name[:40]!r} is none of {', '.join(KINDS)}")
    return tuple(KINDS[name] for name in names)


def narrow(params: Params) -> Filter:
    """What an answer is narrowed to: `languages`, as people call them, `globs` and `kinds`. UsageError."""
    languages = names_meant(name or "text" for name in texts(params, "languages"))
    return Filter(languages, tuple(texts(params, "globs")), kinds(texts(params, "kinds")))


def search_request(params: Params) -> SearchRequest:
    """What a search is to find: `query`, `mode`, `limit`, `terms`, `phrasings`, `group`, and what narrows it."""
    return SearchRequest(
        text(params, "query"),
        choice(params, "mode", Mode.HYBRID),
        count(params, "limit", 10, MOST_HITS),
        narrow(params),
        tuple(texts(params, "terms")),
        tuple(texts(params, "phrasings")),
        choice(params, "group", Group.DEFINITION),
    )
