#!/usr/bin/env python3
"""How long indexing takes, and how much memory: the whole command, as the kernel sees it.

    python -m bench.index TREE [TREE ...] [--budget 256MiB] [--quick] [--save]

For each tree: `lowtide index` from nothing, then again with nothing changed, then searches; beside it, in the same run,
universal-ctags over the same tree and tree-sitter's bare parse time of the files that Lowtide indexed (the floor).
Memory is that of the whole process group in a cgroup of the budget and 32 MiB (`bench/cgroup.py` says what that needs).
`--save` appends the figures with the commit to bench/results/index.jsonl and rewrites bench/results/index.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.cgroup import SLACK_BYTES, Outcome, run_limited
from bench.pages import renew
from bench.revision import ROOT, commit

from lowtide.config.settings import parse_size

QUERIES = [
    "parse a configuration file",
    "retry a request after a timeout",
    "compare two strings ignoring case",
    "allocate a buffer and grow it",
    "convert a date to text",
    "open a socket and listen",
    "find the shortest path",
    "escape special characters in html",
    "read a line from standard input",
    "hash of a file's content",
]
SYMBOLS = ["parse", "HttpResp", "get_name", "init", "strcmp", "Iterator", "toStr", "err", "write", "ConfigError"]


def run_group(command: list[str], budget_bytes: int, home: Path) -> Outcome:
    """Run a command in a cgroup of the budget and 32 MiB."""
    environment = {**os.environ, "LOWTIDE_HOME": str(home), "LOWTIDE_EMBEDDED": "1"}
    outcome = run_limited(command, budget_bytes + SLACK_BYTES, env=environment)
    if outcome.rc:
        sys.exit(f"{' '.join(command)} ended with {outcome.rc}: {outcome.stderr[-800:]}")
    return outcome


def bare_parse(tree: Path, home: Path) -> tuple[float, int]:
    """CPU seconds that tree-sitter alone takes for the files that were indexed, and their bytes; in one process."""
    script = """
import sys, time, os, importlib, sqlite3, tree_sitter
from contextlib import closing
from lowtide.languages import by_name
catalog, root = sys.argv[1:]
wanted = "select path, language from files where status='indexed' and language<>'' order by path"
with closing(sqlite3.connect(catalog)) as db:
    rows = db.execute(wanted).fetchall()
parsers, seconds, size = {}, 0.0, 0
for path, name in rows:
    if name not in parsers:
        language = by_name(name)
        if not language.module:
            continue  # read by lines: there is nothing to parse with
        grammar = getattr(importlib.import_module(language.module), language.function)
        parsers[name] = tree_sitter.Parser(tree_sitter.Language(grammar()))
    data = open(os.path.join(os.fsencode(root), path), 'rb').read()
    start = time.process_time()
    parsers[name].parse(data)
    seconds += time.process_time() - start
    size += len(data)
print(seconds, size)
"""
    (catalog,) = home.glob("**/catalog.sqlite")
    out = subprocess.run(
        [sys.executable, "-c", script, str(catalog), str(tree)], capture_output=True, text=True, check=True
    )
    seconds, size = out.stdout.split()
    return float(seconds), int(size)


def ctags(tree: Path) -> float | None:
    """Wall seconds of universal-ctags over the tree."""
    if not shutil.which("ctags"):
        return None
    with tempfile.NamedTemporaryFile() as tags:
        start = time.perf_counter()
        subprocess.run(["ctags", "-R", "-f", tags.name, str(tree)], capture_output=True, check=True)
        return round(time.perf_counter() - start, 2)


def measure(tree: Path, args: argparse.Namespace) -> dict[str, Any]:
    home = Path(tempfile.mkdtemp(prefix="lowtide-bench-"))
    try:
        lowtide = [sys.executable, "-m", "lowtide.cli", "--budget", args.budget, "--json"]
        index, again = (run_group([*lowtide, "index", str(tree)], parse_size(args.budget), home) for _ in range(2))
        report = json.loads(index.stdout)
        row = {
            "tree": tree.name,
            "budget": args.budget,
            "limit": "budget + 32 MiB",
            "wall_s": round(index.seconds, 3),
            "cpu_s": report["cpu_s"],
            "peak_anon_mib": mib(index.peak_anon_bytes),
            "own_peak_mib": mib(report["peak_anon_bytes"]),
            "oom_kills": index.oom_kills,
            "files": report["files"],
            "symbols": report["symbols"],
            "chunks": report["chunks"],
            "vectors": report["vectors"],
            "disk_mib": mib(report["disk_bytes"]),
            "source_mib": mib(report["source_bytes"]),
            "ladder": [step["step"] for step in report["ladder"]],
            "again_wall_s": round(again.seconds, 3),
            "again_indexed": json.loads(again.stdout)["files"]["indexed"],
            "again_peak_anon_mib": mib(again.peak_anon_bytes),
        }
        if not args.quick:
            row["ctags_s"] = ctags(tree)
            row["parse_cpu_s"], _ = bare_parse(tree, home)
            row["cpu_over_parse"] = round(row["cpu_s"] / row["parse_cpu_s"], 2) if row["parse_cpu_s"] else None
            row.update(searches(tree, home, args.budget))
        return row
    finally:
        shutil.rmtree(home, ignore_errors=True)


def searches(tree: Path, home: Path, budget: str) -> dict[str, Any]:
    """Milliseconds of searches in one process (`--batch`), and of one whole command."""
    environment = {**os.environ, "LOWTIDE_HOME": str(home), "LOWTIDE_EMBEDDED": "1"}
    lowtide = [sys.executable, "-m", "lowtide.cli", "--budget", budget]
    figures: dict[str, Any] = {}
    for mode in ("hybrid", "semantic", "lexical"):
        asked = "\n".join(QUERIES * 11) + "\n"  # the first round, of a process that has just started, is not counted
        out = subprocess.run(
            [*lowtide, "search", "--batch", "--mode", mode, str(tree)],
            input=asked,
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        times = [json.loads(line)["took_ms"] for line in out.stdout.splitlines()][len(QUERIES) :]
        figures[f"{mode}_p50_ms"] = round(statistics.median(times), 1)
        figures[f"{mode}_p95_ms"] = round(sorted(times)[int(len(times) * 0.95)], 1)
    walls = []
    for query in QUERIES[:3]:
        start = time.perf_counter()
        subprocess.run(
            [*lowtide, "search", query, str(tree), "--json"], capture_output=True, env=environment, check=True
        )
        walls.append(time.perf_counter() - start)
    figures["search_command_s"] = round(statistics.median(walls), 2)
    took = []
    for name in SYMBOLS:
        out = subprocess.run(
            [*lowtide, "symbols", name, str(tree), "--json"],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        took.append(json.loads(out.stdout)["took_ms"])
    figures["symbols_p50_ms"] = round(statistics.median(took), 1)
    return figures


def mib(count: int) -> float:
    return round(count / (1 << 20), 1)


def save(rows: list[dict[str, Any]]) -> None:
    """Append to the log, and write the newest figure of each (tree, budget) as a table."""
    results = ROOT / "bench" / "results"
    log = results / "index.jsonl"
    with log.open("a") as file:
        for row in rows:
            file.write(
                json.dumps({"commit": commit(), "python": platform.python_version(), "cores": os.cpu_count(), **row})
                + "\n"
            )
    newest = {}
    for line in log.read_text().splitlines():
        row = json.loads(line)
        newest[row["tree"], row["budget"]] = row
    columns = [
        ("commit", "commit"),
        ("tree", "tree"),
        ("budget", "budget"),
        ("s", "wall_s"),
        ("CPU s", "cpu_s"),
        ("peak MiB", "peak_anon_mib"),
        ("killed", "oom_kills"),
        ("symbols", "symbols"),
        ("chunks", "chunks"),
        ("disk MiB", "disk_mib"),
        ("again s", "again_wall_s"),
        ("ctags s", "ctags_s"),
        ("parse CPU s", "parse_cpu_s"),
        ("CPU / parse", "cpu_over_parse"),
        ("hybrid p50 / p95 ms", "hybrid"),
        ("semantic p95 ms", "semantic_p95_ms"),
        ("ladder", "ladder"),
    ]
    lines = [
        "# Indexing, newest figures",
        "",
        "Made by `python -m bench.index TREE ... --save`; every run is in index.jsonl.",
        "",
    ]
    lines.append("| " + " | ".join(name for name, _ in columns) + " |")
    lines.append("|" + "---|" * len(columns))
    for row in newest.values():
        row = {
            **row,
            "hybrid": f"{row.get('hybrid_p50_ms', '')} / {row.get('hybrid_p95_ms', '')}",
            "ladder": ", ".join(row["ladder"]) or "full",
        }
        lines.append("| " + " | ".join(str(row.get(key, "")) for _, key in columns) + " |")
    (results / "index.md").write_text("\n".join(lines) + "\n")
    renew()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--budget", default="256MiB")
    parser.add_argument("--quick", action="store_true", help="index only: no ctags, no bare parse, no searches")
    parser.add_argument("--save", action="store_true")
    args = parser.parse_args()
    rows = []
    for tree in args.trees:
        row = measure(tree.resolve(), args)
        print(json.dumps(row, indent=1), flush=True)
        rows.append(row)
    if args.save:
        save(rows)


if __name__ == "__main__":
    main()
