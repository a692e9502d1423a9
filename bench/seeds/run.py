"""Runs the scenarios of the systems that Lowtide replaces, and prints pass or fail with every figure.

    python -m bench.seeds.run [A B ...] [--trees FOLDER] [--quick] [--save] [--plot]

Each row builds the situation that ended one of those systems, and runs Lowtide in it under its budget, in a memory
cgroup of the budget and 32 MiB (needs root, or a delegated cgroup v2; without, the processes are sampled and nothing is
limited). `--trees` (or LOWTIDE_TREES) is a folder with the real trees `django`, `go`, `boost`, `linux`, `cpython`;
docs/memory.md says where they come from. `--quick` needs none. `--save` appends to bench/results/seeds.jsonl and renews
the table of docs/memory.md; `--plot` draws what is there
into docs/images (matplotlib). Exit status 1 when a row fails.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

from bench.revision import ROOT, commit
from bench.seeds.scenario import Options, Row, Size, between, newest, row_of, table

RESULTS = ROOT / "bench" / "results" / "seeds.jsonl"
DOCUMENT = ROOT / "docs" / "memory.md"
ROWS = "ABCDE"


def run_row(letter: str, options: Options) -> Row:
    """Run one scenario. ModuleNotFoundError when there is none of that letter."""
    module = importlib.import_module(f"bench.seeds.row_{letter.lower()}")
    return cast(Row, module.run(options))


def write_document() -> None:
    """Renew the table of docs/memory.md from the newest line of each row."""
    entries = newest(RESULTS.read_text("utf-8").splitlines())
    rows = [row_of(entry) for entry in entries]
    made = ", ".join(f"{entry['row']} at {entry['commit']} (load {entry['load']})" for entry in entries)
    body = f"Made by `python -m bench.seeds.run --save`: {made}.\n\n{table(rows)}"
    DOCUMENT.write_text(between(DOCUMENT.read_text("utf-8"), "seeds", body), "utf-8")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="A, B, C, D, E; all unless told")
    parser.add_argument("--trees", type=Path, default=os.environ.get("LOWTIDE_TREES"))
    parser.add_argument("--quick", action="store_true", help="small generated trees")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--plot", action="store_true", help="draw the newest curves of bench/results/seeds.jsonl")
    args = parser.parse_args(argv)
    # Ended by a signal it cleans up all the same: daemons, groups, folders.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = [letter.upper() for letter in args.rows] or list(ROWS)
    if unknown := [letter for letter in wanted if letter not in ROWS]:
        parser.error(f"no row {unknown[0]}: there are {', '.join(ROWS)}")
    rows: list[Row] = []
    for letter in wanted:
        began, load = time.monotonic(), os.getloadavg()[0]
        with tempfile.TemporaryDirectory(prefix=f"lowtide-seed-{letter.lower()}-") as folder:
            options = Options(Path(folder), args.trees, Size.QUICK if args.quick else Size.FULL)
            row = run_row(letter, options)
        rows.append(row)
        print(f"{letter}: {'pass' if row.passed else 'FAIL'} after {time.monotonic() - began:.0f} s", file=sys.stderr)
        if args.save:
            machine = {"commit": commit(), "python": platform.python_version(), "cores": os.cpu_count()}
            extra = {
                **machine,
                "size": options.size.value,
                "load": round(load, 1),
                "seconds": round(time.monotonic() - began),
            }
            with RESULTS.open("a") as file:
                file.write(json.dumps(row.as_json(**extra)) + "\n")
    print(table(rows))
    if args.save:
        write_document()
    if args.plot:
        from bench.seeds.plots import draw_newest

        draw_newest(RESULTS)
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
