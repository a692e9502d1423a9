"""Value types that every part of the engine shares.

Invariant: standard library only; frozen; no behaviour beyond derived values.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple


class SymbolKind(IntEnum):
    """LSP's SymbolKind (specification 3.17)."""

    FILE = 1
    MODULE = 2
    NAMESPACE = 3
    PACKAGE = 4
    CLASS = 5
    METHOD = 6
    PROPERTY = 7
    FIELD = 8
    CONSTRUCTOR = 9
    ENUM = 10
    INTERFACE = 11
    FUNCTION = 12
    VARIABLE = 13
    CONSTANT = 14
    STRING = 15
    NUMBER = 16
    BOOLEAN = 17
    ARRAY = 18
    OBJECT = 19
    KEY = 20
    NULL = 21
    ENUM_MEMBER = 22
    STRUCT = 23
    EVENT = 24
    OPERATOR = 25
    TYPE_PARAMETER = 26

    @property
    def label(self) -> str:
        """The kind as users write it: `enum-member`, `function`."""
        return self.name.lower().replace("_", "-")


KINDS = {kind.label: kind for kind in SymbolKind}


class Mode(StrEnum):
    """Which sides of the index answer."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    LEXICAL = "lexical"


class Group(StrEnum):
    """What is one hit of an answer."""

    DEFINITION = "definition"
    FILE = "file"
    """The best of each file, which tells how many more there are."""


class FileStatus(StrEnum):
    """What became of one file of a workspace."""

    INDEXED = "indexed"
    SKIPPED = "skipped"
    QUARANTINED = "quarantined"


HELD = frozenset({FileStatus.INDEXED, FileStatus.QUARANTINED})
"""Files that the index holds, if only by their lines: those, and no others, are counted where it is told how much is
in."""


class Reason(StrEnum):
    """Why a file is not indexed as source code. Each has one sentence for users in `docs/formats.md`."""

    BINARY = "binary"
    TOO_LARGE = "too-large"
    MINIFIED = "minified"
    GENERATED = "generated"
    VENDORED = "vendored"
    GIT = "git"
    SECRET = "secret"
    SYMLINK = "symlink"
    SYMLINK_OUT = "symlink-out-of-root"
    NOT_A_FILE = "not-a-regular-file"
    UNREADABLE = "unreadable"
    ENCODING = "encoding"
    EMPTY = "empty"
    EXCLUDED = "excluded"
    MEMORY = "over-budget"
    DEADLINE = "deadline"
    COSTLY = "costly"
    CRASH = "crash"
    GRAMMAR = "no-grammar"
    CHANGED = "changed-while-read"


class FileStat(NamedTuple):
    """A file that the walk saw.

    `path` is relative to the root, in bytes as the file system spells it, with `/`. `reason` is None for a candidate
    to index; else the file is skipped for `reason`, by `rule` (a pattern with where it stands, or the limit passed).
    A `path` that ends with `/` is a whole folder left out.
    """

    path: bytes
    size_bytes: int
    mtime_ns: int
    inode: int
    reason: Reason | None = None
    rule: str = ""
    ctime_ns: int = 0
    """When anything of it changed last, its content too, whatever its modification time was set to. 0: not known."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """For people: `1 file`, `12,345 files`, `2 processes`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def display_path(path: bytes) -> str:
    """The path for people: UTF-8, other bytes as `\\xNN`."""
    return path.decode("utf-8", "backslashreplace")
