"""The tables of docs/benchmarks.md, from the newest lines of bench/results.

    python -m bench.pages            writes the tables
    python -m bench.pages --plot     draws docs/images/benchmarks_*.png, too; needs matplotlib (model/requirements.txt)

Benches that save renew the tables by themselves.

Invariant: a figure that was not measured is an empty cell; every row names the commit that it was measured at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.revision import ROOT
from bench.seeds.scenario import between

RESULTS = ROOT / "bench/results"
PAGE = ROOT / "docs/benchmarks.md"
IMAGES = ROOT / "docs/images"
Row = Mapping[str, Any]

_ANSWERS = (
    ("a status while it indexes", "while_indexing", "status_ms"),
    ("symbols while it indexes", "while_indexing", "symbols_ms"),
    ("a search while it indexes", "while_indexing", "search_ms"),
    ("a saved file is found", "edit_ms", ""),
    ("the daemon's start to the first symbol", "start", "first_symbol_ms"),
    ("the daemon's start to the first search", "start", "first_search_ms"),
    ("the daemon's start to all compared with the disk", "start", "checked_against_disk_ms"),
    ("a cancel until nothing works any more", "cancel", "stopped_ms"),
)


def lines_of(name: str) -> list[dict[str, Any]]:
    """The lines of one of the logs, the oldest first."""
    return [json.loads(line) for line in (RESULTS / name).read_text("utf-8").splitlines() if line.strip()]


def indexing_rows(log: Sequence[Row]) -> list[Row]:
    """The newest line of each tree and budget, small trees first."""
    newest = {(row["tree"], row["budget"]): row for row in log}
    return sorted(newest.values(), key=lambda row: (row["source_mib"], row["wall_s"]))


def indexing_table(log: Sequence[Row]) -> str:
    """What a first index takes, and the next one when nothing has changed."""
    lines = [
        "| tree | source MiB | budget | s | CPU s | CPU s a bare parse | peak MiB | on disk MiB | again s | commit |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in indexing_rows(log):
        cells = [
            row["tree"],
            _number(row["source_mib"]),
            row["budget"],
            _number(row["wall_s"]),
            _number(row["cpu_s"]),
            _number(row.get("parse_cpu_s")),
            _number(row["peak_anon_mib"]),
            _number(row["disk_mib"]),
            _number(row["again_wall_s"]),
            row["commit"],
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def searching_table(log: Sequence[Row]) -> str:
    """Milliseconds of searches in one process, by what is asked."""
    lines = [
        "| tree | chunks | hybrid p50 / p95 | by meaning p50 / p95 | by words p50 / p95 | symbols p50 "
        "| a whole command, s | commit |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in indexing_rows(log):
        if "hybrid_p50_ms" not in row:
            continue
        pairs = [
            f"{_number(row[f'{mode}_p50_ms'])} / {_number(row[f'{mode}_p95_ms'])}"
            for mode in ("hybrid", "semantic", "lexical")
        ]
        cells = [row["tree"], f"{row['chunks']:,}", *pairs, _number(row["symbols_p50_ms"])]
        cells += [_number(row["search_command_s"]), row["commit"]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def answers(log: Sequence[Row]) -> list[tuple[str, Row]]:
    """What a daemon was asked, with its milliseconds, from the newest line that has each."""
    found: list[tuple[str, Row]] = []
    for title, part, name in _ANSWERS:
        for row in reversed(log):
            figures = row.get(part, {}).get(name) if name else row.get(part)
            if figures:
                found.append((title, {**figures, "commit": row["commit"], "load": row["load"]}))
                break
    return found


def answers_table(log: Sequence[Row]) -> str:
    """Milliseconds until a daemon has answered or done something."""
    lines = ["| ms | p50 | p95 | slowest | of | load | commit |", "|---|--:|--:|--:|--:|--:|---|"]
    for title, row in answers(log):
        cells = [
            title,
            *(_number(row[part]) for part in ("p50", "p95", "max")),
            str(row["count"]),
            _number(row["load"]),
            row["commit"],
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its tables as the results are."""
    index, daemon = lines_of("index.jsonl"), lines_of("daemon.jsonl")
    text = between(text, "indexing", indexing_table(index))
    text = between(text, "searching", searching_table(index))
    return between(text, "answers", answers_table(daemon))


def renew() -> None:
    """Write the tables into the page."""
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def draw() -> None:
    """Both pictures, of the newest figures."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    rows = [row for row in indexing_rows(lines_of("index.jsonl")) if row.get("parse_cpu_s")]
    figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.62 * len(rows)), dpi=120)
    parts = (
        ("Lowtide: CPU seconds of the first index", "cpu_s", "#1f6f8b"),
        ("a bare parse of the same bytes", "parse_cpu_s", "#d9903d"),
        ("universal-ctags", "ctags_s", "#7a9e3d"),
        ("Lowtide again, nothing changed: seconds", "again_wall_s", "#8a5fa8"),
    )
    for at, (title, name, colour) in enumerate(parts):
        places = [place + (at - 1.5) * 0.2 for place in range(len(rows))]
        axes.barh(places, [row.get(name) or 0 for row in rows], 0.19, color=colour, label=title)
        for place, row in zip(places, rows, strict=True):
            axes.text((row.get(name) or 0.01) * 1.05, place, _number(row.get(name)), va="center", fontsize=6)
    axes.set_yticks(range(len(rows)), [f"{row['tree']}\n{row['source_mib']:,.0f} MiB" for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("seconds (log)")
    axes.set_title("What an index takes", loc="left")
    axes.legend(fontsize=7, ncols=2, frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.17))
    axes.grid(alpha=0.2, axis="x")
    figure.tight_layout()
    figure.savefig(IMAGES / "benchmarks_indexing.png")
    pyplot.close(figure)

    told = answers(lines_of("daemon.jsonl"))
    figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.34 * len(told)), dpi=120)
    for place, (_, row) in enumerate(told):
        axes.plot([row["p50"], row["max"]], [place, place], color="#bbbbbb", linewidth=1)
        axes.plot([row["p50"], row["p95"]], [place, place], color="#1f6f8b", linewidth=5, solid_capstyle="butt")
        axes.plot(row["p50"], place, "o", color="#d9903d")
        axes.text(row["max"] * 1.1, place, f"{_number(row['p50'])} / {_number(row['p95'])} ms", va="center", fontsize=7)
    axes.set_yticks(range(len(told)), [title for title, _ in told], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(right=axes.get_xlim()[1] * 4)
    axes.set_xlabel("milliseconds (log): half of them, 95 of 100, the slowest")
    axes.set_title("A daemon with django, at 256 MiB", loc="left")
    axes.grid(alpha=0.2, axis="x")
    figure.tight_layout()
    figure.savefig(IMAGES / "benchmarks_answers.png")
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", action="store_true")
    options = parser.parse_args()
    renew()
    if options.plot:
        draw()


if __name__ == "__main__":
    main()
