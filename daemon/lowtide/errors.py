"""The errors that callers can tell apart.

Invariant: each error says what happened, why, and what to do (`what: why; do this`); third-party exceptions are mapped
to these inside the one module that owns the library.
"""

from __future__ import annotations

from lowtide.visible import bounded


class LowtideError(Exception):
    """What happened, why, and what the user can do about it."""

    exit_code = 1
    kind = "error"

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        super().__init__(what, why, remedy)
        self.what = bounded(what)
        self.why = bounded(why)
        self.remedy = bounded(remedy)

    @property
    def message(self) -> str:
        return f"{self.what}: {self.why}" if self.why else self.what

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class UsageError(LowtideError):
    """An argument that cannot be taken."""

    exit_code = 2
    kind = "usage"


class ConfigError(LowtideError):
    """A configuration file or value that cannot be used."""

    exit_code = 2
    kind = "config"


class PathError(LowtideError):
    """No index here, or a path that cannot be indexed."""

    exit_code = 3
    kind = "path"


class NoIndex(PathError):
    """There is no index here, or nothing in it yet."""


class RootAway(PathError):
    """The folder that was indexed is not there now, as when a disk is not mounted: its index is kept."""


class RefusedError(LowtideError):
    """Refused before the start: the budget cannot hold it, or the plan says no."""

    exit_code = 4
    kind = "refused"


class BudgetError(RefusedError):
    """The budget cannot be kept, or a lease was misused."""

    kind = "budget"


class QuestionStopped(LowtideError):
    """Nobody waits for the answer any more."""

    kind = "stopped"


class ModelError(LowtideError):
    """An embedding model that cannot be used: a file is missing, the shape is wrong, it is too large."""

    exit_code = 2
    kind = "model"


class StoreError(LowtideError):
    """The index cannot be read or written."""

    kind = "store"


class CorruptIndex(StoreError):
    """A file of the index is damaged; it is rebuilt, never trusted."""

    kind = "corrupt-index"


class CorruptSegment(CorruptIndex):
    """A segment is damaged or missing; it is made anew from the catalog, which may be sound."""


class EmptyIndex(CorruptIndex):
    """A catalog has no tables: it is just being made, or was emptied."""


class OlderIndex(StoreError):
    """A catalog of an older version of Lowtide: a writer makes it one of this version."""


class OtherModel(StoreError):
    """The vectors of an index are another model's than the questions': they are made anew when it is indexed."""


class IndexGone(StoreError):
    """The files of an index are no longer those that were opened: somebody removed or replaced them."""

    kind = "index-gone"


class ForeignIndex(StoreError):
    """An index folder that Lowtide did not make like this: it is refused, and nothing in it is opened or deleted."""

    kind = "foreign-index"


class IndexTooNew(StoreError):
    """The index was written by a newer version of Lowtide."""

    kind = "index-too-new"


class LockHeld(StoreError):
    """Another process writes to this index."""

    exit_code = 5
    kind = "locked"


class BundleError(LowtideError):
    """A bundle that cannot be taken over: damaged, of another repository or version, or not to be had."""

    kind = "bundle"


class WorkerError(LowtideError):
    """A worker process did not finish its task."""

    kind = "worker"


class WorkersUnavailable(WorkerError):
    """No worker can be started now, which is no task's fault: try again later."""

    kind = "workers-unavailable"


class ModuleMissing(WorkerError):
    """A worker could not load what a task needs: perhaps the grammar of one language, perhaps any part of Lowtide."""

    kind = "module-missing"


class WorkerCrashed(WorkerError):
    """A worker ended by itself before it answered."""

    kind = "worker-crashed"


class WorkerRecycled(WorkerError):
    """A worker was ended from outside, mostly to make room, through no fault of its task: do the task again."""

    kind = "worker-recycled"


class LeaseWithdrawn(WorkerRecycled):
    """A lease was waited for that can no longer be had: ask again for what the ladder now allows. Nothing was begun."""

    kind = "lease-withdrawn"


class WorkerOverBudget(WorkerError):
    """A worker needed more memory than its lease."""

    kind = "worker-over-budget"


class FileChanged(WorkerError):
    """A file is no longer what was parsed: read it again."""

    kind = "file-changed"


class ResultTooLarge(WorkerError):
    """A task's result is larger than the room that its lease keeps in the daemon: do the task again with `size_bytes`.

    `index` is the file of the task that the most is due to.
    """

    kind = "result-too-large"

    def __init__(self, index: int, size_bytes: int) -> None:
        super().__init__("a result is too large", f"it takes {size_bytes} bytes")
        self.index = index
        self.size_bytes = size_bytes


class WorkerStalled(WorkerError):
    """A worker passed its deadline."""

    kind = "worker-stalled"
