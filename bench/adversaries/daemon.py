"""The hostile tree opened in a daemon: status answers meanwhile, the budget holds, and it stops within a second."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from bench.adversaries import contents, folders, moving, rules, verify
from bench.adversaries.case import BUDGET_BYTES, LIMIT_BYTES, Scale, add_bystanders
from bench.adversaries.run import Verdict
from bench.cgroup import Group, Sampler

from lowtide.errors import LowtideError
from lowtide.paths import Places
from lowtide.serve import client as clients

NAME = "daemon"
IDEA = (
    "nine of these in one tree, opened in the daemon: status answers meanwhile, it stops within a second, and goes "
    "on after"
)
STOP_S = 1.0
ANSWER_S = 1.0
"""No status takes longer, on a machine that does other work beside."""
_PARTS = (
    folders.odd_names,
    folders.alike_names,
    folders.no_files,
    folders.link_mazes,
    folders.many_folders,
    rules.broken_git,
    contents.encodings,
    contents.long_lines,
    moving.CASES[0].build,
)


def play(scale: Scale, work: Path, expected: verify.Contents) -> Verdict:
    """Open the tree, ask for the status all the while, stop in the middle; start again, index to the end, stop."""
    root, home = work / NAME, work / "h"  # short: a socket's path has a limit
    home.mkdir(mode=0o700)
    quick = Scale(True)
    for part in _PARTS:
        place = root / getattr(part, "__name__", "part")
        place.mkdir(parents=True)
        part(place, quick)
    add_bystanders(root)
    return _Session(root, home, expected).play(60.0 if not scale.quick else 10.0)


class _Session:
    def __init__(self, root: Path, home: Path, expected: verify.Contents) -> None:
        self._root, self._home, self._expected = root, home, expected
        self._places = Places(home / "config", home / "cache", home / "run")
        self._problems: list[str] = []
        self._answers: list[float] = []

    def play(self, first_s: float) -> Verdict:
        began = time.monotonic()
        with Group(LIMIT_BYTES) as group, Sampler(group) as sampler:
            self._start(group)
            done, stir = threading.Event(), threading.Event()
            rewriting = moving.CASES[0].meanwhile
            assert rewriting is not None
            part = self._root / "build"
            thread = threading.Thread(target=rewriting, args=(part, stir))
            thread.start()
            indexing = threading.Thread(target=self._index, args=(done, True))
            indexing.start()
            self._watch(done, first_s)
            self._stop()
            stir.set()
            thread.join()
            indexing.join()
            stopped_s = time.monotonic() - began
            self._start(group)
            done = threading.Event()
            indexing = threading.Thread(target=self._index, args=(done, False))
            indexing.start()
            self._watch(done, 600.0)
            indexing.join()
            self._stop()
            kills, source = group.oom_kills(), group.source
        peak = sampler.peak_anon_bytes
        checked = verify.check(self._root, self._home, self._expected)
        self._problems += checked.problems
        if peak > BUDGET_BYTES:
            self._problems.append(f"{peak - BUDGET_BYTES:,} bytes over the budget")
        if kills:
            self._problems.append(f"{kills} killed by the kernel")
        slow = sorted(self._answers)
        if not slow or slow[-1] > ANSWER_S:
            self._problems.append(f"a status took {slow[-1] if slow else -1:.2f} s")
        note = (
            f"{len(slow)} statuses, median {statistics.median(slow) * 1000:.0f} ms, p99 "
            f"{slow[len(slow) * 99 // 100] * 1000:.0f} ms, most {slow[-1] * 1000:.0f} ms"
        )
        return Verdict(
            NAME,
            not self._problems,
            round(stopped_s, 1),
            round(time.monotonic() - began - stopped_s, 1),
            peak,
            max(0, peak - BUDGET_BYTES),
            kills,
            checked.indexed,
            dict(checked.quarantined),
            dict(checked.by_reason),
            self._problems,
            source,
            note,
        )

    def _start(self, group: Group) -> None:
        environment = {**clients.daemon_environment(), "LOWTIDE_HOME": str(self._home), "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("LOWTIDE_EMBEDDED", None)
        command = [sys.executable, "-m", "lowtide.cli", "--budget", str(BUDGET_BYTES), "daemon", "run"]
        group.popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                self._connect().close()
                return
            except LowtideError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _connect(self) -> clients.Client:
        return clients.Client.connect(self._places, start=False)

    def _index(self, done: threading.Event, may_end: bool) -> None:
        try:
            with self._connect() as client:
                client.ask("lowtide/index", {"rootUri": self._root.as_uri()})
        except LowtideError as error:
            if not may_end:
                self._problems.append(f"indexing ended with {error}")
        finally:
            done.set()

    def _watch(self, done: threading.Event, seconds: float) -> None:
        """Ask for the status every 50 ms until `done`, or for `seconds`."""
        deadline = time.monotonic() + seconds
        with self._connect() as client:
            while not done.wait(0.05):
                asked = time.monotonic()
                if asked > deadline:
                    return
                status: dict[str, Any] = client.ask("lowtide/status", {})
                self._answers.append(time.monotonic() - asked)
                if status["memory"]["usedBytes"] > BUDGET_BYTES:
                    self._problems.append(f"the status itself says {status['memory']['usedBytes']:,} bytes")

    def _stop(self) -> None:
        asked = time.monotonic()
        try:
            clients.stop(self._connect())
        except LowtideError as error:
            self._problems.append(f"it does not stop: {error}")
        if (took := time.monotonic() - asked) > STOP_S:
            self._problems.append(f"stopping took {took:.1f} s")
