"""Draws the benchmark: `docs/images/memory_budgets.png` and `memory_peers.png`. Needs matplotlib
(model/requirements.txt)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from bench.memory.report import MIB, Entry
from bench.revision import ROOT
from matplotlib import pyplot
from matplotlib.patches import Patch

IMAGES = ROOT / "docs" / "images"
_LIMIT = "#c8553d"
_COLOURS = ("#1f6f8b", "#d9903d", "#7a9e3d", "#8a5fa8", "#7a7a7a", "#b08a2e")


def draw_budgets(entries: Sequence[Entry], target: Path) -> None:
    """Lowtide's peak and idle memory at each budget, a line a tree; the budget is drawn at its own height."""
    figure, axes = pyplot.subplots(figsize=(8, 5), dpi=120)
    own = [entry for entry in entries if entry["engine"] == "Lowtide" and entry["budget_bytes"] and entry["peak_bytes"]]
    budgets = sorted({entry["budget_bytes"] for entry in own})
    for tree, colour in zip(sorted({entry["tree"] for entry in own}), _COLOURS, strict=False):
        rows = [entry for entry in own if entry["tree"] == tree]
        places = [budgets.index(entry["budget_bytes"]) for entry in rows]
        axes.plot(places, [entry["peak_bytes"] / MIB for entry in rows], "o-", color=colour, label=f"{tree}, peak")
        idle = [(p, entry["idle_bytes"] / MIB) for p, entry in zip(places, rows, strict=True) if entry["idle_bytes"]]
        axes.plot([p for p, _ in idle], [size for _, size in idle], "s:", color=colour, alpha=0.6, markersize=4)
    for place, budget in enumerate(budgets):
        axes.hlines(
            budget / MIB, place - 0.3, place + 0.3, color=_LIMIT, linewidth=2, label="the budget" if not place else None
        )
    axes.plot([], [], "s:", color="#777777", markersize=4, label="idle")
    axes.set_xticks(range(len(budgets)), [f"{budget // MIB} MiB" for budget in budgets])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("anonymous memory of all processes, MiB")
    axes.set_title("Lowtide: memory at each budget", loc="left")
    axes.grid(alpha=0.25, axis="y")
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
        key = entry["tree"], entry["engine"]
        if entry["engine"] != "Lowtide":
            if entry["budget_bytes"] is None:
                shown[key] = entry
        elif entry["budget_bytes"] == 256 * MIB or key not in shown:
            shown[key] = entry
    names = sorted({engine for _, engine in shown}, key=lambda name: (name != "Lowtide", name))
    colours = dict(zip(names, _COLOURS, strict=False))
    figure, axes = pyplot.subplots(figsize=(8, 0.8 + 0.22 * len(shown)), dpi=120)
    y, ticks = 0.0, []
    for tree in sorted({tree for tree, _ in shown}):
        engines = [name for name in names if (tree, name) in shown]
        ticks.append((y + (len(engines) - 1) / 2, tree))
        for name in engines:
            entry = shown[tree, name]
            size = entry["peak_bytes"] / MIB
            axes.barh(y, size, 0.9, color=colours[name])
            axes.text(size * 1.06, y, f"{size:,.0f} MiB, {_outcome(entry)}", va="center", fontsize=7)
            y += 1
        y += 0.8
    axes.set_yticks([place for place, _ in ticks], [tree for _, tree in ticks])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(left=1)
    axes.set_xlim(right=axes.get_xlim()[1] * 6)
    axes.set_xlabel("peak anonymous memory, MiB (log)")
    axes.set_title("Peak memory: peers as they are, Lowtide under 256 MiB", loc="left")
    patches = [Patch(color=colours[name], label=name) for name in names]
    axes.legend(
        handles=patches, fontsize=8, ncols=len(patches), frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.1)
    )
    axes.grid(alpha=0.2, axis="x")
    figure.tight_layout()
    figure.savefig(target)
    pyplot.close(figure)


def _outcome(entry: Entry) -> str:
    """How long it took, or how it ended."""
    seconds = entry["seconds"]
    if entry["outcome"] != "done" or seconds is None:
        return str(entry["outcome"])
    return f"{seconds:.{0 if seconds >= 10 else 1}f} s"


def draw(entries: Sequence[Entry]) -> None:
    """Both pictures, of the newest figures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    draw_budgets(entries, IMAGES / "memory_budgets.png")
    draw_peers(entries, IMAGES / "memory_peers.png")
