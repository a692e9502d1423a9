"""The composition root: configuration, budget, workers, and a user's workspaces under them.

Invariant: there is one budget and one pool, however many workspaces there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

import lowtide
from lowtide.config.settings import LEAST_BUDGET_BYTES, Config, check_budget, load_workspace_settings
from lowtide.core.budget import LEAST_TASK_BYTES, MARGIN_BYTES, MIB, WORKER_BYTES
from lowtide.core.ladder import Step
from lowtide.errors import CorruptIndex, IndexGone, LowtideError, RefusedError
from lowtide.index.jobs import Progress, cpu_seconds
from lowtide.index.lexicon import Lexicon, mend_words, renew_words
from lowtide.index.nothing import why_nothing
from lowtide.index.report import IndexReport, describe_workspace
from lowtide.index.seeding import nothing_to_begin_with
from lowtide.index.shared import Shared
from lowtide.index.sharing import Begun
from lowtide.index.upkeep import maintain, mend_vectors, mended_segments, settle
from lowtide.index.workspace import Workspace
from lowtide.index.writing import Writing
from lowtide.paths import Places
from lowtide.pool.pool import WorkerPool
from lowtide.read.concepts import FILE as CONCEPTS_FILE
from lowtide.read.concepts import Concepts
from lowtide.status import LadderStep, Memory, Process, Status
from lowtide.store.catalog import Catalog
from lowtide.store.connections import Connections
from lowtide.system import memory
from lowtide.system.tree.walk import walk
from lowtide.tasks import run_beside
from lowtide.work.model.encoder import Side
from lowtide.work.model.model_folder import default_model
from lowtide.work.model.static_model import QUESTION_WORDS_KEPT, StaticModel

MOST_OTHER_RUNS = 8
"""Indexes whose last run is looked at for a forecast."""


class IndexRun:
    """An index run as others see it while it goes on."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.phase = "scanning"
        self.finished = anyio.Event()
        self._pool: WorkerPool | None = None

    def attach(self, progress: Progress, pool: WorkerPool) -> None:
        """Called once by the host, when the run begins."""
        self.progress = progress
        self._pool = pool
        self.phase = "indexing"

    def used_bytes(self) -> int:
        """Anonymous bytes of all processes, as last sampled."""
        return self._pool.used_bytes if self._pool else 0


class Host(Shared):
    """Everything of one user; an asynchronous context manager."""

    def __init__(self, places: Places, config: Config) -> None:
        super().__init__(places, config)
        self.pool.on_refused = self.refit
        self.static_model: StaticModel | None = None
        """What answers questions without a worker, once one was asked and if the model is of that kind."""
        self._static_known = False
        self._concepts: tuple[str, Concepts | None] | None = None
        """The recipe for which they were looked for, and what there is."""
        self.shrink: Callable[[], None] = lambda: None
        """Gives back what this process can do without."""
        self.budget_from = config.budget_from
        """Who has said how large the budget is."""
        self._encoding = anyio.Lock()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Host:
        memory.use_one_arena()
        await self._stack.enter_async_context(self.pool)
        self._set_footing()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _set_footing(self) -> None:
        """How much of full service the budget holds: measured on this process, predicted for the workers."""
        room = self.budget.most_bytes
        embedder = self.pool.base_bytes(str(self.model.folder)) + LEAST_TASK_BYTES
        step, why = Step.FULL, ""
        if room < WORKER_BYTES + LEAST_TASK_BYTES:
            raise RefusedError(
                f"a budget of {self.budget.total_bytes >> 20} MiB is too small",
                f"this process alone holds {self.budget.daemon_bytes >> 20} MiB",
                f"give at least {self._least_mib()}MiB",
            )
        if room < embedder:
            step, why = (
                Step.LEXICAL_ONLY,
                f"the model needs {embedder >> 20} MiB in a worker, {room >> 20} MiB are left",
            )
        elif room < 2 * embedder:
            step, why = Step.ONE_WORKER, f"the budget leaves {room >> 20} MiB for workers: one at a time"
        elif room < 2 * (embedder + 8 * MIB):
            step, why = Step.SMALLER_BATCHES, f"the budget leaves {room >> 20} MiB for workers: two with small batches"
        self.ladder.set_floor(step, why, time.monotonic())

    def _least_mib(self) -> int:
        """The budget with which a worker fits beside this process, in steps of 16 MiB."""
        needed = self.budget.daemon_bytes + MARGIN_BYTES + WORKER_BYTES + LEAST_TASK_BYTES
        return max(LEAST_BUDGET_BYTES >> 20, -(-needed // (16 * MIB)) * 16)

    def refit(self) -> None:
        """This process has grown: have it give back what it can, and degrade by what the budget holds beside it now.

        When that is not even the smallest worker, work waits, and the ladder says why, until there is room again.
        """
        self._slim()
        try:
            self._set_footing()
        except RefusedError as error:
            self.ladder.set_floor(
                Step.PAUSED, f"{error.why}, and no worker fits beside it: {error.remedy}", time.monotonic()
            )

    def _slim(self) -> None:
        """Give back what answers questions too; the next one opens it again."""
        self.shrink()
        self.static_model, self._static_known, self._concepts = None, False, None
        memory.give_back()
        self.pool.measure()

    def release(self) -> None:
        """Give back what is mapped of the model."""
        if self.static_model is not None:
            self.static_model.release()

    def regain(self) -> bool:
        """This process has given memory back: see what the budget holds now. True when chunks can be embedded again.

        Where they cannot be, what answers questions gives way too: nobody asks now.
        """
        before = self.ladder.footing().embed
        if not before:
            self._slim()
        with suppress(RefusedError):
            self._set_footing()
        self.pool.wake()
        return self.ladder.footing().embed and not before

    def set_budget(self, size_bytes: int, by: str) -> None:
        """From now on, for `by` has said so. ConfigError under the least; RefusedError, and nothing changed, when it
        cannot hold even one worker.

        Workers are ended when it is lowered, so that it holds at once; their tasks are done again.
        """
        check_budget(size_bytes, "budget")
        self.pool.measure()  # what this process holds now, and not what it held at the last look
        before = self.budget.total_bytes
        self.budget.total_bytes = size_bytes
        try:
            self._set_footing()
        except RefusedError:
            self.budget.total_bytes = before
            raise
        self.budget_from = by
        if size_bytes < before:
            self.pool.recycle()
        self.pool.wake()

    async def index(
        self, root: Path, *, force: bool = False, run: IndexRun | None = None, begun: Begun | None = None
    ) -> IndexReport:
        """Bring the index of `root` up to date; with `begun`, forget what there is and begin with that bundle.

        Errors: LockHeld, StoreError and its kinds. Cancelling ends the workers at once and keeps what was committed. A
        catalog found damaged on the way is built anew, once.
        """
        run = run or IndexRun()
        workspace = self.workspace(root)
        try:
            report = await self._index(workspace, force, run, begun)
        except (CorruptIndex, IndexGone):
            report = await self._index(workspace, force, run)
        self.pool.kill_all()
        return report

    async def _index(self, workspace: Workspace, force: bool, run: IndexRun, begun: Begun | None = None) -> IndexReport:
        began_s, began_cpu_s = time.monotonic(), cpu_seconds()
        with ExitStack() as stack:
            beginning = nothing_to_begin_with() if force else await self.beginning(workspace, begun)
            stack.callback(beginning.discard)
            anew = force or begun is not None
            catalog, messages = stack.enter_context(workspace.writing(anew=anew, begin=beginning))
            settings, notes = self.prepare(workspace, catalog)
            messages += [*beginning.messages, *notes]
            forecaster = self.forecaster(catalog.runs())
            messages += mend_words(workspace, catalog) + mend_vectors(workspace, catalog)
            writing = Writing(catalog, lambda: settle(workspace, catalog), budget=self.budget)
            lexicon = Lexicon(workspace, catalog, self.pool, writing.limit, lambda: writing.share)
            writing.lexicon = lexicon.wrote
            with closing(Connections(workspace.reading)) as readers:
                indexer = self.indexer(workspace, writing, readers, settings, on_planned=forecaster.add)
                run.attach(indexer.progress, self.pool)
                progress = await run_beside(indexer.run, lexicon.run, lexicon.end)
            run.phase = "merging"
            self.pool.end_idle()
            messages += mended_segments(await maintain(workspace, catalog, limit=writing.limit, lexicon=lexicon))
            renew_words(workspace, catalog)  # by the next run
            workspace.remember_root(catalog)
            self.save_costs(catalog)
            catalog.fold()
            report = self.report(workspace, catalog.counts(), progress, messages, forecaster.result().as_json())
            report = report.timed(time.monotonic() - began_s, cpu_seconds() - began_cpu_s)
            catalog.record_run(report.as_json(), has_changed=progress.has_changed)
        return report

    def _other_runs(self, workspace: Workspace) -> list[dict[str, Any]]:
        """The last run of each of some other indexes: what this machine is able to do."""
        found: list[dict[str, Any]] = []
        for root, folder in self.places.list_indexes():
            if folder != workspace.folder and len(found) < MOST_OTHER_RUNS:
                path = Workspace(root, folder).catalog_path
                with suppress(LowtideError), closing(Catalog(path, writable=False)) as catalog:
                    found += catalog.runs(1)
        return found

    async def encode_query(self, query: str) -> bytes:
        """The int8 vector of a query. ModelError, WorkerError."""
        (vector,) = await self.encode([query], Side.QUERY)
        return vector

    async def encode_code(self, text: str) -> bytes:
        """The int8 vector of a piece of code, as chunks have one. ModelError, WorkerError."""
        (vector,) = await self.encode([text], Side.DOCUMENT)
        return vector

    async def encode(self, texts: Sequence[str], side: Side) -> list[bytes]:
        """int8 vectors, one a text: made here if the model needs no runtime, else by a worker. ModelError,
        WorkerError."""
        async with self._encoding:
            if (static := await self._open_static()) is not None:
                matrix = await anyio.to_thread.run_sync(static.encode, texts, side)
                return [row.tobytes() for row in matrix]
        return await self.pool.encode(texts, str(self.model.folder), side=side)

    async def closeness(self, query: str, texts: Sequence[str]) -> list[tuple[float, int]] | None:
        """`StaticModel.closeness`; None for a model that needs a runtime. ModelError."""
        async with self._encoding:
            static = await self._open_static()
            return None if static is None else await anyio.to_thread.run_sync(static.closeness, query, texts)

    async def concepts(self) -> Concepts | None:
        """The concept cards for vectors of the model in use; None when there are none for it."""
        recipe = self.model.recipe
        if self._concepts is None or self._concepts[0] != recipe:
            opened = await anyio.to_thread.run_sync(Concepts.open, default_model() / CONCEPTS_FILE, recipe)
            self._concepts = recipe, opened
        return self._concepts[1]

    async def _open_static(self) -> StaticModel | None:
        if not self._static_known:
            self.static_model = await anyio.to_thread.run_sync(StaticModel.open, self.model, QUESTION_WORDS_KEPT)
            self._static_known = True
        return self.static_model

    async def plan(self, root: Path) -> dict[str, Any]:
        """What indexing `root` would take: the figures of `lowtide plan --json`."""
        workspace = self.workspace(root)
        own: list[dict[str, Any]] = []
        if workspace.has_index:
            with closing(workspace.reading()) as catalog:
                self.load_costs(catalog)
                own = catalog.runs()
        others = await anyio.to_thread.run_sync(self._other_runs, workspace)
        settings = load_workspace_settings(root, self.config)
        forecaster = self.forecaster(own, others)

        def look() -> None:
            for stat in walk(root, settings.index):
                forecaster.add(stat)

        await anyio.to_thread.run_sync(look)
        result = forecaster.result()
        free = self.places.free_disk_bytes()
        fits = result.predicted_disk_bytes < free
        step = (
            "" if self.ladder.step is Step.FULL else f" at ladder step {self.ladder.step.label}: {self.ladder.reason}"
        )
        verdict = (
            f"fits the budget{step}"
            if fits
            else "does not fit on the disk: free some space, or set LOWTIDE_HOME to another disk"
        )
        if not result.files:
            verdict = await anyio.to_thread.run_sync(why_nothing, root, settings.index, result.skipped)
        return {
            "root": str(root),
            **result.as_json(),
            "budget_bytes": self.budget.total_bytes,
            "free_disk_bytes": free,
            "fits": fits,
            "verdict": verdict,
            "last_run": own[0] if own else None,
        }

    def status(self, root: Path | None) -> Status:
        """The Status for one workspace, or for every index of this user, none of them open."""
        places = [(root, self.places.index_folder(root))] if root else self.places.list_indexes()
        workspaces = [describe_workspace(Workspace(Path(where), folder)) for where, folder in places if folder.exists()]
        processes = self.pool.processes()
        damaged = [entry for entry in workspaces if entry.damage]
        failed = [entry.error for entry in workspaces if entry.error]
        used = sum(figure.anon_bytes for figure in processes)
        return Status(
            version=lowtide.__version__,
            health="error" if damaged or failed else "warning" if self.ladder.step > Step.FULL else "ok",
            message=f"{len(damaged)} damaged" if damaged else next(iter(failed), self.ladder.reason),
            state="idle",
            quiescent=True,
            memory=Memory(
                budget_bytes=self.budget.total_bytes,
                budget_from=self.budget_from,
                used_bytes=used,
                peak_bytes=max(self.pool.peak_bytes, used),
                mapped_bytes=memory.own_mapped_bytes(),
                processes=[Process(figure.role, figure.pid, figure.anon_bytes) for figure in processes],
            ),
            ladder=LadderStep(self.ladder.step.label, self.ladder.reason),
            progress=None,
            workspaces=workspaces,
        )
