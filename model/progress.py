"""Shows how far a long step is: a bar with rate and time left on a terminal, a plain line now and then elsewhere.

Invariant: what is shown never changes what is computed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

Item = TypeVar("Item")

_LINE_EVERY_S = 10.0


class Advance(Protocol):
    """Told after each piece of work; `note` says what was done."""

    def __call__(self, note: str = "", *, to: int | None = None) -> None: ...


@contextmanager
def progress(what: str, total: int | None, unit: str, done: int = 0) -> Iterator[Advance]:
    """A bar for `total` pieces of work (None: not known), of which `done` are done already.

    The function that it gives counts one piece on, or to `to`.
    """
    if sys.stderr.isatty():
        with _bar(what, total, unit, done) as advance:
            yield advance
        return
    began = last = time.monotonic()
    first = count = done

    def line(note: str = "", *, to: int | None = None) -> None:
        nonlocal count, last
        count = count + 1 if to is None else to
        now = time.monotonic()
        if now - last < _LINE_EVERY_S and count != total:
            return
        last = now
        rate = (count - first) / max(now - began, 1e-9)
        left = f", {(total - count) / max(rate, 1e-9):.0f} s left" if total else ""
        of = f"/{total}" if total else ""
        print(f"{what}: {count}{of} {unit}, {rate:.1f} a second{left} {note}".rstrip(), file=sys.stderr, flush=True)

    yield line


@contextmanager
def _bar(what: str, total: int | None, unit: str, done: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, completed=done, note="")

        def advance(note: str = "", *, to: int | None = None) -> None:
            if to is None:
                bar.update(task, advance=1, note=note[:60])
            else:
                bar.update(task, completed=to, note=note[:60])

        yield advance


def counted(items: Iterable[Item], what: str, unit: str, total: int | None = None) -> Iterator[Item]:
    """`items`, one after the other, with a bar that counts them."""
    with progress(what, total, unit) as advance:
        for item in items:
            yield item
            advance()
