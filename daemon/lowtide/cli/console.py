"""What the commands print with: sizes, durations, colours, the progress bar.

Invariant: rich is imported only when something is shown on a terminal.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from typing import Any

import click

_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""Bytes of file names as Python escapes them."""


def print_json(value: dict[str, Any]) -> None:
    """The one object of `--json`; bytes of a name that are not UTF-8 as `\\xNN`."""
    click.echo(_NOT_UTF8.sub(lambda match: f"\\\\x{ord(match[0]) - 0xDC00:02x}", json.dumps(value, ensure_ascii=False)))


def is_terminal() -> bool:
    """Whether stderr is a person's terminal, where progress can be drawn."""
    return sys.stderr.isatty()


def hang(lead: str, text: str) -> str:
    """`text` after `lead`; on a terminal, lines that are too long break between words and stay behind the lead."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    if len(lead) + len(text) <= columns or columns - len(lead) < 40:
        return lead + text
    blank = " " * len(lead)
    return textwrap.fill(
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


def format_count(count: int, noun: str, plural: str = "") -> str:
    """`1 file`, `12,345 files`, `2 processes`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"
