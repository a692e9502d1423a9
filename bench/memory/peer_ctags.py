"""universal-ctags: definitions of a tree into one tags file. It keeps nothing in memory and has no search of its
own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from bench.memory.measure import Figures, Job, run_command


@dataclass(frozen=True, slots=True)
class Ctags:
    """The `ctags` of the path."""

    name: str = "universal-ctags"
    settings: str = "`ctags -R --fields=+n --sort=no`: definitions only, in one process"
    has_budget: bool = False

    def missing(self) -> str:
        return "" if shutil.which("ctags") else "no ctags: `apt-get install universal-ctags`"

    def suits(self, tree: object) -> bool:
        return True

    def run(self, job: Job) -> Figures:
        """One tags file from nothing."""
        argv = ["ctags", "-R", "--fields=+n", "--sort=no", "-f", str(job.work / "tags"), str(job.tree)]
        return run_command(self.name, job, argv)[0]
