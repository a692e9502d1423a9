#!/usr/bin/env python3
"""What watching a tree costs, and how soon an edit is hinted.

    python -m bench.watch ROOT [EDITS]

Prints, as JSON: the folders watched, the seconds until the watches stand, the anonymous MiB they take, the share of a
core taken while nothing happens, and the milliseconds from a save (write to a temporary file, rename) to the hint and
to the moment when it is due. Writes one file in ROOT, and removes it; with 0 EDITS it writes nothing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path

from lowtide.config.settings import IndexSettings
from lowtide.core.debounce import Debounce
from lowtide.core.hints import Hints
from lowtide.system.memory import own_anonymous_bytes
from lowtide.system.tree.walk import folders
from lowtide.system.watch.watch import Watcher


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    edits = int(sys.argv[2]) if sys.argv[2:] else 100
    for _ in folders(root, IndexSettings()):
        pass  # from here on the file system's cache is warm, as after the scan that comes before or after
    hinted = threading.Semaphore(0)
    watcher = Watcher(root, partial(folders, root, IndexSettings()), hinted.release)
    before_bytes = own_anonymous_bytes()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    state = watcher.start()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    figures: dict[str, object] = {
        "root": root.name,
        "mode": state.mode,
        "reason": state.reason,
        "start_wall_s": round(wall_s, 3),
        "start_cpu_s": round(cpu_s, 3),
        "mib": round((own_anonymous_bytes() - before_bytes) / (1 << 20), 2),
        "folders": sum(1 for _ in folders(root, IndexSettings())),
    }
    hinted.acquire()
    watcher.take()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    threading.Event().wait(5.0)
    figures["idle_percent"] = round(100 * (time.process_time() - cpu_s) / (time.perf_counter() - wall_s), 4)
    if edits:
        told, due = zip(*(edit(root, watcher, hinted) for _ in range(edits)), strict=True)
        figures |= {"hint_ms": spread(told), "due_ms": spread(due)}
    watcher.stop()
    print(json.dumps(figures))
    return 0


def edit(root: Path, watcher: Watcher, hinted: threading.Semaphore) -> tuple[float, float]:
    """Milliseconds from one save until it is hinted, and until it is due."""
    file, temporary = root / "lowtide-bench.py", root / "lowtide-bench.py.tmp"
    debounce = Debounce()
    threading.Event().wait(0.1)  # an edit by itself, not one of a flood
    saved_s = time.monotonic()
    temporary.write_text("x = 1\n")
    os.replace(temporary, file)
    hints = Hints()
    while os.fsencode(file.name) not in hints.paths:
        hinted.acquire()
        hints = watcher.take()
        told_s = time.monotonic()
        debounce.add(hints, told_s)
    due_s = told_s + (debounce.due_s(told_s) or 0.0)
    file.unlink()
    while os.fsencode(file.name) not in watcher.take().paths:
        hinted.acquire()
    return 1e3 * (told_s - saved_s), 1e3 * (due_s - saved_s)


def spread(values: tuple[float, ...]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": round(ordered[len(ordered) // 2], 1), "p95": round(ordered[int(0.95 * len(ordered))], 1)}


if __name__ == "__main__":
    sys.exit(main())
