"""Tables of what `judge_questions` found: means, 95 % intervals, by tree and by language.

The intervals are of a bootstrap over the questions (10,000 samples, one seed): they say how much another choice of
questions of the same kind would change a mean, and nothing of how the answers were chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.questions import QuestionSet, QuestionTree, is_tuned_on

LOW = 0.4
SAMPLES = 10_000
Table = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a system reached on one question."""

    ndcg10: float
    mrr10: float
    recall1: float
    recall5: float
    recall10: float


def report(judged: Mapping[str, Any], answers: str = "systems", tuned: bool = True) -> str:
    """Two Markdown tables: all figures, and NDCG@10 by tree; then by half, and what the hybrid gains, with 95 %
    intervals.

    `answers`: `systems` for those of the questions' file, `pooled` for what pooled judging added too. `tuned`: whether
    ranking was tuned on half of these questions.
    """
    trees = np.array(judged["trees"])
    low = np.array(judged["overlaps"]) <= LOW
    tables = _tables(judged[answers])
    lines = [
        "| | NDCG@10 | MRR@10 | recall@1 | @5 | @10 | NDCG@10, low overlap | MRR@10, low overlap |",
        "|---" * 8 + "|",
    ]
    for system, table in tables.items():
        cells = [f"{value:.3f}" for value in (*table.mean(0), *(table[low, :2].mean(0) if low.any() else ()))]
        lines.append(f"| {system} | " + " | ".join(cells + ["–"] * (7 - len(cells))) + " |")
    names = list(dict.fromkeys(judged["trees"]))
    lines += [
        "",
        "| NDCG@10 | questions | low overlap | " + " | ".join(tables) + " |",
        "|---" * (3 + len(tables)) + "|",
    ]
    for name in names:
        own = trees == name
        cells = [f"{own.sum()}", f"{(own & low).sum()}", *(f"{table[own, 0].mean():.3f}" for table in tables.values())]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", f"{len(trees)} questions, {low.sum()} with low overlap."]
    if tuned:
        lines += _by_half(judged["keys"], tables)
    for system, table in tables.items():
        gains = tables["hybrid"][:, 0] - table[:, 0] if system != "hybrid" else table[:, 0]
        first, last = interval(gains)
        what = "hybrid" if system == "hybrid" else f"hybrid less {system}"
        lines.append(f"{what}: {gains.mean():+.3f} ({first:+.3f} to {last:+.3f})")
    return "\n".join(lines)


def report_measures(judged: Mapping[str, Any]) -> str:
    """A Markdown table: every system by lines, by name and by either, with 95 % intervals."""
    lines = [
        "| a hit is right | | NDCG@10 | MRR@10 | recall@1 | recall@5 | recall@10 |",
        "|---" * 7 + "|",
    ]
    for measure, systems in judged["measures"].items():
        for system, table in _tables(systems).items():
            lines.append(f"| {measure} | {system} | " + " | ".join(_with_interval(each) for each in table.T) + " |")
    return "\n".join(lines)


def report_languages(judged: Mapping[str, Any], trees: Mapping[str, QuestionTree], system: str = "hybrid") -> str:
    """A Markdown table: one system's NDCG@10 and recall@5 by language and measure, with 95 % intervals."""
    languages = np.array([trees[tree].language for tree in judged["trees"]])
    low = np.array(judged["overlaps"]) <= LOW
    tables = {measure: _tables(systems)[system] for measure, systems in judged["measures"].items()}
    lines = [
        f"| {system} | questions | low overlap | "
        + " | ".join(f"NDCG@10, {measure} | recall@5, {measure}" for measure in tables)
        + " |",
        "|---" * (3 + 2 * len(tables)) + "|",
    ]
    for language in dict.fromkeys(languages):
        own = languages == language
        cells = [_with_interval(table[own, column]) for table in tables.values() for column in (0, 3)]
        lines.append(f"| {language} | {own.sum()} | {(own & low).sum()} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def report_set(judged: Mapping[str, Any], trees: Mapping[str, QuestionTree], which: QuestionSet) -> str:
    """All that is said of one set's questions."""
    own = [number for number, tree in enumerate(judged["trees"]) if trees[tree].set is which]
    if not own:
        return ""
    part = select(judged, own)
    first = which is QuestionSet.FIRST
    parts = [f"# The {which} set", report(part, tuned=first)]
    if first:
        parts += ["With the answers of pooled judging:", report(part, "pooled")]
    return "\n\n".join([*parts, report_measures(part), report_languages(part, trees)])


def select(judged: Mapping[str, Any], numbers: Sequence[int]) -> dict[str, Any]:
    """The same for some of the questions."""

    def pick(rows: Sequence[Any]) -> list[Any]:
        return [rows[number] for number in numbers]

    return {
        **{key: pick(judged[key]) for key in ("keys", "trees", "overlaps")},
        **{key: {name: pick(rows) for name, rows in judged[key].items()} for key in ("systems", "pooled")},
        "measures": {
            measure: {name: pick(rows) for name, rows in systems.items()}
            for measure, systems in judged["measures"].items()
        },
    }


def interval(values: Table) -> tuple[float, float]:
    """Where 95 % of the means of samples of `values` with replacement lie."""
    chosen = np.random.default_rng(1).integers(0, len(values), (SAMPLES, len(values)))
    first, last = np.percentile(values[chosen].mean(1), (2.5, 97.5))
    return float(first), float(last)


def _by_half(keys: Sequence[str], tables: Mapping[str, Table]) -> list[str]:
    lines = []
    chosen = np.array([is_tuned_on(key) for key in keys])
    for what, half in (("tuned on", chosen), ("only looked at", ~chosen)):
        if half.any():
            own = ", ".join(f"{system} {table[half, 0].mean():.3f}" for system, table in tables.items())
            lines.append(f"{half.sum()} {what}, NDCG@10: {own}")
    return lines


def _with_interval(values: Table) -> str:
    first, last = interval(values)
    return f"{values.mean():.3f} ({first:.2f} to {last:.2f})"


def _tables(systems: Mapping[str, Sequence[Figures]]) -> dict[str, Table]:
    return {
        system: np.array([[getattr(row, key) for key in Figures.__slots__] for row in rows])
        for system, rows in systems.items()
    }
