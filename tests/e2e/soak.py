"""A daemon under weeks of use in minutes: random edits, renames, branch switches, cancels and kills on a real tree.

    python -m tests.e2e.soak TREE --minutes 30 [--edits 10000] [--seed 1]

Afterwards the index must equal a fresh one, memory be within 16 MiB of the start, and file descriptors and threads
flat.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import psutil
from tests.e2e.contents import differences, read_contents
from tests.e2e.harness import Lowtide, python_module

from lowtide.paths import Places
from lowtide.serve.client import Client, DaemonError, RemoteError

MIB = 1 << 20


def git(root: Path, *arguments: str) -> None:
    """git in `root`, with nothing of the user's configuration."""
    own = [
        "-c",
        "user.email=a@b.c",
        "-c",
        "user.name=x",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "gc.auto=0",
        "-c",
        "core.hooksPath=/dev/null",
    ]
    done = subprocess.run(["git", "-C", str(root), *own, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"git {arguments}: {done.stderr}")


@dataclass
class Soak:
    """One run over a copy of a tree."""

    root: Path
    lowtide: Lowtide
    seed: int = 1
    kills: bool = True
    done: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.places = Places(self.lowtide.home / "config", self.lowtide.home / "cache", self.lowtide.home / "run")
        self.files: list[Path] = []
        self.client: Client | None = None
        self.branch = "main"

    # -- the daemon ---------------------------------------------------------------------------------------------

    def connect(self) -> Client:
        """A client that keeps the workspace open; the daemon is started when it is gone."""
        if self.client is None:
            self.lowtide.run("daemon", "start")
            self.client = Client.connect(self.places, start=False)
            self.client.ask("lowtide/index", {"rootUri": self.root.as_uri()})
        return self.client

    def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Ask the daemon; None when it was killed."""
        try:
            return self.connect().ask(method, params or {})
        except RemoteError:
            raise
        except DaemonError:
            self.client = None
            return None

    def settle(self, seconds: float = 120.0) -> dict[str, Any]:
        """Wait until nothing is left to do."""
        deadline = time.monotonic() + seconds
        calm = 0
        while True:
            status = self.ask("lowtide/status")
            calm = calm + 1 if status and status["quiescent"] and status["state"] == "idle" else 0
            if calm >= 5:
                return status  # type: ignore[no-any-return]
            if time.monotonic() > deadline:
                raise AssertionError(f"it does not settle: {status}")
            time.sleep(0.1)

    def figures(self) -> tuple[int, int, int]:
        """Anonymous bytes of the daemon, its file descriptors (without those of workers) and threads."""
        assert self.client is not None
        status = self.ask("lowtide/status")
        processes = status["memory"]["processes"]
        process = psutil.Process(int(self.client.hello["pid"]))
        own = next(entry["anonBytes"] for entry in processes if entry["role"] == "daemon")
        return own, self.count_descriptors(process.pid) - 2 * (len(processes) - 1), process.num_threads()

    def count_descriptors(self, pid: int) -> int:
        """Open files and sockets; not the segments, whose number the merge policy bounds."""
        count = 0
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                count += not os.readlink(entry.path).removesuffix(" (deleted)").endswith(".seg")
        return count

    # -- what happens to the tree -------------------------------------------------------------------------------

    def pick(self) -> Path | None:
        self.files = [path for path in self.files if path.exists()] or sorted(self.root.rglob("*.py"))
        return self.random.choice(self.files) if self.files else None

    def edit(self) -> None:
        if path := self.pick():
            with suppress(OSError):
                text = path.read_text("utf-8", "replace")
                at = self.random.randrange(len(text) + 1)
                path.write_text(
                    f"{text[:at]}\n\ndef soak_{self.random.randrange(10**9)}(a):\n    return a\n\n{text[at:]}"[:60_000]
                )

    def save_atomically(self) -> None:
        if path := self.pick():
            fresh = path.with_name(f".{path.name}.tmp")
            fresh.write_text(python_module(self.random.randrange(10_000), 3))
            os.replace(fresh, path)

    def create(self) -> None:
        folder = self.root / f"made{self.random.randrange(8)}" / f"deep{self.random.randrange(4)}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"new{self.random.randrange(60)}.py"
        path.write_text(python_module(self.random.randrange(10_000), 4))
        self.files.append(path)

    def delete(self) -> None:
        if path := self.pick():
            path.unlink(missing_ok=True)

    def rename(self) -> None:
        if path := self.pick():
            with suppress(OSError):
                path.rename(path.with_name(f"renamed{self.random.randrange(500)}.py"))

    def move_folder(self) -> None:
        folders = [path for path in self.root.glob("made*") if path.is_dir()]
        if folders:
            with suppress(OSError):
                self.random.choice(folders).rename(self.root / f"made{self.random.randrange(8)}")

    def remove_folder(self) -> None:
        shutil.rmtree(self.root / f"made{self.random.randrange(8)}", ignore_errors=True)

    def ignore(self) -> None:
        (self.root / ".gitignore").write_text(f"made{self.random.randrange(8)}/\n*.log\n")

    def burst(self) -> None:
        if path := self.pick():
            for number in range(30):
                path.write_text(f"def burst_{number}(a):\n    return {number}\n")

    def switch_branch(self) -> None:
        git(self.root, "add", "-A")
        with suppress(RuntimeError):
            git(self.root, "commit", "-qm", "soak")
        self.branch = "other" if self.branch == "main" else "main"
        git(self.root, "checkout", "-q", "-f", self.branch)

    def cancel(self) -> None:
        self.ask("lowtide/cancel")
        self.ask("lowtide/reindex", {"rootUri": self.root.as_uri()})

    def pause(self) -> None:
        self.ask("lowtide/pause")
        self.ask("lowtide/resume")

    def search(self) -> None:
        with suppress(RemoteError):
            self.ask(
                "lowtide/find",
                {"query": f"compute the figure {self.random.randrange(99)}", "rootUri": self.root.as_uri()},
            )
            self.ask("lowtide/symbols", {"query": "soak", "rootUri": self.root.as_uri()})

    def change_budget(self) -> None:
        self.ask("lowtide/setBudget", {"bytes": self.random.choice([96, 128, 256, 512]) * MIB})

    def kill_worker(self) -> None:
        if self.client is not None:
            with suppress(psutil.Error):
                for worker in psutil.Process(int(self.client.hello["pid"])).children():
                    worker.kill()

    def kill_daemon(self) -> None:
        if self.kills and self.client is not None:
            with suppress(ProcessLookupError):
                os.kill(int(self.client.hello["pid"]), signal.SIGKILL)
            self.client.close()
            self.client = None
            self.connect()

    ACTIONS: ClassVar = {
        edit: 40,
        save_atomically: 12,
        create: 12,
        delete: 6,
        rename: 8,
        move_folder: 2,
        remove_folder: 1,
        ignore: 1,
        burst: 2,
        switch_branch: 2,
        cancel: 1,
        pause: 1,
        search: 8,
        change_budget: 1,
        kill_worker: 1,
        kill_daemon: 0.3,
    }

    def run(self, seconds: float, most: int, pause_s: float = 0.0) -> list[str]:
        """Act until the time or the number is up; returns what is wrong afterwards, nothing when all is well."""
        git(self.root, "init", "-q", "-b", "main")
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "begin")
        git(self.root, "branch", "-f", "other")
        self.connect()
        self.settle()
        self.search()  # opens what questions need: the index, and the model's table
        before = self.figures()
        deadline = time.monotonic() + seconds
        actions, weights = list(self.ACTIONS), list(self.ACTIONS.values())
        while time.monotonic() < deadline and sum(self.done.values()) < most:
            (action,) = self.random.choices(actions, weights)
            action(self)
            self.done[action.__name__] += 1
            if pause_s:
                time.sleep(self.random.random() * 2 * pause_s)
            if sum(self.done.values()) % 50 == 0 and (status := self.ask("lowtide/status")):
                self.memory.append((time.monotonic(), status["memory"]["usedBytes"]))
                assert status["memory"]["usedBytes"] <= max(status["memory"]["budgetBytes"], 512 * MIB), status
        return self.judge(before)

    def judge(self, before: tuple[int, int, int]) -> list[str]:
        """Compare with a fresh index, and with the figures of the start."""
        self.ask("lowtide/setBudget", {"bytes": 512 * MIB})
        self.settle()
        self.search()
        time.sleep(1.0)
        after = self.figures()
        wrong = []
        if after[0] - before[0] > 16 * MIB:
            wrong.append(f"memory grew from {before[0] / MIB:.1f} to {after[0] / MIB:.1f} MiB")
        if after[1] > before[1] + 4:
            wrong.append(f"file descriptors grew from {before[1]} to {after[1]}")
        if after[2] > before[2] + 4:
            wrong.append(f"threads grew from {before[2]} to {after[2]}")
        assert self.client is not None
        self.client.close()
        self.client = None
        self.lowtide.run("daemon", "stop")
        (catalog,) = self.lowtide.home.glob("**/catalog.sqlite")
        with tempfile.TemporaryDirectory() as folder:
            fresh = Lowtide(Path(folder), {"LOWTIDE_EMBEDDED": "1"})
            fresh.run("index", self.root)
            (other,) = fresh.home.glob("**/catalog.sqlite")
            wrong += differences(read_contents(catalog), read_contents(other))
        self.after, self.before = after, before
        return wrong


def main() -> int:
    """The long form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--edits", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two actions, on average")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lowtide-soak-") as folder:
        root = Path(folder) / "tree"
        shutil.copytree(options.tree, root, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        soak = Soak(root, Lowtide(Path(folder) / "home", {"LOWTIDE_EMBEDDED": "0"}), options.seed)
        began = time.monotonic()
        try:
            wrong = soak.run(options.minutes * 60, options.edits, options.pause)
        finally:
            soak.lowtide.run("daemon", "stop", code=None)
        print(f"{sum(soak.done.values())} actions in {time.monotonic() - began:.0f} s: {dict(soak.done.most_common())}")
        print(
            f"memory MiB {soak.before[0] / MIB:.1f} -> {soak.after[0] / MIB:.1f}, descriptors {soak.before[1]} -> "
            f"{soak.after[1]}, "
            f"threads {soak.before[2]} -> {soak.after[2]}"
        )
        for line in wrong:
            print("WRONG", line)
        print("fail" if wrong else "pass")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
