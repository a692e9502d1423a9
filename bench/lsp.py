"""The language server's figures, as an editor sees them: through `lowtide lsp` and the daemon.

    python -m bench.lsp TREE                 memory, handshake, outlines, answers while TREE is indexed
    python -m bench.lsp --typing TREE...     `workspace/symbol` at each keystroke, and outdated ones cancelled

Options: `--part starts|indexing|outlines` for some of the first, `--budget 256MiB`; `--home DIR` keeps the index from
one run to the next (else a temporary one is made). Prints one JSON object; `--save` appends it to
bench/results/lsp.jsonl and rewrites bench/results/lsp.md. The machine should be quiet: times are wall-clock, this
client's own share among them.
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
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import psutil
from bench.revision import commit
from tests.lsp.wire import Wire

from lowtide.paths import Places
from lowtide.serve.client import Client, DaemonError, stop
from lowtide.store.catalog import Catalog
from lowtide.store.vetting import CATALOG

RESULTS = Path(__file__).resolve().parent / "results"
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
        sys.executable,
        "-m",
        "lowtide.cli",
        "lsp",
        "--stdio",
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=1 << 22,
    )
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


async def measure(root: Path, budget: str, parts: Sequence[str]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if "starts" in parts:
        figures["starts"] = await measure_starts(budget)
        stop_daemon()
    if "indexing" in parts:
        async with editor([root], "--budget", budget) as wire:
            part = figures["indexing"] = await measure_indexing(wire, root)
            await indexed(wire)
            part["symbol_idle_ms"] = summary([await wire.symbols(key) for _ in range(10) for key in KEYSTROKES], 95)
    if "outlines" in parts:
        with tempfile.TemporaryDirectory() as empty:
            async with editor([Path(empty)], "--budget", budget) as wire:
                figures["outlines"] = await measure_outlines(wire, Path(empty))
    return figures


# -- typing ---------------------------------------------------------------------------------------------------------


def sample_names(roots: Sequence[Path], count: int) -> list[str]:
    """Names of symbols, drawn from the indexes."""
    chance = random.Random(3)
    names: list[str] = []
    for root in roots:
        folder = Places.from_environment().index_folder(root)
        with closing(Catalog(folder / CATALOG, writable=False)) as catalog:
            last = catalog.last_id("symbols")
            while len(names) < count * (roots.index(root) + 1) // len(roots):
                names += [row.name for row in catalog.symbols_by_id([chance.randint(1, last)])]
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
    figures: dict[str, Any] = {}
    async with editor(roots, "--budget", budget) as wire:
        status = await indexed(wire)
        figures["symbols"] = sum(entry["symbols"] for entry in status["workspaces"])
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
        figures |= await measure_cancelling(wire, names, daemon)
        memory = (await wire.result("lowtide/status", {}))["memory"]
        figures["daemon_mib"] = round(memory["processes"][0]["anonBytes"] / MIB, 1)
    return figures


async def measure_cancelling(wire: Editor, names: Sequence[str], daemon: psutil.Process) -> dict[str, Any]:
    """Somebody types fast: each key makes the question before it outdated. The same keys all answered, for
    comparison."""
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
        figures["typed_fast_outdated_cancelled" if cancels else "typed_fast_all_answered"] = {
            "p50_of_the_last_answer": share(last, 0.5),
            "p95": share(last, 0.95),
            "cancelled": outdated,
            "daemon_cpu_s": round(_cpu_s(daemon) - cpu, 2),
        }
    return figures


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def save(entry: dict[str, Any]) -> None:
    """Append to lsp.jsonl, and show the newest of each measurement in lsp.md."""
    with (RESULTS / "lsp.jsonl").open("a") as file:
        file.write(json.dumps(entry) + "\n")
    newest: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for line in (RESULTS / "lsp.jsonl").read_text().splitlines():
        known = json.loads(line)
        for part, figures in known["figures"].items():
            newest[f"{part} ({', '.join(known['trees'])})"] = known, figures
    lines = [
        "# The language server, newest figures",
        "",
        "Made by `python -m bench.lsp ... --save`; every run is in lsp.jsonl. Times in milliseconds, as an editor "
        "sees them.",
    ]
    for title, (known, figures) in newest.items():
        lines += ["", f"## {title} at {known['budget']} (commit {known['commit']}, load {known['load']})", ""]
        lines += ["| what | figures |", "|---|---|"]
        for name, value in figures.items():
            shown = ", ".join(f"{key} {inner}" for key, inner in value.items()) if isinstance(value, dict) else value
            lines.append(f"| {name.replace('_', ' ')} | {shown} |")
    (RESULTS / "lsp.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", type=Path, nargs="+", metavar="TREE")
    parser.add_argument("--typing", action="store_true")
    parser.add_argument("--part", action="append", choices=("starts", "indexing", "outlines"))
    parser.add_argument("--budget", default="256MiB")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    roots = [tree.resolve() for tree in arguments.trees]
    parts = ["typing"] if arguments.typing else arguments.part or ["starts", "indexing", "outlines"]
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["LOWTIDE_HOME"] = str(arguments.home or temporary)
        try:
            if arguments.typing:
                figures = {"typing": asyncio.run(measure_typing(roots, arguments.budget))}
            else:
                figures = asyncio.run(measure(roots[0], arguments.budget, parts))
        finally:
            stop_daemon()
    entry = {
        "commit": commit(),
        "trees": [root.name for root in roots],
        "budget": arguments.budget,
        "load": load,
        "figures": figures,
    }
    print(json.dumps(entry, indent=2))
    if arguments.save:
        save(entry)


if __name__ == "__main__":
    main()
