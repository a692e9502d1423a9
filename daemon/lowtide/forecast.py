"""What indexing a workspace would take, before it is done; compared with the outcome after.

Invariant: figures only from the walk and from measured rates; the rates of the last run of the same index are preferred.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lowtide.core.budget import MARGIN_BYTES, MIB, WORKER_BYTES, CostModel
from lowtide.models import FileStat
from lowtide.work.languages import language_for

SECONDS_A_MIB = 0.30
"""CPU time of reading, parsing, embedding and storing one MiB of source, all processes together (measured: 0.2 to 0.4)."""
SECONDS_A_FILE = 0.0004
START_S = 0.8
"""Interpreters, imports and the model, once."""
DISK_FACTOR = 1.7
"""Index bytes for each byte of source (measured: 1.3 to 2.0)."""
DISK_BASE = 200 << 10
DAEMON_BYTES = 36 * MIB


@dataclass(slots=True)
class Forecast:
    """Predicted figures of a full index."""

    files: int = 0
    source_bytes: int = 0
    folders: int = 0
    largest_bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    predicted_peak_anon_bytes: int = 0
    predicted_wall_s: float = 0.0
    predicted_disk_bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """The figures of `lowtide plan --json`."""
        return {
            "files": self.files,
            "source_bytes": self.source_bytes,
            "watches": self.folders,
            "predicted_peak_anon_bytes": self.predicted_peak_anon_bytes,
            "predicted_wall_s": round(self.predicted_wall_s, 1),
            "predicted_disk_bytes": self.predicted_disk_bytes,
            "skipped": dict(self.skipped.most_common()),
            "languages": dict(self.languages.most_common()),
        }


class Forecaster:
    """Predicts from files as the walk gives them; `last_run` gives the rates of the same index when there is one."""

    def __init__(
        self, *, budget_bytes: int, worker_count: int, model_bytes: int, costs: CostModel, last_run: dict[str, Any] | None
    ) -> None:  # fmt: skip
        self._budget_bytes = budget_bytes
        self._worker_count = worker_count
        self._model_bytes = model_bytes
        self._costs = costs
        self._last_run = last_run
        self._result = Forecast()
        self._folders: set[bytes] = set()
        self._tree_bytes = 0
        self._last_folder = b""

    def add(self, stat: FileStat) -> None:
        """One file, in the order of the walk."""
        result = self._result
        folder = stat.path.rpartition(b"/")[0]
        if folder != self._last_folder:
            self._last_folder = folder
            while folder and folder not in self._folders:
                self._folders.add(folder)
                folder = folder.rpartition(b"/")[0]
        if stat.reason is not None:
            result.skipped[stat.reason] += 1
            return
        result.files += 1
        result.source_bytes += stat.size_bytes
        result.largest_bytes = max(result.largest_bytes, stat.size_bytes)
        language = language_for(stat.path, b"")
        name = language.name if language else ""
        result.languages[name or "text"] += 1
        self._tree_bytes = max(self._tree_bytes, self._costs.predict_bytes(name, stat.size_bytes))

    def result(self) -> Forecast:
        """The prediction for all that was added."""
        result, last_run = self._result, self._last_run
        result.folders = len(self._folders) + 1
        mib = result.source_bytes / MIB
        seconds_a_mib, disk_factor = SECONDS_A_MIB, DISK_FACTOR
        if last_run and last_run.get("source_bytes", 0) > MIB and last_run["cpu_s"] > 0:
            done_mib = last_run["source_bytes"] / MIB
            seconds_a_mib = max(
                0.02, (last_run["cpu_s"] - START_S - SECONDS_A_FILE * last_run["files"]["indexed"]) / done_mib
            )
            if not last_run["files"]["unchanged"]:
                disk_factor = last_run["disk_bytes"] / last_run["source_bytes"]
        result.predicted_wall_s = START_S + (mib * seconds_a_mib + result.files * SECONDS_A_FILE) / self._worker_count
        result.predicted_disk_bytes = int(DISK_BASE + result.source_bytes * disk_factor)
        base = DAEMON_BYTES + self._worker_count * (WORKER_BYTES + self._model_bytes + 8 * MIB)
        alone = DAEMON_BYTES + WORKER_BYTES + self._tree_bytes
        result.predicted_peak_anon_bytes = min(max(base, alone), self._budget_bytes - MARGIN_BYTES)
        return result
