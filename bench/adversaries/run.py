"""Runs one adversary: builds its tree, indexes it under the budget in a memory cgroup, and judges what came of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.adversaries import mounts, verify
from bench.adversaries.case import BUDGET_BYTES, LIMIT_BYTES, Case, Scale, add_bystanders
from bench.cgroup import Group, Outcome, Sampler, run_limited

CANCEL_S = 1.0
"""Ctrl-C ends the command within this."""
_ERRORS_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one adversary."""

    name: str
    passed: bool
    seconds: float
    again_s: float
    peak_anon_bytes: int
    overshoot_bytes: int
    oom_kills: int
    indexed: int
    kills: dict[str, int]
    """Files that cost a worker its life until they were indexed by lines or given up, by reason."""
    skipped: dict[str, int]
    problems: list[str] = field(default_factory=list)
    source: str = ""
    """Where the memory figures come from."""
    note: str = ""


def lowtide(home: Path, *arguments: str | Path, bound: bool = False) -> tuple[list[str], dict[str, str]]:
    """The command and its environment."""
    command = [sys.executable, "-m", "lowtide.cli", *map(str, arguments)]
    if bound:
        # Still root by its number, so that it may use this Python, but held to the rights of files.
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    return command, {**os.environ, "LOWTIDE_HOME": str(home), "LOWTIDE_EMBEDDED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def expected_of_bystanders(work: Path) -> verify.Contents:
    """What the ordinary files are when nothing else is there."""
    root, home = work / "bystanders", work / "bystanders-home"
    paths = add_bystanders(root)
    command, environment = lowtide(home, "--json", "index", root)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    found = verify.contents(home, paths)
    shutil.rmtree(root)
    shutil.rmtree(home)
    return found


def play(case: Case, scale: Scale, work: Path, expected: verify.Contents) -> Verdict:
    """Run one adversary in `work`; what it made there is left to `remove`."""
    root, home = work / case.name, work / f"{case.name}-home"
    home.mkdir(mode=0o700)
    try:
        root.mkdir()
        case.build(root, scale)
        add_bystanders(root)
        return _judge(case, scale, root, home, expected)
    finally:
        case.clean(root)


def remove(work: Path) -> None:
    """Remove all that lies in `work`: it can take longer than what was measured."""
    for path in work.iterdir():
        subprocess.run(["rm", "-rf", str(path)], check=False)


def _judge(case: Case, scale: Scale, root: Path, home: Path, expected: verify.Contents) -> Verdict:
    limit_s = case.limit_s if not scale.quick else max(60.0, case.limit_s / 3)
    command, environment = lowtide(home, "--json", "--budget", str(BUDGET_BYTES), "index", root, bound=case.bound)
    problems: list[str] = []
    if case.interrupted:
        outcome = _interrupted(command, environment, problems)
    else:
        with _meanwhile(case, root):
            outcome = run_limited(command, LIMIT_BYTES, env=environment, timeout_s=limit_s)
    if outcome.seconds >= limit_s:
        problems.append(f"it did not end within {limit_s:.0f} s")
    if outcome.rc not in case.exit_codes:
        problems.append(f"exit status {outcome.rc}, not {case.exit_codes}: {outcome.stderr[-_ERRORS_SHOWN:]}")
    if "Traceback" in outcome.stderr:
        problems.append(f"a traceback: {outcome.stderr[-_ERRORS_SHOWN:]}")
    peak, oom_kills = outcome.peak_anon_bytes, outcome.oom_kills
    if case.refused:
        problems += _unexplained(outcome)
    checked, again_s = None, 0.0
    if not problems and not case.refused and not case.interrupted:
        again = run_limited(command, LIMIT_BYTES, env=environment, timeout_s=limit_s)
        peak, oom_kills, again_s = max(peak, again.peak_anon_bytes), oom_kills + again.oom_kills, again.seconds
        report = _report(again)
        if again.rc or (report["files"]["indexed"] and not case.moving):
            problems.append(
                f"a second run, nothing changed: {again.rc} {report.get('files')} {again.stderr[-_ERRORS_SHOWN:]}"
            )
        try:
            checked = verify.check(root, home, expected)
            problems += checked.problems
        except Exception as error:
            problems.append(f"the index cannot be checked: {error!r}")
        problems += _why(case, home, root)
    overshoot = max(0, peak - BUDGET_BYTES)
    if overshoot:
        problems.append(f"{overshoot:,} bytes over the budget")
    if oom_kills:
        problems.append(f"{oom_kills} killed by the kernel")
    return Verdict(
        case.name,
        not problems,
        round(outcome.seconds, 1),
        round(again_s, 1),
        peak,
        overshoot,
        oom_kills,
        checked.indexed if checked else 0,
        dict(checked.quarantined) if checked else {},
        dict(checked.by_reason) if checked else {},
        problems,
        outcome.source,
    )


@contextmanager
def _meanwhile(case: Case, root: Path) -> Iterator[None]:
    if case.meanwhile is None:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=case.meanwhile, args=(root, done), name="adversary")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _interrupted(command: list[str], environment: dict[str, str], problems: list[str]) -> Outcome:
    with Group(LIMIT_BYTES) as group, Sampler(group) as sampler:
        began = time.monotonic()
        process = group.popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            process.wait(5.0)
            problems.append("it ended by itself")
        except subprocess.TimeoutExpired:
            pass
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        took = time.monotonic() - asked
        if took > CANCEL_S:
            problems.append(f"Ctrl-C took {took:.1f} s")
        kills, end = group.oom_kills(), group.anon_and_file()[0]
    rc = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Outcome(
        rc,
        time.monotonic() - began,
        sampler.peak_anon_bytes,
        tuple(sampler.samples),
        kills,
        end,
        group.source,
        out,
        err,
    )


def _report(outcome: Outcome) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(outcome.stdout)
    except ValueError:
        return {"files": {"indexed": -1}}
    return found if "files" in found else {"files": {"indexed": -1}}


def _unexplained(outcome: Outcome) -> list[str]:
    """A refusal is one line on stderr, and an object with kind, message and remedy on stdout."""
    try:
        error = json.loads(outcome.stdout)["error"]
        if error["kind"] and error["message"] and outcome.stderr.count("\n") == 1:
            return []
    except (ValueError, KeyError):
        pass
    return [f"refused without saying why: {outcome.stdout[-_ERRORS_SHOWN:]!r} {outcome.stderr[-_ERRORS_SHOWN:]!r}"]


def _why(case: Case, home: Path, root: Path) -> list[str]:
    """`lowtide why` of one file for each reason."""
    problems = []
    for path, status, reason in verify.one_of_each(home):
        name = os.fsdecode(path)
        command, environment = lowtide(home, "--json", "why", root / name, bound=case.bound)
        out = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, errors="surrogateescape"
        )
        try:
            answer = json.loads(out.stdout)
        except ValueError:
            answer = {}
        if out.returncode or answer.get("reason") != reason or answer.get("status") != status:
            problems.append(
                f"`why` of {name!r}: {answer.get('status')} {answer.get('reason')!r}, the index says {status} "
                f"{reason!r} {out.stderr[-200:]}"
            )
    return problems


def can_play(case: Case) -> str:
    """Why a case cannot be played here, or nothing."""
    if case.name.endswith("-mount") and not mounts.can_mount():
        return "it needs root and /dev/fuse"
    if (case.bound or case.name == "no-files") and os.geteuid() != 0:
        return "it needs root"
    return ""
