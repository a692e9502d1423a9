"""What indexing a workspace would take, before it is done; compared with the outcome after.

Invariant: figures only from the walk and from measured rates; the rates of the last run of the same index are preferred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
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


def forecast(
    stats: Iterable[FileStat], *, budget_bytes: int, worker_count: int, model_bytes: int, costs: CostModel,
    last_run: dict[str, Any] | None,
) -> Forecast:  # fmt: skip
    """Predict a full index from what the walk sees; `last_run` gives the rates of the same index when there is one."""
    result = Forecast()
    folders: set[bytes] = set()
    tree_bytes = 0
    last_folder = b""
    for stat in stats:
        folder = stat.path.rpartition(b"/")[0]
        if folder != last_folder:
            last_folder = folder
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition(b"/")[0]
        if stat.reason is not None:
            result.skipped[stat.reason] += 1
            continue
        result.files += 1
        result.source_bytes += stat.size_bytes
        result.largest_bytes = max(result.largest_bytes, stat.size_bytes)
        language = language_for(stat.path, b"")
        result.languages[language.name if language else "text"] += 1
        tree_bytes = max(tree_bytes, costs.predict_bytes(language.name if language else "", stat.size_bytes))
    result.folders = len(folders) + 1
    mib = result.source_bytes / MIB
    seconds_a_mib, disk_factor = SECONDS_A_MIB, DISK_FACTOR
    if last_run and last_run.get("source_bytes", 0) > MIB and last_run["cpu_s"] > 0:
        done_mib = last_run["source_bytes"] / MIB
        seconds_a_mib = max(
            0.02, (last_run["cpu_s"] - START_S - SECONDS_A_FILE * last_run["files"]["indexed"]) / done_mib
        )
        if not last_run["files"]["unchanged"]:
            disk_factor = last_run["disk_bytes"] / last_run["source_bytes"]
    result.predicted_wall_s = START_S + (mib * seconds_a_mib + result.files * SECONDS_A_FILE) / worker_count
    result.predicted_disk_bytes = int(DISK_BASE + result.source_bytes * disk_factor)
    base = DAEMON_BYTES + worker_count * (WORKER_BYTES + model_bytes + 8 * MIB)
    alone = DAEMON_BYTES + WORKER_BYTES + tree_bytes
    result.predicted_peak_anon_bytes = min(max(base, alone), budget_bytes - MARGIN_BYTES)
    return result
