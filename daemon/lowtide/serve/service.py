"""Everything that clients can ask for: what the language server and the command line both talk to.

Invariant: one event loop, one budget, whatever the number of clients and workspaces.
Invariant: `status` and `memory` answer from what is known already, and wait for no question; questions take turns.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread

from lowtide.config.settings import IndexSettings
from lowtide.core.freshness import Freshness, FreshState
from lowtide.core.hints import Hints
from lowtide.core.lru import ByteCache
from lowtide.core.match import least_wanted
from lowtide.core.visits import Visits
from lowtide.errors import CorruptIndex, LowtideError, PathError, RefusedError, UsageError, WorkerError
from lowtide.index.attending import FEW_FILES, Patience, begin_with, catch_up, freshness_of, wait_fresh
from lowtide.index.comparing import freshness_closed
from lowtide.index.live import LiveWorkspace
from lowtide.index.watching import neighbours
from lowtide.models import SymbolKind
from lowtide.paths import real_path
from lowtide.pool.rooms import Rooms
from lowtide.read.answering import Answering, never
from lowtide.read.definitions import Definition, Place
from lowtide.read.exact import TextAnswer, TextRequest
from lowtide.read.explain import explain_file
from lowtide.read.filters import Filter
from lowtide.read.readers import Readers
from lowtide.read.references import References
from lowtide.read.request import SearchRequest
from lowtide.read.selection import MOST_OWN, Lines, Selected, others
from lowtide.read.snapshot import Answer, Embedding, Hit, Snapshot
from lowtide.read.unsaved.documents import DocumentReader
from lowtide.serve.config_watch import ConfigWatch
from lowtide.serve.host import Host
from lowtide.serve.intake import Intake
from lowtide.serve.monitor import Monitor
from lowtide.serve.status import memory_tree, status_of
from lowtide.system.memory import give_back
from lowtide.system.tree.walk import refuse_reason
from lowtide.tasks import task_group
from lowtide.work.model.encoder import Side

log = logging.getLogger(__name__)

ENCODE_S = 5.0
"""A question that has no vector by then is answered by words alone, and says so."""
VECTOR_CACHE_BYTES = 256 << 10
MOST_QUESTIONS = 8
"""At work at once; others wait in order. Each takes two threads at most of the forty that everything else shares."""
VISITOR = "questions"
"""The client that holds a workspace for those who only ask, and hold no connection."""


class Consent(Enum):
    """Whether the user has said that a home or system folder is to be indexed all the same."""

    NOT_ASKED = auto()
    GIVEN = auto()


class Service:
    """All workspaces of a user, as clients see them; an asynchronous context manager."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.rooms = Rooms(host.pool)
        """What questions and messages may take of the budget."""
        self.intake = Intake(self.rooms)
        self.answering = Answering(self.rooms.lent)
        self.readers = Readers(self.answering, lambda: host.budget.total_bytes)
        self.monitor = Monitor(self)
        self.vectors = ByteCache(VECTOR_CACHE_BYTES)
        self.documents = DocumentReader(host.pool)
        """Reads what editors have open."""
        self.config_watch: ConfigWatch | None = None
        self.visits = Visits()
        self._live: dict[Path, LiveWorkspace] = {}
        self._tasks: dict[Path, anyio.CancelScope] = {}
        self._ended: dict[Path, anyio.Event] = {}
        self._open_files: dict[str, tuple[Path, ...]] = {}
        self._paused = False
        self._turns = anyio.Semaphore(MOST_QUESTIONS)
        self._stack = AsyncExitStack()
        host.shrink = self.readers.close_idle
        host.pool.patience_s = float("inf")
        self._group: anyio.abc.TaskGroup

    async def __aenter__(self) -> Service:
        await self._stack.enter_async_context(self.host)
        self._group = await self._stack.enter_async_context(task_group())
        self._group.start_soon(self.monitor.run)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._group.cancel_scope.cancel()
        self.host.pool.kill_all()
        try:
            await self._stack.aclose()
        finally:
            await self.readers.close()

    # -- workspaces ---------------------------------------------------------------------------------------------

    async def open_workspace(self, root: Path, client: str, consent: Consent = Consent.NOT_ASKED) -> None:
        """Watch `root` and keep its index current, as long as some client wants it. RefusedError, PathError,
        StoreError.

        Returns at once; `wait_idle` waits until it is indexed. A home or system folder needs the user's consent.
        """
        root = real_path(root)
        live = self._live.get(root)
        if live is None:
            await self._check(root, consent)
            if not root.is_dir():
                raise PathError(f"{root} is not a folder", "", "name a folder that exists")
            if ended := self._ended.get(root):
                await ended.wait()
            live = self._live.get(root) or self._begin(root)
        live.clients.add(client)

    async def _check(self, root: Path, consent: Consent) -> None:
        if consent is Consent.GIVEN:
            return
        if why := await anyio.to_thread.run_sync(refuse_reason, root):
            remedy = "name a project's folder, or run `lowtide index --yes` to do it all the same"
            raise RefusedError(f"will not index {root}", why, remedy)

    async def plan(self, root: Path, consent: Consent = Consent.NOT_ASKED) -> dict[str, Any]:
        """What indexing `root` would take. RefusedError as `open_workspace`."""
        await self._check(real_path(root), consent)
        return await self.host.plan(root)

    def _begin(self, root: Path) -> LiveWorkspace:
        live = LiveWorkspace(self.host, root, self.monitor.touch, self.readers.is_reading)
        if self._paused:
            live.pause()
        self._live[root] = live
        scope = self._tasks[root] = anyio.CancelScope()
        ended = self._ended[root] = anyio.Event()

        async def keep() -> None:
            try:
                with scope:
                    await live.run()
            finally:
                ended.set()
                self._ended.pop(root, None)

        self._group.start_soon(keep)
        self.monitor.touch()
        return live

    async def attend(
        self, root: Path, patience: Patience, told: Callable[[LiveWorkspace], None] = lambda _: None
    ) -> Freshness:
        """A question is coming: open its indexed workspace, wait as long as `patience` says, and tell how the answer
        will stand to the disk. `told` is called now and then while it waits for all.

        It refuses nothing: an index that cannot be opened is answered from as it is. Errors: only with Patience.FULL,
        why it cannot be brought up to date.
        """
        began_s = time.monotonic()
        root = real_path(root)
        workspace = self.host.workspace(root)
        if patience is Patience.NONE and root in self._live:
            pass  # an editor holds it, and asks with every key
        elif root in self._live or workspace.has_index:
            for other in self.visits.ask(root, began_s):
                await self.close_workspace(other, VISITOR)
            try:
                await self.open_workspace(root, VISITOR)
            except LowtideError as error:
                if patience is Patience.FULL:
                    raise
                return await anyio.to_thread.run_sync(freshness_closed, workspace, error.message)
        live = self._live.get(root)
        if live is None:
            return Freshness(FreshState.UNWATCHED, 0, 0, None, "no index")
        self.host.turns.ask(live)
        if patience is Patience.FULL:
            await wait_fresh(live, partial(told, live))
        elif patience is Patience.BRIEF:
            await catch_up(live, began_s)
        return freshness_of(live)

    def has_index(self, root: Path) -> bool:
        """Whether a root has an index, if only a beginning. Blocking."""
        root = real_path(root)
        return root in self._live or self.host.workspace(root).has_index

    async def begin(self, root: Path, told: Callable[[LiveWorkspace], None]) -> Freshness:
        """A question about a folder that has no index: begin one, and wait a moment for what there is then.

        It is let go as any other that is only asked. Errors: as `open_workspace`, and why it cannot be indexed.
        """
        root = real_path(root)
        await self.open_workspace(root, VISITOR)
        for other in self.visits.ask(root, time.monotonic()):
            await self.close_workspace(other, VISITOR)
        live = self._need(root)
        await begin_with(live, partial(told, live))
        return freshness_of(live)

    def end_visits(self, now_s: float) -> None:
        """Close what was opened for questions, and nobody has asked for `idle_minutes`; not in the middle of work."""
        for root in self.visits.expired(now_s, self.host.config.idle_minutes * 60):
            live = self._live.get(root)
            if live is None or live.quiescent or live.error is not None:
                self.visits.forget(root)
                self._group.start_soon(self._end_visit, root)

    async def _end_visit(self, root: Path) -> None:
        if root not in self.visits:  # nobody has asked meanwhile
            await self.close_workspace(root, VISITOR)

    async def close_workspace(self, root: Path, client: str) -> None:
        """This client needs it no more; the last one ends the watching, and the index stays on the disk."""
        root = real_path(root)
        live = self._live.get(root)
        if live is None:
            return
        live.clients.discard(client)
        if not live.clients:
            await self._end(root)

    async def _end(self, root: Path) -> None:
        live = self._live.pop(root)
        ended = self._ended.get(root)
        self._tasks.pop(root).cancel()
        if ended is not None:
            with anyio.CancelScope(shield=True):
                await ended.wait()
        self.readers.forget(live.workspace)
        self.monitor.touch()

    async def drop_client(self, client: str) -> None:
        """Its connection has ended."""
        self._open_files.pop(client, None)
        for root, live in list(self._live.items()):
            if client in live.clients:
                await self.close_workspace(root, client)

    def set_open_files(self, client: str, paths: Sequence[Path]) -> None:
        """Files that a client shows: they and the files beside them are indexed before all others."""
        known = set(self._open_files.get(client, ()))
        self._open_files[client] = tuple(paths)
        fresh = [path for path in paths if path not in known]
        for live in self._live.values():
            if fresh and live.incomplete and (near := neighbours(live.root, fresh)):
                self.host.turns.ask(live)
                live.look_at(Hints(frozenset(near)))

    @property
    def workspaces(self) -> Sequence[LiveWorkspace]:
        """Those that are open now."""
        return tuple(self._live.values())

    def live(self, root: Path) -> LiveWorkspace | None:
        """The open workspace of this root."""
        return self._live.get(real_path(root))

    # -- questions ----------------------------------------------------------------------------------------------

    async def search(self, request: SearchRequest, roots: Sequence[Path] = ()) -> list[tuple[Path, Answer]]:
        """The best chunks for a request, workspace by workspace; all open ones without `roots`.

        Errors: UsageError for an empty query, PathError for a root without an index, StoreError and its kinds.
        """
        request.question()
        self.host.pool.someone_asks()
        embedding = Embedding(self.encode_query, self.host.model.recipe, self.host.closeness)

        async def ask(root: Path) -> Answer:
            async with self._reading(root) as snapshot:
                return await snapshot.search(request, embedding)

        return [(root, await self._guard(root, partial(ask, root))) for root in self._roots(roots)]

    async def find_text(self, root: Path, request: TextRequest) -> TextAnswer:
        """The lines of a workspace's files that hold a text or match a pattern. UsageError, PathError, StoreError."""
        (root,) = self._roots([root])

        async def ask() -> TextAnswer:
            async with self._reading(root) as snapshot:
                return await snapshot.find_text(request)

        found: TextAnswer = await self._guard(root, ask)
        return found

    async def similar(self, path: Path | None, text: str, limit: int = 10) -> list[tuple[Path, Answer]]:
        """The chunks that mean what `text`, a piece of code, means: in the workspace of `path`, or in all."""
        roots = [root for root in self._live if path is not None and root in path.parents]
        vector = await self._vector_of_code(text)

        async def ask(root: Path) -> Answer:
            async with self._reading(root) as snapshot:
                hits = await snapshot.similar(vector, self.host.model.recipe, limit)
                return Answer("", hits, None, len({hit.path for hit in hits if hit.stale}), 0.0)

        return [(root, await self._guard(root, partial(ask, root))) for root in self._roots(roots)]

    async def similar_lines(self, root: Path, lines: Lines, limit: int, narrow: Filter) -> tuple[Selected, Answer]:
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

        selected: Selected = await self._guard(root, choose)
        vector = await self._vector_of_code(selected.text)
        hits = others(await self._guard(root, ask), selected)[:limit]
        took_ms = (time.perf_counter() - started) * 1000
        return selected, Answer("", hits, None, len({hit.path for hit in hits if hit.stale}), took_ms)

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
    ) -> list[tuple[Path, dict[str, Any]]]:
        """(root, symbol) of the best matches over the workspaces, best first: the dictionaries of `find_symbols`.

        An empty query gives the most recent. `least`: lower scores are not wanted. `cancelled` is asked now and then;
        cancelling the task is seen, too.
        """

        async def ask(root: Path, wanted: float) -> list[dict[str, Any]]:
            below = [os.fsencode(path.relative_to(root)) for path in near if root in path.parents]
            async with self._reading(root) as snapshot:
                find = partial(snapshot.symbols, query, limit=limit, kinds=kinds, near=below, least=wanted)
                return await self.answering.run(lambda stopped: find(cancelled=stopped), cancelled or never)

        self.host.pool.someone_asks()
        found: list[tuple[Path, dict[str, Any]]] = []
        for root in self._roots(roots):
            wanted = max(least, least_wanted((symbol["score"] for _, symbol in found), limit))
            found += [(root, symbol) for symbol in await self._guard(root, partial(ask, root, wanted))]
        if query.strip():
            found.sort(key=lambda pair: -pair[1]["score"])
        return found[:limit]

    async def files_with(self, root: Path, name: str, limit: int) -> tuple[list[bytes], bool]:
        """Files of a workspace that may hold a name as a whole word, and whether there are more. PathError,
        StoreError."""
        (root,) = self._roots([root])

        async def ask() -> tuple[list[bytes], bool]:
            async with self._reading(root) as snapshot:
                return await self.answering.run(
                    lambda stopped: snapshot.files_with(name, limit=limit, cancelled=stopped)
                )

        found: tuple[list[bytes], bool] = await self._guard(root, ask)
        return found

    async def references(self, root: Path, name: str, limit: int) -> References:
        """Where a name is used in a workspace. UsageError when it is none, PathError without an index, StoreError."""
        (root,) = self._roots([root])
        self.host.pool.someone_asks()

        async def ask() -> References:
            async with self._reading(root) as snapshot:
                return await self.answering.run(
                    lambda stopped: snapshot.references(name, limit=limit, cancelled=stopped)
                )

        found: References = await self._guard(root, ask)
        return found

    async def definitions(self, root: Path, places: Sequence[Place], characters: int) -> list[Definition | None]:
        """The definitions at these places of a workspace, whole as far as `characters` go. PathError, StoreError."""
        (root,) = self._roots([root])

        async def ask() -> list[Definition | None]:
            async with self._reading(root) as snapshot:
                return await self.answering.run(lambda stopped: snapshot.definitions(places, characters, stopped))

        found: list[Definition | None] = await self._guard(root, ask)
        return found

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
        root = next((root for root in self._live if root in (path, *path.parents)), None)
        root = root or self.host.places.find_index_root(path)
        return await anyio.to_thread.run_sync(explain_file, self.host.workspace(root), path, self.host.config)

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

    async def _guard(self, root: Path, ask: Callable[[], Any]) -> Any:
        """Answer; a damaged index of an open workspace is begun anew, in the background."""
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
        except PathError:
            if live := self._live.get(root):
                self._look_after(live)
                raise PathError(
                    f"no index for {root} yet", str(live.error or "it is being made"), "try again in a moment"
                ) from None
            raise

    def look_after(self) -> None:
        """Have every open workspace see whether its index is still there and sound."""
        for live in self.workspaces:
            self._look_after(live)

    def _look_after(self, live: LiveWorkspace) -> None:
        if live.look_after(time.monotonic()):
            self.readers.forget(live.workspace)

    # -- control ------------------------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether a person has paused the work."""
        return self._paused

    async def pause(self) -> None:
        """Stop all work at once; searching goes on, from what is indexed."""
        self._paused = True
        self.host.ladder.pause("paused by you", anyio.current_time())
        for live in self._live.values():
            live.pause()
        self.host.pool.end_idle()
        self.monitor.touch()

    async def resume(self) -> None:
        """Go on."""
        self._paused = False
        self.monitor.unpause()
        for live in self._live.values():
            live.resume()
        self.monitor.touch()

    async def cancel(self) -> None:
        """Stop what is being done, and do not go on until something changes, or `reindex`, or `resume`."""
        for live in self._live.values():
            live.cancel()
        self.host.pool.end_idle()
        self.monitor.touch()

    async def reindex(self, root: Path | None = None, *, force: bool = False) -> None:
        """Look at everything again; with `force`, forget the index and begin anew. PathError for a root that is not
        open."""
        chosen = [self._need(root)] if root is not None else list(self._live.values())
        for live in chosen:
            if force:
                self.readers.forget(live.workspace)
                live.restart(anew=True)
            else:
                live.rescan()
        self.monitor.touch()

    async def set_budget(self, size_bytes: int) -> None:
        """Give Lowtide more memory or less, from now on. ConfigError under the least, RefusedError when it cannot
        hold."""
        self.host.set_budget(size_bytes)
        self.readers.release()
        self.monitor.touch()

    async def wait_idle(self, root: Path | None = None) -> None:
        """Until everything known of is indexed, or nothing more will be done about it."""
        for live in [self._need(root)] if root is not None else list(self._live.values()):
            await live.wait_idle()

    async def clear(self, root: Path) -> int:
        """Remove an index; returns the bytes freed. An open workspace is begun anew."""
        root = real_path(root)
        live = self._live.get(root)
        if live is not None and live.clients <= {VISITOR}:
            self.visits.forget(root)
            await self.close_workspace(root, VISITOR)
        elif live is not None:
            freed = live.workspace.disk_bytes()
            self.readers.forget(live.workspace)
            live.restart(anew=True)
            return freed
        workspace = self.host.workspace(root)
        self.readers.forget(workspace)
        return await anyio.to_thread.run_sync(workspace.clear)

    def _need(self, root: Path) -> LiveWorkspace:
        live = self.live(root)
        if live is None:
            raise PathError(f"{root} is not open", "no client has asked for it", f"run `lowtide index {root}`")
        return live

    # -- truth --------------------------------------------------------------------------------------------------

    def status(self, roots: Sequence[Path] = ()) -> dict[str, Any]:
        """The Status of docs/protocol.md, of what is known now."""
        wanted = {real_path(root) for root in roots}
        live = [entry for root, entry in self._live.items() if not wanted or root in wanted]
        return status_of(self, live)

    def memory(self) -> dict[str, Any]:
        """The memory tree of docs/protocol.md."""
        return memory_tree(self).as_json()

    async def shrink(self) -> None:
        """Give back what a spell of work has left in caches and in the allocator."""
        await self.readers.shrink()
        for live in list(self._live.values()):
            await live.shrink()
        await anyio.to_thread.run_sync(give_back)

    def subscribe(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Have `listener` told the Status when it changes, at most twice a second; returns how to end it."""
        return self.monitor.subscribe(listener)
