"""Loads lsprotocol's 550 classes in a little more than a third of the memory that they take by themselves.

attrs gives the methods that it makes for a class a copy of all names of the class's module (5 MiB for these), keeps
their sources for debuggers (2 MiB), and makes comparing and showing them, which nobody does here (2 MiB).

Invariant: what a message is read into and written from is the same, whoever has loaded the types first.
Threads: whoever loads first; another thread that makes a class of attrs meanwhile gets a lean one.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FunctionType
from typing import Any

import attrs

_GENERATED = "<attrs generated"
"""Begins the file name of each method that attrs makes."""


def load_types() -> None:
    """Import `lsprotocol.types`; where that was done before, nothing changes."""
    define, sources = attrs.define, linecache.cache
    setattr(attrs, "define", partial(_lean, define))  # noqa: B010 (a plain assignment would tell mypy another type)
    linecache.cache = _WithoutGenerated(sources)
    try:
        import lsprotocol.types  # noqa: F401
    finally:
        setattr(attrs, "define", define)  # noqa: B010
        sources.update(linecache.cache)
        linecache.cache = sources


class _WithoutGenerated(dict[Any, Any]):
    """Keeps the sources of files, and not those of methods that attrs has made."""

    def setdefault(self, key: Any, default: Any = None) -> Any:
        return default if str(key).startswith(_GENERATED) else super().setdefault(key, default)


def _lean(define: Callable[..., Any], cls: type | None = None, **options: Any) -> Any:
    if cls is None:
        return partial(_lean, define, **options)
    made = define(cls, **{"eq": False, "repr": False, **options})
    _prune(made)
    return made


def _prune(cls: type) -> None:
    """Leave the methods that attrs has made for a class the names that they use."""
    used: dict[int, tuple[dict[str, Any], set[str]]] = {}
    for method in vars(cls).values():
        if isinstance(method, FunctionType) and method.__code__.co_filename.startswith(_GENERATED):
            shared = method.__globals__  # by all methods of a class
            _, names = used.setdefault(id(shared), (shared, {"__builtins__", "__name__"}))
            names.update(_names(method.__code__))
    for shared, names in used.values():
        kept = {name: shared[name] for name in names if name in shared}
        shared.clear()
        shared.update(kept)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _names(value)
