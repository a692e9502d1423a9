"""How hits are shown: to people with the name first and the words that match marked, to editors as `vimgrep` lines.

Invariant: every line goes through `console.say`; marks are colours, which only a terminal gets.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from lowtide.answers import Hit, TextAnswer, TextHit
from lowtide.cli.console import Painted, code, paint, say, warn
from lowtide.cli.options import Options
from lowtide.core.explained import TOLD, explained
from lowtide.core.lexical import COMMON_WORDS
from lowtide.errors import UsageError
from lowtide.models import counted

FORMATS = ("text", "vimgrep")
SNIPPET_LINES = 6
MOST_MARKED_WORDS = 64
_MARK = "red"
Parts = list[str | Painted]
_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


format_option = click.option(
    "--format",
    "shape",
    type=click.Choice(FORMATS),
    default="text",
    help="How answers are printed: for people, or as `path:line:column:text` for an editor.",
)


def check_format(options: Options, shape: str) -> None:
    """UsageError for more than one way to print an answer."""
    if options.as_json and shape != "text":
        raise UsageError("--json or --format", "an answer is printed in one way", "leave one of them out")


def show_hits(
    hits: Sequence[Hit], roots: Sequence[Path], shape: str, words: Iterable[str] = (), *, explain: bool = False
) -> None:
    """The hits of a search, best first; `words`: those of the question, to be marked; `explain`: with what each score
    is made of."""
    marks = _words_pattern(words)
    for hit in hits:
        place = shown_path(hit, roots)
        if shape == "vimgrep":
            line, at = _lead(hit)
            text = hit.snippet.split("\n")[at]
            said = f"{hit.qualified} {hit.kind}: {text.strip()}".lstrip()
            say(vimgrep(whole_path(hit, roots), line, 1 + len(text) - len(text.lstrip()), said))
        else:
            _show_hit(hit, place, marks, explain=explain)


def show_lines(answer: TextAnswer, roots: Sequence[Path], shape: str) -> None:
    """The lines of an exact search, file by file."""
    last: tuple[str, int] | None = None
    has_context = any(hit.before or hit.after for hit in answer.hits)
    hits = answer.hits
    for index, hit in enumerate(hits):
        if shape == "vimgrep":
            say(vimgrep(whole_path(hit, roots), hit.line, hit.column, hit.text))
            continue
        place = shown_path(hit, roots)
        following = hits[index + 1] if index + 1 < len(hits) else None
        until = following.line if following and shown_path(following, roots) == place else None
        last = _show_line(hit, place, last, has_context, until)
    if answer.truncated and hits and shape == "text":
        warn(paint(f"the first {counted(len(hits), 'line')}; -m shows more", "yellow"))


def shown_path(hit: Hit | TextHit, roots: Sequence[Path]) -> str:
    """A hit's path beneath its root; of several roots, from the current folder if it lies there."""
    if isinstance(hit, Hit) and hit.repository:
        return f"{hit.repository}@{hit.commit[:8]}/{hit.path}"
    return hit.path if len(roots) == 1 else whole_path(hit, roots)


def whole_path(hit: Hit | TextHit, roots: Sequence[Path]) -> str:
    """A hit's path, which can be opened."""
    return from_here(Path(hit.root) if hit.root else roots[0], hit.path)


def from_here(root: Path, path: str) -> str:
    """A path that can be opened: from the current folder if the root lies there, else whole."""
    try:
        near = os.path.relpath(root, Path.cwd())
    except (OSError, ValueError):
        near = ".."
    return os.path.join(str(root) if near.startswith("..") else "" if near == "." else near, path)


def vimgrep(path: str, line: int, column: int, text: str) -> str:
    """`path:line:column:text`, for an editor."""
    return f"{path}:{line}:{column}:{text.expandtabs(1)}"


def marked(text: str, spans: Iterable[tuple[int, int]]) -> Parts:
    """A text with the characters of `spans`, ascending, marked."""
    parts: Parts = []
    at = 0
    for start, end in spans:
        if end > start >= at:
            parts += [code(text[at:start]), code(text[start:end], _MARK, bold=True)]
            at = end
    return [*parts, code(text[at:])]


def _lead(hit: Hit) -> tuple[int, int]:
    """The line of the file that a hit leads to, from 1, and which of the snippet's that is, from 0.

    The rule is that of docs/protocol.md for what prints code: where the snippet does not show the first line of the
    definition, its own first line, so that what is told of a line is always what stands in it.
    """
    definition, first = hit.definition, hit.snippet_line
    if hit.name and definition is not None:
        begins = definition.start_line
        if 0 <= begins - first < hit.snippet.count("\n") + 1:
            return begins, begins - first
        if not hit.snippet:
            return max(begins, hit.start_line), 0
    return first, 0


def _show_hit(hit: Hit, place: str, marks: re.Pattern[str] | None, *, explain: bool) -> None:
    what: Parts = [paint(hit.qualified, bold=True), " ", paint(hit.kind, dim=True), "  "] if hit.name else []
    line, at = _lead(hit)
    where: Parts = [paint(place, "magenta"), ":", paint(line, "green")]
    more: Parts = [paint(f"  {hit.more} more in this file", dim=True)] if hit.more else []
    if hit.url:
        more = [paint(f"  {hit.url}", dim=True)]
    weak: Parts = [paint("  weak", "yellow")] if hit.weak else []
    say(*what, *where, "  ", paint(format(hit.score, ".2f"), dim=True), *weak, *more)
    if explain:
        for name, value, meaning in explained(hit.signals):
            amount = f"{value:8.2f}" if name in TOLD else f"{value:+8.2f}"
            say(paint(amount, dim=True), "  ", paint(f"{meaning} ({name})", dim=True))
    width = len(str(hit.end_line))
    columns = max(20, _columns() - width - 5)
    lines = hit.snippet.split("\n")
    # The line that the hit leads to is always one of those shown.
    skipped = 0 if at < SNIPPET_LINES else min(at, max(0, len(lines) - SNIPPET_LINES))
    for number, content in enumerate(lines[skipped : skipped + SNIPPET_LINES], line - at + skipped):
        text = content.removesuffix("\r").expandtabs(4)[:columns]
        spans = (match.span() for match in marks.finditer(text)) if marks else ()
        say("  ", paint(f"{number:>{width}}", "green", dim=True), "  ", *marked(text, spans))
    say()


def _words_pattern(texts: Iterable[str]) -> re.Pattern[str] | None:
    """Finds the words of a question that say something, in any case."""
    words = dict.fromkeys(
        word.lower()
        for text in texts
        for found in _WORD.findall(text[:4096])
        for word in _HUMP.split(found)
        if len(word) > 1 and word.lower() not in COMMON_WORDS
    )
    chosen = sorted(list(words)[:MOST_MARKED_WORDS], key=len, reverse=True)
    return re.compile("|".join(map(re.escape, chosen)), re.IGNORECASE) if chosen else None


def _show_line(
    hit: TextHit, place: str, last: tuple[str, int] | None, has_context: bool, until: int | None
) -> tuple[str, int]:
    """Shows a line with those around it that were not shown yet; returns the file and the line shown last."""
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    number = hit.line
    is_new = last is None or last[0] != place
    if is_new and on_terminal:
        if last is not None:
            say()
        say(paint(place, "magenta"))
    shown_until = 0 if is_new or last is None else last[1]
    before = [(at, text) for at, text in enumerate(hit.before, number - len(hit.before)) if at > shown_until]
    if has_context and last is not None and not (is_new and on_terminal):
        first = before[0][0] if before else number
        if is_new or first > shown_until + 1:
            say(paint("--", dim=True))
    for at, text in before:
        _say_line(place, at, [code(text)], "-", on_terminal)
    _say_line(place, number, marked(hit.text, hit.marks), ":", on_terminal)
    for at, text in _after(hit, until):
        _say_line(place, at, [code(text)], "-", on_terminal)
        number = at
    return place, number


def _after(hit: TextHit, until: int | None) -> Iterator[tuple[int, str]]:
    for at, text in enumerate(hit.after, hit.line + 1):
        if until is not None and at >= until:
            return
        yield at, text


def _say_line(place: str, number: int, parts: Parts, sign: str, on_terminal: bool) -> None:
    where: Parts = [] if on_terminal else [place, sign]
    say(*where, paint(number, "green"), sign, *parts)


def _columns() -> int:
    try:
        return os.get_terminal_size().columns or 160  # a terminal that does not know says 0
    except OSError:
        return 160
