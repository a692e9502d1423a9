"""Row B: 1,000 files in seconds, and 11,566 files of 951 MB to the end. The system it replaces had to be resumed by
hand.

    python -m bench.seeds.row_b --trees FOLDER

1,000 source files of django and go (drawn with a seed) are indexed by one command, from nothing, three times. Then
11,566 real files of at most 8 MiB that hold 951 MB together: all source files of the trees sorted by size, and of those
the neighbours whose sum is that. Three times on the way the daemon with its workers is killed with SIGKILL, and a new
one goes on: each file that was committed before must be as it was, with the time at which it was indexed, but for those
that met their deadline, which the next run tries again.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import statistics
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from bench.cgroup import SLACK_BYTES, run_limited
from bench.seeds.bounded import BoundedDaemon
from bench.seeds.run import main
from bench.seeds.scenario import MIB, Check, Curve, Options, Row, Size, at_most, exactly, holds, told
from bench.seeds.trees import INDEX_EVERYTHING, compose, generate, sample

from lowtide.core.ladder import Ladder, Step
from lowtide.core.plan import RETRIED
from lowtide.paths import Places
from lowtide.store.vetting import CATALOG

TITLE = "1,000 files in seconds; 951 MB to the end, killed three times on the way"
BUDGET = 256 * MIB
FILES, BYTES = 11_566, 951_000_000
MOST_FILE_BYTES = 8 << 20
"""Twice what is indexed unless the user says otherwise: without the largest, the trees have not as many bytes."""
CONFIG = INDEX_EVERYTHING + f"max_file_size = {MOST_FILE_BYTES}\n"


class Committed(NamedTuple):
    at_ns: int
    """When it was indexed, since 1970."""
    is_tried_again: bool
    """By the next run, as it should be: what failed may have been of the moment."""


def committed(places: Places, root: Path) -> dict[bytes, Committed]:
    """By its path, every file that can be found, those without their syntax too."""
    path = places.index_folder(root) / CATALOG
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT path, indexed_at_ns, reason FROM files WHERE status IN ('indexed', 'quarantined')"
        )
        return {path: Committed(at_ns, reason in RETRIED) for path, at_ns, reason in rows}


def compare(before: Mapping[bytes, Committed], after: Mapping[bytes, Committed]) -> tuple[int, int]:
    """Of the files that were committed before: how many were indexed again, how many are gone."""
    again = sum(
        path in after and after[path].at_ns != was.at_ns and not was.is_tried_again for path, was in before.items()
    )
    return again, sum(path not in after for path in before)


def batches(report: dict[str, Any]) -> str:
    """What the ladder's last step of a run allowed: documents embedded at once, and bytes of source a batch."""
    ladder = Ladder(2)
    step = report["ladder"][-1]["step"] if report["ladder"] else Step.FULL.label
    ladder.step = next(each for each in Step if each.label == step)
    footing = ladder.footing()
    return f"{footing.batch_size} / {footing.batch_bytes >> 10} KiB ({step})"


def one_command(options: Options, name: str, root: Path, budget: int = BUDGET) -> tuple[float, int, dict[str, Any]]:
    """`lowtide index` from nothing in one process tree: seconds, peak, and its report."""
    argv = [sys.executable, "-m", "lowtide.cli", "index", "--embedded", "--json", "--budget", str(budget), str(root)]
    environment = {**os.environ, "LOWTIDE_HOME": str(options.work / f"home-{name}")}
    outcome = run_limited(argv, budget + SLACK_BYTES, env=environment, timeout_s=300)
    if outcome.rc:
        raise SystemExit(f"seeds: lowtide index ended with {outcome.rc}: {outcome.stderr[-500:]}")
    return outcome.seconds, outcome.peak_anon_bytes, json.loads(outcome.stdout)


def kill(daemon: BoundedDaemon) -> None:
    """SIGKILL to every process of the group at once, as the kernel does."""
    for pid in daemon.group.pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    daemon.popen.wait(10)


def until_files(daemon: BoundedDaemon, count: int) -> None:
    """Until the daemon tells of `count` indexed files."""
    daemon.until(lambda status: any(w["files"] >= count for w in status["workspaces"]), step_s=0.05)


def interrupted(options: Options, tree: Path, files: int) -> tuple[list[Check], list[Curve]]:
    """Index `tree`, killed at a sixth, a third and two thirds; then to the end."""
    home = options.work / "home-large"
    kept: dict[bytes, Committed] = {}
    again = lost = kills = peak = 0
    seconds = 0.0
    curves: list[Curve] = []
    report: dict[str, Any] = {}
    for share in (1 / 6, 1 / 3, 2 / 3, None):
        with BoundedDaemon(home, BUDGET, CONFIG) as daemon:
            began = time.monotonic()
            if share is None:
                report = daemon.index(tree)
            else:
                asking = daemon.index_aside(tree)
                until_files(daemon, int(share * files))
                daemon.mark("kill -9")
            seconds += time.monotonic() - began
            curves.append(
                daemon.curve(
                    f"B: 951 MB, part {len(curves) + 1} of 4" if share is None else f"B: part {len(curves) + 1}"
                )
            )
            peak, kills = max(peak, daemon.peak_bytes()), kills + daemon.group.oom_kills()
            if share is not None:
                kill(daemon)
                asking.close()
        now = committed(daemon.places, tree)
        more_again, more_lost = compare(kept, now)
        again, lost, kept = again + more_again, lost + more_lost, now
    done = report["files"]
    checks = [
        exactly("files in the index at the end", len(kept), files),
        exactly("files given up", done["failed"], 0),
        told("files indexed by lines, for their syntax tree had no room or took too long", done["quarantined"]),
        exactly("committed files done twice after three kill -9", again, 0),
        exactly("committed files lost", lost, 0),
        at_most("peak of the daemon and its workers", peak, BUDGET, "MiB"),
        exactly("killed for memory (limit: budget + 32 MiB)", kills, 0),
        told("time, all four parts together", seconds, "s"),
        told("symbols; chunks; vectors", f"{report['symbols']:,}; {report['chunks']:,}; {report['vectors']:,}"),
        told("on disk", report["disk_bytes"], "MiB"),
    ]
    return checks, curves


def run(options: Options) -> Row:
    """Both trees, one after the other."""
    full = options.size is Size.FULL
    small, large = options.work / "small", options.work / "large"
    if full:
        sample(options.tree("django"), 500, small)
        sample(options.tree("go"), 500, small / "go")
        names = ("linux", "jdk", "go", "boost", "cpython", "django")
        size = compose([options.tree(name) for name in names], FILES, BYTES, large, MOST_FILE_BYTES)
        count = FILES
    else:
        generate(small, 40, 10)
        size, count = generate(large, 60, 60, seed=9), 60
    runs = [one_command(options, f"small{number}", small) for number in range(3 if full else 1)]
    times, report = [seconds for seconds, _, _ in runs], runs[0][2]
    least = one_command(options, "small96", small, 96 * MIB)
    checks = [
        at_most(
            f"{report['files']['indexed']:,} files indexed, {report['symbols']:,} symbols, {report['vectors']:,} "
            f"vectors: "
            f"the whole command, median of {len(runs)}",
            statistics.median(times),
            3.0,
            "s",
        ),
        told("the fastest and the slowest", f"{min(times):.2f} and {max(times):.2f} s"),
        at_most("peak meanwhile", max(peak for _, peak, _ in runs), BUDGET, "MiB"),
        at_most("peak of the same at 96 MiB", least[1], 96 * MIB, "MiB"),
        holds(
            "batch size follows memory: at 96 and 256 MiB",
            f"{batches(least[2])}; {batches(report)}",
            "smaller with less",
            batches(least[2]) != batches(report),
        ),
        holds(
            "files; bytes of the large tree",
            f"{count:,}; {size / 1e6:,.1f} MB",
            "11,566; 951 MB",
            not full or size >= BYTES,
        ),
    ]
    more, curves = interrupted(options, large, count)
    return Row("B", TITLE, (*checks, *more), tuple(curves))


if __name__ == "__main__":
    sys.exit(main(["B", *sys.argv[1:]]))
