"""What all workspaces of a user are indexed under: one budget, pool, ladder and model; and what a run is made of.

Invariant: there is one of each, however many workspaces there are.
Threads: the event loop's; `prepare`, `report` and `relatives`, which read the disk, in a thread of the caller's.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from lowtide.config.settings import Config, WorkspaceSettings, load_workspace_settings
from lowtide.core.budget import MODEL_BYTES, WORKER_BYTES, Budget, CostModel
from lowtide.core.ladder import Ladder
from lowtide.core.turns import Turns, most_turns
from lowtide.index.forecast import Forecaster
from lowtide.index.indexing import Indexer
from lowtide.index.jobs import IndexOptions, Progress
from lowtide.index.nothing import why_nothing
from lowtide.index.resting import OpenCatalogs
from lowtide.index.seeding import Beginning, is_fit
from lowtide.index.sharing import Begun, fetch
from lowtide.index.watching import FolderWatch, OneLook
from lowtide.index.workspace import Workspace
from lowtide.index.writing import Writing
from lowtide.models import FileStat
from lowtide.paths import Places
from lowtide.pool.pool import WorkerPool
from lowtide.pool.terms import Urgency
from lowtide.status import FileCounts, Forecast, IndexReport, LadderStep
from lowtide.store.catalog import Catalog
from lowtide.store.connections import Connections
from lowtide.store.rows import Counts
from lowtide.system import memory
from lowtide.system.tree.repository import Kinship, repository_at, same_repository
from lowtide.system.tree.walk import walk
from lowtide.work.model.model_folder import ModelFolder, check_model, default_model, read_model

MOST_RELATIVES = 4
MOST_SIBLINGS = 16
"""Indexes of one repository that are looked at, to begin with the best of them."""
MOST_OPENING = 4


class Stay(Enum):
    """Whether what is open is kept current: by a daemon, or not by a command that soon ends."""

    LONG = "long"
    BRIEF = "brief"


class Shared:
    """See the module."""

    def __init__(self, places: Places, config: Config, stay: Stay = Stay.LONG) -> None:
        self.places = places
        self.config = config
        self.stay = stay
        self.watch = FolderWatch if stay is Stay.LONG else OneLook
        folder = config.model_path or default_model()
        self.model: ModelFolder = read_model(folder)
        model_bytes = (
            MODEL_BYTES if config.model_path is None else check_model(folder, config.budget_bytes) - WORKER_BYTES
        )
        self.budget = Budget(config.budget_bytes)
        self.ladder = Ladder(min(memory.cpu_count(), 8))
        self.costs = CostModel()
        self.pool = WorkerPool(self.budget, self.ladder, niceness=config.niceness, model_bytes=model_bytes)
        self.turns = Turns(lambda: most_turns(self.budget.total_bytes))
        """Who may index a whole workspace now."""
        self.catalogs = OpenCatalogs(lambda: self.turns.are_waited_for)
        """Those that live workspaces have open."""
        self.opening = anyio.CapacityLimiter(MOST_OPENING)
        """Held while an index is opened to write: very many at once would be no sooner done."""

    def workspace(self, root: Path) -> Workspace:
        """The workspace of `root`; its index folder is made by who writes to it."""
        return Workspace(root, self.places.index_folder(root))

    def prepare(self, workspace: Workspace, catalog: Catalog) -> tuple[WorkspaceSettings, list[str]]:
        """Bring an index to the present configuration and model; returns the settings, and what there is to tell of
        them.

        Errors: ConfigError, StoreError and its kinds.
        """
        settings = load_workspace_settings(workspace.root, self.config)
        messages = list(settings.warnings)
        embed = self.ladder.footing().embed
        if workspace.settle_model(catalog, self.model.recipe if embed else ""):
            messages.append("the model has changed: every chunk is embedded anew")
        texts = {name: value for name, value in settings.index.for_worker().items() if name != "max_file_bytes"}
        # A file's size is judged by the walk, too: the worker only meets one that grew since.
        workspace.settle_settings(catalog, _fingerprint(texts), _fingerprint(settings.index))
        if embed:
            catalog.mark_unembedded_stale()
        self.load_costs(catalog)
        return settings, messages

    def indexer(
        self,
        workspace: Workspace,
        writing: Writing,
        readers: Connections,
        settings: WorkspaceSettings,
        *,
        only: tuple[bytes, ...] | None = None,
        urgency: Urgency = Urgency.WORK,
        on_planned: Callable[[FileStat], None] = lambda _: None,
    ) -> Indexer:
        """A run over the workspace, or over `only` some of its files and folders."""
        options = IndexOptions(
            os.fsencode(workspace.root),
            str(self.model.folder),
            self.model.recipe,
            self.ladder.footing().embed,
            settings.index.for_worker(),
            only=only,
            urgency=urgency,
        )
        return Indexer(
            writing,
            readers,
            self.pool,
            self.ladder,
            self.costs,
            options,
            lambda: walk(workspace.root, settings.index, only=only),
            on_planned,
            (lambda: self.relatives(workspace)) if only is None else list,
            workspace.check_root,
        )

    def siblings(self, workspace: Workspace) -> list[Workspace]:
        """Workspaces of the same repository that have an index: other work trees of it, then clones; the one that was
        compared with its files last comes first. Reads the disk."""
        own = repository_at(os.fsencode(workspace.root))
        if own is None:
            return []
        found: list[tuple[bool, float, Workspace]] = []
        for root, folder in self.places.list_indexes():
            if len(found) == MOST_SIBLINGS:
                break
            other = repository_at(os.fsencode(root)) if folder != workspace.folder else None
            if other is not None and (is_same := same_repository(own, other)) is not None:
                sibling = Workspace(root, folder)
                known = sibling.last_comparison()
                age_s = known.age_s if known else float("inf")
                found.append((is_same is not Kinship.WORK_TREE, age_s, sibling))
        return [sibling for _, _, sibling in sorted(found, key=lambda each: each[:2])]

    async def beginning(self, workspace: Workspace, begun: Begun | None = None) -> Beginning:
        """What the index of `workspace` is to begin with, if it has none: `begun` if that is given, else a sibling's,
        else the nearest bundle that others have shared. Whoever gets it discards it at last.

        Cancelling ends the wait for a server at once.
        """
        if begun is not None or workspace.has_index or not self.config.share.url:
            return Beginning(self.siblings, begun)
        stopped = threading.Event()
        try:
            found = await anyio.to_thread.run_sync(self._fetch, workspace, stopped, abandon_on_cancel=True)
        finally:
            stopped.set()
        return Beginning(self.siblings, found)

    def _fetch(self, workspace: Workspace, stopped: threading.Event) -> Begun:
        if any(map(is_fit, self.siblings(workspace))):
            return Begun()
        return fetch(self.places, self.config.share, workspace, self.model.recipe, stopped.is_set)

    def relatives(self, workspace: Workspace) -> list[Path]:
        """Catalogs of workspaces of the same repository: what was embedded there need not be here. Reads the disk."""
        return [sibling.catalog_path for sibling in self.siblings(workspace)[:MOST_RELATIVES]]

    def forecaster(self, own: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]] = ()) -> Forecaster:
        """Predicts what indexing takes on the present footing, by the past runs of an index and of others."""
        footing = self.ladder.footing()
        model_bytes = self.pool.base_bytes(str(self.model.folder)) - self.pool.base_bytes("") if footing.embed else 0
        return Forecaster(
            budget_bytes=self.budget.total_bytes,
            worker_count=footing.worker_count,
            model_bytes=model_bytes,
            costs=self.costs,
            runs=(*own, *others),
            own_run=own[0] if own else None,
        )

    def report(
        self,
        workspace: Workspace,
        counts: Counts,
        progress: Progress,
        messages: Sequence[str],
        predicted: Forecast,
    ) -> IndexReport:
        """The outcome of a run, without its times."""
        if not progress.indexed and not progress.unchanged:
            index = load_workspace_settings(workspace.root, self.config).index
            messages = [*messages, why_nothing(workspace.root, index, progress.skip_reasons)]
        return IndexReport(
            root=str(workspace.root),
            files=FileCounts(
                indexed=progress.indexed,
                unchanged=progress.unchanged,
                removed=progress.removed,
                skipped=progress.skipped,
                failed=0,
                quarantined=progress.quarantined,
            ),
            symbols=counts.symbols,
            chunks=counts.chunks,
            vectors=counts.vectors,
            wall_s=0.0,
            cpu_s=0.0,
            peak_anon_bytes=progress.peak.size_bytes,
            budget_bytes=self.budget.total_bytes,
            ladder=tuple(LadderStep(taken.step.label, taken.reason) for taken in self.ladder.since(progress.began_s)),
            disk_bytes=workspace.disk_bytes(),
            skipped_by_reason=dict(progress.skip_reasons),
            messages=tuple(messages),
            source_bytes=progress.bytes_done,
            predicted=predicted if progress.total else None,
        )

    def load_costs(self, catalog: Catalog) -> None:
        """Take up what an index has learned of the languages' memory."""
        known = catalog.get_meta("costs")
        if known:
            self.costs.factors.update({str(key): float(value) for key, value in json.loads(known).items()})

    def save_costs(self, catalog: Catalog) -> None:
        """Keep what was learned of the languages' memory."""
        if self.costs.factors:
            catalog.set_meta("costs", json.dumps(self.costs.factors))


def _fingerprint(settings: object) -> str:
    return hashlib.blake2b(repr(settings).encode(), digest_size=8).hexdigest()
