#!/usr/bin/env python3
"""What people feel of the daemon: starting, editing, switching branches, cancelling, and asking while it indexes.

    python -m bench.daemon TREE [--budget 256MiB] [--edits 40] [--files 2000] [--save]

Works on a copy of TREE (a git repository is made of it) in a temporary folder, with a daemon of its own. Every latency
is measured from outside, by a client on the daemon's socket. `--save` appends to bench/results/daemon.jsonl and
rewrites bench/results/daemon.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from bench.pages import renew
from bench.revision import ROOT, commit

RESULTS = ROOT / "bench" / "results"
MIB = 1 << 20
NAMES = ["init", "allo", "probe", "Http", "netdev", "read", "kma", "lo", "irq_h", "foo"]


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ms(values: list[float]) -> dict[str, float]:
    """Milliseconds: p50, p95, p99, the largest."""
    shares = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
    return {name: round(1000 * percentile(values, share), 1) for name, share in shares} | {"count": len(values)}


class Daemon:
    """A client of a daemon of its own."""

    def __init__(self, root: Path, budget: str) -> None:
        from lowtide.paths import Places
        from lowtide.serve.client import Client

        self.root, self.uri, self.budget = root, root.as_uri(), budget
        self.places = Places.from_environment()
        self.connect: Callable[[], Any] = lambda: Client.connect(self.places, budget=budget)
        self.client = self.connect()

    def ask(self, method: str, **params: Any) -> Any:
        return self.client.ask(method, params)

    def stop(self) -> None:
        from lowtide.serve.client import stop

        stop(self.client)

    def restart(self) -> None:
        self.client = self.connect()

    def index(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("lowtide/index", rootUri=self.uri)
        return answer

    def index_aside(self) -> Any:
        """Have another client ask for the index; returns that client."""
        other = self.connect()

        def ask() -> None:
            try:
                other.ask("lowtide/index", {"rootUri": self.uri})
            except Exception as error:
                print(f"  (indexing ended: {error})", file=sys.stderr)

        threading.Thread(target=ask, daemon=True).start()
        return other

    def until(
        self, condition: Callable[[dict[str, Any]], Any], seconds: float = 900.0, step: float = 0.005
    ) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            status: dict[str, Any] = self.ask("lowtide/status")
            if condition(status):
                return status
            if time.monotonic() > deadline:
                raise SystemExit(f"it did not come about: {status}")
            time.sleep(step)

    def finds(self, name: str) -> bool:
        found = self.ask("lowtide/symbols", query=name, rootUri=self.uri, limit=1)["symbols"]
        return bool(found) and found[0]["name"] == name

    def own_bytes(self) -> int:
        processes = self.ask("lowtide/status")["memory"]["processes"]
        return next(int(entry["anonBytes"]) for entry in processes if entry["role"] == "daemon")

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(int(self.client.hello["pid"]))


def idle(status: dict[str, Any]) -> bool:
    return bool(status["quiescent"]) and status["state"] == "idle"


def alone(status: dict[str, Any]) -> bool:
    return len(status["memory"]["processes"]) == 1


def while_indexing(daemon: Daemon) -> dict[str, Any]:
    """Latencies of status, symbol and hybrid search during the first index, and the memory of all processes."""
    before = daemon.own_bytes()
    other = daemon.index_aside()
    daemon.until(lambda status: status["state"] == "indexing")
    status_s, symbols_s, search_s, used = [], [], [], []
    number = 0
    while True:
        began = time.perf_counter()
        status = daemon.ask("lowtide/status")
        status_s.append(time.perf_counter() - began)
        used.append(status["memory"]["usedBytes"])
        if idle(status):
            break
        if number > 5:
            began = time.perf_counter()
            daemon.ask("lowtide/symbols", query=NAMES[number % len(NAMES)], rootUri=daemon.uri, limit=50)
            symbols_s.append(time.perf_counter() - began)
            if number % 10 == 0:
                began = time.perf_counter()
                daemon.ask("lowtide/find", query=f"read number {number} from a file", rootUri=daemon.uri, limit=5)
                search_s.append(time.perf_counter() - began)
        number += 1
        time.sleep(0.05)
    peak = status["memory"]["peakBytes"]
    began = time.perf_counter()
    status = daemon.until(lambda status: alone(status) and idle(status), 90)
    back_s = time.perf_counter() - began
    wall_s = None
    report = daemon.index()
    other.close()
    del wall_s, report
    return {
        "status_ms": ms(status_s),
        "symbols_ms": ms(symbols_s),
        "search_ms": ms(search_s or [0.0]),
        "peak_mib": round(peak / MIB, 1),
        "before_mib": round(before / MIB, 1),
        "after_mib": round(status["memory"]["usedBytes"] / MIB, 1),
        "workers_gone_after_s": round(back_s, 2),
    }


def cancelling(daemon: Daemon, count: int) -> dict[str, Any]:
    """How soon work stops after a cancel, and its memory is back; the daemon's own memory after each."""
    stopped_s, back_s, own = [], [], []
    for number in range(count):
        daemon.ask("lowtide/reindex", rootUri=daemon.uri, force=True)
        daemon.until(lambda status: (status["progress"] or {}).get("done", 0) > 0 and status["state"] == "indexing")
        time.sleep(0.15 * (number % 5))
        began = time.perf_counter()
        daemon.ask("lowtide/cancel")
        daemon.until(idle, step=0.002)
        stopped_s.append(time.perf_counter() - began)
        daemon.until(alone, step=0.002)
        back_s.append(time.perf_counter() - began)
        own.append(daemon.own_bytes())
    return {
        "stopped_ms": ms(stopped_s),
        "memory_back_ms": ms(back_s),
        "own_mib": [round(size / MIB, 1) for size in own],
    }


def refreshing(daemon: Daemon) -> dict[str, Any]:
    """Five whole indexes on end: memory and descriptors after each."""
    own, descriptors, seconds = [], [], []
    for _ in range(5):
        began = time.perf_counter()
        daemon.ask("lowtide/reindex", rootUri=daemon.uri, force=True)
        daemon.until(lambda status: status["state"] == "indexing", 30)
        daemon.until(lambda status: idle(status) and alone(status), step=0.05)
        seconds.append(round(time.perf_counter() - began, 2))
        daemon.finds("anything")
        own.append(round(daemon.own_bytes() / MIB, 1))
        descriptors.append(daemon.process.num_fds())
    return {"own_mib": own, "descriptors": descriptors, "seconds": seconds}


def editing(daemon: Daemon, count: int) -> dict[str, Any]:
    """From a saved file to its symbol being found."""
    path = daemon.root / "lowtide_bench_edit.py"
    took = []
    for number in range(count):
        name = f"quaffle_{number}_handler"
        began = time.perf_counter()
        path.write_text(f"def {name}(value):\n    return 'the bludger number {number} flies' + value\n")
        while not daemon.finds(name):
            if time.perf_counter() - began > 30:
                raise SystemExit(f"edit {number} was not found")
            time.sleep(0.002)
        took.append(time.perf_counter() - began)
        time.sleep(0.6)
    path.unlink()
    return ms(took)


def asking(daemon: Daemon, count: int) -> dict[str, Any]:
    """With no editor open: from a written file to an answer that has it, by one connection and by a command of its own.

    `first_share`: how many were in the first answer, asked as soon as the file was written.
    """
    daemon.client.close()  # nobody holds the workspace: questions alone open it
    daemon.restart()
    path = daemon.root / "lowtide_bench_asked.py"
    took: dict[str, list[float]] = {"connection": [], "command": []}
    first = 0

    def by_command(name: str) -> bool:
        command = [sys.executable, "-m", "lowtide.cli", "symbols", name, str(daemon.root), "--json", "--limit", "1"]
        out = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(out.stdout)["symbols"]
        return bool(found) and found[0]["name"] == name

    daemon.finds("anything")
    daemon.until(idle)
    for number in range(2 * count):
        way, finds = ("connection", daemon.finds) if number < count else ("command", by_command)
        name = f"quaffle_asked_{number}_keeper"
        began = time.perf_counter()
        path.write_text(f"def {name}(value):\n    return 'the beater number {number} waits' + value\n")
        tries = 1
        while not finds(name):
            tries += 1
            if time.perf_counter() - began > 60:
                raise SystemExit(f"file {number} was not found")
        took[way].append(time.perf_counter() - began)
        first += tries == 1
        time.sleep(0.6)
    path.unlink()
    return {**{f"{way}_ms": ms(values) for way, values in took.items()}, "first_share": round(first / (2 * count), 2)}


def git(root: Path, *arguments: str) -> None:
    own = ["-c", "user.email=a@b.c", "-c", "user.name=x", "-c", "commit.gpgsign=false", "-c", "gc.auto=0"]
    subprocess.run(["git", "-C", str(root), *own, *arguments], check=True, capture_output=True)


def make_branches(root: Path, count: int) -> str:
    """A repository with a second branch on which `count` files differ; returns a name defined only there."""
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "all")
    git(root, "checkout", "-qb", "other")
    suffixes = {
        ".py": "def {0}(a):\n    return a\n",
        ".go": "func {0}() int {{ return 1 }}\n",
        ".hpp": "int {0}(int a);\n",
        ".c": "int {0}(int a) {{ return a; }}\n",
    }
    files = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix in suffixes and path.is_file() and path.stat().st_size > 200
    ][:count]
    for number, path in enumerate(files):
        with path.open("a", encoding="utf-8") as file:
            file.write("\n\n" + suffixes[path.suffix].format(f"branch_marker_{number}"))
    git(root, "commit", "-qam", "other")
    git(root, "checkout", "-q", "main")
    return f"branch_marker_{len(files) - 1}"


def switching(daemon: Daemon, marker: str) -> dict[str, Any]:
    """From git's end to everything indexed, there and back; and how many vectors were made."""
    made: dict[str, Any] = {}
    for step, branch in (("there", "other"), ("back", "main"), ("there_again", "other"), ("back_again", "main")):
        before = daemon.until(idle)["workspaces"][0]["vectors"]
        git(daemon.root, "checkout", "-q", branch)
        began = time.perf_counter()
        # By its status alone: a question now and then would take one of the workers from the work that is measured.
        daemon.until(lambda status: not idle(status))
        daemon.until(idle, step=0.02)
        seconds = time.perf_counter() - began
        if daemon.finds(marker) != (branch == "other"):
            raise SystemExit(f"idle, and {marker} is not as it stands on the branch {branch}")
        time.sleep(1.5)
        after = daemon.until(idle)
        made[step] = {"s": round(seconds, 2), "new_vectors": after["workspaces"][0]["vectors"] - before}
    return made


def starting(daemon: Daemon, count: int) -> dict[str, Any]:
    """From no daemon to its first answers; and how long it takes to know that nothing has changed."""
    first_s, search_s, checked_s = [], [], []
    for _ in range(count):
        daemon.stop()
        began = time.perf_counter()
        daemon.restart()
        daemon.ask("lowtide/symbols", query="init", rootUri=daemon.uri, limit=10)
        first_s.append(time.perf_counter() - began)
        daemon.ask("lowtide/find", query="open a file", rootUri=daemon.uri, limit=5)
        search_s.append(time.perf_counter() - began)
        daemon.index()
        checked_s.append(time.perf_counter() - began)
    return {"first_symbol_ms": ms(first_s), "first_search_ms": ms(search_s), "checked_against_disk_ms": ms(checked_s)}


def idling(daemon: Daemon) -> dict[str, Any]:
    """CPU time and memory of a daemon that has nothing to do, with the workspace open and watched."""
    daemon.until(alone, 90, step=0.2)
    before = daemon.process.cpu_times()
    time.sleep(20)
    after = daemon.process.cpu_times()
    used = (after.user + after.system) - (before.user + before.system)
    return {
        "cpu_percent": round(100 * used / 20, 2),
        "mib": round(daemon.own_bytes() / MIB, 1),
        "threads": daemon.process.num_threads(),
    }


def measure(tree: Path, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    os.environ["LOWTIDE_HOME"] = str(folder / "home")
    root = folder / tree.name
    shutil.copytree(tree, root, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    marker = make_branches(root, options.files)
    daemon = Daemon(root, options.budget)
    entry: dict[str, Any] = {"tree": tree.name, "budget": options.budget, "load": round(os.getloadavg()[0], 1)}
    steps: list[tuple[str, Callable[[], Any]]] = [
        ("while_indexing", lambda: while_indexing(daemon)),
        ("edit_ms", lambda: editing(daemon, options.edits)),
        ("asked", lambda: asking(daemon, options.edits)),
        ("branch", lambda: switching(daemon, marker)),
        ("idle", lambda: idling(daemon)),
        ("start", lambda: starting(daemon, 5)),
        ("cancel", lambda: cancelling(daemon, options.cancels)),
        ("refresh", lambda: refreshing(daemon)),
    ]
    try:
        for name, step in steps:
            if options.only and name not in options.only:
                continue
            if name != "while_indexing":
                daemon.index()
            entry[name] = step()
            print(name, json.dumps(entry[name]), flush=True)
    finally:
        daemon.stop()
    return entry


def write_table() -> None:
    """The newest entry of each tree, as Markdown."""
    newest: dict[str, dict[str, Any]] = {}
    for line in (RESULTS / "daemon.jsonl").read_text().splitlines():
        entry = json.loads(line)
        newest[entry["tree"]] = {**newest.get(entry["tree"], {}), **entry}
    lines = [
        "# The daemon, newest figures",
        "",
        "Made by `python -m bench.daemon TREE --save`; every run is in daemon.jsonl.",
        "",
    ]
    for tree, entry in newest.items():
        lines += [
            f"## {tree} at {entry['budget']} (commit {entry['commit']}, load {entry['load']})",
            "",
            "| what | figures |",
            "|---|---|",
        ]
        for name in ("while_indexing", "edit_ms", "asked", "branch", "idle", "start", "cancel", "refresh"):
            for key, value in (entry.get(name) or {}).items():
                shown = (
                    ", ".join(f"{part} {number}" for part, number in value.items())
                    if isinstance(value, dict)
                    else value
                )
                lines.append(f"| {name.replace('_', ' ')}: {key.replace('_', ' ')} | {shown} |")
        lines.append("")
    (RESULTS / "daemon.md").write_text("\n".join(lines))
    renew()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--budget", default="256MiB")
    parser.add_argument("--edits", type=int, default=40)
    parser.add_argument("--cancels", type=int, default=20)
    parser.add_argument("--files", type=int, default=2000, help="files that a branch switch changes")
    parser.add_argument("--only", nargs="*", help="just these parts")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    for tree in options.trees:
        with tempfile.TemporaryDirectory(prefix="lowtide-bench-") as folder:
            entry = measure(tree, options, Path(folder))
        if options.save:
            with (RESULTS / "daemon.jsonl").open("a") as file:
                file.write(json.dumps({"commit": commit(), **entry}) + "\n")
            write_table()
    return 0


if __name__ == "__main__":
    sys.exit(main())
