"""What the commands print with: lines, sizes, durations, colours, the progress bar.

Invariant: all that a command prints goes through here, and what others wrote is made visible on its way: no control
character or escape of a name, a text or an error reaches a terminal. The only escapes there are those of `paint`, and
none with NO_COLOR, TERM=dumb or a pipe.
Invariant: rich is imported only when something is shown on a terminal.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import click
import msgspec

from lowtide.visible import visible, visible_json

if TYPE_CHECKING:
    from rich.console import Console


class Painted(msgspec.Struct, frozen=True):
    """A part of a line in a colour, bold or dim, where the terminal can show it."""

    text: str
    colour: str | None
    bold: bool
    dim: bool
    keeps_tabs: bool = False


def code(text: str, colour: str | None = None, *, bold: bool = False) -> Painted:
    """A part of a file's line, whose tabs are no names to be seen through: they stay."""
    return Painted(text, colour, bold, dim=False, keeps_tabs=True)


def paint(text: object, colour: str | None = None, *, bold: bool = False, dim: bool = False) -> Painted:
    """A part of a line for `say`."""
    return Painted(str(text), colour, bold, dim)


def say(*parts: str | Painted) -> None:
    """One line to standard output."""
    _write(sys.stdout, parts)


def warn(*parts: str | Painted) -> None:
    """One line to standard error."""
    _write(sys.stderr, parts)


def say_lines(lines: Sequence[str]) -> None:
    """Lines to standard output, each as `say`."""
    for line in lines:
        say(line)


def warn_of_traceback() -> None:
    """The traceback of the error that is being handled, to standard error."""
    import traceback

    for line in traceback.format_exc().splitlines():
        warn(line)


def _write(stream: IO[str] | None, parts: Sequence[str | Painted]) -> None:
    if stream is None:
        return
    colours = has_colours(stream)
    line = "".join(_shown(part, colours) for part in parts)
    click.echo(line, file=stream, color=colours)


def _shown(part: str | Painted, colours: bool) -> str:
    if isinstance(part, str):
        return visible(part)
    text = "\t".join(map(visible, part.text.split("\t"))) if part.keeps_tabs else visible(part.text)
    return click.style(text, fg=part.colour, bold=part.bold or None, dim=part.dim or None) if colours else text


def print_json(value: dict[str, Any]) -> None:
    """The one object of `--json`; what is hidden in a text is escaped, bytes of a name that are not UTF-8 are
    `\\xNN`."""
    click.echo(visible_json(json.dumps(value, ensure_ascii=False)))


def has_colours(stream: IO[str]) -> bool:
    """Whether escapes may be written to `stream`: it is a terminal that knows them, and its user wants them."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown") and not os.environ.get("NO_COLOR")


def is_terminal() -> bool:
    """Whether stderr is a person's terminal, where progress can be drawn."""
    return sys.stderr is not None and has_colours(sys.stderr)


def drawing(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """What draws bars and live views; it takes every text as it stands. Texts of others are for `visible` first."""
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=soft_wrap, markup=False, highlight=False, emoji=False)


def hang(lead: str, text: str) -> list[str]:
    """`text` after `lead`; on a terminal, lines that are too long break between words and stay behind the lead."""
    columns = shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else 0
    text = visible(text)
    if len(lead) + len(text) <= columns or columns - len(lead) < 40:
        return [lead + text]
    blank = " " * len(lead)
    return textwrap.wrap(
        text, columns, initial_indent=lead, subsequent_indent=blank, break_long_words=False, break_on_hyphens=False
    )


def format_bytes(count: float) -> str:
    """`212 MiB`, `1.4 GiB`, `37 KiB`."""
    for unit in ("B", "KiB", "MiB"):
        if abs(count) < 1024 or (unit == "MiB" and abs(count) < 10 * 1024):
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB" if abs(count) < 10 * 1024 else f"{count / 1024:.1f} TiB"


def format_seconds(seconds: float) -> str:
    """`0.3 s`, `12 s`, `3 min 20 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
