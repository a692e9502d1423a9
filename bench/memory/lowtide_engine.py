"""Lowtide as it is installed here: a daemon of its own under the budget, asked over its socket."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from bench.daemon import git, make_branches
from bench.memory.measure import Figures, Job
from bench.seeds.bounded import BoundedDaemon, is_idle, is_working

CANCELS = 5
SETTLE_S = 6.0
SWITCH_S = 90.0
UNLIMITED_BYTES = 512 << 20
"""Without a limit it still has a budget: its default, at most."""


@dataclass(frozen=True, slots=True)
class LowtideEngine:
    """`cancels` and `switch_files` (files that differ between two branches; 0 leaves the switch out) are measured after
    indexing."""

    switch_files: int = 0
    cancels: int = CANCELS
    name: str = "Lowtide"
    settings: str = "`lowtide daemon run --budget B`: symbols and embeddings of every file; otherwise as installed"
    has_budget: bool = True

    def missing(self) -> str:
        return ""

    def suits(self, tree: Path) -> bool:
        return True

    def run(self, job: Job) -> Figures:
        """Index, look at it idle, cancel it while it begins anew, and switch branches."""
        budget = job.budget_bytes or UNLIMITED_BYTES
        tree, marker = job.tree, ""
        if self.switch_files:
            tree = job.work / job.tree.name
            shutil.copytree(job.tree, tree, symlinks=True, ignore=shutil.ignore_patterns(".git"))
            marker = make_branches(tree, self.switch_files)
        with BoundedDaemon(job.work / "home", budget) as daemon:
            report = daemon.index(tree)
            seconds = daemon.seconds
            time.sleep(SETTLE_S)
            idle = daemon.quiet_bytes()
            there, back = self._switch(daemon, tree, marker) if marker else (None, None)
            cancelled = max((self._cancel(daemon, tree, number) for number in range(self.cancels)), default=None)
            status = daemon.ask("lowtide/status")
            return Figures(
                self.name,
                job.tree.name,
                job.budget_bytes,
                "done" if not daemon.group.oom_kills() else "killed for memory",
                round(seconds, 2),
                daemon.peak_bytes(),
                idle,
                daemon.group.oom_kills(),
                daemon.group.source,
                cancel_s=cancelled,
                switch_s=there,
                switch_back_s=back,
                detail={
                    "files": report["files"],
                    "chunks": report["chunks"],
                    "symbols": report["symbols"],
                    "vectors": report["vectors"],
                    "ladder": [step["step"] for step in report["ladder"]],
                    "quarantined_at_end": sum(workspace["quarantined"] for workspace in status["workspaces"]),
                    "ladder_at_end": status["ladder"],
                    "disk_bytes": report["disk_bytes"],
                },
            )

    def _switch(self, daemon: BoundedDaemon, tree: Path, marker: str) -> tuple[float | None, float | None]:
        """Seconds from git's end to everything indexed: there and back; None for what is not found within SWITCH_S."""
        times: list[float | None] = []
        for branch in ("other", "main"):
            git(tree, "checkout", "-q", branch)
            began = time.monotonic()
            # By its status alone: a question now and then would take one of the workers from the work that is measured.
            seen = daemon.until(lambda status: not is_idle(status), SWITCH_S)
            done = seen and daemon.until(is_idle, SWITCH_S, step_s=0.02)
            seconds = time.monotonic() - began
            found = done is not None and self._finds(daemon, tree, marker) == (branch == "other")
            times.append(round(seconds, 2) if found else None)
        return times[0], times[1]

    def _finds(self, daemon: BoundedDaemon, tree: Path, name: str) -> bool:
        answer = daemon.ask("lowtide/symbols", query=name, rootUri=tree.as_uri(), limit=5)
        return any(symbol["name"] == name for symbol in answer["symbols"])

    def _cancel(self, daemon: BoundedDaemon, tree: Path, number: int) -> float:
        """Seconds from a cancel to a daemon that does nothing."""
        daemon.ask("lowtide/reindex", rootUri=tree.as_uri(), force=True)
        daemon.until(is_working, 60)
        time.sleep(0.3 * number)
        began = time.monotonic()
        daemon.ask("lowtide/cancel")
        daemon.until(is_idle, 60, 0.002)
        return round(time.monotonic() - began, 3)
