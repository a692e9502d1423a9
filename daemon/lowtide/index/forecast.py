"""What indexing a workspace would take, before it is done; compared with the outcome after.

Invariant: figures only from the walk and from measured rates, those of the runs on this machine first of all.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lowtide.core.budget import MARGIN_BYTES, MIB, WORKER_BYTES, CostModel
from lowtide.core.rates import START_S, PastRun, Rates
from lowtide.languages import language_for
from lowtide.models import FileStat
from lowtide.status import Forecast

DISK_FACTOR = 1.3
"""Index bytes for each byte of source, never too few (measured: go 0.6, django 0.8, boost 1.0, linux 1.3)."""
DISK_A_FILE = 900
DISK_BASE = 200 << 10
DAEMON_BYTES = 36 * MIB
FLAT_BYTES = 40 * MIB
"""Of source; a tree of more takes GROWTH_BYTES more at its peak each time that it is twice as large: results that wait,
larger files among its files, what is kept of segments. Measured, peak and what this gives, in MiB: django 104 and 108,
go 156 and 130, boost 141 and 147, linux 232 and 220."""
GROWTH_BYTES = 24 * MIB
BATCH_BYTES = 12 * MIB
"""What a worker at work takes beside its libraries and its model."""


class Forecaster:
    """Predicts from files as the walk gives them, and from the figures of past `runs` on this machine.

    `own_run`: those of the last run of the same index, when there is one.
    """

    def __init__(
        self,
        *,
        budget_bytes: int,
        worker_count: int,
        model_bytes: int,
        costs: CostModel,
        runs: Sequence[dict[str, Any]] = (),
        own_run: dict[str, Any] | None = None,
    ) -> None:
        self._budget_bytes = budget_bytes
        self._worker_count = worker_count
        self._model_bytes = model_bytes
        self._costs = costs
        self._runs = runs
        self._own_run = own_run
        self._files = self._source_bytes = 0
        self._skipped: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        self._folders: set[bytes] = set()
        self._tree_bytes = 0
        self._last_folder = b""

    def add(self, stat: FileStat) -> None:
        """One file, in the order of the walk."""
        folder = stat.path.rpartition(b"/")[0]
        if folder != self._last_folder:
            self._last_folder = folder
            while folder and folder not in self._folders:
                self._folders.add(folder)
                folder = folder.rpartition(b"/")[0]
        if stat.reason is not None:
            self._skipped[stat.reason] += 1
            return
        self._files += 1
        self._source_bytes += stat.size_bytes
        language = language_for(stat.path, b"")
        name = language.name if language else ""
        self._languages[name or "text"] += 1
        self._tree_bytes = max(self._tree_bytes, self._costs.predict_bytes(name, stat.size_bytes))

    def _disk_share(self) -> float:
        """How the last run of this very index, if it was a whole one, compares with what would have been predicted."""
        last = self._own_run
        if not last or last["files"]["unchanged"] or last.get("source_bytes", 0) < MIB:
            return 1.0
        return float(last["disk_bytes"]) / _disk_bytes(last["files"]["indexed"], last["source_bytes"])

    def result(self) -> Forecast:
        """The prediction for all that was added."""
        rates = Rates.learned([past for past in map(_past, self._runs) if past is not None])
        cpu_s = rates.cpu_s(self._files, self._source_bytes / MIB)
        growth = int(GROWTH_BYTES * max(0.0, math.log2(max(1, self._source_bytes) / FLAT_BYTES)))
        base = DAEMON_BYTES + growth + self._worker_count * (WORKER_BYTES + self._model_bytes + BATCH_BYTES)
        alone = DAEMON_BYTES + WORKER_BYTES + self._tree_bytes
        return Forecast(
            files=self._files,
            source_bytes=self._source_bytes,
            watches=len(self._folders) + 1,
            predicted_peak_anon_bytes=min(max(base, alone), self._budget_bytes - MARGIN_BYTES),
            predicted_wall_s=round(START_S + (cpu_s - START_S) / self._worker_count, 1),
            predicted_cpu_s=round(cpu_s, 1),
            predicted_disk_bytes=int(_disk_bytes(self._files, self._source_bytes) * self._disk_share()),
            skipped=dict(self._skipped.most_common()),
            languages=dict(self._languages.most_common()),
        )


def _past(figures: dict[str, Any]) -> PastRun | None:
    """A run's figures as they are kept; None when they tell no time, as those of old versions may."""
    if not figures.get("cpu_s") or not figures.get("source_bytes"):
        return None
    return PastRun(int(figures["files"]["indexed"]), figures["source_bytes"] / MIB, float(figures["cpu_s"]))


def _disk_bytes(files: int, source_bytes: int) -> float:
    return DISK_BASE + DISK_A_FILE * files + DISK_FACTOR * source_bytes
