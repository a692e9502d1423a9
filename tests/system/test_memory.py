"""The probe of processes' memory, on real ones."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import psutil
import pytest

from lowtide.client import daemon_environment
from lowtide.system.memory import MOST_PROCESSES, KernelProbe


@pytest.mark.skipif(sys.platform == "win32", reason="`cat` waits for its input")
def test_a_probe_of_very_many_workers_remembers_the_newest_and_tells_all() -> None:
    probe = KernelProbe()
    before = sum(isinstance(each, psutil.Process) for each in gc.get_objects())
    for _ in range(MOST_PROCESSES + 8):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as worker:
            assert probe.anonymous_bytes(worker.pid)
        assert probe.anonymous_bytes(os.getpid())
    assert probe.anonymous_bytes(worker.pid) is None
    held = sum(isinstance(each, psutil.Process) for each in gc.get_objects()) - before
    assert held <= MOST_PROCESSES


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
