"""Runs a command in a memory cgroup (v1 or v2) and reports what the kernel saw of it.

Where no group can be made (it needs root, or a delegated cgroup v2), the processes of the command's tree are sampled
instead: figures then come from `/proc`, nothing is limited, and `Outcome.source` says so.

Invariant: whatever the command started is dead when the group is left, what left its process group too.
Invariant: "anonymous" is the kernel's figure for the whole group (v1 `total_rss`, v2 `anon`), swap excluded.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil

_ROOT = Path("/sys/fs/cgroup")
SLACK_BYTES = 32 << 20
"""A cgroup around a budget is this much larger: kernel memory and page tables count in a cgroup, and not in a
budget."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the group: seconds since the command began; bytes, anonymous and of cached files."""

    seconds: float
    anon_bytes: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did: exit status (128+N for signal N), time, and the group's memory."""

    rc: int
    seconds: float
    peak_anon_bytes: int
    samples: tuple[Sample, ...]
    oom_kills: int
    end_anon_bytes: int
    """Held after the command ended, by what it left running."""
    source: str
    """`cgroup v1`, `cgroup v2`, or `sampled` where no group could be made."""
    stdout: str = ""
    stderr: str = ""


class Group:
    """One memory group; processes started by `popen` are in it from their first instruction. Use it as a context
    manager."""

    def __init__(self, limit_bytes: int | None) -> None:
        self.limit_bytes = limit_bytes
        self._path: Path | None = None
        self._is_v2 = not (_ROOT / "memory").is_dir()
        self._roots: list[psutil.Process] = []
        for parent in _parents(self._is_v2):
            path = parent / f"lowtide-seed-{os.getpid()}-{time.monotonic_ns():x}"
            try:
                if self._is_v2:
                    with suppress(OSError):
                        (parent / "cgroup.subtree_control").write_text("+memory")
                path.mkdir()
                self._path = path
                self._limit(path)
                self.anon_and_file()
            except (OSError, KeyError):
                self._path = None
                with suppress(OSError):
                    path.rmdir()
                continue
            break

    def _limit(self, path: Path) -> None:
        if self.limit_bytes:
            (path / ("memory.max" if self._is_v2 else "memory.limit_in_bytes")).write_text(str(self.limit_bytes))
        swap = path / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")

    @property
    def source(self) -> str:
        """Where the figures come from."""
        return "sampled" if self._path is None else "cgroup v2" if self._is_v2 else "cgroup v1"

    def popen(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a process in the group; `options` are subprocess.Popen's."""
        command = list(argv)
        if self._path is not None:
            # The shell moves itself in and becomes the command: nothing runs between fork and exec of this process.
            script = 'echo $$ > "$0" && exec "$@"'
            command = ["/bin/sh", "-c", script, str(self._path / "cgroup.procs"), *command]
        process = subprocess.Popen(command, **options)
        if self._path is None:
            with suppress(psutil.Error):
                self._roots.append(psutil.Process(process.pid))
        return process

    def anon_and_file(self) -> tuple[int, int]:
        """Bytes of the whole group: anonymous, and cached from files."""
        if self._path is None:
            return self._sampled()
        rows = (self._path / "memory.stat").read_text().splitlines()
        stat = {key: int(value) for key, _, value in (row.partition(" ") for row in rows)}
        return (stat["anon"], stat["file"]) if self._is_v2 else (stat["total_rss"], stat["total_cache"])

    def _sampled(self) -> tuple[int, int]:
        anon = file = 0
        for process in self._tree():
            with suppress(psutil.Error):
                info = process.memory_info()
                anon += info.rss - info.shared
                file += info.shared
        return anon, file

    def _tree(self) -> list[psutil.Process]:
        found: dict[int, psutil.Process] = {}
        for root in self._roots:
            with suppress(psutil.Error):
                for process in [root, *root.children(recursive=True)]:
                    found[process.pid] = process
        return list(found.values())

    def pids(self) -> list[int]:
        """The processes in the group now."""
        if self._path is None:
            return [process.pid for process in self._tree()]
        return [int(pid) for pid in (self._path / "cgroup.procs").read_text().split()]

    def oom_kills(self) -> int:
        """How many processes the kernel killed for memory; 0 where it cannot be known."""
        if self._path is None:
            return 0
        rows = (self._path / ("memory.events" if self._is_v2 else "memory.oom_control")).read_text().splitlines()
        return next((int(row.split()[1]) for row in rows if row.startswith("oom_kill ")), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(100):
            pids = self.pids()
            if not pids:
                break
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for _ in range(100):
            try:
                if self._path is not None:
                    self._path.rmdir()
                return
            except OSError:
                time.sleep(0.02)


class Sampler:
    """Looks at a group every `sample_s` in a thread, from `with` to its end."""

    def __init__(self, group: Group, sample_s: float = 0.02) -> None:
        self._group = group
        self._sample_s = sample_s
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="sampler", daemon=True)
        self.samples: list[Sample] = []

    @property
    def peak_anon_bytes(self) -> int:
        """The highest anonymous bytes seen so far."""
        return max((sample.anon_bytes for sample in self.samples), default=0)

    def _look(self) -> None:
        while True:
            with suppress(OSError):
                self.samples.append(Sample(time.monotonic() - self._began, *self._group.anon_and_file()))
            if self._stop.wait(self._sample_s):
                return

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def run_limited(
    argv: Sequence[str],
    limit_bytes: int | None,
    sample_s: float = 0.02,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float | None = None,
    stdout: int | IO[Any] | None = subprocess.PIPE,
    stderr: int | IO[Any] | None = subprocess.PIPE,
) -> Outcome:
    """Run `argv` to its end in a group of `limit_bytes`, its memory sampled every `sample_s`.

    After `timeout_s` it is killed. `stdout` and `stderr` are captured unless they are sent elsewhere.
    """
    with Group(limit_bytes) as group, Sampler(group, sample_s) as sampler:
        began = time.monotonic()
        process = group.popen(argv, env=dict(env) if env else None, cwd=cwd, stdout=stdout, stderr=stderr, text=True)
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        seconds = time.monotonic() - began
        end = group.anon_and_file()[0]
        kills = group.oom_kills()
    rc = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Outcome(
        rc, seconds, sampler.peak_anon_bytes, tuple(sampler.samples), kills, end, group.source, out or "", err or ""
    )


def _parents(is_v2: bool) -> list[Path]:
    """Where a group may be made: at the top, or below the group of this process."""
    if not is_v2:
        return [_ROOT / "memory"]
    own = Path("/proc/self/cgroup").read_text().rpartition("::/")[2].strip()
    return [_ROOT, _ROOT / own, (_ROOT / own).parent] if own else [_ROOT]
