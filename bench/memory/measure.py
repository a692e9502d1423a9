"""What is measured of an engine: the figures of one run, and the shape of an engine or peer.

Invariant: every engine runs in the same kind of cgroup and is sampled every 20 ms by the same code; without a limit it
runs in a group all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from bench.cgroup import SLACK_BYTES, Outcome, Sample, run_limited

MIB = 1 << 20
IDLE_S = 3.0
"""How long an engine that keeps its index in memory is looked at once it is ready."""


@dataclass(frozen=True, slots=True)
class Job:
    """One tree under one budget (None is no limit); `work` is an empty folder for this run alone."""

    tree: Path
    budget_bytes: int | None
    work: Path
    timeout_s: float

    @property
    def limit_bytes(self) -> int | None:
        """Of the cgroup: the budget and 32 MiB, for kernel memory and page tables count there, too."""
        return None if self.budget_bytes is None else self.budget_bytes + SLACK_BYTES


@dataclass(frozen=True, slots=True)
class Figures:
    """One run. Bytes are the kernel's anonymous memory of all its processes; None is what was not measured."""

    engine: str
    tree: str
    budget_bytes: int | None
    outcome: str
    """`done`, `killed for memory`, `stopped after N s`, or what went wrong."""
    seconds: float | None = None
    peak_bytes: int | None = None
    idle_bytes: int | None = None
    oom_kills: int = 0
    source: str = ""
    cancel_s: float | None = None
    switch_s: float | None = None
    switch_back_s: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether it came to its end."""
        return self.outcome == "done"

    @property
    def over_bytes(self) -> int | None:
        """How far the highest sample was over the budget; 0 when it was not."""
        if self.budget_bytes is None or self.peak_bytes is None:
            return None
        return max(0, self.peak_bytes - self.budget_bytes)

    def as_json(self, **more: Any) -> dict[str, Any]:
        """One line of results/memory.jsonl."""
        return {**more, **asdict(self)}


class Engine(Protocol):
    """Something that indexes a tree."""

    @property
    def name(self) -> str:
        """As the table calls it."""
        ...

    @property
    def settings(self) -> str:
        """How it is run, for the reader of the table."""
        ...

    @property
    def has_budget(self) -> bool:
        """Whether it is told the budget; the others are only held by the cgroup."""
        ...

    def missing(self) -> str:
        """Why it cannot run here, with what to install; empty when it can."""
        ...

    def suits(self, tree: Path) -> bool:
        """Whether it indexes what is in this tree."""
        ...

    def run(self, job: Job) -> Figures:
        """Index the tree from nothing."""
        ...


def run_command(
    engine: str, job: Job, argv: Sequence[str], env: dict[str, str] | None = None
) -> tuple[Figures, Outcome]:
    """Run a whole command in the group; its end is the end of the work."""
    outcome = run_limited(argv, job.limit_bytes, env=env, timeout_s=job.timeout_s)
    figures = Figures(
        engine,
        job.tree.name,
        job.budget_bytes,
        ended(outcome, job.timeout_s),
        round(outcome.seconds, 2),
        outcome.peak_anon_bytes,
        None,
        outcome.oom_kills,
        outcome.source,
    )
    return figures, outcome


def ended(outcome: Outcome, timeout_s: float) -> str:
    """How a command came to its end."""
    if outcome.oom_kills:
        return "killed for memory"
    if outcome.seconds >= timeout_s:
        return f"stopped after {timeout_s:.0f} s"
    if outcome.rc:
        last = outcome.stderr.strip().splitlines()[-1:] or [""]
        return f"ended with {outcome.rc}: {last[0][:120]}"
    return "done"


def median_bytes(samples: Sequence[Sample], since_s: float, until_s: float) -> int | None:
    """The median of a stretch of samples; None without any."""
    found = sorted(sample.anon_bytes for sample in samples if since_s <= sample.seconds <= until_s)
    return found[len(found) // 2] if found else None


def with_idle(figures: Figures, outcome: Outcome, ready_s: float) -> Figures:
    """Figures of a command that was ready after `ready_s` and then stayed for IDLE_S with its index in memory."""
    idle = median_bytes(outcome.samples, ready_s + IDLE_S / 2, ready_s + IDLE_S)
    return replace(figures, seconds=round(ready_s, 2), idle_bytes=idle)


def suffixes(tree: Path, names: frozenset[str], least: int = 20) -> bool:
    """Whether a tree holds at least so many files of these suffixes."""
    count = 0
    for path in tree.rglob("*"):
        count += path.suffix in names
        if count >= least:
            return True
    return False
