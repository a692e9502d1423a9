"""A live workspace as others see it: what it holds, what it does, what waits.

Invariant: nothing here changes the index or waits for anything: status and freshness are told at any moment.
Threads: the event loop's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import anyio
from msgspec import UNSET

from lowtide.config.settings import IndexSettings, WorkspaceSettings
from lowtide.core.course import Course, Reopen, Whole, Will
from lowtide.core.debounce import Debounce
from lowtide.core.healing import Rebuilds
from lowtide.errors import LowtideError
from lowtide.index.comparing import FileCount
from lowtide.index.graphs import Graphs
from lowtide.index.indexing import Indexer
from lowtide.index.jobs import Progress
from lowtide.index.lexicon import Lexicon
from lowtide.index.resting import Resting
from lowtide.index.shared import Shared
from lowtide.index.sharing import Begun
from lowtide.index.watching import FolderWatch, OneLook
from lowtide.index.workspace import Workspace
from lowtide.index.writing import Writing
from lowtide.status import IndexReport, State, Watch, WorkspaceStatus
from lowtide.store.connections import Connections
from lowtide.store.rows import NO_COUNTS
from lowtide.system.watch.watch import WatchState
from lowtide.system.watch.watch_state import WatchMode


class LiveState:
    """What `LiveWorkspace` is and does, without the doing."""

    def __init__(
        self, host: Shared, root: Path, changed: Callable[[], None], is_read: Callable[[Workspace], bool]
    ) -> None:
        self.host = host
        self.workspace: Workspace = host.workspace(root)
        self.workspace.has_keeper = True
        self.root = root
        self.clients: set[str] = set()
        self.counts = NO_COUNTS
        self.disk_bytes = 0
        self.course = Course()
        self._error: LowtideError | None = None
        self.messages: tuple[str, ...] = ()
        self._rebuilds = Rebuilds()
        self._mended: tuple[str, ...] = ()
        """What is to be told of the next opening."""
        self.report: IndexReport | None = None
        self.settled = anyio.Event()
        self._changed = changed
        self._is_read = partial(is_read, self.workspace)
        self._wake = anyio.Event()
        self._hints = Debounce()
        self._shown: list[Collection[bytes]] = []
        self._watcher: FolderWatch | OneLook | None = None
        self._recheck_at_s = 0.0
        self._begun: Begun | None = None
        """What the next opening is to begin with."""
        self._scopes: set[anyio.CancelScope] = set()
        self._full: Indexer | None = None
        self._narrow: Indexer | None = None
        self._narrow_paths: tuple[bytes, ...] = ()
        """What it looks at."""
        self._writing: Writing | None = None
        self._lexicon: Lexicon | None = None
        self._graphs: Graphs | None = None
        self.graph_vectors = 0
        self._beside: set[str] = set()
        """What is being done beside the runs."""
        self._settings: WorkspaceSettings | None = None
        self._readers: Connections | None = None
        self._resting: Resting | None = None
        self._counting = anyio.Lock()
        self._count_s = 0.0
        self._is_counted = False
        """`counts` tells of the index, and not of nothing."""
        self.runs = 0
        self.completed_runs = 0
        """Whole runs that came to their end."""
        self.files_indexed = 0
        self.is_first = self.workspace.last_comparison() is None
        """No run over all files has come to its end, neither now nor before it was opened."""
        self.file_count = FileCount(root, lambda: host.config)
        self._compared_s: float | None = None

    # -- what others see ----------------------------------------------------------------------------------------

    @property
    def error(self) -> LowtideError | None:
        """Why it cannot be kept current."""
        return self._error if self.course.has_failed else None

    @property
    def incomplete(self) -> bool:
        """No whole run has ended since the last doubt."""
        return self.course.is_incomplete

    @property
    def index_settings(self) -> IndexSettings | None:
        """What is indexed here; None before its settings were read."""
        return self._settings.index if self._settings else None

    @property
    def watch_state(self) -> WatchState | None:
        """How changes are found now; None while nothing is watched."""
        return self._watcher.state if self._watcher else None

    @property
    def busy(self) -> bool:
        """Whether a whole run works now."""
        return self._full is not None

    @property
    def progress(self) -> Progress | None:
        """That of the whole run if there is one, else of the narrow one."""
        indexer = self._full or self._narrow
        return indexer.progress if indexer else None

    @property
    def state(self) -> State:
        """`idle`, `scanning`, `indexing`, `paused` or `waiting`."""
        course = self.course
        if course.is_paused:
            return "paused"
        progress = self.progress
        if progress is not None:
            return "scanning" if progress.scanning and not progress.total else "indexing"
        if course.is_wanted or self._hints:
            return "waiting"
        begins = course.reopen is not Reopen.NO or self._watcher is None or not self._watcher.has_begun
        return "waiting" if begins and not course.has_failed else "idle"

    @property
    def before(self) -> int | None:
        """How many workspaces are indexed before it; None when it does not wait for them."""
        return self.host.turns.before(self)

    @property
    def phase(self) -> str:
        """What the run does: `scanning`, `indexing` or `merging`."""
        return "merging" if self.course.whole is Whole.MERGES else self.state

    @property
    def quiescent(self) -> bool:
        """Whether everything known of is indexed, or nothing more will be done about it."""
        brings_in_words = self._lexicon is not None and self._lexicon.is_busy
        return (
            self.state in ("idle", "paused")
            and (self._is_counted or self.error is not None)
            and (not brings_in_words or self.error is not None)
        )

    @property
    def stopped(self) -> str:
        """Why nothing is done about what waits; empty when something is."""
        match self.course.will:
            case Will.GO:
                return ""
            case Will.HELD:
                return "cancelled: `lowtide index` goes on"
            case Will.PAUSED:
                return "paused: `lowtide daemon resume` goes on"

    @property
    def is_comparing(self) -> bool:
        """Whether a look at all files is going on or to come, or not everything that was told has been heard."""
        # What a narrow run is to look at waits nowhere until it has looked: while it works, something may be lacking.
        looks = self._narrow is not None or (self._full is not None and self._full.progress.scanning)
        if looks or self.course.is_wanted or self._hints.wants_all or self.course.reopen is not Reopen.NO:
            return True
        return self._watcher is None or not self._watcher.has_begun or not self._watcher.caught_up()

    @property
    def told(self) -> tuple[bytes, ...] | None:
        """The paths at which the disk may have what the index has not; None when that may be anywhere."""
        course, watcher = self.course, self._watcher
        if self._full is not None or self.incomplete or course.is_wanted or course.reopen is not Reopen.NO:
            return None
        if watcher is None or watcher.state.mode is not WatchMode.WATCHING or watcher.state.reason:
            return None  # nobody tells, or not of everything
        if not watcher.has_begun or not watcher.caught_up() or self._hints.wants_all or self.error is not None:
            return None
        return tuple(sorted({*self._narrow_paths, *self._hints.paths}))

    @property
    def compared_age_s(self) -> float | None:
        """Seconds since a look at all files has come to its end; None when none has."""
        if self._compared_s is not None:
            return time.monotonic() - self._compared_s
        known = self.workspace.last_comparison()
        return known.age_s if known else None

    def hurry(self) -> anyio.Event:
        """Somebody waits for an answer: look at what is pending at once. Set when it hears of something, or a run
        ends."""
        self._hints.hurry()
        self._wake.set()
        self._wake = anyio.Event()
        return self._wake

    @property
    def changed(self) -> anyio.Event:
        """Set when it hears of something, or a run ends."""
        return self._wake

    @property
    def whole_progress(self) -> Progress | None:
        """That of the run over all files, if one works."""
        return self._full.progress if self._full else None

    @property
    def waiting(self) -> int:
        """Files that are known to wait; what a rescan may find is not known."""
        return self.pending - self._hints.wants_all

    @property
    def pending(self) -> int:
        """Files that are known to wait."""
        runs = [indexer.progress for indexer in (self._full, self._narrow) if indexer]
        return sum(max(0, progress.total - progress.done) for progress in runs) + len(self._hints)

    @property
    def queued_bytes(self) -> int:
        """What the queues take, about."""
        return sum(indexer.queued_bytes for indexer in (self._full, self._narrow) if indexer)

    def tell_report(self) -> IndexReport:
        """The outcome of the last whole run, for somebody who waited for it: what it had to mend is told once."""
        assert self.report is not None
        self.messages = ()
        return self.report

    def describe(self) -> WorkspaceStatus:
        """Its entry in the Status."""
        before, state = self.before, self.watch_state
        return WorkspaceStatus(
            root_uri=self.root.as_uri(),
            **self.counts.told(),
            graph_vectors=self.graph_vectors,
            disk_bytes=self.disk_bytes,
            pending=self.pending,
            stale=len(self._hints),
            incomplete=self.incomplete,
            error=str(self.error or ""),
            state=self.state,
            messages=self.messages,
            before=UNSET if before is None else before,
            watch=UNSET if state is None else Watch(state.mode.value, state.reason, state.remedy),
        )
