"""Row A: 1,000 files of 200 chunks. The system it replaces kept every embedding and rebuilt its index for each batch of
10.

    python -m bench.seeds.row_a [--quick]

A generated tree (bench/seeds/trees.py, Python, TypeScript, Go and Java in turn, seed 7) is indexed by a daemon of 256
MiB while somebody asks it 400 different questions again and again. The manifest is looked at every 20 ms: each vector
segment that it gains is a flush of the delta or a merge. Afterwards a part of the tree is indexed at 96, 128 and 256
MiB, to see what the number of workers and the size of their batches follow.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.seeds.bounded import BoundedDaemon, Probe, Status, questions
from bench.seeds.run import main
from bench.seeds.scenario import MIB, Check, Options, Row, Size, at_least, at_most, exactly, holds, told
from bench.seeds.trees import generate

from lowtide.core.merge import Limits
from lowtide.errors import LowtideError
from lowtide.index.workspace import Workspace
from lowtide.store.catalog import Catalog
from lowtide.store.rows import Segment
from lowtide.store.segment_file import VECTOR_KINDS

TITLE = "200,000 chunks under 256 MiB: bounded caches, segments written when the delta is full"
BUDGET = 256 * MIB
OLD_BATCH = 10
"""The system it replaces rebuilt its index once for each so many chunks."""


@dataclass(slots=True)
class Writes:
    """What became of the manifest's vector segments: how many vectors each flush and each merge wrote."""

    flushes: list[int] = field(default_factory=list)
    merges: list[int] = field(default_factory=list)
    _known: dict[str, int] = field(default_factory=dict)

    def see(self, rows: Sequence[Segment]) -> None:
        """Look at a manifest: what came as something went is a merge."""
        now = {row.name: row.count for row in rows if row.kind in VECTOR_KINDS}
        added = [count for name, count in now.items() if name not in self._known]
        dropped = [count for name, count in self._known.items() if name not in now]
        if dropped and sum(dropped) < sum(added):
            # Two steps between two looks: flushed, then merged with what was there.
            self.flushes.append(sum(added) - sum(dropped))
        if dropped:
            self.merges += added
        else:
            self.flushes += added
        self._known = now


class ManifestWatch:
    """Looks at a workspace's manifest every 20 ms, in a thread."""

    def __init__(self, daemon: BoundedDaemon, root: Path) -> None:
        self._workspace = Workspace(root, daemon.places.index_folder(root))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="manifest", daemon=True)
        self.writes = Writes()

    def _look(self) -> None:
        catalog: Catalog | None = None
        with ExitStack() as opened:
            while not self._stop.wait(0.02):
                with suppress(LowtideError, OSError):
                    if catalog is None:
                        catalog = opened.enter_context(closing(Catalog(self._workspace.catalog_path, writable=False)))
                    self.writes.see(catalog.segments())
            if catalog is not None:
                self.writes.see(catalog.segments())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)


def caches(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of a memory tree that has a limit."""
    found = [tree] if "limitBytes" in tree else []
    return found + [cache for child in tree["children"] for cache in caches(child)]


def cache_checks(tree: dict[str, Any]) -> list[Check]:
    """Each cache's bytes beside its limit, with its hits and evictions."""
    return [
        holds(
            f"{cache['name']}: bytes held; hits, misses, evictions",
            f"{cache['bytes'] / 1024:,.0f} KiB; {cache['hits']:,}, {cache['misses']:,}, {cache['evictions']:,}",
            f"≤ {cache['limitBytes'] / 1024:,.0f} KiB",
            cache["bytes"] <= cache["limitBytes"] and "evictions" in cache,
        )
        for cache in caches(tree)
    ]


def at_budget(options: Options, tree: Path, budget: int) -> tuple[int, str, int, int]:
    """Index `tree` from nothing at `budget`: most workers at once, the ladder's step, peak, files not indexed."""
    with BoundedDaemon(options.work / f"home{budget // MIB}", budget) as daemon:
        workers: list[int] = []

        def count(status: Status) -> None:
            workers.append(sum(process["role"] == "worker" for process in status["memory"]["processes"]))

        with Probe(daemon, "lowtide/status", [{}], 0.01, count):
            report = daemon.index(tree)
        step = str(daemon.ask("lowtide/status")["ladder"]["step"])
        bad = report["files"]["failed"] + report["files"]["quarantined"] + daemon.group.oom_kills()
        return max(workers, default=0), step, daemon.peak_bytes(), bad


def run(options: Options) -> Row:
    """Index it, ask meanwhile, and look at the caches, the manifest and the memory."""
    full = options.size is Size.FULL
    files = 1000 if full else 24
    tree = options.work / "generated"
    size = generate(tree, files, 200)
    with BoundedDaemon(options.work / "home", BUDGET) as daemon:
        daemon.mark("index")
        with ManifestWatch(daemon, tree) as watch, Probe(daemon, "lowtide/find", questions(tree), 0.05) as probe:
            report = daemon.index(tree)
            daemon.mark("indexed")
        # What is asked again is found in the cache, and more than it holds is asked.
        for query in questions(tree, 1500):
            daemon.ask("lowtide/find", **{**query, "limit": 1})
        for query in questions(tree, 1500)[-100:]:
            daemon.ask("lowtide/find", **{**query, "limit": 1})
        memory = daemon.ask("lowtide/memory")
        kills, curve = daemon.group.oom_kills(), daemon.curve(f"A: {files:,} files × 200 chunks, 256 MiB")
        peak = daemon.peak_bytes()
    chunks, writes = int(report["chunks"]), watch.writes
    flush = Limits().flush_count
    most_writes = max(4, 2 * chunks // flush)
    checks = [
        at_least("files indexed", report["files"]["indexed"], files),
        at_least("chunks", chunks, 200 * files),
        exactly("vectors", report["vectors"], chunks),
        at_most("peak of the daemon and its workers", peak, BUDGET, "MiB"),
        exactly("killed for memory (limit: budget + 32 MiB)", kills, 0),
        at_most(
            f"segments of vectors written (flushes {len(writes.flushes)}, merges {len(writes.merges)}); "
            f"one for each batch of {OLD_BATCH} would be {chunks // OLD_BATCH:,}",
            len(writes.flushes) + len(writes.merges),
            most_writes,
        ),
        holds(
            "vectors in each flush but the last",
            f"{min(writes.flushes[:-1], default=0):,} or more" if writes.flushes[1:] else "one flush",
            f"≥ {flush:,}",
            all(count >= flush for count in writes.flushes[:-1]),
        ),
        *cache_checks(memory),
        told("time", report["wall_s"], "s"),
        told("source", size, "MiB"),
        told("questions answered meanwhile", f"{len(probe.seconds):,}, {len(probe.errors)} refused"),
    ]
    part = options.work / "part"
    generate(part, 200 if full else 12, 200, seed=8)
    seen = {budget: at_budget(options, part, budget * MIB) for budget in (96, 128, 256)}
    for budget, (workers, step, highest, bad) in seen.items():
        checks += [
            at_most(f"at {budget} MiB: {workers} workers, ladder at {step}; peak", highest, budget * MIB, "MiB"),
            exactly(f"at {budget} MiB: files given up, processes killed", bad, 0),
        ]
    checks.append(
        holds(
            "workers follow memory: at 96, 128, 256 MiB",
            ", ".join(str(seen[budget][0]) for budget in seen),
            "never fewer with more",
            seen[96][0] <= seen[128][0] <= seen[256][0] and (seen[96][0], seen[96][1]) != (seen[256][0], seen[256][1]),
        )
    )
    return Row("A", TITLE, tuple(checks), (curve,))


if __name__ == "__main__":
    sys.exit(main(["A", *sys.argv[1:]]))
