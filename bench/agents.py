#!/usr/bin/env python3
"""Coding agents on one daemon: how soon an agent finds what it wrote, and what many sessions take.

    python -m bench.agents TREE [--writes 200] [--sessions 30] [--save]

TREE is copied and indexed. One agent then writes a function, new or changed in a file that is there, and asks for it by
name until it is found: the time from the write to that answer. Then many sessions ask in turn: the anonymous memory of
each, of the daemon, how long a question takes while all ask and how alike they fare, whether each is answered after the
daemon was killed, and how soon each ends when its input ends.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.daemon import percentile
from bench.revision import commit

MIB = 1 << 20
RESULTS = Path(__file__).parent / "results" / "agents.md"


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
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lowtide-agents-") as place:
        environment = {**os.environ, "LOWTIDE_HOME": str(Path(place) / "home"), "LOWTIDE_EMBEDDED": "0"}
        tree = Path(place) / "tree"
        shutil.copytree(arguments.tree, tree, symlinks=True)
        lowtide = [sys.executable, "-m", "lowtide.cli"]
        try:
            subprocess.run([*lowtide, "index", str(tree)], env=environment, check=True, capture_output=True)
            rows = measure(tree, environment, arguments.writes, arguments.sessions)
        finally:
            subprocess.run([*lowtide, "daemon", "stop"], env=environment, check=False, capture_output=True)
    text = page(rows, arguments.tree.name)
    print(text)
    if arguments.save:
        RESULTS.write_text(text, "utf-8")


def measure(tree: Path, environment: dict[str, str], writes: int, count: int) -> list[tuple[str, str]]:
    """What was measured and what came out, in order."""
    agent = Session(tree, environment)
    agent.call("status")
    found = write_and_find(agent, tree, writes)
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
        by_session = list(threads.map(ask, sessions))
    took = [each for times in by_session for each in times]
    waited = [sum(times) for times in by_session]
    memory = [anonymous_bytes(session.process.pid) / MIB for session in sessions]
    pid = daemon_pid(environment)
    daemon_mib = anonymous_bytes(pid) / MIB
    os.kill(pid, signal.SIGKILL)
    with ThreadPoolExecutor(count) as threads:
        answers = list(threads.map(lambda session: session.call("symbols", name="HttpResponse", limit=1), sessions))
    again = sum("HttpResponse" in answer for answer in answers)
    ends = [session.close() for session in sessions]
    times = [1000 * seconds for seconds, _ in found]
    first = sum(asked == 1 for _, asked in found)
    return [
        (f"a write to the answer that has it, {writes} writes", f"{_spread(times)}, the slowest {max(times):.0f} ms"),
        ("of these in the first answer", f"{first}"),
        (f"{count} sessions that all ask at once", _spread(took)),
        ("the whole of a session's questions, the slowest to the fastest", f"{max(waited) / min(waited):.2f} times"),
        ("anonymous memory of a session", f"{min(memory):.1f} to {max(memory):.1f} MiB"),
        ("of the daemon then", f"{daemon_mib:.0f} MiB"),
        ("the daemon killed: sessions whose next call is answered", f"{again} of {count}"),
        ("a session's end after its input's", f"at most {1000 * max(ends):.0f} ms"),
    ]


def _spread(times_ms: list[float]) -> str:
    return f"p50 {statistics.median(times_ms):.0f}, p95 {percentile(times_ms, 0.95):.0f} ms"


def daemon_pid(environment: dict[str, str]) -> int:
    """The process that answers."""
    command = [sys.executable, "-m", "lowtide.cli", "--json", "daemon", "status"]
    told = subprocess.run(command, env=environment, check=True, capture_output=True)
    return int(json.loads(told.stdout)["pid"])


def page(rows: list[tuple[str, str]], tree: str) -> str:
    """The page of results."""
    load = os.getloadavg()[0]
    head = (
        f"# Agents on one daemon\n\n`python -m bench.agents`; {tree}, 2 cores at a load of {load:.0f}, {commit()}.\n\n"
    )
    return head + "| | |\n|---|---|\n" + "".join(f"| {what} | {came} |\n" for what, came in rows)


if __name__ == "__main__":
    main()
