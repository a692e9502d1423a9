"""What a file and a byte cost on this machine, from the runs that it has made.

Invariant: pure. Without runs, and where runs say little (all of large files, say), what was measured elsewhere holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

START_S = 0.2
"""CPU time of what a run does once, whatever the tree; the start of workers is not counted among it."""
SECONDS_A_FILE = 0.0012
"""CPU time that a file costs however small it is, all processes together (measured: 0.8 to 1.4 ms)."""
SECONDS_A_MIB = 0.30
"""CPU time of reading, parsing, embedding and storing one MiB of source (measured: 0.2 to 0.4)."""
_PRIOR = 0.001
"""What these count as, beside a run, which counts as 1."""
_MOST_FACTOR = 20.0
_LEAST_FILES = 20
"""Smaller runs say nothing."""


class PastRun(msgspec.Struct, frozen=True):
    """What an index run has read, and what it took."""

    files: int
    source_mib: float
    cpu_s: float


class Rates(msgspec.Struct, frozen=True):
    """CPU seconds a file and a MiB of source."""

    seconds_a_file: float = SECONDS_A_FILE
    seconds_a_mib: float = SECONDS_A_MIB

    def cpu_s(self, files: int, source_mib: float) -> float:
        """What indexing so much takes."""
        return START_S + files * self.seconds_a_file + source_mib * self.seconds_a_mib

    @classmethod
    def learned(cls, runs: Sequence[PastRun]) -> Rates:
        """The rates by which `runs` are explained with the least relative errors (weighted least squares, with a
        prior)."""
        ff = _PRIOR / SECONDS_A_FILE**2
        mm = _PRIOR / SECONDS_A_MIB**2
        fm, fy, my = 0.0, _PRIOR / SECONDS_A_FILE, _PRIOR / SECONDS_A_MIB
        for run in runs:
            if run.files < _LEAST_FILES or run.cpu_s <= 0:
                continue
            # A quick run says something too: that a file costs little.
            rest_s = max(run.cpu_s - START_S, run.cpu_s / 4)
            files, mib = run.files / run.cpu_s, run.source_mib / run.cpu_s
            ff, fm, mm = ff + files * files, fm + files * mib, mm + mib * mib
            fy, my = fy + files * rest_s / run.cpu_s, my + mib * rest_s / run.cpu_s
        a_file = (fy * mm - my * fm) / (ff * mm - fm * fm)
        a_file = min(max(a_file, SECONDS_A_FILE / _MOST_FACTOR), SECONDS_A_FILE * _MOST_FACTOR)
        a_mib = (my - fm * a_file) / mm
        return cls(a_file, min(max(a_mib, SECONDS_A_MIB / _MOST_FACTOR), SECONDS_A_MIB * _MOST_FACTOR))
