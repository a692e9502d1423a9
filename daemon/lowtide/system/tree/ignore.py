"""Ignore files, with git's rules: which pattern, of which file, decides about a path.

A file's last matching pattern decides; a deeper file comes before a higher one. Patterns are bytes, as paths are.

Invariant: the same verdict as git's (tests compare with git itself).
Invariant: no ignore file can make the reader hang or grow: no FIFO is opened, no link followed inside a tree, and what
is over the limits below is not obeyed, with a line in the log.
Source: gitignore(5), and dir.c of git.
"""

from __future__ import annotations

import io
import logging
import re
from array import array
from collections.abc import Iterable
from enum import Enum, auto

import msgspec

from lowtide.system.beneath import open_plain, read_beneath
from lowtide.system.tree.wildmatch import SPECIAL, translate

log = logging.getLogger(__name__)

MAX_IGNORE_BYTES = 1 << 18
"""Of ignore files in force at one place; their rules take up to thirty times that."""
MAX_WILD_BYTES = 1 << 16
"""Of the patterns of one file that need a regular expression: it takes about forty times their length, and a second for
ten thousand bytes to be made."""
_BLOCK_BYTES = 1 << 13


class Origin(Enum):
    """Where a rule stands, and so how it is undone."""

    IGNORE_FILE = auto()
    EXCLUDE = auto()
    INCLUDE = auto()


class Rule(msgspec.Struct, frozen=True):
    """The pattern that decided; `text` is for people: `.gitignore:12: *.log`."""

    negated: bool
    text: str
    origin: Origin = Origin.IGNORE_FILE


class _Literal:
    """Patterns that are looked up; only the last of equal ones counts, the last for folders alone beside it."""

    __slots__ = ("any", "folder")

    def __init__(self) -> None:
        self.any: dict[bytes, int] = {}
        self.folder: dict[bytes, int] = {}

    def add(self, key: bytes, number: int, folders_only: bool) -> None:
        (self.folder if folders_only else self.any)[key] = number

    def find(self, key: bytes, is_folder: bool) -> int:
        number = self.any.get(key, -1)
        return max(number, self.folder.get(key, -1)) if is_folder else number


class _Wild:
    """Patterns that need an expression: one for many, the last pattern first, so that the first to match decides."""

    __slots__ = ("_compiled", "_flags", "_sources")

    def __init__(self, fold: bool) -> None:
        self._flags = int(re.DOTALL | re.IGNORECASE) if fold else int(re.DOTALL)
        self._sources: list[tuple[bytes, int, bool]] = []
        self._compiled: dict[bool, list[tuple[re.Pattern[bytes], list[int]]]] = {}

    def add(self, expression: bytes, number: int, folders_only: bool) -> None:
        self._sources.append((expression, number, folders_only))

    def find(self, text: bytes, is_folder: bool) -> int:
        blocks = self._compiled.get(is_folder)
        if blocks is None:
            blocks = self._compiled[is_folder] = self._compile(is_folder)
        for pattern, numbers in blocks:
            if (match := pattern.match(text)) is not None:
                assert match.lastindex is not None
                return numbers[match.lastindex - 1]
        return -1

    def _compile(self, is_folder: bool) -> list[tuple[re.Pattern[bytes], list[int]]]:
        blocks: list[tuple[re.Pattern[bytes], list[int]]] = []
        waiting: list[bytes] = []
        numbers: list[int] = []
        size = 0
        for expression, number, folders_only in reversed(self._sources):
            if folders_only and not is_folder:
                continue
            waiting.append(b"(" + expression + b")\\Z")
            numbers.append(number)
            size += len(expression)
            if size > _BLOCK_BYTES:
                blocks.append((re.compile(b"|".join(waiting), self._flags), numbers))
                waiting, numbers, size = [], [], 0
        if waiting:
            blocks.append((re.compile(b"|".join(waiting), self._flags), numbers))
        return blocks


class Rules:
    """The patterns of one ignore file, called `shown` for people.

    `base_bytes` is the length of its folder's path from the walk's root, with the `/`. A file above the root has an
    `outer` path instead: what lies between its folder and the root. With `fold`, ASCII letters match in either case.
    """

    def __init__(
        self,
        shown: str,
        base_bytes: int = 0,
        outer: bytes = b"",
        fold: bool = False,
        origin: Origin = Origin.IGNORE_FILE,
    ) -> None:
        self._origin = origin
        self.outer = outer
        self.read_bytes = 0
        """Of the file, whose rules these are."""
        self._shown = shown
        self._base_bytes = base_bytes
        self._fold = fold
        self._texts: list[bytes] = []
        self._lines = array("I")
        self._names = _Literal()
        self._extensions = _Literal()
        self._suffixes: dict[int, _Literal] = {}
        self._paths = _Literal()
        self._wild_names: _Wild | None = None
        self._wild_paths: _Wild | None = None
        self._wild_bytes = 0
        self._any_path = False

    def __bool__(self) -> bool:
        return bool(self._texts)

    def take(self, data: bytes, limit_bytes: int) -> bool:
        """Take all lines of an ignore file, up to `limit_bytes` of it; whether there are any rules then."""
        if len(data) > limit_bytes:
            log.warning("ignore-file-cut file=%r limit_bytes=%d", self._shown, limit_bytes)
            data = data[: data.rfind(b"\n", 0, limit_bytes) + 1]
        self.read_bytes = len(data)
        for number, line in enumerate(io.BytesIO(data.removeprefix(b"\xef\xbb\xbf")), 1):
            self.add(line.removesuffix(b"\n").removesuffix(b"\r"), number)
        return bool(self)

    def add(self, line: bytes, number: int) -> int | None:
        """Take line `number` (from 1) of an ignore file; comments and what can match nothing are nothing.

        Returns which pattern it is, from 0, for `last_match`; None when it is none.
        """
        text = _trim(line.partition(b"\0")[0])
        if text.startswith(b"#"):
            return None
        bare = text[1:] if text.startswith(b"!") else text
        folders_only = bare.endswith(b"/")
        if folders_only:
            bare = bare[:-1]
        anchored = b"/" in bare
        pattern = bare.removeprefix(b"/")
        if not pattern:
            return None
        here = len(self._texts)
        key = pattern.lower() if self._fold else pattern
        if SPECIAL.isdisjoint(pattern):
            (self._paths if anchored else self._names).add(key, here, folders_only)
        elif not anchored and pattern[:1] == b"*" and SPECIAL.isdisjoint(pattern[1:]) and len(pattern) > 1:
            if pattern[1:2] == b"." and b"." not in pattern[2:]:
                self._extensions.add(key[1:], here, folders_only)
            else:
                self._suffixes.setdefault(len(key) - 1, _Literal()).add(key[1:], here, folders_only)
        elif not self._add_wild(pattern, anchored, here, folders_only, number):
            return None
        self._any_path |= anchored
        self._texts.append(text)
        self._lines.append(number)
        return here

    def _add_wild(self, pattern: bytes, anchored: bool, here: int, folders_only: bool, number: int) -> bool:
        try:
            expression = translate(pattern)
        except ValueError:
            return False
        self._wild_bytes += len(pattern)
        if self._wild_bytes > MAX_WILD_BYTES:
            log.warning("ignore-pattern-not-obeyed file=%r line=%d why=too-many-patterns", self._shown, number)
            return False
        if anchored:
            wild = self._wild_paths = self._wild_paths or _Wild(self._fold)
        else:
            wild = self._wild_names = self._wild_names or _Wild(self._fold)
        wild.add(expression, here, folders_only)
        return True

    def find(self, path: bytes, name: bytes, is_folder: bool) -> Rule | None:
        """The last pattern that matches `path` (from the walk's root; `name` is its last part), or None."""
        return self.match(self.outer + path[self._base_bytes :] if self._any_path else b"", name, is_folder)

    def match(self, relative: bytes, name: bytes, is_folder: bool) -> Rule | None:
        """As `find`, with the path from the ignore file's own folder."""
        best = self.last_match(relative, name, is_folder)
        if best < 0:
            return None
        text = self._texts[best]
        shown = text.decode("utf-8", "backslashreplace")
        return Rule(text.startswith(b"!"), f"{self._shown}:{self._lines[best]}: {shown}", self._origin)

    def last_match(self, relative: bytes, name: bytes, is_folder: bool) -> int:
        """Which pattern is the last that matches, as `add` numbered them; -1 for none."""
        if self._fold:
            relative, name = relative.lower(), name.lower()
        best = self._names.any.get(name, -1)
        if (dot := name.rfind(b".")) >= 0 and (number := self._extensions.any.get(name[dot:], -1)) > best:
            best = number
        for size, suffixes in self._suffixes.items():
            if (number := suffixes.any.get(name[-size:], -1)) > best:
                best = number
        if self._wild_names is not None and (number := self._wild_names.find(name, is_folder)) > best:
            best = number
        if self._any_path:
            best = max(best, self._paths.find(relative, is_folder))
            if self._wild_paths is not None:
                best = max(best, self._wild_paths.find(relative, is_folder))
        return max(best, self._folders_only(name)) if is_folder else best

    def _folders_only(self, name: bytes) -> int:
        dot = name.rfind(b".")
        best = max(self._names.folder.get(name, -1), self._extensions.folder.get(name[dot:], -1) if dot >= 0 else -1)
        return max([best, *(suffixes.folder.get(name[-size:], -1) for size, suffixes in self._suffixes.items())])


def read_rules(
    file: bytes,
    shown: str,
    *,
    base_bytes: int = 0,
    outer: bytes = b"",
    fold: bool = False,
    follow: bool = False,
    limit_bytes: int = MAX_IGNORE_BYTES,
) -> Rules | None:
    """The rules of an ignore file that is named by its whole path; None when there is none, or it cannot be read.

    As in git, a link counts only if `follow`.
    """
    data = read_small(file, limit_bytes + 1, follow=follow)
    rules = Rules(shown, base_bytes, outer, fold)
    return rules if data is not None and rules.take(data, limit_bytes) else None


def read_rules_beneath(
    root: bytes, path: bytes, shown: str, *, base_bytes: int, fold: bool, limit_bytes: int
) -> Rules | None:
    """The same of the ignore file at `path` beneath `root`, for a walk of that root."""
    data = read_small_beneath(root, path, limit_bytes + 1)
    rules = Rules(shown, base_bytes, b"", fold)
    return rules if data is not None and rules.take(data, limit_bytes) else None


def rules_of(patterns: Iterable[str], shown: str, origin: Origin = Origin.IGNORE_FILE) -> Rules:
    """Rules from a list of patterns, numbered from 1."""
    rules = Rules(shown, origin=origin)
    for number, pattern in enumerate(patterns, 1):
        rules.add(pattern.encode("utf-8", "surrogateescape"), number)
    return rules


def read_small(file: bytes, limit_bytes: int, *, follow: bool = False) -> bytes | None:
    """Up to `limit_bytes` of a plain file named by its whole path; None for anything else, and when it cannot be
    read."""
    try:
        with open_plain(file, limit_bytes, follow=follow) as opened:
            return opened.rest()
    except OSError:
        return None


def read_small_beneath(root: bytes, path: bytes, limit_bytes: int) -> bytes | None:
    """The same of the file at `path` beneath `root`."""
    try:
        return read_beneath(root, path, limit_bytes).data
    except OSError:
        return None


def _trim(line: bytes) -> bytes:
    """Without trailing blanks, unless a backslash keeps them."""
    if not line.endswith(b" "):
        return line
    kept = index = 0
    while index < len(line):
        byte = line[index]
        if byte == 0x5C:
            if index + 1 == len(line):
                return line
            index += 2
            kept = index
        else:
            index += 1
            if byte != 0x20:
                kept = index
    return line[:kept]
