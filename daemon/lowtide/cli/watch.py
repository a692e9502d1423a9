"""`lowtide status --watch` and `--history`: the daemon's memory against its budget, as it is and as it was.

Invariant: every figure is the daemon's; a graph's top is the budget, so that a full column means a full budget.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lowtide.cli.console import drawing, format_bytes, format_seconds, has_colours, print_json, say
from lowtide.cli.options import Options
from lowtide.models import counted
from lowtide.paths import Places
from lowtide.serve.client import Client
from lowtide.visible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

_BLOCKS = " ▁▂▃▄▅▆▇█"
HEIGHT = 8


def show_history(options: Options) -> None:
    """The last hours as a graph, or as JSON."""
    with Client.connect(Places.from_environment(), start=False) as client:
        history = client.ask("lowtide/history", {})
    if options.as_json:
        print_json(history)
        return
    times, used = history["times"], history["usedBytes"]
    if not times:
        say("no samples yet: the daemon takes one every ten seconds")
        return
    width = max(20, min(shutil.get_terminal_size().columns - 12, 160))
    columns = _peaks(used, width)
    for number, line in enumerate(graph(columns, history["budgetBytes"], HEIGHT)):
        label = format_bytes(history["budgetBytes"]) if number == 0 else "0" if number == HEIGHT - 1 else ""
        say(f"{label:>9} │{line}")
    span = format_seconds(max(0.0, times[-1] - times[0]))
    first, last = (time.strftime("%H:%M:%S", time.localtime(moment)) for moment in (times[0], times[-1]))
    say(f"{'':>9} └{'─' * len(columns)}")
    say(f"{'':>11}{first} to {last} ({span}); peak {format_bytes(max(used))}, now {format_bytes(used[-1])}")


def watch(options: Options) -> None:
    """A live view until Ctrl-C, which is the way out of it and no interruption; a line a change where nothing can be
    drawn."""
    if not has_colours(sys.stdout):
        _watch_lines()
        return
    from rich.live import Live

    console = drawing()
    samples: deque[int] = deque(maxlen=600)
    with Client.connect(Places.from_environment()) as client:
        status = client.ask("lowtide/subscribe", {})
        samples.append(status["memory"]["usedBytes"])
        with (
            suppress(KeyboardInterrupt),
            Live(
                _view(status, samples, console.width), console=console, auto_refresh=False, screen=console.is_terminal
            ) as live,
        ):

            def show(method: str, now: dict[str, Any]) -> None:
                if method == "lowtide/statusChanged":
                    samples.append(now["memory"]["usedBytes"])
                    live.update(_view(now, samples, console.width), refresh=True)

            live.refresh()
            client.listen(show)


def _watch_lines() -> None:
    """As `_line` of each change, until Ctrl-C, or until nobody reads them any more."""
    last = ""

    def show(method: str, now: dict[str, Any]) -> None:
        nonlocal last
        if method == "lowtide/statusChanged" and (line := _line(now)) != last:
            say(line)
            last = line

    with Client.connect(Places.from_environment()) as client, suppress(KeyboardInterrupt):
        show("lowtide/statusChanged", client.ask("lowtide/subscribe", {}))
        threading.Thread(target=_end_with_the_reader, daemon=True).start()
        client.listen(show)


def _end_with_the_reader() -> None:
    """In a thread: interrupt this process when the other end of its output is closed; it may have nothing to write."""
    waiting = select.poll()
    waiting.register(sys.stdout.fileno(), 0)
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in waiting.poll()):
        os.kill(os.getpid(), signal.SIGINT)


def _line(status: dict[str, Any]) -> str:
    memory, progress = status["memory"], status["progress"]
    parts = [f"{status['state']}: {format_bytes(memory['usedBytes'])} of {format_bytes(memory['budgetBytes'])}"]
    if progress:
        parts.append(f"{progress['done']:,} of {counted(progress['total'], 'file')}")
    if status["message"] and status["message"] != status["state"]:
        parts.append(status["message"])
    return ", ".join(parts)


def graph(columns: Sequence[int], top: int, height: int) -> list[str]:
    """Lines of block characters, the topmost first; a column of `top` is full, one of more is full, too."""
    levels = [min(height * 8, round(value * height * 8 / max(1, top))) for value in columns]
    return ["".join(_BLOCKS[max(0, min(8, level - 8 * row))] for level in levels) for row in reversed(range(height))]


def _peaks(values: Sequence[int], width: int) -> list[int]:
    """At most `width` columns, each the peak of its share of the time."""
    if len(values) <= width:
        return list(values)
    return [
        max(
            values[
                len(values) * column // width : max(
                    len(values) * column // width + 1, len(values) * (column + 1) // width
                )
            ]
        )
        for column in range(width)
    ]


def _view(status: dict[str, Any], samples: Sequence[int], width: int) -> RenderableType:
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    memory, ladder = status["memory"], status["ladder"]
    used, budget = memory["usedBytes"], memory["budgetBytes"]
    colour = {"ok": "green", "warning": "yellow", "error": "red"}[status["health"]]
    words = visible(status["message"]) or ("" if ladder["step"] == "full" else f"ladder: {ladder['step']}")
    head = Text.assemble((f" {status['state']} ", f"bold {colour} reverse"), "  ", words)
    bar = Table.grid(padding=(0, 1))
    bar_width = max(8, min(30, width - 60))
    style = "red" if used > 0.95 * budget else "green"
    bar.add_row(
        "memory",
        ProgressBar(total=budget, completed=used, width=bar_width, complete_style=style, finished_style=style),
        f"{format_bytes(used)} of {format_bytes(budget)}, peak {format_bytes(memory['peakBytes'])}, "
        f"mapped {format_bytes(memory['mappedBytes'])}",
    )
    if progress := status["progress"]:
        done = ProgressBar(total=max(1, progress["total"]), completed=progress["done"], width=bar_width)
        counts = f"{progress['done']:,} of {progress['total']:,}  "
        bar.add_row("files", done, counts + visible(progress["file"])[-max(10, width - bar_width - len(counts) - 10) :])
    columns = list(samples)[-max(10, width - 6) :]
    drawn = Text("\n".join(graph(columns, budget, HEIGHT)), style=style, no_wrap=True)
    processes = Table("process", "pid", "memory", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for process in memory["processes"]:
        processes.add_row(visible(process["role"]), str(process["pid"]), format_bytes(process["anonBytes"]))
    places = Table(
        "workspace",
        "files",
        "symbols",
        "pending",
        "skipped",
        "quarantined",
        "state",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for workspace in status["workspaces"]:
        places.add_row(
            visible(unquote(Path(urlsplit(workspace["rootUri"]).path).name)),
            f"{workspace['files']:,}",
            f"{workspace['symbols']:,}",
            f"{workspace['pending']:,}",
            f"{workspace['skipped']:,}",
            f"{workspace['quarantined']:,}",
            visible(workspace["damage"] or workspace["error"] or workspace.get("state", "")),
        )
    title = f"memory, top of the graph = {format_bytes(budget)}"
    parts: list[RenderableType] = [
        head,
        bar,
        Panel(drawn, title=title, title_align="left", border_style="dim"),
        processes,
    ]
    if status["workspaces"]:
        parts += [Text(""), places]
    parts.append(Text("Ctrl-C ends this view, not the daemon", style="dim"))
    return Group(*parts)
