"""What a question costs by its words alone, in an index that is there, and what the lexical index takes on the disk.

    python -m bench.words ROOT [--questions N]

The questions are first lines of documentation, taken evenly from the index itself. Each is asked once, after ten
others.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from lowtide.core.lexical import informative_words
from lowtide.index.workspace import Workspace
from lowtide.paths import Places
from lowtide.read.snapshot import CANDIDATES, Snapshot
from lowtide.store.catalog import Catalog
from lowtide.work.words import query_words

WARM = 10
LEAST_CHARACTERS = 30


def questions(catalog: Catalog, count: int) -> list[str]:
    """First lines of documentation, evenly over all that are long enough."""
    ids = [number for number, _, _ in catalog.symbol_names_after(0)]
    told = catalog.details(ids)
    docs = [told[number].doc for number in ids if number in told]
    found = [doc.split("\n")[0][:200] for doc in docs if len(doc) > LEAST_CHARACTERS]
    return found[:: max(1, len(found) // count)][:count]


def measure(ask: Callable[[str], object], asked: Sequence[str]) -> tuple[list[float], list[float]]:
    """CPU and wall time of each, in milliseconds, ascending."""
    for question in asked[:WARM]:
        ask(question)
    cpu, wall = [], []
    for question in asked:
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        ask(question)
        cpu.append((time.process_time() - began_cpu_s) * 1e3)
        wall.append((time.perf_counter() - began_s) * 1e3)
    return sorted(cpu), sorted(wall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--questions", type=int, default=150)
    given = parser.parse_args()
    root = given.root.resolve()
    workspace = Workspace(root, Places.from_environment().index_folder(root))
    with closing(workspace.reading()) as catalog:
        asked = questions(catalog, given.questions)
        chunks = catalog.counts().chunks
    with closing(Snapshot(workspace)) as snapshot:
        lexical = snapshot._segments.lexical
        cpu, wall = measure(
            lambda text: lexical.candidates(informative_words(query_words(text)), None, CANDIDATES), asked
        )
        size = lexical.row.size_bytes if lexical.row else 0
    middle, late = len(cpu) // 2, int(len(cpu) * 0.95)
    print(f"{root.name}: {chunks:,} chunks, lexical index {size / 1e6:.1f} MB, {len(cpu)} questions")
    print(f"CPU ms p50 {cpu[middle]:.2f}, p95 {cpu[late]:.2f}; wall ms p50 {wall[middle]:.2f}, p95 {wall[late]:.2f}")


if __name__ == "__main__":
    main()
