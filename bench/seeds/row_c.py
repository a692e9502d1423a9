"""Row C: a daemon that gives its memory back. The system it replaces went from 47 MB to 4.6 GB and stayed there.

    python -m bench.seeds.row_c --trees FOLDER

django and go are indexed by one daemon of 256 MiB. A new daemon opens both, finds nothing to do, and is idle; a search
in each must leave it within 16 MiB of that. Then both are indexed anew from nothing: once alone, once while somebody
searches ten times a second until the end. Idle is what the kernel counts just before. The clock of "back" starts when
the last `lowtide index` is answered, and runs until the kernel's figure stays within 16 MiB of idle.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from bench.seeds.bounded import BoundedDaemon, Probe, is_idle, questions
from bench.seeds.row_a import cache_checks
from bench.seeds.run import main
from bench.seeds.scenario import MIB, Check, Options, Row, Size, at_most, exactly, holds, percentile, told
from bench.seeds.trees import generate

TITLE = "idle under 64 MiB, and back there five seconds after indexing"
BUDGET = 256 * MIB
IDLE_LIMIT = 64 * MIB
NEAR_IDLE = 16 * MIB
BACK_S = 5.0
WATCHED_S = 12.0
"""How long memory is looked at after the end."""


def figures_agree(daemon: BoundedDaemon) -> tuple[int, int]:
    """The daemon's own figure of all its processes and the kernel's of the group, taken together: of ten, the
    closest."""
    pairs = []
    for _ in range(10):
        before = daemon.anon_bytes
        own = int(daemon.ask("lowtide/status")["memory"]["usedBytes"])
        pairs.append((own, (before + daemon.anon_bytes) // 2))
        time.sleep(0.2)
    return min(pairs, key=lambda pair: abs(pair[0] - pair[1]))


def index_anew(daemon: BoundedDaemon, tree: Path) -> int:
    """Index one from nothing, as one more client; returns the files indexed."""
    with daemon.connect() as client:
        report = client.ask("lowtide/index", {"rootUri": tree.as_uri(), "force": True})
    return int(report["files"]["indexed"])


def anew(daemon: BoundedDaemon, trees: list[Path], *, searched: bool) -> list[Check]:
    """Index both from nothing, and see the memory come back to what it is now."""
    idle = daemon.quiet_bytes()
    who = "somebody searching" if searched else "nobody searching"
    with ExitStack() as stack:
        probes = []
        if searched:
            asked = [question for tree in trees for question in questions(tree, 200)]
            probes = [stack.enter_context(Probe(daemon, "lowtide/find", asked, 0.1))]
        daemon.mark(f"index, {who}")
        began = daemon.seconds
        with ThreadPoolExecutor(len(trees)) as pool:
            reports = list(pool.map(lambda tree: index_anew(daemon, tree), trees))
        ended = daemon.seconds
        daemon.mark("indexed")
    back = daemon.back_s(idle + NEAR_IDLE, ended, WATCHED_S)
    after = daemon.quiet_bytes()
    checks = [
        at_most(f"peak while indexing, {who}", daemon.peak_bytes(began, ended), BUDGET, "MiB"),
        at_most(f"back within 16 MiB of idle, {who}", back, BACK_S, "s"),
        at_most(f"{WATCHED_S:.0f} s after the end, {who}", after, min(idle + NEAR_IDLE, IDLE_LIMIT), "MiB"),
        told(f"files indexed; time, {who}", f"{sum(reports):,}; {ended - began:.1f} s"),
    ]
    for probe in probes:
        slow = percentile(probe.seconds, 0.95)
        checks.append(told("searches meanwhile; p95", f"{len(probe.seconds):,}; {1000 * (slow or 0):.0f} ms"))
        # Right after a start from nothing there is no index to answer from: that is said, and is no fault.
        checks.append(told("searches refused, for there was no index yet", len(probe.errors)))
    return checks


def run(options: Options) -> Row:
    """Index both, open both in a new daemon, index both anew."""
    if options.size is Size.FULL:
        trees = [options.tree("django"), options.tree("go")]
    else:
        trees = [options.work / "one", options.work / "two"]
        generate(trees[0], 60, 40)
        generate(trees[1], 60, 40, seed=8)
    with BoundedDaemon(options.work / "home", BUDGET) as first:
        for tree in trees:
            first.index(tree)
        first_peak, kills = first.peak_bytes(), first.group.oom_kills()
    with BoundedDaemon(options.work / "home", BUDGET) as daemon:
        for tree in trees:
            daemon.index(tree)
        daemon.until(is_idle)
        daemon.mark("idle")
        time.sleep(BACK_S)
        idle = daemon.quiet_bytes()
        own, kernel = figures_agree(daemon)
        checks = [
            at_most("peak of the first indexing", first_peak, BUDGET, "MiB"),
            at_most("idle with both open, by the kernel", idle, IDLE_LIMIT, "MiB"),
            at_most("idle with both open, by the daemon itself", own, IDLE_LIMIT, "MiB"),
            at_most("the daemon's figure less or more than the kernel's", abs(own - kernel), 2 * MIB, "MiB"),
        ]
        for tree in trees:
            daemon.ask("lowtide/find", **questions(tree)[0])
            daemon.ask("lowtide/symbols", query="open", rootUri=tree.as_uri(), limit=20)
        checks.append(at_most("and after a search in each", daemon.quiet_bytes(), idle + NEAR_IDLE, "MiB"))
        checks += anew(daemon, trees, searched=False)
        checks += anew(daemon, trees, searched=True)
        for tree in trees:
            for _ in range(2):
                for query in questions(tree, 50):
                    daemon.ask("lowtide/find", **query)
        memory = daemon.ask("lowtide/memory")
        checks += cache_checks(memory)
        checks.append(exactly("killed for memory (limit: budget + 32 MiB)", kills + daemon.group.oom_kills(), 0))
        parts = memory["children"][0]["children"]
        shared = sum(part["name"] == "question cache" for part in parts)
        checks.append(holds("one cache of questions for both", str(shared), "1", shared == 1))
        curve = daemon.curve("C: " + " and ".join(tree.name for tree in trees) + ", 256 MiB")
    return Row("C", TITLE, tuple(checks), (curve,))


if __name__ == "__main__":
    sys.exit(main(["C", *sys.argv[1:]]))
