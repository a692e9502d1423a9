"""One user's budget, workers and model, and what the budget leaves of full service.

Invariant: there is one budget and one pool, however many workspaces there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from lowtide.config.settings import LEAST_BUDGET_BYTES, Config, check_budget, load_workspace_settings
from lowtide.core.budget import LEAST_TASK_BYTES, MARGIN_BYTES, MIB, WORKER_BYTES
from lowtide.core.ladder import Step
from lowtide.errors import LowtideError, RefusedError
from lowtide.index.nothing import why_nothing
from lowtide.index.shared import Shared, Stay
from lowtide.index.workspace import Workspace
from lowtide.paths import Places
from lowtide.read.concepts import FILE as CONCEPTS_FILE
from lowtide.read.concepts import Concepts
from lowtide.store.catalog import Catalog, bound_caches
from lowtide.system import memory
from lowtide.system.tree.first_bytes import looked_into
from lowtide.system.tree.walk import walk
from lowtide.work.model.encoder import Side
from lowtide.work.model.model_folder import default_model
from lowtide.work.model.static_model import QUESTION_WORDS_KEPT, StaticModel

CACHES_PART = 16
"""SQLite's page caches take this part of the budget at most, however many catalogs are open: a run has one of 2 MB to
write, some to read, and four of other work trees."""
MOST_OTHER_RUNS = 8
"""Indexes whose last run is looked at for a forecast."""


class Host(Shared):
    """Everything of one user; an asynchronous context manager."""

    def __init__(self, places: Places, config: Config, stay: Stay = Stay.LONG) -> None:
        super().__init__(places, config, stay)
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
        bound_caches(self.budget.total_bytes // CACHES_PART)
        await self._stack.enter_async_context(self.pool)
        self._set_footing()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def budget_note(self) -> str:
        """Why the budget is not what the configuration says; empty when it is, or somebody has changed it since."""
        return self.config.budget_note if self.budget.total_bytes == self.config.budget_bytes else ""

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
        bound_caches(size_bytes // CACHES_PART)
        if size_bytes < before:
            self.pool.recycle()
        self.pool.wake()

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

    async def closeness(self, query: str, words: Sequence[str]) -> list[tuple[float, int]] | None:
        """`StaticModel.closeness`; None for a model that needs a runtime. ModelError."""
        async with self._encoding:
            static = await self._open_static()
            return None if static is None else await anyio.to_thread.run_sync(static.closeness, query, words)

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
        # A plan is of what is to be made: that there is nothing yet, or nothing sound, is no hindrance.
        with suppress(LowtideError), closing(workspace.reading()) as catalog:
            self.load_costs(catalog)
            own = catalog.runs()
        others = await anyio.to_thread.run_sync(self._other_runs, workspace)
        settings = load_workspace_settings(root, self.config)
        forecaster = self.forecaster(own, others)

        def look() -> None:
            for stat in looked_into(root, walk(root, settings.index)):
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
