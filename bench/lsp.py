"""The language server's figures: memory, handshake, outline of a long file, and answers while a tree is indexed.

    PYTHONPATH=. python bench/lsp.py TREE [--budget 256MiB]

Uses an index folder of its own; prints one JSON object. The machine should be quiet: times are wall-clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from tests.lsp.wire import Wire

from lowtide.client import Client, DaemonError, stop
from lowtide.paths import Places

MIB = 1 << 20
KEYSTROKES = ["p", "pa", "par", "pars", "parse", "htre", "getf", "Conf", "test_", "Sock"]


def anonymous(pid: int) -> float:
    """MiB, as the budget counts them."""
    info = psutil.Process(pid).memory_info()
    return round((info.rss - info.shared) / MIB, 1)


async def connect(root: Path, *arguments: str) -> tuple[Wire, asyncio.subprocess.Process, float]:
    """An editor, and the milliseconds from its start to its first answer."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lowtide.cli", "lsp", "--stdio", *arguments,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 22,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    wire = Wire(process.stdout, process.stdin)
    await wire.initialize(root, processId=os.getpid())
    await wire.result("workspace/symbol", {"query": "parse"})
    return wire, process, round((time.perf_counter() - began) * 1000, 1)


async def leave(wire: Wire, process: asyncio.subprocess.Process) -> None:
    await wire.result("shutdown")
    wire.notify("exit")
    await process.wait()


def share(times: list[float], part: float) -> float:
    """A percentile, in milliseconds."""
    return round(1000 * sorted(times)[min(len(times) - 1, int(part * len(times)))], 1) if times else -1.0


async def timed(wire: Wire, method: str, params: Any) -> float:
    began = time.perf_counter()
    await wire.result(method, params)
    return time.perf_counter() - began


async def measure(root: Path, budget: str) -> dict[str, Any]:
    figures: dict[str, Any] = {"tree": root.name, "budget": budget, "load": os.getloadavg()[0]}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bare:  # noqa: ASYNC220
        await asyncio.sleep(0.3)
        figures["bare_python_mib"] = anonymous(bare.pid)
        bare.kill()
    with tempfile.TemporaryDirectory() as empty:
        wire, process, figures["first_answer_without_daemon_ms"] = await connect(Path(empty), "--budget", budget)
        figures["shim_over_bare_mib"] = round(anonymous(process.pid) - figures["bare_python_mib"], 1)
        daemon = (await wire.result("lowtide/status", {}))["memory"]["processes"][0]["pid"]
        figures["daemon_with_editor_over_bare_mib"] = round(anonymous(daemon) - figures["bare_python_mib"], 1)
        await leave(wire, process)
        wire, process, figures["first_answer_with_daemon_ms"] = await connect(Path(empty))
        await leave(wire, process)
    wire, process, _ = await connect(root)
    kinds: dict[str, list[float]] = {"symbol": [], "status": [], "outline": []}
    uri = (root / "tide_outline.py").as_uri()
    wire.open(uri, "".join(f"class C{n}:\n    def method_{n}(self):\n        return {n}\n\n\n" for n in range(200)))
    count = 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        kinds["symbol"].append(await timed(wire, "workspace/symbol", {"query": KEYSTROKES[count % len(KEYSTROKES)]}))
        kinds["status"].append(await timed(wire, "lowtide/status", {}))
        wire.edit(uri, (2, 0), (2, 0), "        x = 1\n" if count % 2 else "")
        kinds["outline"].append(await timed(wire, "textDocument/documentSymbol", {"textDocument": {"uri": uri}}))
        count += 1
        if (await wire.result("lowtide/status", {}))["quiescent"] and count > 20:
            break
        await asyncio.sleep(0.02)
    for kind, times in kinds.items():
        figures[f"while_indexing_{kind}_ms"] = {
            "p50": share(times, 0.5),
            "p99": share(times, 0.99),
            "count": len(times),
        }
    times = [await timed(wire, "workspace/symbol", {"query": KEYSTROKES[n % len(KEYSTROKES)]}) for n in range(100)]
    figures["symbol_idle_ms"] = {"p50": share(times, 0.5), "p95": share(times, 0.95)}
    long = (root / "tide_long.py").as_uri()
    wire.open(
        long,
        "".join(f"def function_{n}(a, b):\n    if a:\n        return b + {n}\n    return a\n\n" for n in range(2000)),
    )
    await wire.result("textDocument/documentSymbol", {"textDocument": {"uri": long}})
    at_once, shown = [], []
    for number in range(30):
        wire.edit(long, (5000, 0), (5000, 0), f"x{number} = 1\n", number + 2)
        at_once.append(await timed(wire, "textDocument/documentSymbol", {"textDocument": {"uri": long}}))
        wire.edit(long, (5000, 0), (5001, 0), "", number + 2)
        await asyncio.sleep(0.3)
        shown.append(await timed(wire, "textDocument/documentSymbol", {"textDocument": {"uri": long}}))
    figures["outline_10k_lines_at_once_ms"] = {"p50": share(at_once, 0.5), "p95": share(at_once, 0.95)}
    figures["outline_10k_lines_as_editors_ask_ms"] = {"p50": share(shown, 0.5), "p95": share(shown, 0.95)}
    figures["memory"] = (await wire.result("lowtide/status", {}))["memory"]
    await leave(wire, process)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--budget", default="256MiB")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["LOWTIDE_HOME"] = home
        try:
            print(json.dumps(asyncio.run(measure(arguments.tree.resolve(), arguments.budget)), indent=2))
        finally:
            try:
                stop(Client.connect(Places.from_environment(), start=False))
            except DaemonError:
                pass


if __name__ == "__main__":
    main()
