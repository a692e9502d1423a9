"""How a text is read in a language without a grammar: by the beginnings of its definitions.

A language's folder holds `heads.txt`. Its lines, comments (`;`) and empty ones aside:

- `ends`: where a definition that may hold others ends, one of `Ends`; one that holds none ends with its line.
- `quotes`: the characters that stand around a string of one line; a double quote unless said.
- `skip`: what else is no code, a pattern without groups; it goes to the text's end where nothing closes it.
- `dollar-quotes`: bodies stand between `$tag$` and the next of the same tag.
- `inline`: definitions may begin behind a brace, a comma or a semicolon too, not only at the start of a line.
- `where NAME PATTERN`: a part of patterns, written `{{NAME}}`; `start`, `space` and `name` are known.
- `LABEL PATTERN`: a head. The label is that of `@definition.LABEL` (see `work/parse/kinds.py`); the pattern matches
  from the start of a line, in time linear in what it reads; its group `name` is the definition's name, `container`
  (before it) what it belongs to. It sees the text without its comments and strings. Of two that match the earlier wins.
- `  until PATTERN`: the line that ends what the head above begins, where the language's own rule does not say.

Invariant: files of the package are read, nothing of a workspace.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from importlib import resources

import msgspec


class Ends(StrEnum):
    """Where a definition that may hold others ends."""

    BRACES = "braces"
    """With the braces that open behind its head, at a semicolon, or at its line's end when none open."""
    PARENTHESES = "parentheses"
    """With the parenthesis that opens it."""
    INDENTATION = "indentation"
    """Before the first line that is indented no deeper; with that line when it begins with `end` or a brace."""
    NEXT = "next"
    """Before the next one that is indented no deeper."""
    STATEMENT = "statement"
    """With the semicolon that ends its statement, or before the next one; what has a body before the next one that is
    indented no deeper."""


class Head(msgspec.Struct, frozen=True):
    """How one kind of definition begins."""

    label: str
    pattern: str
    closer: str = ""


class Lines(msgspec.Struct, frozen=True):
    """How a language's texts are read."""

    heads: tuple[Head, ...]
    ends: Ends
    quotes: str
    skip: str
    has_dollar_quotes: bool
    is_inline: bool


@cache
def lines_of(name: str) -> Lines:
    """How texts of the language called `name` are read. FileNotFoundError when it has no heads."""
    return parsed(resources.files("lowtide.languages").joinpath(name, "heads.txt").read_text("utf-8"))


def parsed(source: str) -> Lines:
    """What a `heads.txt` says. ValueError for what it cannot say."""
    parts = {"start": r"^[ \t]*+", "space": r"[ \t]++", "name": r"(?P<name>[A-Za-z_]\w*+)"}
    said = {"ends": Ends.BRACES.value, "quotes": '"', "skip": ""}
    heads: list[Head] = []
    flags: set[str] = set()
    for line in source.splitlines():
        word, _, rest = line.strip().partition(" ")
        if not word or word == ";":
            continue
        if word in said:
            said[word] = rest
        elif word in ("dollar-quotes", "inline"):
            flags.add(word)
        elif word == "where":
            name, _, pattern = rest.partition(" ")
            parts[name] = _whole(pattern, parts)
        elif word == "until":
            heads[-1] = Head(heads[-1].label, heads[-1].pattern, _whole(rest, parts))
        else:
            heads.append(Head(word, _whole(rest, parts)))
    return Lines(
        tuple(heads), Ends(said["ends"]), said["quotes"], said["skip"], "dollar-quotes" in flags, "inline" in flags
    )


def _whole(pattern: str, parts: dict[str, str]) -> str:
    """A pattern with its parts put in. ValueError for one that is not known."""

    def part(match: re.Match[str]) -> str:
        if match[1] not in parts:
            raise ValueError(f"no such part of a pattern: {match[1]}")
        return parts[match[1]]

    return re.sub(r"\{\{([a-z-]+)\}\}", part, pattern)
