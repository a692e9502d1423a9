"""The long form of the fuzzer over file contents.

    python -m tests.fuzz --seconds N [--tree FOLDER] [--seed S] [--keep FOLDER]

Makes batches of 40 files, of fragments, of the golden samples and of the files of FOLDER, damaged; indexes each batch
with the real engine, its workers under their leases, and judges every file (`oracle.py`). What fails is kept, with the
seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.fuzz.oracle import Judge, culprits
from tests.fuzz.recipes import Recipe, Sources, recipes

BATCH_FILES = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="where files that fail are kept; fuzz-failures here without it")
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.seconds
    sources = Sources(arguments.tree, arguments.seed)
    failures = 0
    number = arguments.seed
    with Judge() as judge:
        while time.monotonic() < deadline:
            number += 1
            failures += _round(judge, sources, number, deadline, arguments.keep or Path("fuzz-failures"))
    print(f"{judge.files:,} files, seeds {arguments.seed + 1} to {number}, {failures} batches failed")
    for outcome, count in judge.outcomes.most_common():
        print(f"  {count:7,} {outcome}")
    return 1 if failures else 0


def _round(judge: Judge, sources: Sources, number: int, deadline: float, keep: Path) -> int:
    failed = 0

    @seed(number)
    @settings(
        max_examples=10, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(recipes, min_size=BATCH_FILES, max_size=BATCH_FILES))
    def play(batch: list[Recipe]) -> None:
        nonlocal failed
        if time.monotonic() > deadline:
            return
        files = {recipe.name(place): sources.make(recipe) for place, recipe in enumerate(batch)}
        if problems := judge.judge(files):
            failed += 1
            _keep(judge, files, problems, keep / f"seed{number}-{failed}")

    play()
    return failed


def _keep(judge: Judge, files: dict[str, bytes], problems: list[str], folder: Path) -> None:
    print(f"FAILED, kept in {folder}:", *problems[:10], sep="\n  ", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    alone = culprits(judge, files)
    for name, (data, why) in alone.items():
        (folder / name).write_bytes(data)
        print(f"  alone too: {name}: {why[0]}", flush=True)
    if not alone:
        for name, data in files.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
