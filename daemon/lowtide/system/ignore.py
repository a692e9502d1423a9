"""Ignore files, with git's rules: which pattern, of which file, decides about a path.

A pattern file's last matching pattern decides; a deeper file comes before a higher one. Patterns are bytes, as paths are.

Invariant: the same verdict as git's for every pattern (tests compare with git itself). Our own translation, for pathspec
1.1 differs from git in POSIX classes and in what a class may match.
Source: gitignore(5), and wildmatch.c of git.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_CLASSES = {
    b"alnum": b"0-9A-Za-z", b"alpha": b"A-Za-z", b"blank": b" \\t", b"cntrl": b"\\x00-\\x1f\\x7f", b"digit": b"0-9",
    b"graph": b"\\x21-\\x7e", b"lower": b"a-z", b"print": b"\\x20-\\x7e", b"punct": b"!-/:-@\\[-`{-~",
    b"space": b" \\t\\n\\r\\f\\v", b"upper": b"A-Z", b"xdigit": b"0-9A-Fa-f",
}  # fmt: skip
_WILD = frozenset(b"*?[\\")
MAX_IGNORE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern: `where` names file and line for people."""

    pattern: bytes
    negated: bool
    folders_only: bool
    where: str

    def describe(self) -> str:
        """`.gitignore:12: *.log`."""
        mark = "!" if self.negated else ""
        tail = "/" if self.folders_only else ""
        return f"{self.where}: {mark}{self.pattern.decode('utf-8', 'backslashreplace')}{tail}"


@dataclass(slots=True)
class Rules:
    """The patterns of one file, sorted by how they can be looked up; `base` is its folder's path from the walk's root.

    A file above the root has an `outer` path instead: what lies between its folder and the root, to put in front.
    """

    base: bytes = b""
    outer: bytes = b""
    _rules: list[Rule] = field(default_factory=list)
    _names: dict[bytes, list[int]] = field(default_factory=dict)
    _suffixes: dict[bytes, list[int]] = field(default_factory=dict)
    _paths: dict[bytes, list[int]] = field(default_factory=dict)
    _name_patterns: list[tuple[int, re.Pattern[bytes]]] = field(default_factory=list)
    _path_patterns: list[tuple[int, re.Pattern[bytes]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, line: bytes, where: str) -> None:
        """Take one line of an ignore file; comments and blank lines are nothing."""
        line = _trim(line)
        if not line or line.startswith(b"#"):
            return
        negated = line.startswith(b"!")
        if negated:
            line = line[1:]
        folders_only = line.endswith(b"/")
        if folders_only:
            line = line[:-1]
        if not line:
            return
        anchored = b"/" in line
        pattern = line.removeprefix(b"/")
        number = len(self._rules)
        self._rules.append(Rule(line, negated, folders_only, where))
        if not pattern:
            return
        if not _WILD.intersection(pattern):
            (self._paths if anchored else self._names).setdefault(pattern, []).append(number)
        elif not anchored and pattern[:2] == b"*." and not _WILD.intersection(pattern[1:]) and b"." not in pattern[2:]:
            self._suffixes.setdefault(pattern[1:], []).append(number)
        else:
            try:
                compiled = re.compile(translate(pattern), re.DOTALL)
            except (ValueError, re.error):
                return  # git: a pattern that is not valid matches nothing
            (self._path_patterns if anchored else self._name_patterns).append((number, compiled))

    def find(self, path: bytes, name: bytes, is_folder: bool) -> Rule | None:
        """The last pattern that matches `path` (from the walk's root; `name` is its last part), or None."""
        best = -1
        if self._names and (numbers := self._names.get(name)):
            best = self._last(numbers, is_folder, best)
        if self._suffixes and (dot := name.rfind(b".")) >= 0 and (numbers := self._suffixes.get(name[dot:])):
            best = self._last(numbers, is_folder, best)
        for number, pattern in reversed(self._name_patterns):
            if number < best:
                break
            if (is_folder or not self._rules[number].folders_only) and pattern.fullmatch(name):
                best = number
                break
        if self._paths or self._path_patterns:
            relative = self.outer + path[len(self.base) :]
            if numbers := self._paths.get(relative):
                best = self._last(numbers, is_folder, best)
            for number, pattern in reversed(self._path_patterns):
                if number < best:
                    break
                if (is_folder or not self._rules[number].folders_only) and pattern.fullmatch(relative):
                    best = number
                    break
        return self._rules[best] if best >= 0 else None

    def _last(self, numbers: list[int], is_folder: bool, best: int) -> int:
        for number in reversed(numbers):
            if is_folder or not self._rules[number].folders_only:
                return max(number, best)
        return best


def read_rules(file: Path | bytes, shown: str, *, base: bytes = b"", outer: bytes = b"") -> Rules | None:
    """The rules of one ignore file, called `shown` for people; None when there is none or it cannot be read."""
    try:
        with open(file, "rb") as stream:
            data = stream.read(MAX_IGNORE_BYTES)
    except OSError:
        return None
    rules = Rules(base, outer)
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        rules.add(line.removesuffix(b"\r"), f"{shown}:{number}")
    return rules if rules else None


def rules_of(patterns: Iterable[str], where: str) -> Rules:
    """Rules from a list of patterns."""
    rules = Rules()
    for pattern in patterns:
        rules.add(pattern.encode("utf-8", "surrogateescape"), where)
    return rules


def translate(pattern: bytes) -> bytes:
    """The regular expression of a wildmatch pattern, as git matches whole paths (`*` does not pass `/`, `**` can).

    ValueError for a pattern that git takes as invalid.
    """
    out = bytearray()
    index, end = 0, len(pattern)
    while index < end:
        byte = pattern[index : index + 1]
        index += 1
        if byte == b"*":
            start = index - 1
            while index < end and pattern[index : index + 1] == b"*":
                index += 1
            index = _stars(pattern, start, index, out)
        elif byte == b"?":
            out += b"[^/]"
        elif byte == b"[":
            index = _class(pattern, index, out)
        elif byte == b"\\":
            if index >= end:
                raise ValueError("a backslash at the end")
            out += re.escape(pattern[index : index + 1])
            index += 1
        else:
            out += re.escape(byte)
    return bytes(out)


def _stars(pattern: bytes, start: int, index: int, out: bytearray) -> int:
    """One or more stars from `start` to `index`; returns where to go on."""
    alone = index - start == 2 and (start == 0 or pattern[start - 1 : start] == b"/")
    following = pattern[index : index + 1]
    if alone and following == b"/":
        out += b"(?:.*/)?"
        return index + 1
    if alone and not following:
        out += b".*" if start == 0 else b".+"
        return index
    out += b"[^/]*"
    return index


def _class(pattern: bytes, index: int, out: bytearray) -> int:
    """A bracket expression; `index` is behind its `[`. Returns where to go on."""
    end = len(pattern)
    negated = pattern[index : index + 1] in (b"!", b"^")
    if negated:
        index += 1
    body = bytearray()
    first = True
    while True:
        if index >= end:
            raise ValueError("a class without its end")
        byte = pattern[index : index + 1]
        if byte == b"]" and not first:
            break
        first = False
        if byte == b"[" and pattern[index + 1 : index + 2] == b":" and (close := pattern.find(b":]", index + 2)) > 0:
            name = pattern[index + 2 : close]
            if name not in _CLASSES:
                raise ValueError("an unknown class")
            body += _CLASSES[name]
            index = close + 2
            continue
        low, index = _literal(pattern, index)
        if pattern[index : index + 1] == b"-" and pattern[index + 1 : index + 2] not in (b"]", b""):
            high, index = _literal(pattern, index + 1)
            if low <= high:
                body += b"\\x%02x-\\x%02x" % (low[0], high[0])
        else:
            body += b"\\x%02x" % low[0]
    if negated:
        out += b"[^/" + body + b"]"
    elif body:
        out += b"(?!/)[" + body + b"]"
    else:
        out += b"(?!)"
    return index + 1


def _literal(pattern: bytes, index: int) -> tuple[bytes, int]:
    if pattern[index : index + 1] == b"\\":
        index += 1
        if index >= len(pattern):
            raise ValueError("a backslash at the end")
    return pattern[index : index + 1], index + 1


def _trim(line: bytes) -> bytes:
    """Without trailing blanks, unless a backslash keeps them."""
    while line.endswith(b" "):
        backslashes = len(line) - 1 - len(line[:-1].rstrip(b"\\"))
        if backslashes % 2:
            break
        line = line[:-1]
    return line
