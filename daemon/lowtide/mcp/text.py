"""Answers as text, made to be read by a model: places first, code as far as there is room, what is lacking last.

Invariant: an answer has at most as many characters as it may; what is left out is told.
Invariant: nothing in it acts: control characters of names and texts are shown as what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lowtide.answers import Hit, Reference, SymbolHit, TextHit
from lowtide.visible import visible

TOKEN_CHARACTERS = 3.5
"""A token of code has about so many."""
_LINE_CHARACTERS = 200
"""Of a line of a file, of a signature, of a documentation."""
_NOTE_CHARACTERS = 160
"""Kept free for what is said last."""

F = TypeVar("F", Hit, SymbolHit)


def characters_of(tokens: int) -> int:
    """How many characters so many tokens have."""
    return int(tokens * TOKEN_CHARACTERS)


class Paper:
    """What is written, line by line, with a limit."""

    def __init__(self, most: int) -> None:
        self._lines: list[str] = []
        self.left = most

    def write(self, text: str) -> bool:
        """Add a line, or several at once; false when there is no room for it."""
        if len(text) + 1 > self.left:
            return False
        self.left -= len(text) + 1
        self._lines.append(text)
        return True

    def text(self) -> str:
        """All of it."""
        return "\n".join(self._lines).strip("\n")


def write_found(paper: Paper, hits: Sequence[F], head: Callable[[F], str]) -> int:
    """Write hits with their code, or what tells of it, as far as there is room; returns how many are not shown.

    `head` makes a hit's first line. Room for the first lines of all is kept free before code is written.
    """
    heads = [head(hit) for hit in hits]
    shown = 0
    room = paper.left - _NOTE_CHARACTERS
    while shown < len(heads) and room > len(heads[shown]):
        room -= len(heads[shown]) + 1
        shown += 1
    for hit, first in zip(hits[:shown], heads, strict=False):
        paper.write(first)
        for text in _bodies(hit):
            if len(text) + 2 <= room:
                paper.write(text + "\n")
                room -= len(text) + 2
                break
    return len(hits) - shown


def _bodies(hit: Hit | SymbolHit) -> Iterable[str]:
    """What can stand under a hit, the best first."""
    definition = hit.definition
    if definition is None:
        if isinstance(hit, Hit) and hit.snippet:
            yield clean(hit.snippet)
        return
    if definition.code:
        yield clean(definition.code)
    told = [line for line in (definition.signature, definition.doc) if line]
    if told:
        yield "\n".join(f"  {short(line)}" for line in told)
        yield f"  {short(told[0])}"


def head_of_hit(hit: Hit) -> str:
    """`path:start-end kind name`, of the whole definition where it is known; before it, of what is not on this machine,
    whose it is."""
    place = hit.definition or hit
    lines, weak = f"{place.start_line}-{place.end_line}", " (weak)" if hit.weak else ""
    head = f"{visible(hit.path)}:{lines} {hit.kind} {visible(hit.qualified)}".rstrip() + weak
    return f"{_remote(hit)} {head}" if hit.repository else head


def _remote(hit: Hit) -> str:
    """Which code a hit of the team's index is in, that is not on this machine."""
    days = int(hit.age_s / 86400)
    age = f"{count(days, 'day')} old" if days else "of today"
    at = visible(hit.url or f"commit {hit.commit[:12]}")
    return f"[not here: {visible(hit.repository or '')}, {age}, {at}]"


def head_of_symbol(symbol: SymbolHit) -> str:
    """`path:line kind name: signature`, where that tells more; with its definition, its lines instead."""
    place = symbol.definition
    lines = f"{place.start_line}-{place.end_line}" if place else str(symbol.line)
    head = f"{visible(symbol.path)}:{lines} {symbol.kind} {visible(symbol.qualified)}"
    tells_more = symbol.signature.rstrip(" :{") not in ("", symbol.name, f"{symbol.kind} {symbol.name}")
    return f"{head}: {short(symbol.signature)}" if tells_more and not place else head


def write_lines(paper: Paper, lines: Sequence[TextHit | Reference]) -> int:
    """References, or lines that hold a text, grouped by file; returns how many are not shown."""
    path = None
    for number, line in enumerate(lines):
        if line.path != path:
            path = line.path
            if paper.left < _NOTE_CHARACTERS or not paper.write(visible(path)):
                return len(lines) - number
        holder = line.qualified if isinstance(line, TextHit) else line.holder
        where = f"in {holder}" if holder else ""
        if isinstance(line, Reference) and line.definition:
            where = f"definition {where}".rstrip()
        mark = f"  [{visible(where)}]" if where else ""
        written = f"  {line.line}: {short(line.text.strip())}{mark}"
        if paper.left - len(written) < _NOTE_CHARACTERS or not paper.write(written):
            return len(lines) - number
    return 0


def short(text: str) -> str:
    """One line, cut where it is long."""
    line = clean(" ".join(text.split()))
    return line if len(line) <= _LINE_CHARACTERS else line[: _LINE_CHARACTERS - 1] + "…"


def clean(text: str) -> str:
    """Code as it is, but for what would act on who looks at it."""
    if text.isascii() and text.isprintable():
        return text
    return "\n".join("\t".join(visible(part) for part in line.split("\t")) for line in text.split("\n"))


def count(number: int, what: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {what if number == 1 else what + 's'}"
