"""Row D: 14,000 C++ headers. The system it replaces took 71 to 94 GB for 8,389 files, stopped answering, and ignored
Ctrl-C.

    python -m bench.seeds.row_d --trees FOLDER

boost is indexed by one daemon of 256 MiB while a client asks for the status every 20 ms. Indexing is then begun anew
again and again: cancelled by `lowtide/cancel`, and by Ctrl-C of a `lowtide index` that waits, at different moments;
then five times to the end. Last, a tree of more than 20,000 C files in the same
daemon: the 21,000 smallest source files of linux that hold a KiB or more.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.seeds.bounded import BoundedDaemon, Probe, Status, is_idle, is_working, noted
from bench.seeds.run import main
from bench.seeds.scenario import MIB, Check, Options, Row, Size, at_least, at_most, exactly, holds, percentile, told
from bench.seeds.trees import generate, smallest, sources

TITLE = "14,000 C++ headers under 256 MiB: it answers, stops when told, and does not grow"
BUDGET = 256 * MIB
NEAR_IDLE = 16 * MIB
BACK_S = 5.0
WATCHED_S = 8.0
OPEN_TREE = 8 * MIB
"""What one more open workspace may hold."""
REFRESHES = 5


def latencies(probe: Probe, name: str) -> list[Check]:
    """p99 of the answers, and the slowest."""
    p99 = percentile(probe.seconds, 0.99)
    slowest = max(probe.seconds, default=0.0)
    return [
        at_most(f"status while {name}: p99 of {len(probe.seconds):,}", None if p99 is None else 1000 * p99, 50, "ms"),
        told(f"status while {name}: the slowest", 1000 * slowest, "ms"),
    ]


def begin_anew(daemon: BoundedDaemon, tree: Path, later_s: float) -> None:
    """Start indexing from nothing, and wait until it works, and a while longer."""
    daemon.ask("lowtide/reindex", rootUri=tree.as_uri(), force=True)
    daemon.until(is_working, 60)
    time.sleep(later_s)


def cancelling(daemon: BoundedDaemon, tree: Path, idle: int, count: int) -> list[Check]:
    """How soon work stops after `lowtide/cancel`, and its memory is back."""
    stopped, back = [], []
    for number in range(count):
        begin_anew(daemon, tree, 0.4 * number)
        daemon.mark("cancel")
        began, began_s = time.monotonic(), daemon.seconds
        daemon.ask("lowtide/cancel")
        daemon.until(is_idle, 60, 0.002)
        stopped.append(time.monotonic() - began)
        back.append(daemon.back_s(idle + NEAR_IDLE, began_s, BACK_S + 1, settled_s=1.0))
    worst = None if None in back else max(seconds for seconds in back if seconds is not None)
    return [
        at_most(f"cancel: work has stopped, the slowest of {count}", max(stopped), 1.0, "s"),
        at_most(f"cancel: memory within 16 MiB of idle, the slowest of {count}", worst, BACK_S, "s"),
    ]


def interrupting(daemon: BoundedDaemon, tree: Path, idle: int, count: int, took_s: float) -> list[Check]:
    """How soon a waiting `lowtide index` ends after Ctrl-C, and the work with it.

    `took_s`: what a whole run takes. The signal comes well before its end: one that has just ended ends with 0.
    """
    pause_s = min(0.5, 0.3 * took_s / count)
    ended, stopped, codes, back = [], [], [], []
    for number in range(count):
        command = subprocess.Popen(
            [sys.executable, "-m", "lowtide.cli", "index", "--force", str(tree)],
            env=daemon.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        daemon.until(is_working, 60)
        time.sleep(pause_s * number)
        daemon.mark("Ctrl-C")
        began, began_s = time.monotonic(), daemon.seconds
        command.send_signal(signal.SIGINT)
        codes.append(command.wait(90))
        ended.append(time.monotonic() - began)
        daemon.until(is_idle, 60, 0.002)
        stopped.append(time.monotonic() - began)
        back.append(daemon.back_s(idle + NEAR_IDLE, began_s, BACK_S + 1, settled_s=1.0))
    worst = None if None in back else max(seconds for seconds in back if seconds is not None)
    return [
        at_most(f"Ctrl-C of a waiting `lowtide index`: it has ended, the slowest of {count}", max(ended), 1.0, "s"),
        at_most("Ctrl-C: the daemon has stopped", max(stopped), 1.0, "s"),
        holds("Ctrl-C: exit status", ", ".join(sorted({str(code) for code in codes})), "130", set(codes) == {130}),
        at_most("Ctrl-C: memory within 16 MiB of idle", worst, BACK_S, "s"),
    ]


def refreshing(daemon: BoundedDaemon, tree: Path) -> list[Check]:
    """Five whole indexes on end: memory and descriptors after each."""
    after, descriptors, times = [], [], []
    for _ in range(REFRESHES):
        daemon.mark("refresh")
        began = time.monotonic()
        daemon.index(tree, force=True)
        times.append(time.monotonic() - began)
        time.sleep(BACK_S)
        after.append(daemon.quiet_bytes())
        descriptors.append(daemon.process.num_fds())
    grown = 100 * (after[-1] - after[0]) / after[0]
    sizes = ", ".join(f"{size / MIB:.1f}" for size in after)
    return [
        at_most(f"{REFRESHES} refreshes: grown from the first to the last ({sizes} MiB)", grown, 2.0, "%"),
        at_most(
            f"{REFRESHES} refreshes: descriptors more than after the first ({', '.join(map(str, descriptors))})",
            descriptors[-1] - descriptors[0],
            0,
        ),
        told("seconds of each", ", ".join(f"{seconds:.0f}" for seconds in times)),
    ]


def many_files(daemon: BoundedDaemon, tree: Path, idle: int, least: int) -> list[Check]:
    """Index one more tree in the same daemon: its own memory over the second half no higher than over the first."""
    seen: list[tuple[float, int]] = []
    """Share of the files that are done, and the daemon's own bytes; what comes after the last file is merging."""

    def note(status: Status) -> None:
        progress = status["progress"]
        if status["state"] == "indexing" and progress and 0 < progress["done"] < progress["total"]:
            own = next(process["anonBytes"] for process in status["memory"]["processes"] if process["role"] == "daemon")
            seen.append((progress["done"], own))

    before = daemon.process.num_fds()
    daemon.mark("20,000 files")
    began = daemon.seconds
    with Probe(daemon, "lowtide/status", [{}], 0.02, note) as probe:
        report = daemon.index(tree)
    ended = daemon.seconds
    middle = report["files"]["indexed"] / 2
    early = max((own for done, own in seen if done <= middle), default=0)
    late = max((own for done, own in seen if done > middle), default=0)
    back = daemon.back_s(idle + NEAR_IDLE + OPEN_TREE, ended, WATCHED_S)
    return [
        at_least("20,000 files: indexed", report["files"]["indexed"], least),
        exactly("20,000 files: given up or quarantined", report["files"]["failed"] + report["files"]["quarantined"], 0),
        at_most("20,000 files: peak", daemon.peak_bytes(began, ended), BUDGET, "MiB"),
        at_most("20,000 files: the daemon itself, most in the second half", late, early + NEAR_IDLE, "MiB"),
        told("20,000 files: the daemon itself, most in the first half", early, "MiB"),
        at_most("20,000 files: memory within 24 MiB of idle with the first tree alone", back, BACK_S, "s"),
        *latencies(probe, "20,000 files are indexed"),
        told("20,000 files: time", ended - began, "s"),
        told("20,000 files: descriptors before and after", f"{before}, {daemon.process.num_fds()}"),
    ]


def run(options: Options) -> Row:
    """The headers, the cancels, the refreshes, the 20,000 files."""
    full = options.size is Size.FULL
    tree, many = options.work / "headers", options.work / "many"
    if full:
        tree = options.tree("boost")
        smallest(options.tree("linux"), 21_000, 1024, many)
        least = 20_000
    else:
        generate(tree, 60, 60, suffixes=(".hpp",))
        generate(many, 120, 20, seed=8)
        least = 120
    headers = sum(1 for _ in sources(tree))
    with BoundedDaemon(options.work / "home", BUDGET) as daemon:
        daemon.mark("index")
        with Probe(daemon, "lowtide/status", [{}], 0.02) as probe:
            report = daemon.index(tree)
        done = report["files"]
        checks = [
            at_least(f"files indexed, of {headers:,} headers", done["indexed"], 8_000 if full else headers),
            exactly("given up or quarantined", done["failed"] + done["quarantined"], 0),
            at_most("peak of the first indexing", daemon.peak_bytes(), BUDGET, "MiB"),
            *latencies(probe, "indexing"),
            told("time", report["wall_s"], "s"),
        ]
    with BoundedDaemon(options.work / "home", BUDGET) as daemon:
        daemon.index(tree)
        daemon.until(is_idle)
        time.sleep(BACK_S)
        daemon.mark("idle")
        idle = daemon.quiet_bytes()
        noted(checks)
        checks.append(told("idle with the tree open", idle, "MiB"))
        checks += noted(cancelling(daemon, tree, idle, 5 if full else 3))
        checks += noted(interrupting(daemon, tree, idle, 3 if full else 2, report["wall_s"]))
        checks += noted(refreshing(daemon, tree))
        checks += noted(many_files(daemon, many, idle, least))
        checks += [
            at_most("peak of all that", daemon.peak_bytes(), BUDGET, "MiB"),
            exactly("killed for memory (limit: budget + 32 MiB)", daemon.group.oom_kills(), 0),
        ]
        curve = daemon.curve(f"D: {tree.name}, 256 MiB")
    return Row("D", TITLE, tuple(checks), (curve,))


if __name__ == "__main__":
    sys.exit(main(["D", *sys.argv[1:]]))
