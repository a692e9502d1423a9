"""Row E: a million vectors of 1,536 under 2 GiB. The store it replaces hung after 100,000, or ended silently while
saving.

    python -m bench.seeds.row_e [--quick]

`lowtide bench vectors` builds, saves and searches a store in a cgroup of the budget and 32 MiB: first refused under 96
MiB, with a budget that is then accepted; then from nothing to the end; then once more in another folder, where every
process is killed with SIGKILL twice on the way and one saved piece is damaged, after which every piece must be byte for
byte as in the first. The data is clustered, made from a seed (lowtide/bulk/sources.py), and its true nearest are found
in float32. `--quick` takes 50,000 vectors.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.cgroup import SLACK_BYTES, Group, Outcome, run_limited
from bench.seeds.run import main
from bench.seeds.scenario import (
    MIB,
    Check,
    Curve,
    Options,
    Row,
    Size,
    at_least,
    at_most,
    exactly,
    holds,
    table,
    thinned,
    told,
)

TITLE = "1,000,000 vectors of 1,536 built, saved and served under 2 GiB"
BUDGET = 2048 * MIB
SMALL_BUDGET = 96 * MIB
DIMS = 1_536
TIMEOUT_S = 1_500.0


def command(options: Options, count: int, *more: str, budget: int = BUDGET) -> tuple[list[str], dict[str, str]]:
    """The command line and its environment."""
    argv = [sys.executable, "-m", "lowtide.cli", "--json", "--budget", str(budget), "bench", "vectors"]
    argv += ["--count", str(count), "--dims", str(DIMS), *more]
    return argv, {**os.environ, "LOWTIDE_HOME": str(options.work / "home")}


def pieces(folder: Path) -> dict[int, list[Any]]:
    """What the manifest names: piece -> its facts without the file's name; empty when there is none yet."""
    with suppress(OSError, ValueError, KeyError):
        body = (folder / "manifest.json").read_bytes().partition(b"\n")[2]
        return dict(json.loads(body)["pieces"])
    return {}


def refused(options: Options, count: int) -> list[Check]:
    """Too small a budget: refused before anything is written, with one that would do."""
    argv, environment = command(options, count, "--plan", budget=SMALL_BUDGET)
    outcome = run_limited(argv, SMALL_BUDGET + SLACK_BYTES, env=environment, timeout_s=120)
    error = json.loads(outcome.stdout or "{}").get("error", {})
    named = re.search(r"--budget (\d+)\s*MiB", error.get("remedy", ""))
    accepted = -1
    if named:
        argv, environment = command(options, count, "--plan", budget=int(named[1]) * MIB)
        accepted = run_limited(argv, int(named[1]) * MIB + SLACK_BYTES, env=environment, timeout_s=120).rc
    return [
        holds("refused at 96 MiB, naming a budget", error.get("remedy", "not refused"), "exit 4", outcome.rc == 4),
        exactly("exit status at the budget that it named", accepted, 0),
    ]


def whole(options: Options, count: int, folder: Path) -> tuple[dict[str, Any], Outcome]:
    """From nothing to the end, undisturbed."""
    argv, environment = command(options, count, "--keep", "--folder", str(folder))
    outcome = run_limited(argv, BUDGET + SLACK_BYTES, env=environment, timeout_s=TIMEOUT_S)
    if outcome.rc:
        raise SystemExit(f"seeds: lowtide bench vectors ended with {outcome.rc}: {outcome.stderr[-500:]}")
    return json.loads(outcome.stdout), outcome


def killed(options: Options, count: int, folder: Path, at_pieces: int) -> int:
    """Start it, and kill every process of the group when so many pieces are saved; returns how many then were."""
    argv, environment = command(options, count, "--keep", "--folder", str(folder))
    with Group(BUDGET + SLACK_BYTES) as group, (options.work / "killed.log").open("w+") as log:
        process = group.popen(argv, env=environment, stdout=log, stderr=log)
        until = time.monotonic() + TIMEOUT_S
        while len(pieces(folder)) < at_pieces and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        if len(pieces(folder)) < at_pieces:
            log.seek(0)
            raise SystemExit(f"seeds: lowtide bench vectors ended with {process.poll()}: {log.read()[-500:]}")
        for pid in group.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)
    return len(pieces(folder))


def damage(folder: Path) -> None:
    """Flip one bit in the middle of a saved piece."""
    path = max(folder.glob("piece-*.seg"), key=lambda path: path.stat().st_size)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 4]))


def interrupted(options: Options, count: int, folder: Path, right: dict[int, list[Any]]) -> list[Check]:
    """Killed at a third and at two thirds, one piece damaged, then to the end: the same pieces as undisturbed."""
    first = killed(options, count, folder, max(1, len(right) // 3))
    second = killed(options, count, folder, max(1, 2 * len(right) // 3))
    damage(folder)
    answer, outcome = whole(options, count, folder)
    build = answer["build"]
    found = pieces(folder)
    same = sum(found.get(number, [""])[1:] == facts[1:] for number, facts in right.items())
    return [
        holds(
            "saved pieces after the first and the second kill -9",
            f"{first}, {second} of {len(right)}",
            "kept, and more",
            0 < first <= second,
        ),
        exactly("of them kept by the third run, one damaged", build["kept_pieces"], second - 1),
        exactly("damaged ones found and made anew", build["damaged_pieces"], 1),
        exactly("pieces byte for byte as in the undisturbed run", same, len(right)),
        at_least("recall@10 of them", answer["search"]["recall_at_10"], 0.95),
        exactly("killed for memory", outcome.oom_kills, 0),
    ]


def run(options: Options) -> Row:
    """Refusal, a whole run, and a run that is killed."""
    full = options.size is Size.FULL
    count = 1_000_000 if full else 50_000
    checks = refused(options, count)
    folder = options.work / "whole"
    answer, outcome = whole(options, count, folder)
    predicted, build, search, hardness = (answer[name] for name in ("predicted", "build", "search", "hardness"))
    ratio = predicted["peak_anon_bytes"] / max(1, outcome.peak_anon_bytes)
    checks += [
        at_most("peak anonymous memory, whole group, sampled every 20 ms", outcome.peak_anon_bytes, BUDGET, "MiB"),
        exactly("over the budget", max(0, outcome.peak_anon_bytes - BUDGET), 0, "MiB"),
        holds(
            "predicted peak",
            f"{predicted['peak_anon_bytes'] / MIB:,.0f} MiB, {ratio - 1:+.1%}",
            "within ±15 %",
            abs(ratio - 1) <= 0.15,
        ),
        exactly("killed for memory (limit: budget + 32 MiB)", outcome.oom_kills, 0),
        told("predicted time; measured", f"{predicted['wall_s']:.0f} s; {build['wall_s']:.1f} s"),
        told(
            "predicted disk; measured",
            f"{predicted['disk_bytes'] / MIB:,.0f} MiB; {answer['disk_bytes'] / MIB:,.0f} MiB",
        ),
        told("pieces; workers", f"{build['pieces']} of {build['piece_rows']:,}; {build['workers']}"),
        at_least("vectors a second, from floats to saved pieces (it replaces: 493)", build["vectors_per_s"], 493),
        told("CPU of building", build["cpu_s"], "s"),
        told("of it making the test data", build["stages_cpu_s"]["read"], "s"),
        told("saving, all pieces together, synced (it replaces: 9.9)", build["save_s"], "s"),
        told("opening, every checksum compared", search["open_s"], "s"),
        at_most("a search, p95 (it replaces: 22.6)", search["p95_ms"], 20.0, "ms"),
        told("its CPU time, p50; p95", f"{search['cpu_p50_ms']}; {search['cpu_p95_ms']} ms"),
        told("p50; p99; p95 of the first time", f"{search['p50_ms']}; {search['p99_ms']}; {search['first_p95_ms']} ms"),
        at_least(f"recall@10 of {search['queries']} held-out queries", search["recall_at_10"], 0.95),
        told("how hard: recall@10 of a plain 1-bit scan", hardness["one_bit_recall_at_10"]),
        told(
            "local intrinsic dimension; relative contrast",
            f"{hardness['local_intrinsic_dimension']}; {hardness['relative_contrast']}",
        ),
        told("figures come from", outcome.source),
    ]
    curve = Curve(
        f"E: {count:,} vectors of {DIMS:,}",
        BUDGET,
        thinned([(sample.seconds, sample.anon_bytes) for sample in outcome.samples]),
        ((build["wall_s"], "built"),),
    )
    print(table([Row("E", f"{TITLE}, so far", tuple(checks))]), file=sys.stderr, flush=True)
    checks += interrupted(options, count, options.work / "killed", pieces(folder))
    return Row("E", TITLE, tuple(checks), (curve,))


if __name__ == "__main__":
    sys.exit(main(["E", *sys.argv[1:]]))
