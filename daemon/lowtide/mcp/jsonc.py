"""One member set in a JSON file that people edit: comments, trailing commas and every other byte stay as they are.

Invariant: the result means what the file meant before, with that member set: it is read again to make sure, and a file
that cannot be read is never changed.
Source: the JSON with comments of VS Code, Cursor, Gemini CLI and Zed: `//`, `/* */`, trailing commas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_TOKEN = re.compile(
    r'(?P<blank>[\s\ufeff]+|//[^\n]*|/\*.*?\*/)|(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<mark>[{}\[\],:])|(?P<word>[^\s{}\[\],:"/]+)',
    re.DOTALL,
)
MOST_DEPTH = 100
Token = tuple[str, int, int]
"""What it is (`text`, `word`, or the mark itself), where it begins and ends."""


class CannotEdit(Exception):
    """The file is not what it should be; the text says how."""


def read(text: str) -> Any:
    """What the file means. CannotEdit."""
    tokens = _tokens(text)
    plain: list[str] = []
    for at, (kind, start, end) in enumerate(tokens):
        follows = tokens[at + 1][0] if at + 1 < len(tokens) else ""
        if kind == "," and follows in ("}", "]"):
            continue
        plain.append(text[start:end])
    try:
        return json.loads(" ".join(plain))
    except (ValueError, RecursionError) as error:
        raise CannotEdit(f"it is not JSON: {error}") from None


def set_member(text: str, path: Sequence[str], value: Any) -> str:
    """The file with the member at `path` set to `value`; objects on the way that are missing are made. CannotEdit."""
    if not text.strip(" \t\r\n\ufeff"):
        made: Any = value
        for key in reversed(path):
            made = {key: made}
        return json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    before = read(text)
    wanted = _with_member(before, path, value)
    fresh = _edit(text, _tokens(text), path, value)
    if read(fresh) != wanted:
        raise CannotEdit("it is written in a way that cannot be changed safely")
    return fresh


def _with_member(meaning: Any, path: Sequence[str], value: Any) -> Any:
    if not isinstance(meaning, dict):
        raise CannotEdit(f"an object is wanted where {path[0]!r} is to stand")
    inner = value if len(path) == 1 else _with_member(meaning.get(path[0], {}), path[1:], value)
    return {**meaning, path[0]: inner}


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CannotEdit(f"line {text.count(chr(10), 0, at) + 1} cannot be read")
        at = match.end()
        if match.lastgroup != "blank":
            kind = match["mark"] or str(match.lastgroup)
            found.append((kind, match.start(), match.end()))
    return found


def _edit(text: str, tokens: list[Token], path: Sequence[str], value: Any) -> str:
    at, depth = 0, 1
    for number, key in enumerate(path):
        place = _member(text, tokens, at, key)
        if place is None:
            made: Any = value
            for each in reversed(path[number + 1 :]):
                made = {each: made}
            return _insert(text, tokens, at, depth, key, made)
        at, depth = place, depth + 1
    start, end = tokens[at][1], tokens[_behind(tokens, at) - 1][2]
    return text[:start] + _shown(value, _indent_of(text), depth - 1) + text[end:]


def _member(text: str, tokens: list[Token], at: int, key: str) -> int | None:
    """Where the value of a member begins in the object that begins at a token; of several of one name, the last."""
    if at >= len(tokens) or tokens[at][0] != "{":
        raise CannotEdit(f"an object is wanted where {key!r} is to stand")
    found = None
    at += 1
    while at + 2 < len(tokens) and tokens[at][0] != "}":
        if tokens[at][0] == ",":
            at += 1
            continue
        if tokens[at][0] != "text" or tokens[at + 1][0] != ":":
            raise CannotEdit("it is not JSON")
        if json.loads(text[tokens[at][1] : tokens[at][2]]) == key:
            found = at + 2
        at = _behind(tokens, at + 2)
    return found


def _behind(tokens: list[Token], at: int) -> int:
    """The token behind the value that begins at a token."""
    depth = 0
    while at < len(tokens):
        kind = tokens[at][0]
        depth += (kind in "{[") - (kind in "}]")
        at += 1
        if depth <= 0:
            return at
    raise CannotEdit("it ends too early")


def _insert(text: str, tokens: list[Token], at: int, depth: int, key: str, value: Any) -> str:
    """A new member at the end of the object that begins at a token."""
    close = _behind(tokens, at) - 1
    last = tokens[close - 1]
    indent = _indent_of(text)
    member = f"{json.dumps(key)}: {_shown(value, indent, depth)}"
    comma = "" if last[0] in ("{", ",") else ","
    # Behind the last value, before a comment beside it only if that would hide the comma.
    behind = last[2]
    line_end = text.find("\n", behind, tokens[close][1])
    rest = text[behind : line_end if line_end >= 0 else tokens[close][1]]
    place = behind + len(rest) if rest.strip() else behind
    tail = "\n" + indent * (depth - 1) if "\n" not in text[place : tokens[close][1]] else ""
    trailing = "," if last[0] == "," else ""
    return f"{text[:behind]}{comma}{text[behind:place]}\n{indent * depth}{member}{trailing}{tail}{text[place:]}"


def _indent_of(text: str) -> str:
    match = re.search(r"\n([ \t]+)\S", text)
    return match[1] if match else "  "


def _shown(value: Any, indent: str, depth: int) -> str:
    lines = json.dumps(value, indent=indent, ensure_ascii=False).split("\n")
    return "\n".join([lines[0], *(indent * depth + line for line in lines[1:])])
