"""CPU time of another process.

Invariant: one small file is read, and nothing is raised.
Threads: any.
"""

from __future__ import annotations

import os

_TICKS = os.sysconf("SC_CLK_TCK")


def process_cpu_s(pid: int) -> float | None:
    """Seconds that a process has computed, all its threads together, to 10 ms; None where the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    except (OSError, ValueError, IndexError):
        return None
