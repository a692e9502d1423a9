"""Draws memory against time with the budget's line: `python -m bench.seeds.plots` writes
`docs/images/memory_row_*.png`.

The curves are those of the newest line of each row in bench/results/seeds.jsonl. Needs matplotlib
(model/requirements.txt).
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from bench.revision import ROOT
from bench.seeds.run import RESULTS
from bench.seeds.scenario import MIB, Curve, Row, newest, row_of
from matplotlib import pyplot

IMAGES = ROOT / "docs" / "images"
_MEMORY, _BUDGET, _MARK = "#1f6f8b", "#c8553d", "#999999"
MOST_LABELS = 8
"""More moments than these are drawn without their names."""


def draw(row: Row, target: Path) -> None:
    """One row's curves, one below the other."""
    curves = list(row.curves)
    figure, panels = pyplot.subplots(len(curves), 1, figsize=(8, 1.2 + 2.4 * len(curves)), dpi=120, squeeze=False)
    for panel, curve in zip(panels[:, 0], curves, strict=True):
        _panel(panel, curve)
    panels[-1, 0].set_xlabel("seconds since the daemon was started")
    figure.tight_layout()
    figure.savefig(target)
    pyplot.close(figure)


def _panel(axes: pyplot.Axes, curve: Curve) -> None:
    seconds = [point[0] for point in curve.points]
    mib = [point[1] / MIB for point in curve.points]
    axes.fill_between(seconds, mib, color=_MEMORY, alpha=0.2, linewidth=0)
    axes.plot(
        seconds, mib, color=_MEMORY, linewidth=0.9, label="anonymous memory of all processes, the kernel's figure"
    )
    axes.axhline(curve.budget_bytes / MIB, color=_BUDGET, linewidth=1.5, label="budget")
    top = curve.budget_bytes / MIB * 1.18
    shown = set()
    for at, text in curve.marks:
        axes.axvline(at, color=_MARK, linewidth=0.6, linestyle=":")
        if len(curve.marks) <= MOST_LABELS or text not in shown:
            axes.text(at, top * 0.98, f" {text}", fontsize=7, color="#555555", va="top", rotation=90)
            shown.add(text)
    axes.set_ylim(0, top)
    axes.set_xlim(0, max(seconds, default=1.0))
    axes.set_ylabel("MiB")
    axes.set_title(curve.name, loc="left", fontsize=10)
    axes.grid(alpha=0.2)
    axes.legend(loc="lower right", fontsize=7)


def draw_newest(results: Path, images: Path = IMAGES) -> list[Path]:
    """The newest curves of each row; returns the files written."""
    images.mkdir(parents=True, exist_ok=True)
    made = []
    for entry in newest(results.read_text("utf-8").splitlines()):
        row = row_of(entry)
        if row.curves:
            made.append(images / f"memory_row_{row.letter.lower()}.png")
            draw(row, made[-1])
    return made


def main() -> int:
    for path in draw_newest(RESULTS):
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
