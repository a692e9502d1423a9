"""The tables of bench/memory, from the lines of results/memory.jsonl.

Invariant: pure; a figure that was not measured is an empty cell, one that was stopped says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

MIB = 1 << 20
Entry = dict[str, Any]


def newest(lines: Sequence[str]) -> list[Entry]:
    """The last line of each (engine, tree, budget)."""
    last: dict[tuple[str, str, int | None], Entry] = {}
    for line in lines:
        if line.strip():
            entry = json.loads(line)
            last[entry["engine"], entry["tree"], entry["budget_bytes"]] = entry
    return sorted(last.values(), key=_order)


def _order(entry: Entry) -> tuple[Any, ...]:
    return (entry["tree"], entry["engine"] != "Lowtide", entry["engine"], entry["budget_bytes"] or 1 << 60)


def made_by(entries: Sequence[Entry]) -> str:
    """Which commits the figures are of, and how busy the machine was."""
    commits = ", ".join(sorted({entry["commit"] for entry in entries}))
    loads = [entry["load"] for entry in entries]
    cores = max(entry["cores"] for entry in entries)
    return f"Made by `python -m bench.memory --save` at {commits}, {cores} cores, load {min(loads)} to {max(loads)}."


def table(entries: Sequence[Entry]) -> str:
    """A line for each engine, tree and budget."""
    lines = [
        "| tree | engine | limit | outcome | s | peak MiB | over the budget | idle MiB | cancel s | branch there / "
        "back s |",
        "|---|---|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for entry in entries:
        if entry["engine"] == "retrieval":
            continue
        budget = entry["budget_bytes"]
        switch = (
            ""
            if entry["switch_s"] is None
            else f"{_number(entry['switch_s'])} / {_number(entry['switch_back_s']) or 'never'}"
        )
        cells = [
            entry["tree"],
            entry["engine"],
            "none" if budget is None else f"{budget // MIB} MiB",
            entry["outcome"],
            _number(entry["seconds"]),
            _mib(entry["peak_bytes"]),
            _over(entry),
            _mib(entry["idle_bytes"]),
            _number(entry["cancel_s"]),
            switch,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def retrieval_table(entries: Sequence[Entry]) -> str:
    """NDCG@10 by budget; empty when it was not measured."""
    found = [entry for entry in entries if entry["engine"] == "retrieval"]
    if not found:
        return ""
    lines = ["| budget | NDCG@10 | answers degraded |", "|--:|--:|--:|"]
    for entry in found:
        detail = entry["detail"]
        lines.append(f"| {entry['budget_bytes'] // MIB} MiB | {detail['ndcg10']:.3f} | {detail['degraded']} |")
    return "\n".join(lines)


def _over(entry: Entry) -> str:
    if entry["budget_bytes"] is None or entry["peak_bytes"] is None:
        return ""
    over = max(0, entry["peak_bytes"] - entry["budget_bytes"])
    if entry["outcome"] == "killed for memory":
        return "killed"
    return f"{over / MIB:,.1f} MiB" if over else "0"


def _mib(size: int | None) -> str:
    return "" if size is None else f"{size / MIB:,.0f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}" if value >= 10 else f"{value:.2f}"
