"""The probe of processes' memory, on real ones."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import psutil
import pytest

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
