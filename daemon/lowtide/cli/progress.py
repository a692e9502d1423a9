"""How far a long work is, while a command waits for it: a bar on a terminal, a line now and then elsewhere.

Invariant: nothing for --json and --quiet; standard output stays the answer's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from lowtide.cli.console import drawing, format_bytes, is_terminal, warn
from lowtide.cli.options import Options
from lowtide.models import counted
from lowtide.visible import visible

Show = Callable[[dict[str, Any]], None]


@contextmanager
def shown(options: Options) -> Iterator[Show]:
    """Takes the figures of `lowtide/progress`."""
    if options.as_json or options.quiet:
        yield lambda _: None
    elif is_terminal():
        with _bar() as show:
            yield show
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    _text = partial(TextColumn, markup=False)

    started = time.monotonic()
    console = drawing(stderr=True)
    # The rest takes about 65 columns; a full line would be pushed up, and stay, when Ctrl-C is echoed.
    bar_width = max(6, min(30, console.width - 70))
    with Progress(
        _text("{task.description}"),
        BarColumn(bar_width),
        _text("{task.fields[files]}"),
        _text("{task.fields[rate]}"),
        TimeRemainingColumn(),
        _text("{task.fields[memory]}"),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("scanning", total=None, files="", rate="", memory="")

        def show(now: dict[str, Any]) -> None:
            seconds = max(0.1, time.monotonic() - started)
            counting = "+" if now["scanning"] else ""
            bar.update(
                task,
                total=now["total"] or None,
                completed=now["done"],
                description=visible(now["phase"]),
                files=f"{now['done']:,}/{now['total']:,}{counting} files",
                rate=f"{now['done'] / seconds:,.0f}/s",
                memory=f"{format_bytes(now['usedBytes'])} of {format_bytes(now['budgetBytes'])}",
            )

        yield show


def _lines() -> Show:
    told = time.monotonic()

    def show(now: dict[str, Any]) -> None:
        nonlocal told
        if time.monotonic() - told < 5.0:
            return
        told = time.monotonic()
        counting = " so far" if now["scanning"] else ""
        warn(
            f"{now['phase']}: {now['done']:,} of {counted(now['total'], 'file')}{counting}, "
            f"{format_bytes(now['usedBytes'])} of {format_bytes(now['budgetBytes'])}"
        )

    return show
