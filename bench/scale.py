#!/usr/bin/env python3
"""How time, memory, disk and latency grow with the tree: at 1,000, 10,000 and 80,000 files.

    python -m bench.scale [--sizes 1000,10000,80000] [--functions 12] [--budget 256MiB] [--save] [--plot]

Trees are generated (`bench/seeds/trees.py`), the same ones every time. For each a daemon of its own indexes it from
nothing, and is asked once it is at rest: by meaning and words, by name, where a name is used; the first question of
each kind counts apart. Ten seconds later its memory is read from the kernel. `--save` writes bench/results/scale.json;
`--plot` draws it (docs/images/scale.png; needs matplotlib), from what was saved with `--sizes ""`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from bench.daemon import Daemon, alone, idle, percentile
from bench.revision import ROOT, commit
from bench.seeds.trees import generate

RESULTS = ROOT / "bench" / "results" / "scale.json"
IMAGE = ROOT / "docs" / "images" / "scale.png"
MIB = 1 << 20
QUERIES = (
    "retry a pending payment after a timeout",
    "merge two frozen histograms",
    "check that a certificate has expired",
    "flush the outbox before the deadline",
    "sort tickets by priority and drop stale ones",
    "publish a report to the remote region",
    "release the lease of a worker",
    "parse the header of a packet",
)
NAMES = ("merge", "flushOutbox", "checkExp", "sort_tick", "publRep", "relLease", "parseHead", "Queue")
WORDS = ("found", "sorted", "histogram", "outbox", "lease", "packets", "append", "LookupError")
ROUNDS = 5
REST_S = 10.0


def measure(files: int, functions: int, budget: str) -> dict[str, Any]:
    """Index a generated tree of so many files with a daemon of its own, and ask it."""
    with tempfile.TemporaryDirectory(prefix="lowtide-scale-") as place:
        root = Path(place) / "tree"
        source = generate(root, files, functions)
        os.environ["LOWTIDE_HOME"] = str(Path(place) / "home")
        daemon = Daemon(root, budget)
        try:
            began = time.perf_counter()
            daemon.index()
            wall_s = time.perf_counter() - began
            status = daemon.until(lambda status: idle(status) and alone(status), 1800, 0.1)
            (workspace,) = status["workspaces"]
            cpu = daemon.process.cpu_times()
            row = {
                "files": files,
                "source_mib": round(source / MIB, 1),
                "wall_s": round(wall_s, 2),
                "cpu_s": round(cpu.user + cpu.system + cpu.children_user + cpu.children_system, 2),
                "peak_mib": round(status["memory"]["peakBytes"] / MIB, 1),
                "symbols": workspace["symbols"],
                "chunks": workspace["chunks"],
                "vectors": workspace["vectors"],
                "disk_mib": round(workspace["diskBytes"] / MIB, 1),
            }
            return {**row, **latencies(daemon), **at_rest(daemon)}
        finally:
            daemon.stop()
            shutil.rmtree(root, ignore_errors=True)


def latencies(daemon: Daemon) -> dict[str, Any]:
    """Milliseconds from outside, and of the daemon's CPU time; of the first question, and of the others."""
    kinds = {
        "search": [("lowtide/find", {"query": query, "limit": 10}) for query in QUERIES],
        "symbols": [("lowtide/symbols", {"query": name, "limit": 50}) for name in NAMES],
        "references": [("lowtide/references", {"name": name, "limit": 50}) for name in WORDS],
    }
    row: dict[str, Any] = {}
    process = daemon.process
    for kind, asked in kinds.items():
        taken, before = [], process.cpu_times()
        for number, (method, parameters) in enumerate(asked * ROUNDS):
            began = time.perf_counter()
            daemon.ask(method, **parameters, rootUri=daemon.uri)
            took = 1000 * (time.perf_counter() - began)
            if number:
                taken.append(took)
            else:
                row[f"{kind}_first_ms"] = round(took, 1)
        after = process.cpu_times()
        row[f"{kind}_p50_ms"] = round(percentile(taken, 0.5), 1)
        row[f"{kind}_p95_ms"] = round(percentile(taken, 0.95), 1)
        cpu = after.user + after.system - before.user - before.system
        row[f"{kind}_cpu_ms"] = round(1000 * cpu / (ROUNDS * len(asked)), 1)
    return row


def at_rest(daemon: Daemon) -> dict[str, Any]:
    """What the kernel says of the daemon some seconds after the last question."""
    time.sleep(REST_S)
    memory = psutil.Process(daemon.process.pid).memory_info()
    anonymous = (memory.rss - memory.shared) / MIB
    return {"rest_anon_mib": round(anonymous, 1), "rest_resident_mib": round(memory.rss / MIB, 1)}


def plot(rows: list[dict[str, Any]], image: Path) -> None:
    """Four figures over the number of files. Questions by their CPU time: it is the same on a busy machine."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    files = [row["files"] for row in rows]
    figure, axes = pyplot.subplots(2, 2, figsize=(9, 6.5), layout="constrained")
    panels = (
        ("indexing, s", {"wall": "wall_s", "CPU": "cpu_s"}, True),
        (
            "memory, MiB",
            {"peak": "peak_mib", "rest, resident": "rest_resident_mib", "anonymous": "rest_anon_mib"},
            False,
        ),
        ("on the disk, MiB", {"index": "disk_mib", "source": "source_mib"}, True),
        ("CPU of a question, ms", {kind: f"{kind}_cpu_ms" for kind in ("search", "symbols", "references")}, False),
    )
    for axis, (title, lines, is_log) in zip(axes.flat, panels, strict=True):
        for label, key in lines.items():
            axis.plot(files, [row[key] for row in rows], marker="o", label=label)
        axis.set_xscale("log")
        if is_log:
            axis.set_yscale("log")
        else:
            axis.set_ylim(bottom=0)
        axis.set_xticks(files, [f"{number:,}" for number in files])
        axis.set_xlabel("files")
        axis.set_title(title)
        axis.legend()
        axis.grid(alpha=0.3)
    figure.savefig(image, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,80000")
    parser.add_argument("--functions", type=int, default=12, help="of each file")
    parser.add_argument("--budget", default="256MiB")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--plot", action="store_true")
    args = parser.parse_args()
    rows = []
    for size in filter(None, args.sizes.split(",")):
        rows.append(measure(int(size), args.functions, args.budget))
        print(json.dumps(rows[-1]), flush=True)
    if args.save and rows:
        load = round(os.getloadavg()[0], 1)
        made = {"commit": commit(), "budget": args.budget, "functions": args.functions, "load": load, "rows": rows}
        RESULTS.write_text(json.dumps(made, indent=1) + "\n")
    if args.plot:
        plot(rows or json.loads(RESULTS.read_text())["rows"], IMAGE)


if __name__ == "__main__":
    main()
