"""The workers without a task: which of them a task gets, which end for its room, and which have waited long enough.

Invariant: a worker that is ended here is here no more.
Threads: the event loop alone changes it; the guard's thread reads `workers`, which is copied in one step.
"""

from __future__ import annotations

from lowtide import wire
from lowtide.pool.worker import Ended, Worker

DOCUMENTS_S = 120.0
"""That worker is kept this long after its last task."""
IDLE_S = 3.0
"""An idle worker is ended after this long."""
WARM_S = 60.0
"""The last one that answered an edit or a search is kept this long, for the next comes soon. So is the last one that
waits while others work: its turn comes again, and a fresh one would load grammars and model anew."""


class IdleWorkers:
    """Workers that wait, the one that has waited longest first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Worker, float]] = []

    @property
    def workers(self) -> list[Worker]:
        """All of them."""
        return [worker for worker, _ in list(self._waiting)]

    def add(self, worker: Worker, now_s: float) -> None:
        """Its task is done, by the monotonic clock now."""
        self._waiting.append((worker, now_s))

    def remove(self, worker: Worker) -> None:
        """It gets a task."""
        self._waiting = [entry for entry in self._waiting if entry[0] is not worker]

    def clear(self) -> None:
        """They have all been ended."""
        self._waiting = []

    def pick(self, model: str) -> Worker | None:
        """The last that waits with this model, and still lives."""
        self._waiting = [entry for entry in self._waiting if entry[0].alive]
        for worker, _ in reversed(self._waiting):
            if worker.model == model:
                return worker
        return None

    def bytes_beside(self, worker: Worker | None) -> int:
        """What the others hold; all of them beside None."""
        return sum(other.base_bytes for other, _ in self._waiting if other is not worker)

    def make_room(self, keep: Worker | None) -> None:
        """End all but `keep`; that one too when there is no other: the task then gets a fresh worker."""
        kept = [entry for entry in self._waiting if entry[0] is keep]
        if len(kept) == len(self._waiting):
            kept = []
        for entry in self._waiting:
            if entry not in kept:
                entry[0].kill(Ended.RECYCLED)
        self._waiting = kept

    def tidy(self, now_s: float, prompt_s: float, others_work: bool) -> bool:
        """End those that have waited long enough; whether there were any. `prompt_s`: when somebody last waited for a
        worker."""
        keep = WARM_S if others_work or now_s - prompt_s < WARM_S else IDLE_S
        newest = next((worker for worker, _ in reversed(self._waiting) if worker.model != wire.DOCUMENTS), None)
        kept = []
        for worker, since_s in self._waiting:
            wait = DOCUMENTS_S if worker.model == wire.DOCUMENTS else keep if worker is newest else IDLE_S
            if now_s - since_s >= wait:
                worker.kill(Ended.IDLE)
            else:
                kept.append((worker, since_s))
        has_ended = len(kept) < len(self._waiting)
        self._waiting = kept
        return has_ended

    def end(self, now_s: float, after_s: float) -> None:
        """End those that have waited for `after_s`."""
        for worker, since_s in self._waiting:
            if now_s - since_s >= after_s:
                worker.kill(Ended.IDLE)
        self._waiting = [entry for entry in self._waiting if now_s - entry[1] < after_s]
