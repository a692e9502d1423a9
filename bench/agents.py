#!/usr/bin/env python3
"""Coding agents on one daemon: how soon an agent finds what it wrote, and what many sessions take.

    python -m bench.agents TREE [--writes 200] [--sessions 30]

TREE is copied and indexed. One agent then writes a function, new or changed in a file that is there, and asks for it by
name until it is found: the time from the write to that answer. Then many sessions ask in turn: the anonymous memory of
each, of the daemon, how long a question takes while all ask, and how soon each ends when its input ends.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.daemon import percentile

MIB = 1 << 20


class Session:
    """One `lowtide mcp`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lowtide.cli", "mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env=environment,
        )
        self._next = 0
        self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench"}})

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._next += 1
        message = {"jsonrpc": "2.0", "id": self._next, "method": method, "params": params}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        while (answer := json.loads(self.process.stdout.readline())).get("id") != self._next:
            pass
        return answer["result"]

    def call(self, tool: str, **arguments: Any) -> str:
        """The text of a tool's answer."""
        return str(self.ask("tools/call", {"name": tool, "arguments": arguments})["content"][0]["text"])

    def close(self) -> float:
        """Seconds from the end of its input to its own."""
        assert self.process.stdin is not None
        began = time.monotonic()
        self.process.stdin.close()
        self.process.wait()
        return time.monotonic() - began


def anonymous_bytes(pid: int) -> int:
    """As the kernel counts them."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (line,) = [line for line in rollup.splitlines() if line.startswith("Anonymous:")]
    return int(line.split()[1]) << 10


def write_and_find(agent: Session, tree: Path, writes: int) -> list[tuple[float, int]]:
    """(seconds from a write to the answer that has it, questions asked until then)."""
    files = sorted(path for path in tree.rglob("*.py") if path.is_file() and not path.is_symlink())
    found = []
    for number in range(writes):
        name = f"benchwritten{number:04d}x"
        if number % 2:
            path = tree / "bench_written" / f"module{number}.py"
            path.parent.mkdir(exist_ok=True)
        else:
            path = files[(number * 37) % len(files)]
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        fresh = f"{text}\n\ndef {name}(value):\n    return value + {number}\n"
        began = time.monotonic()
        path.write_text(fresh, "utf-8")
        asked = 1
        while f"return value + {number}" not in agent.call("symbols", name=name, code=True, limit=3):
            asked += 1
            if time.monotonic() - began > 30:
                sys.exit(f"{name} was not found")
        found.append((time.monotonic() - began, asked))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--writes", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lowtide-agents-") as place:
        environment = {**os.environ, "LOWTIDE_HOME": str(Path(place) / "home"), "LOWTIDE_EMBEDDED": "0"}
        tree = Path(place) / "tree"
        shutil.copytree(arguments.tree, tree, symlinks=True)
        lowtide = [sys.executable, "-m", "lowtide.cli"]
        try:
            subprocess.run([*lowtide, "index", str(tree)], env=environment, check=True, capture_output=True)
            measure(tree, environment, arguments.writes, arguments.sessions)
        finally:
            subprocess.run([*lowtide, "daemon", "stop"], env=environment, check=False, capture_output=True)


def measure(tree: Path, environment: dict[str, str], writes: int, count: int) -> None:
    """Measure, and print what came out."""
    agent = Session(tree, environment)
    agent.call("status")
    found = write_and_find(agent, tree, writes)
    times = [1000 * seconds for seconds, _ in found]
    first = sum(asked == 1 for _, asked in found)
    print(
        f"write to found, {writes} writes: p50 {statistics.median(times):.0f} ms, p95 {percentile(times, 0.95):.0f} ms,"
    )
    print(f"  most {max(times):.0f} ms; in the first answer {first}")
    agent.close()
    sessions = [Session(tree, environment) for _ in range(count)]
    questions: list[tuple[str, dict[str, Any]]] = [
        ("search", {"query": "parse a date from text", "terms": ["datetime"]}),
        ("symbols", {"name": "HttpResp"}),
    ]

    def ask(session: Session) -> list[float]:
        took = []
        for tool, params in questions * 3:
            began = time.monotonic()
            session.call(tool, **params)
            took.append(1000 * (time.monotonic() - began))
        return took

    with ThreadPoolExecutor(count) as threads:
        took = [each for times in threads.map(ask, sessions) for each in times]
    memory = [anonymous_bytes(session.process.pid) / MIB for session in sessions]
    daemon = json.loads(
        subprocess.run(
            [sys.executable, "-m", "lowtide.cli", "--json", "daemon", "status"],
            env=environment,
            check=True,
            capture_output=True,
        ).stdout
    )
    print(
        f"{count} sessions that all ask at once: p50 {statistics.median(took):.0f}, p95 {percentile(took, 0.95):.0f} ms"
    )
    print(f"anonymous memory of a session: {min(memory):.1f} to {max(memory):.1f} MiB")
    print(f"of the daemon: {anonymous_bytes(daemon['pid']) / MIB:.0f} MiB")
    ends = [session.close() for session in sessions]
    print(f"a session ends after its input: at most {1000 * max(ends):.0f} ms")


if __name__ == "__main__":
    main()
