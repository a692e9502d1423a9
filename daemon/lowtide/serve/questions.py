"""What may be asked of workspaces, open or not: each question in its turn, over a snapshot.

Invariant: a question changes nothing; what it finds damaged is begun anew in the background.
Threads: the event loop's; a question itself works in a thread of its own, with a connection of its own (`answering`).
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.abc
import anyio.to_thread
from msgspec.structs import replace

from lowtide.answers import Answer, Definition, Hit, References, SymbolHit, TextAnswer, milliseconds_since
from lowtide.config.settings import IndexSettings
from lowtide.core.leads import Lead, leading
from lowtide.core.match import least_wanted
from lowtide.core.plan import NOTHING_DIFFERS, Differing
from lowtide.errors import CorruptIndex, LowtideError, ModelError, NoIndex, OtherModel, UsageError, WorkerError
from lowtide.index.attending import FEW_FILES, Patience, freshness_of
from lowtide.index.comparing import find_differing
from lowtide.models import Mode, SymbolKind
from lowtide.paths import real_path
from lowtide.read.answer import stale_paths
from lowtide.read.answering import never
from lowtide.read.definitions import Place
from lowtide.read.exact import TextRequest
from lowtide.read.explain import explain_file
from lowtide.read.filters import Filter
from lowtide.read.left_out import LeftOut, left_out
from lowtide.read.references import Editor, last_name
from lowtide.read.request import SearchRequest
from lowtide.read.selection import MOST_OWN, Lines, Selected, others
from lowtide.read.snapshot import Embedding, Snapshot
from lowtide.read.symbols import best_symbols
from lowtide.serve.team import TeamAnswer
from lowtide.serve.workspaces import Workspaces
from lowtide.tasks import task_group
from lowtide.work.model.encoder import Side

T = TypeVar("T")
FEW_ROOTS = 8
"""So many workspaces are searched in full whatever they have."""
ROOTS_AT_ONCE = 4
"""Of those that one question is asked of: others' questions have their turns, too."""
ENCODE_S = 5.0
"""A question that has no vector by then is answered by words alone, and says so."""


class Questions(Workspaces):
    """The second part of `Service`: questions and their answers."""

    async def search(self, request: SearchRequest, roots: Sequence[Path] = ()) -> list[tuple[Path, Answer]]:
        """The best chunks for a request, workspace by workspace; all open ones without `roots`.

        Errors: UsageError for an empty query, PathError for a root without an index, StoreError and its kinds.
        """
        _ = request.question  # what cannot be asked is refused before anybody waits
        self.host.pool.someone_asks()
        embedding = await self._embedding()

        async def ask(root: Path) -> Answer:
            async with self._reading(root) as snapshot:
                return await snapshot.search(request, embedding)

        nothing = Answer(request.query, None, 0, 0.0, ())
        return [(root, await self._guard(root, partial(ask, root), nothing)) for root in self._roots(roots)]

    async def _embedding(self) -> Embedding:
        return Embedding(self.encode_query, self.host.model.recipe, self.host.closeness, await self.host.concepts())

    async def passed_over(self, request: SearchRequest, roots: Sequence[Path]) -> dict[Path, Answer]:
        """Of many workspaces those that have nothing among the best, each with the answer without hits: they need not
        be searched. None of few; none that cannot be asked now. UsageError for an empty query."""
        _ = request.question
        if len(roots) <= FEW_ROOTS:
            return {}
        self.host.pool.someone_asks()
        embedding = await self._embedding()
        found: dict[Path, tuple[list[Lead], Answer]] = {}
        places: dict[tuple[str, int, str], tuple[str, int, str]] = {}
        waiting = iter(roots)

        async def ask() -> None:
            for root in waiting:
                with suppress(LowtideError):  # whoever asks it in full is told why
                    async with self._reading(root) as snapshot:
                        leads, answer = await snapshot.leads(request, embedding)
                    # Work trees have the same places: they are kept once.
                    leads = [Lead(lead.score, places.setdefault(lead.place, lead.place)) for lead in leads]
                    found[root] = leads, answer

        async with task_group() as group:
            for _ in range(ROOTS_AT_ONCE):
                group.start_soon(ask)
        chosen = leading({root: found[root][0] for root in roots if root in found})
        return {root: answer for root, (_, answer) in found.items() if root not in chosen}

    async def ask_team(self, request: SearchRequest) -> TeamAnswer:
        """What the team's index knows beside this machine's; nothing where no gateway is configured."""
        settings = self.host.config.team
        if not settings.url:
            return TeamAnswer()
        vector, degraded = b"", ""
        if request.mode is not Mode.LEXICAL:
            try:
                vector = await self.encode_query(request.question.gist)
            except (ModelError, WorkerError) as error:
                degraded = error.message
        answer = await self.team.ask(settings, request, vector, self.host.model.recipe)
        return answer if not degraded else replace(answer, degraded=answer.degraded or degraded)

    async def find_text(self, root: Path, request: TextRequest) -> TextAnswer:
        """The lines of a workspace's files that hold a text or match a pattern, on the disk as it is: what is not
        current is looked for. UsageError, PathError, StoreError."""
        (root,) = self._roots([root])
        differing = await self._differing(root)

        async def ask() -> TextAnswer:
            async with self._reading(root) as snapshot:
                return await snapshot.find_text(request, differing)

        return await self._guard(root, ask, TextAnswer(request.text, None, 0.0, 0, False, 0, ()))

    async def _differing(self, root: Path) -> Differing:
        """What the disk has and the index has not. It is asked for before a snapshot is taken: so nothing is missed
        that comes in between."""
        live = self._live.get(root)
        fresh = freshness_of(live) if live is not None else self._looked_at.get(root)
        if fresh is not None and fresh.is_current:
            return NOTHING_DIFFERS
        told = live.told if live is not None else None
        look = partial(find_differing, self.host.workspace(root), self.host.config, told)
        return await anyio.to_thread.run_sync(look)

    async def similar(self, path: Path | None, text: str, limit: int = 10) -> list[tuple[Path, Answer]]:
        """The chunks that mean what `text`, a piece of code, means: in the workspace of `path`, or in all."""
        roots = [root for root in self._live if path is not None and root in path.parents]
        vector = await self._vector_of_code(text)

        async def ask(root: Path) -> Answer:
            async with self._reading(root) as snapshot:
                hits = await snapshot.similar(vector, self.host.model.recipe, limit)
                return Answer("", None, len(stale_paths(hits)), 0.0, hits)

        nothing = Answer("", None, 0, 0.0, ())
        return [(root, await self._guard(root, partial(ask, root), nothing)) for root in self._roots(roots)]

    async def similar_lines(self, root: Path, lines: Lines, limit: int, narrow: Filter) -> Answer:
        """What is like some lines of a workspace's file, or like the definition around one: without those themselves.

        Errors: PathError for lines that are not there, WorkerError, ModelError, StoreError.
        """
        (root,) = self._roots([root])
        started = time.perf_counter()

        async def choose() -> Selected:
            async with self._reading(root) as snapshot:
                return await snapshot.select(lines.path, lines.first, lines.last)

        async def ask() -> Sequence[Hit]:
            async with self._reading(root) as snapshot:
                return await snapshot.similar(vector, self.host.model.recipe, limit + MOST_OWN, narrow)

        selected = await self._guard(root, choose)
        vector = await self._vector_of_code(selected.text)
        hits = others(await self._guard(root, ask), selected)[:limit]
        return Answer(selected.place, None, len(stale_paths(hits)), milliseconds_since(started), hits)

    async def _vector_of_code(self, text: str) -> bytes:
        if not text.strip():
            raise UsageError("nothing is selected", "", "select some code first")
        self.host.pool.someone_asks()
        try:
            with anyio.fail_after(ENCODE_S):
                return await self.host.encode_code(text)
        except TimeoutError as error:
            raise WorkerError("no answer in time", "the workers are busy", "try again, or pause indexing") from error

    async def symbols(
        self,
        query: str,
        *,
        roots: Sequence[Path] = (),
        limit: int = 200,
        kinds: Sequence[SymbolKind] = (),
        near: Sequence[Path] = (),
        cancelled: Callable[[], bool] | None = None,
        least: float = 0.0,
        details_of: str | None = None,
    ) -> list[tuple[Path, SymbolHit]]:
        """(root, symbol) of the best matches over the workspaces, best first.

        An empty query gives the most recent. `least`: lower scores are not wanted. `details_of`: as `find_symbols`.
        `cancelled` is asked now and then; cancelling the task is seen, too.
        """

        nothing: list[SymbolHit] = []

        async def ask(root: Path, wanted: float) -> list[SymbolHit]:
            below = [os.fsencode(path.relative_to(root)) for path in near if root in path.parents]
            async with self._reading(root) as snapshot:
                find = partial(
                    snapshot.symbols, query, limit=limit, kinds=kinds, near=below, least=wanted, details_of=details_of
                )
                return await self.answering.run(lambda stopped: find(cancelled=stopped), cancelled or never)

        self.host.pool.someone_asks()
        found: list[tuple[Path, SymbolHit]] = []
        for root in self._roots(roots):
            wanted = max(least, least_wanted((symbol.score for _, symbol in found), limit))
            found += [(root, symbol) for symbol in await self._guard(root, partial(ask, root, wanted), nothing)]
            found = best_symbols(found, query, limit)
        return found

    async def files_with(self, root: Path, name: str, limit: int) -> tuple[list[bytes], bool]:
        """Files of a workspace that may hold a name as a whole word, and whether there are more. PathError,
        StoreError."""
        (root,) = self._roots([root])

        async def ask() -> tuple[list[bytes], bool]:
            async with self._reading(root) as snapshot:
                return await self.answering.run(
                    lambda stopped: snapshot.files_with(name, limit=limit, cancelled=stopped)
                )

        return await self._guard(root, ask, ([], False))

    async def references(self, root: Path, name: str, limit: int, editor: Editor | None = None) -> References:
        """Where a name is used in a workspace, in its files as they are now. UsageError when it is none, PathError
        without an index, StoreError."""
        (root,) = self._roots([root])
        self.host.pool.someone_asks()
        differing = await self._differing(root)

        async def ask() -> References:
            async with self._reading(root) as snapshot:
                find = partial(snapshot.references, name, limit=limit, editor=editor, differing=differing)
                return await self.answering.run(lambda stopped: find(cancelled=stopped))

        return await self._guard(root, ask, References((), False, last_name(name)[0]))

    async def definitions(self, root: Path, places: Sequence[Place], characters: int) -> list[Definition | None]:
        """The definitions at these places of a workspace, whole as far as `characters` go. PathError, StoreError."""
        (root,) = self._roots([root])

        async def ask() -> list[Definition | None]:
            async with self._reading(root) as snapshot:
                return await self.answering.run(lambda stopped: snapshot.definitions(places, characters, stopped))

        return await self._guard(root, ask, [None] * len(places))

    async def encode_query(self, query: str) -> bytes:
        """The vector of a question, remembered. ModelError, WorkerError (busy)."""
        key = query.encode("utf-8", "surrogatepass")
        known = self.vectors.get(key)
        if known is None:
            try:
                with anyio.fail_after(ENCODE_S):
                    known = await self.host.encode_query(query)
            except TimeoutError as error:
                raise WorkerError("the workers are busy", "", "try again, or pause indexing") from error
            self.vectors.put(key, known)
        return known

    async def encode(self, texts: Sequence[str], side: Side) -> list[bytes]:
        """The vectors of some texts. ModelError, WorkerError."""
        return await self.host.encode(texts, side)

    async def explain(self, path: Path) -> dict[str, Any]:
        """What `lowtide why` prints of a file."""
        # The parent is resolved, the name is not: a symbolic link is asked about itself.
        path = await anyio.to_thread.run_sync(real_path, path.parent) / path.name
        root = await anyio.to_thread.run_sync(self._root_around, path, tuple(self._live))
        await self.attend(root, Patience.BRIEF)
        return await anyio.to_thread.run_sync(explain_file, self.host.workspace(root), path, self.host.config)

    async def left_out(self, root: Path) -> list[LeftOut]:
        """What a workspace leaves out, by reason and rule."""
        root = await anyio.to_thread.run_sync(real_path, root)
        await self.attend(root, Patience.BRIEF)
        return await anyio.to_thread.run_sync(left_out, self.host.workspace(root))

    def _root_around(self, path: Path, live: Sequence[Path]) -> Path:
        """The workspace that a file is asked about in: the nearest one that is open or has an index. Blocking."""
        is_folder = os.path.isdir(path) and not os.path.islink(path)  # a name may be longer than a path may be
        root = self.host.places.find_index_root(path if is_folder else path.parent)
        if self.host.workspace(root).has_index:
            live = [each for each in live if root in each.parents]  # those further in, which have none yet
        around = (each for each in live if each in (path, *path.parents))
        return max(around, key=lambda each: len(each.parts), default=root)

    def index_settings(self, root: Path) -> IndexSettings:
        """What is indexed of a workspace: by its own settings once they are known, else by the user's."""
        live = self._live.get(root)
        return (live.index_settings if live else None) or self.host.config.index

    def _roots(self, roots: Sequence[Path]) -> Sequence[Path]:
        wanted = [real_path(root) for root in roots] or list(self._live)
        if len(wanted) == 1 and (live := self._live.get(wanted[0])):
            self.host.turns.ask(live)  # who asks all asks none before the others
        return wanted

    @asynccontextmanager
    async def _reading(self, root: Path) -> AsyncIterator[Snapshot]:
        """A snapshot, when it is this question's turn: more at once would only take memory and threads from each
        other."""
        async with self._turns:
            workspace, busy = self._place(root)
            async with self.readers.use(workspace, busy=busy) as snapshot:
                yield snapshot

    def _place(self, root: Path) -> tuple[Any, bool]:
        live = self._live.get(root)
        if live is None:
            return self.host.workspace(root), False
        # While much is being indexed a snapshot may be a moment old; else it is to have what was just committed.
        return live.workspace, live.busy and live.waiting > FEW_FILES

    async def _guard(self, root: Path, ask: Callable[[], Awaitable[T]], nothing: T | None = None) -> T:
        """Answer; a damaged index of an open workspace is begun anew, in the background.

        `nothing` is the answer of an open workspace whose first index has only just been begun: how far it is the
        answer's freshness tells. Without it, and when the index cannot be made, that is NoIndex.
        """
        try:
            return await ask()
        except CorruptIndex as error:
            live = self._live.get(root)
            if live is None:
                raise
            live.workspace.report_damage()
            self._look_after(live)
            raise CorruptIndex(
                f"the index of {root} was damaged",
                error.why,
                "it is being built anew: ask again in a moment; `lowtide status` shows how far it is",
            ) from error
        except OtherModel as error:
            live = self._live.get(root)
            if live is None:
                raise
            why = live.stopped or "it is being indexed anew"
            raise OtherModel(error.what, why, "" if live.stopped else "ask again in a moment") from error
        except NoIndex:
            live = self._live.get(root)
            if live is None:
                raise
            self._look_after(live)
            if nothing is not None and live.error is None:
                return nothing
            raise NoIndex(
                f"no index for {root} yet", str(live.error or "it is being made"), "try again in a moment"
            ) from None
