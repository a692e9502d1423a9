"""Draws the benchmark: `docs/images/memory_budgets.png` and `memory_peers.png`. Needs matplotlib (model/requirements.txt)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from bench.memory.report import MIB, Entry
from bench.revision import ROOT
from matplotlib import pyplot

IMAGES = ROOT / "docs" / "images"
_COLOURS = ("#1f6f8b", "#c8553d", "#7a9e3d", "#8a5fa8", "#7a7a7a", "#b08a2e")


def draw_budgets(entries: Sequence[Entry], target: Path) -> None:
    """Lowtide's peak and idle memory against its budget, a line a tree; the budget is the diagonal."""
    figure, axes = pyplot.subplots(figsize=(8, 5), dpi=120)
    own = [entry for entry in entries if entry["engine"] == "Lowtide" and entry["budget_bytes"] and entry["peak_bytes"]]
    for tree, colour in zip(sorted({entry["tree"] for entry in own}), _COLOURS, strict=False):
        rows = [entry for entry in own if entry["tree"] == tree]
        budgets = [entry["budget_bytes"] / MIB for entry in rows]
        axes.plot(budgets, [entry["peak_bytes"] / MIB for entry in rows], "o-", color=colour, label=f"{tree}: peak")
        idle = [(b, entry["idle_bytes"] / MIB) for b, entry in zip(budgets, rows, strict=True) if entry["idle_bytes"]]
        axes.plot([b for b, _ in idle], [size for _, size in idle], "s:", color=colour, alpha=0.6, markersize=4)
    axes.plot([0, 560], [0, 560], color="#c8553d", linewidth=1.5, linestyle="--", label="the budget")
    axes.plot([], [], "s:", color="#777777", markersize=4, label="idle")
    axes.set_xlim(60, 540)
    axes.set_ylim(0, 540)
    axes.set_xlabel("budget, MiB")
    axes.set_ylabel("anonymous memory of all processes, MiB")
    axes.set_title("Lowtide: memory against budget", loc="left")
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", fontsize=8)
    figure.tight_layout()
    figure.savefig(target)
    pyplot.close(figure)


def draw_peers(entries: Sequence[Entry], target: Path) -> None:
    """Peak memory by tree: peers without a limit, Lowtide at 256 MiB (or the largest budget that was run)."""
    shown: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry["engine"] == "retrieval" or not entry["peak_bytes"]:
            continue
        key = entry["engine"], entry["tree"]
        if entry["engine"] != "Lowtide":
            if entry["budget_bytes"] is None:
                shown[key] = entry
        elif entry["budget_bytes"] == 256 * MIB or key not in shown:
            shown[key] = entry
    trees = sorted({tree for _, tree in shown})
    names = sorted({engine for engine, _ in shown}, key=lambda name: (name != "Lowtide", name))
    figure, axes = pyplot.subplots(figsize=(8, 1.8 + 0.9 * len(trees)), dpi=120)
    height = 0.8 / max(1, len(names))
    for number, (name, colour) in enumerate(zip(names, _COLOURS, strict=False)):
        for place, tree in enumerate(trees):
            entry = shown.get((name, tree))
            if entry is None:
                continue
            y, size = place + (number - (len(names) - 1) / 2) * height, entry["peak_bytes"] / MIB
            axes.barh(y, size, height * 0.92, color=colour, label=name if (name, place) not in shown else None)
            stopped = "" if entry["outcome"] == "done" else f", {entry['outcome']}"
            seconds = (
                f", {entry['seconds']:.{0 if entry['seconds'] >= 10 else 1}f} s"
                if entry["seconds"] and not stopped
                else stopped
            )
            axes.text(size * 1.05, y, f"{size:,.0f} MiB{seconds}", va="center", fontsize=7)
    axes.set_yticks(range(len(trees)), trees)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(left=4)
    axes.set_xlim(right=axes.get_xlim()[1] * 8)
    axes.set_xlabel("peak anonymous memory, MiB (log)")
    axes.set_title("Peak memory: peers as they are, Lowtide under 256 MiB", loc="left")
    for name, colour in zip(names, _COLOURS, strict=False):
        axes.barh([0], [0], color=colour, label=name)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(
        unique.values(), unique.keys(), fontsize=7, ncols=len(unique), loc="upper center", bbox_to_anchor=(0.45, -0.25)
    )
    axes.grid(alpha=0.2, axis="x")
    figure.tight_layout()
    figure.savefig(target)
    pyplot.close(figure)


def draw(entries: Sequence[Entry]) -> None:
    """Both pictures, of the newest figures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    draw_budgets(entries, IMAGES / "memory_budgets.png")
    draw_peers(entries, IMAGES / "memory_peers.png")
