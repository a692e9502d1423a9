"""What every scenario of bench/seeds is made of: its options, its checks with their verdicts, and the table of them.

A scenario is a module `row_x` with a function `run(options: Options) -> Row`; `bench/seeds/run.py` finds it by its
letter.

Invariant: pure; a check without a target is for orientation and never decides a verdict.
Invariant: what was not measured is no pass: a row without a single verdict fails.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

MIB = 1 << 20
MOST_POINTS = 600
"""A curve keeps no more samples: the highest of each stretch, so that no peak is lost."""


class Size(Enum):
    """How much of a scenario runs."""

    FULL = "full"
    QUICK = "quick"
    """Small generated trees: shows that the scenario runs, proves nothing of the targets of size and time."""


@dataclass(frozen=True, slots=True)
class Options:
    """`trees` holds the real source trees (docs/memory.md); `work` is a scratch folder that the caller removes."""

    work: Path
    trees: Path | None = None
    size: Size = Size.FULL

    def tree(self, name: str) -> Path:
        """The real tree of that name. SystemExit when it is not there."""
        if self.trees is None:
            raise SystemExit("seeds: no real trees: name their folder with --trees or LOWTIDE_TREES, or use --quick")
        path = self.trees / name
        if not path.is_dir():
            raise SystemExit(f"seeds: {name}: not in {self.trees}: docs/memory.md says where it comes from")
        return path


@dataclass(frozen=True, slots=True)
class Check:
    """One figure beside its target; `ok` is None for a figure that is only told."""

    name: str
    figure: str
    target: str
    ok: bool | None


@dataclass(frozen=True, slots=True)
class Curve:
    """Anonymous memory of a daemon with its workers over time: (seconds, bytes), and moments worth a name."""

    name: str
    budget_bytes: int
    points: tuple[tuple[float, int], ...]
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """The outcome of one scenario."""

    letter: str
    title: str
    checks: tuple[Check, ...]
    curves: tuple[Curve, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every check that has a target meets it, and there is one."""
        verdicts = [check.ok for check in self.checks if check.ok is not None]
        return bool(verdicts) and all(verdicts)

    def as_json(self, **more: Any) -> dict[str, Any]:
        """One line of results/seeds.jsonl."""
        return {**more, "row": self.letter, "passed": self.passed, **asdict(self)}


def row_of(entry: dict[str, Any]) -> Row:
    """The row of a line of results/seeds.jsonl."""
    curves = tuple(
        Curve(
            curve["name"],
            curve["budget_bytes"],
            tuple((float(s), int(b)) for s, b in curve["points"]),
            tuple((float(s), str(text)) for s, text in curve["marks"]),
        )
        for curve in entry["curves"]
    )
    return Row(entry["letter"], entry["title"], tuple(Check(**check) for check in entry["checks"]), curves)


def at_most(name: str, value: float | None, limit: float, unit: str = "") -> Check:
    """`value` must not exceed `limit`; None is a value that never came, and fails."""
    figure = "never" if value is None else amount(value, unit)
    return Check(name, figure, f"≤ {amount(limit, unit)}", value is not None and value <= limit)


def at_least(name: str, value: float, limit: float, unit: str = "") -> Check:
    """`value` must not be less than `limit`."""
    return Check(name, amount(value, unit), f"≥ {amount(limit, unit)}", value >= limit)


def exactly(name: str, value: float, wanted: float, unit: str = "") -> Check:
    """`value` must be `wanted`."""
    return Check(name, amount(value, unit), amount(wanted, unit), value == wanted)


def holds(name: str, figure: str, target: str, ok: bool) -> Check:
    """A check that is no plain comparison."""
    return Check(name, figure, target, ok)


def told(name: str, value: float | str, unit: str = "") -> Check:
    """A figure for orientation."""
    return Check(name, value if isinstance(value, str) else amount(value, unit), "", None)


def amount(value: float, unit: str = "") -> str:
    """`12.5 MiB` (a value in bytes with unit MiB), `1,000`, `0.31 s`."""
    if unit == "MiB":
        return f"{value / MIB:,.1f} MiB"
    if unit == "%":
        return f"{value:.1f} %"
    if value == int(value):
        text = f"{int(value):,}"
    else:
        text = f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return f"{text} {unit}".strip()


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed; None without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def thinned(points: Sequence[tuple[float, int]], most: int = MOST_POINTS) -> tuple[tuple[float, int], ...]:
    """At most `most` points: the highest of each stretch."""
    step = -(-len(points) // most) if points else 1
    return tuple(max(points[start : start + step], key=lambda point: point[1]) for start in range(0, len(points), step))


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, a line for each check."""
    lines = ["| row | what | figure | target | |", "|---|---|--:|--:|---|"]
    for row in rows:
        lines.append(f"| **{row.letter}** | **{row.title}** | | | **{'pass' if row.passed else 'FAIL'}** |")
        for check in row.checks:
            verdict = "" if check.ok is None else "pass" if check.ok else "FAIL"
            lines.append(f"| | {check.name} | {check.figure} | {check.target} | {verdict} |")
    return "\n".join(lines)


def newest(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Of the lines of results/seeds.jsonl, the last of each row, by letter."""
    last: dict[str, dict[str, Any]] = {}
    for line in lines:
        if line.strip():
            entry = json.loads(line)
            last[entry["row"]] = entry
    return [last[letter] for letter in sorted(last)]


def between(text: str, name: str, body: str) -> str:
    """`text` with what stands between `<!-- name -->` and `<!-- /name -->` replaced. ValueError when they are not
    there."""
    first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
    start, end = text.index(first) + len(first), text.index(last)
    return f"{text[:start]}\n{body}\n{text[end:]}"
