"""The language server's figures, as an editor sees them: through `lowtide lsp` and the daemon.

    PYTHONPATH=. python bench/lsp.py TREE                 memory, handshake, outlines, answers while TREE is indexed
    PYTHONPATH=. python bench/lsp.py --typing TREE...     `workspace/symbol` at each keystroke, and outdated ones cancelled

Options: `--budget 256MiB`; `--home DIR` keeps the index from one run to the next (else a temporary one is made).
Prints one JSON object. The machine should be quiet: times are wall-clock, this client's own share among them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from tests.lsp.wire import Wire

from lowtide.client import Client, DaemonError, stop
from lowtide.paths import Places
from lowtide.store.catalog import Catalog
from lowtide.workspace import CATALOG

MIB = 1 << 20
KEYSTROKES = ["p", "pa", "par", "pars", "parse", "htre", "getf", "Conf", "test_", "Sock"]
TREES = {"textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": True}}}
STARTS = 9
INDEXING_S = 120.0
NAMES = 40
PACE_S = 0.03
"""Between keystrokes of somebody who types very fast."""


def anonymous(pid: int) -> float:
    """MiB, as the budget counts them."""
    info = psutil.Process(pid).memory_info()
    return round((info.rss - info.shared) / MIB, 1)


def share(times: Sequence[float], part: float) -> float:
    """A percentile, in milliseconds."""
    return round(1000 * sorted(times)[min(len(times) - 1, int(part * len(times)))], 1) if times else -1.0


def summary(times: Sequence[float], *parts: int) -> dict[str, float]:
    """Percentiles in milliseconds, and how many there were."""
    named = {f"p{part}" if part < 100 else "max": share(times, part / 100) for part in (50, *parts)}
    return {**named, "count": len(times)}


class Editor(Wire):
    """A `lowtide lsp` process and its wire."""

    process: asyncio.subprocess.Process
    first_answer_s: float

    async def timed(self, method: str, params: Any) -> float:
        """Seconds from the question to the answer, read and decoded."""
        began = time.perf_counter()
        await self.result(method, params)
        return time.perf_counter() - began

    async def outline(self, uri: str) -> float:
        """Seconds that an outline takes."""
        return await self.timed("textDocument/documentSymbol", {"textDocument": {"uri": uri}})

    async def symbols(self, query: str) -> float:
        """Seconds that a keystroke takes."""
        return await self.timed("workspace/symbol", {"query": query})


@asynccontextmanager
async def editor(roots: Sequence[Path], *arguments: str, **more: Any) -> AsyncIterator[Editor]:
    """An editor from its start on, until it has taken its leave."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lowtide.cli", "lsp", "--stdio", *arguments,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 22,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    wire = Editor(process.stdout, process.stdin)
    wire.process = process
    folders = [{"uri": root.as_uri(), "name": root.name} for root in roots]
    await wire.initialize(None, processId=os.getpid(), workspaceFolders=folders, capabilities=TREES, **more)
    await wire.symbols("parse")
    wire.first_answer_s = time.perf_counter() - began
    try:
        yield wire
    finally:
        await wire.result("shutdown")
        wire.notify("exit")
        await process.wait()
        wire.writer.close()


async def indexed(wire: Editor) -> dict[str, Any]:
    """The Status when all folders are indexed."""
    while True:
        status: dict[str, Any] = await wire.result("lowtide/status", {})
        if status["quiescent"] and status["workspaces"] and not any(entry["pending"] for entry in status["workspaces"]):
            return status
        await asyncio.sleep(0.1)


def stop_daemon() -> None:
    """End the daemon of this home, if there is one."""
    with suppress(DaemonError):
        stop(Client.connect(Places.from_environment(), start=False))


# -- start, memory, indexing, outlines ------------------------------------------------------------------------------


async def measure_starts(budget: str) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bare:  # noqa: ASYNC220
        await asyncio.sleep(0.3)
        figures["bare_python_mib"] = anonymous(bare.pid)
        bare.kill()
    without, second, first = [], [], []
    with tempfile.TemporaryDirectory() as empty:
        for _ in range(STARTS):
            stop_daemon()
            async with editor([Path(empty)], "--budget", budget) as wire:
                without.append(wire.first_answer_s)
                figures["shim_over_bare_mib"] = round(anonymous(wire.process.pid) - figures["bare_python_mib"], 1)
                daemon = (await wire.result("lowtide/status", {}))["memory"]["processes"][0]["pid"]
                figures["daemon_with_editor_over_bare_mib"] = round(anonymous(daemon) - figures["bare_python_mib"], 1)
            async with editor([Path(empty)]) as wire:
                second.append(wire.first_answer_s)
            stop_daemon()
            with Client.connect(Places.from_environment(), budget=budget) as client:
                daemon = client.hello["pid"]
            await asyncio.sleep(1.0)
            figures["daemon_without_editor_over_bare_mib"] = round(anonymous(daemon) - figures["bare_python_mib"], 1)
            async with editor([Path(empty)]) as wire:
                first.append(wire.first_answer_s)
    figures["first_answer_without_daemon_ms"] = summary(without, 100)
    figures["first_answer_with_daemon_ms"] = summary(second, 100)
    figures["first_editor_of_a_daemon_ms"] = summary(first, 100)
    return figures


async def measure_indexing(wire: Editor, root: Path) -> dict[str, Any]:
    kinds: dict[str, list[float]] = {"symbol": [], "status": [], "outline": []}
    uri = (root / "tide_outline.py").as_uri()
    wire.open(uri, "".join(f"class C{n}:\n    def method_{n}(self):\n        return {n}\n\n\n" for n in range(200)))
    count = 0
    deadline = time.monotonic() + INDEXING_S
    while time.monotonic() < deadline:
        kinds["symbol"].append(await wire.symbols(KEYSTROKES[count % len(KEYSTROKES)]))
        kinds["status"].append(await wire.timed("lowtide/status", {}))
        wire.edit(uri, (2, 0), (2, 0), "        x = 1\n" if count % 2 else "")
        kinds["outline"].append(await wire.outline(uri))
        count += 1
        if (await wire.result("lowtide/status", {}))["quiescent"] and count > 20:
            break
        await asyncio.sleep(0.02)
    wire.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    return {f"while_indexing_{kind}_ms": summary(times, 99, 100) for kind, times in kinds.items()}


async def measure_outlines(wire: Editor, root: Path) -> dict[str, Any]:
    uri = (root / "tide_long.py").as_uri()
    text = "".join(f"def function_{n}(a, b):\n    if a:\n        return b + {n}\n    return a\n\n" for n in range(2000))
    wire.open(uri, text)
    await wire.outline(uri)
    at_once, shown = [], []
    for number in range(40):
        wire.edit(uri, (5000, 0), (5000, 0), f"x{number} = 1\n", number + 2)
        at_once.append(await wire.outline(uri))
        wire.edit(uri, (5000, 0), (5001, 0), "", number + 2)
        await asyncio.sleep(0.3)
        shown.append(await wire.outline(uri))
    return {
        "outline_10k_lines_right_after_an_edit_ms": summary(at_once, 95, 100),
        "outline_10k_lines_as_editors_ask_ms": summary(shown, 95, 100),
    }


async def measure(root: Path, budget: str) -> dict[str, Any]:
    figures: dict[str, Any] = {"tree": root.name, "budget": budget, "load": round(os.getloadavg()[0], 2)}
    figures |= await measure_starts(budget)
    stop_daemon()
    async with editor([root], "--budget", budget) as wire:
        figures |= await measure_indexing(wire, root)
        await indexed(wire)
        figures["symbol_idle_ms"] = summary([await wire.symbols(key) for _ in range(10) for key in KEYSTROKES], 95)
        figures |= await measure_outlines(wire, root)
        figures["memory"] = (await wire.result("lowtide/status", {}))["memory"]
    return figures


# -- typing ---------------------------------------------------------------------------------------------------------


def sample_names(roots: Sequence[Path], count: int) -> list[str]:
    """Names of symbols, drawn from the indexes."""
    chance = random.Random(3)
    names: list[str] = []
    for root in roots:
        folder = Places.from_environment().index_folder(root)
        catalog = Catalog(folder / CATALOG, writable=False)
        last = catalog.last_id("symbols")
        while len(names) < count * (roots.index(root) + 1) // len(roots):
            names += [row.name for row in catalog.symbols_by_id([chance.randint(1, last)])]
        catalog.close()
    return names


def keystrokes(name: str, way: str) -> list[str]:
    """What stands in the box after each key of somebody who looks for `name`."""
    if way == "humps":
        name = "".join(word[:1] for word in re.findall(r"[A-Za-z][a-z]*|\d+", name))
    elif way == "part":
        name = name[len(name) // 3 :]
    elif way == "scattered":
        name = name[::2]
    return [name[: end + 1] for end in range(min(len(name), 16))]


async def measure_typing(roots: Sequence[Path], budget: str) -> dict[str, Any]:
    figures: dict[str, Any] = {"trees": [root.name for root in roots], "budget": budget}
    async with editor(roots, "--budget", budget) as wire:
        status = await indexed(wire)
        figures["symbols"] = sum(entry["symbols"] for entry in status["workspaces"])
        figures["load"] = round(os.getloadavg()[0], 2)
        daemon = psutil.Process(status["memory"]["processes"][0]["pid"])
        names = sample_names(roots, NAMES)
        everything: list[float] = []
        slowest = (0.0, "")
        for way in ("name", "humps", "part", "scattered"):
            times = []
            for key in [key for name in names for key in keystrokes(name, way)]:
                times.append(await wire.symbols(key))
                slowest = max(slowest, (times[-1], key))
            everything += times
            figures[f"{way}_ms"] = summary(times, 95, 100)
        figures["all_ms"] = summary(everything, 95, 99, 100)
        figures["slowest"] = slowest[1]
        figures["cancelling"] = await measure_cancelling(wire, names, daemon)
        figures["memory"] = (await wire.result("lowtide/status", {}))["memory"]
    return figures


async def measure_cancelling(wire: Editor, names: Sequence[str], daemon: psutil.Process) -> dict[str, Any]:
    """Somebody types fast: each key makes the question before it outdated. The same keys all answered, for comparison."""
    figures: dict[str, Any] = {}
    for cancels in (True, False):
        last, outdated, cpu = [], 0, _cpu_s(daemon)
        for name in names[:20]:
            number = None
            pending = []
            for key in keystrokes(name, "scattered"):
                if number is not None and cancels:
                    wire.notify("$/cancelRequest", {"id": number})
                number = wire.begin("workspace/symbol", {"query": key})
                pending.append(number)
                began = time.perf_counter()
                await asyncio.sleep(PACE_S / 10)
            for number in pending:
                answer = await wire.answer(number)
                outdated += answer.get("error", {}).get("code") == -32800
            last.append(time.perf_counter() - began)
        figures["with_cancel" if cancels else "all_answered"] = {
            "last_answer_ms": summary(last, 95), "cancelled": outdated, "daemon_cpu_s": round(_cpu_s(daemon) - cpu, 2)
        }  # fmt: skip
    return figures


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", type=Path, nargs="+", metavar="TREE")
    parser.add_argument("--typing", action="store_true")
    parser.add_argument("--budget", default="256MiB")
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    roots = [tree.resolve() for tree in arguments.trees]
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["LOWTIDE_HOME"] = str(arguments.home or temporary)
        try:
            work = measure_typing(roots, arguments.budget) if arguments.typing else measure(roots[0], arguments.budget)
            print(json.dumps(asyncio.run(work), indent=2))
        finally:
            stop_daemon()


if __name__ == "__main__":
    main()
