"""What `index` and the questions do without the daemon, in the calling process.

Invariant: imported only with `--embedded`: asking the daemon loads neither an event loop nor the engine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from lowtide.cli.console import print_json
from lowtide.cli.lines import LongLine, failed, read_line
from lowtide.cli.narrowing import Narrowing
from lowtide.cli.options import Options
from lowtide.cli.progress import shown
from lowtide.cli.running import run
from lowtide.cli.setup import load, open_host
from lowtide.core.freshness import Freshness
from lowtide.errors import LowtideError
from lowtide.index.bundles import Staged
from lowtide.index.comparing import compare_quickly, is_there
from lowtide.index.sharing import Begun
from lowtide.index.workspace import Workspace
from lowtide.models import Group, Mode, SymbolKind
from lowtide.read.answer import Answer, stale_paths
from lowtide.read.answering import run_stoppable
from lowtide.read.exact import TextRequest
from lowtide.read.filters import Filter
from lowtide.read.request import SearchRequest
from lowtide.read.selection import MOST_OWN, Lines, others
from lowtide.read.snapshot import Embedding, Snapshot
from lowtide.serve.host import Host, IndexRun
from lowtide.tasks import task_group


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for beside the query."""

    mode: Mode
    limit: int
    narrow: Narrowing
    terms: tuple[str, ...]
    phrasings: tuple[str, ...]
    group: Group
    fresh: bool

    def request(self, query: str) -> SearchRequest:
        """The same for one query."""
        return SearchRequest(query, self.mode, self.limit, _filter(self.narrow), self.terms, self.phrasings, self.group)


@dataclass(frozen=True, slots=True)
class SymbolSearch:
    """What is asked for beside the name."""

    limit: int
    kinds: tuple[SymbolKind, ...]
    fresh: bool


@dataclass(frozen=True, slots=True)
class _Open:
    host: Host
    snapshot: Snapshot
    freshness: Freshness

    async def answer(self, query: str, asked: Search) -> dict[str, Any]:
        embedding = Embedding(
            self.host.encode_query, self.host.model.recipe, self.host.closeness, await self.host.concepts()
        )
        found = await self.snapshot.search(asked.request(query), embedding)
        return {**found.as_json(), "freshness": self.freshness.as_json()}


@asynccontextmanager
async def _opened(root: Path, fresh: bool, options: Options) -> AsyncIterator[_Open]:
    async with open_host(options) as host:
        if fresh:
            await host.index(root)
        freshness = await anyio.to_thread.run_sync(compare_quickly, host.workspace(root), host.config)
        snapshot = await anyio.to_thread.run_sync(Snapshot, host.workspace(root))
        try:
            yield _Open(host, snapshot, freshness)
        finally:
            snapshot.close()


def index(root: Path, force: bool, options: Options) -> dict[str, Any]:
    """The object of `lowtide index --json`."""

    async def main() -> dict[str, Any]:
        async with open_host(options) as host:
            index_run = IndexRun()
            async with task_group() as group:
                group.start_soon(follow, index_run, host.budget.total_bytes)
                try:
                    report = await host.index(root, force=force, run=index_run)
                finally:
                    index_run.finished.set()
                group.cancel_scope.cancel()
            return report.as_json()

    async def follow(index_run: IndexRun, budget_bytes: int) -> None:
        with shown(options) as show:
            while not index_run.finished.is_set():
                if progress := index_run.progress:
                    show(
                        {
                            "phase": index_run.phase,
                            "done": progress.done,
                            "total": progress.total,
                            "scanning": progress.scanning,
                            "usedBytes": index_run.used_bytes(),
                            "budgetBytes": budget_bytes,
                        }
                    )
                with anyio.move_on_after(0.1):
                    await index_run.finished.wait()

    return run(main)


def take_over(root: Path, staged: Staged, options: Options) -> dict[str, Any]:
    """The object of `lowtide index --json`, of an index that begins with this bundle."""

    async def main() -> dict[str, Any]:
        async with open_host(options) as host:
            return (await host.index(root, begun=Begun(staged))).as_json()

    return run(main)


def search(query: str, asked: Search, root: Path, options: Options) -> dict[str, Any]:
    """The object of `lowtide search --json`."""

    async def main() -> dict[str, Any]:
        async with _opened(root, asked.fresh, options) as opened:
            return await opened.answer(query, asked)

    return run(main)


def find_text(request: TextRequest, fresh: bool, root: Path, options: Options) -> dict[str, Any]:
    """The object of `lowtide search --exact --json`."""

    async def main() -> dict[str, Any]:
        async with _opened(root, fresh, options) as opened:
            answer = await opened.snapshot.find_text(request)
            return {**answer.as_json(), "freshness": opened.freshness.as_json()}

    return run(main)


def text_request(text: str, is_regex: bool, context: int, limit: int, narrow: Narrowing) -> TextRequest:
    """What an exact search is asked for."""
    return TextRequest(text, is_regex, limit, context, _filter(narrow))


def references(name: str, limit: int, fresh: bool, root: Path, options: Options) -> dict[str, Any]:
    """The object of `lowtide refs --json`."""

    async def main() -> dict[str, Any]:
        async with _opened(root, fresh, options) as opened:
            started = time.perf_counter()
            find = partial(opened.snapshot.references, name, limit=limit)
            answer = await run_stoppable(lambda stopped: find(cancelled=stopped))
            took_ms = (time.perf_counter() - started) * 1000
            return {**answer.as_json(name, took_ms), "freshness": opened.freshness.as_json()}

    return run(main)


def similar(lines: Lines, limit: int, narrow: Narrowing, fresh: bool, root: Path, options: Options) -> dict[str, Any]:
    """The object of `lowtide similar --json`."""

    async def main() -> dict[str, Any]:
        async with _opened(root, fresh, options) as opened:
            started = time.perf_counter()
            selected = await opened.snapshot.select(lines.path, lines.first, lines.last)
            vector = await opened.host.encode_code(selected.text)
            recipe = opened.host.model.recipe
            found = await opened.snapshot.similar(vector, recipe, limit + MOST_OWN, _filter(narrow))
            hits = others(found, selected)[:limit]
            took_ms = (time.perf_counter() - started) * 1000
            answer = Answer(selected.place, hits, None, len(stale_paths(hits)), took_ms)
            return {**answer.as_json(), "freshness": opened.freshness.as_json()}

    return run(main)


def _filter(narrow: Narrowing) -> Filter:
    return Filter(narrow.languages, narrow.globs, narrow.kinds)


def answer_lines(asked: Search, root: Path, options: Options) -> None:
    """Answers each line of standard input with one object a line."""

    async def main() -> None:
        async with _opened(root, asked.fresh, options) as opened:
            while True:
                try:
                    query = await anyio.to_thread.run_sync(read_line, sys.stdin.buffer, abandon_on_cancel=True)
                    if query is None:
                        return
                    answer = await opened.answer(query, asked)
                except LongLine as error:
                    answer = failed(error.beginning, error)
                except LowtideError as error:
                    answer = failed(query or "", error)
                print_json(answer)
                sys.stdout.flush()

    run(main)


def symbols(query: str, asked: SymbolSearch, root: Path, options: Options) -> dict[str, Any]:
    """The object of `lowtide symbols --json`."""

    async def main() -> dict[str, Any]:
        if asked.fresh:
            async with open_host(options) as host:
                await host.index(root)
        return await anyio.to_thread.run_sync(_symbols_as_they_are, query, asked, root, options)

    return run(main)


def _symbols_as_they_are(query: str, asked: SymbolSearch, root: Path, options: Options) -> dict[str, Any]:
    places, config = load(options)
    workspace = Workspace(root, places.index_folder(root))
    freshness = compare_quickly(workspace, config)
    with closing(Snapshot(workspace)) as snapshot:
        started = time.perf_counter()
        found = snapshot.symbols(query, limit=asked.limit, kinds=asked.kinds)
        found = [symbol for symbol in found if freshness.is_current or is_there(root, symbol["path"])]
        took_ms = (time.perf_counter() - started) * 1000
    return {"query": query, "took_ms": round(took_ms, 2), "symbols": found, "freshness": freshness.as_json()}
