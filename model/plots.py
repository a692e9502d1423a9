"""Draw quality against speed and against memory: `python -m model.plots` writes `docs/images/model_quality_*.png`.

    python -m model.judge --compare MINILM --json judge.json
    python -m bench.embed TREE --json > default.json
    python -m bench.embed TREE --model MINILM --json > minilm.json
    python -m model.plots --judge judge.json --speed default.json minilm.json

The figures are kept in `bench/results/model.json`; without `--judge` and `--speed` they are taken from there. Needs
matplotlib (model/requirements.txt).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot, ticker

RESULTS = Path("bench/results/model.json")
IMAGES = Path("docs/images")
CHUNKS = 100_000
_MODEL, _HYBRID, _WORDS = "#1f6f8b", "#c8553d", "#7a7a7a"


@dataclass(frozen=True, slots=True)
class Point:
    """One way to search: its quality alone and with BM25, chunks embedded a CPU-second, and MiB."""

    name: str
    alone: float
    hybrid: float
    chunks_per_cpu_s: float
    memory_mib: float


def points(judged: dict[str, Any], speeds: list[dict[str, Any]]) -> list[Point]:
    """A point for each model that was judged and measured, and for the default one cut to fewer dimensions."""
    found = []
    for number, speed in enumerate(speeds):
        name, dims = speed["model"], speed["dims"]
        encoder, rate = speed["anon_peak_mib"], speed["chunks_per_cpu_s"]
        fused = "hybrid, header, dense 0.6" if number == 0 else f"hybrid, {name}, dense 0.6"
        rows = [(f"{name}, {dims} dimensions", f"{name}, header", fused, dims)]
        for fewer in (128, 64):
            key = f"{name}, header, {fewer} dimensions"
            if key in judged:
                rows.append((f"{fewer} dimensions", key, f"hybrid, header, {fewer} dimensions, dense 0.6", fewer))
        for label, alone, hybrid, kept in rows:
            memory = encoder + kept * CHUNKS / (1 << 20)
            found.append(Point(label, judged[alone]["ndcg10"], judged[hybrid]["ndcg10"], rate, memory))
    return found


def draw(found: list[Point], words: float, axis: str, label: str, title: str, target: Path) -> None:
    """One plot: quality over `axis`, a field of Point; `words` is BM25's quality, which needs no model."""
    figure, axes = pyplot.subplots(figsize=(8, 5), dpi=120)
    low, high = (chosen(getattr(point, axis) for point in found) for chosen in (min, max))
    middle = (low * high) ** 0.5
    for point in found:
        x = getattr(point, axis)
        axes.plot([x, x], [point.alone, point.hybrid], color="#cccccc", zorder=1)
        axes.scatter([x], [point.alone], color=_MODEL, s=60, zorder=2)
        axes.scatter([x], [point.hybrid], color=_HYBRID, s=60, marker="D", zorder=2)
        right = x < middle
        axes.annotate(
            point.name,
            (x, point.alone),
            xytext=(9 if right else -9, -4),
            textcoords="offset points",
            fontsize=9,
            ha="left" if right else "right",
        )
    axes.axhline(words, color=_WORDS, linestyle="--", linewidth=1, zorder=0)
    axes.scatter([], [], color=_MODEL, s=60, label="model alone")
    axes.scatter([], [], color=_HYBRID, s=60, marker="D", label="with BM25 (hybrid 0.6)")
    axes.plot([], [], color=_WORDS, linestyle="--", label="BM25 alone, no model")
    axes.set_xscale("log")
    axes.set_xlim(low / 2, high * 2)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.set_ylim(0.4, 0.75)
    axes.set_xlabel(label)
    axes.set_ylabel("NDCG@10, dev half (docstring sentences)")
    axes.set_title(title, loc="left")
    axes.grid(alpha=0.25, which="both")
    axes.legend(loc="lower center", fontsize=9)
    figure.tight_layout()
    figure.savefig(target)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", type=Path, help="what `model.judge --json` wrote")
    parser.add_argument(
        "--speed", type=Path, nargs="+", help="what `bench/embed.py --json` printed, the default model's first"
    )
    args = parser.parse_args()
    if args.judge and args.speed:
        results = {
            "judge": json.loads(args.judge.read_text("utf-8")),
            "speed": [json.loads(path.read_text("utf-8")) for path in args.speed],
        }
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    results = json.loads(RESULTS.read_text("utf-8"))
    found = points(results["judge"], results["speed"])
    words = results["judge"]["BM25, name and path"]["ndcg10"]
    IMAGES.mkdir(parents=True, exist_ok=True)
    whole = [point for point in found if not point.name[0].isdigit()]  # cut vectors are made as fast as whole ones
    draw(
        whole,
        words,
        "chunks_per_cpu_s",
        "chunks embedded a CPU-second (log)",
        "Quality against speed",
        IMAGES / "model_quality_speed.png",
    )
    draw(
        found,
        words,
        "memory_mib",
        f"MiB: the encoder's peak, and the int8 vectors of {CHUNKS:,} chunks (log)",
        "Quality against memory",
        IMAGES / "model_quality_memory.png",
    )


if __name__ == "__main__":
    main()
