"""The probe of processes' memory, on real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from tests.system.descriptors import no_descriptors

from lowtide.serve.client import daemon_environment
from lowtide.system.memory import MOST_PROCESSES, KernelProbe, own_anonymous_bytes

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def _looked_at() -> int:
    """Files of processes' memory that this process has open."""
    targets = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            targets.append(os.readlink(f"/proc/self/fd/{name}"))
    return sum(target.endswith("/statm") for target in targets)


@linux_only
def test_a_probe_of_very_many_workers_remembers_the_newest_and_tells_all() -> None:
    before = _looked_at()
    probe = KernelProbe()
    workers = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _ in range(MOST_PROCESSES + 8)]
    try:
        for worker in workers:
            assert probe.anonymous_bytes(worker.pid)
            assert probe.anonymous_bytes(os.getpid())
        assert all(probe.anonymous_bytes(worker.pid) for worker in workers)
        assert _looked_at() - before <= MOST_PROCESSES
    finally:
        for worker in workers:
            with worker:
                worker.kill()
    assert all(probe.anonymous_bytes(worker.pid) is None for worker in workers)
    assert probe.anonymous_bytes(os.getpid())
    assert _looked_at() - before <= 1
    del probe
    assert _looked_at() == before


@linux_only
def test_who_has_no_descriptor_left_is_still_seen() -> None:
    probe = KernelProbe()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as worker:
        assert probe.anonymous_bytes(worker.pid)
        assert own_anonymous_bytes()
        with no_descriptors():
            with pytest.raises(OSError, match="Too many open files"):
                os.open(os.devnull, os.O_RDONLY)
            assert probe.anonymous_bytes(worker.pid)
            assert own_anonymous_bytes()


@linux_only
def test_threads_that_look_at_processes_that_come_and_go_see_no_error() -> None:
    probe = KernelProbe()
    failures: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                assert probe.anonymous_bytes(os.getpid())
                for pid in range(worker.pid - 40, worker.pid + 1):  # more than are remembered
                    probe.anonymous_bytes(pid)
        except BaseException as error:
            failures.append(error)

    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as worker:
        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            subprocess.run(["true"], check=True)
        done.set()
        for thread in threads:
            thread.join(60)
        worker.kill()
    assert failures == []


@linux_only
def test_a_process_may_open_what_its_hard_limit_allows() -> None:
    code = (
        "import resource as r; from lowtide.system.memory import raise_descriptor_limit;"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, 700)); print(raise_descriptor_limit(), r.getrlimit(r.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "700 (700, 700)\n"


_LITTERED = """
import ctypes, random, numpy
from lowtide.system.memory import give_back, own_anonymous_bytes
random.seed(1)
arrays = [numpy.ones(random.randrange(1, 1024), numpy.uint8) for _ in range(100_000)]
random.shuffle(arrays)
while arrays: arrays.pop()
ctypes.CDLL(None).malloc_trim(0)
trimmed = own_anonymous_bytes()
give_back()
print(trimmed - own_anonymous_bytes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is given back")
def test_what_numpy_keeps_of_freed_arrays_is_given_back_too() -> None:
    done = subprocess.run([sys.executable, "-c", _LITTERED], capture_output=True, text=True, env=daemon_environment())
    assert done.stderr == ""
    assert int(done.stdout) > 8 << 20  # measured: 23 MiB, and 4 KiB without


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc's")
def test_a_daemon_starts_without_thread_caches_unless_the_user_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert daemon_environment()["GLIBC_TUNABLES"] == "glibc.malloc.tcache_count=0"
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=7")
    assert daemon_environment()["GLIBC_TUNABLES"].endswith(":glibc.malloc.tcache_count=7")
