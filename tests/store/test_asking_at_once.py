"""Many askers of one index at the same time: each gets what it would get alone, and the connections end with their
owner."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.store.indexes import WORDS, make_index, put, vector_of

from lowtide.errors import CorruptIndex, QuestionStopped, StoreError
from lowtide.index.workspace import Workspace
from lowtide.models import Mode
from lowtide.read.answering import AT_ONCE, Answering
from lowtide.read.filters import Filter
from lowtide.read.request import SearchRequest
from lowtide.read.snapshot import Embedding, Snapshot
from lowtide.store.catalog import Catalog
from lowtide.store.connections import Connections

CLIENTS, QUESTIONS, DIFFERENT = 8, 5_000, 200
"""As many threads as clients, and so many questions of all together."""
NARROW = (None, None, Filter(globs=("src",)), Filter(languages=("c",)))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_index(tmp_path_factory.mktemp("at-once"), 30)


@pytest.fixture
def readers(workspace: Workspace) -> Iterator[Connections]:
    with closing(Connections.of_file(workspace.catalog_path, most_kept=2)) as made:
        yield made


async def answer(snapshot: Snapshot, answering: Answering, number: int) -> Any:
    """One of several hundred questions of three kinds."""
    rng = random.Random(number)
    words = rng.sample(WORDS, rng.randint(1, 6))
    if number % 3 == 0:
        symbols = await answering.run(lambda _: snapshot.symbols(words[0][:4], limit=20))
        return [(found.name, found.path, found.line) for found in symbols]
    if number % 17 == 0:
        return await answering.run(lambda _: snapshot.files_with(words[0], limit=10))

    async def encode(text: str) -> bytes:
        return vector_of(text)

    mode = (Mode.LEXICAL, Mode.HYBRID)[number % 2]
    request = SearchRequest(" ".join(words), mode, 2, NARROW[number % 4] or Filter())
    found = await snapshot.search(request, Embedding(encode, "tests"))
    return [(hit.path, hit.start_line, round(hit.score, 6)) for hit in found.hits], found.degraded


def test_what_eight_threads_are_answered_is_what_one_is(workspace: Workspace) -> None:
    answering = Answering(at_once=CLIENTS)
    different: list[tuple[int, Any]] = []

    async def play(snapshot: Snapshot) -> None:
        alone = [repr(await answer(snapshot, answering, number)) for number in range(DIFFERENT)]
        assert sum(len(found) > 60 for found in alone) > DIFFERENT // 2
        numbers = iter(range(QUESTIONS))

        async def client() -> None:
            for number in numbers:
                try:
                    found = repr(await answer(snapshot, answering, number % DIFFERENT))
                except Exception as error:
                    found = repr(error)
                if found != alone[number % DIFFERENT]:
                    different.append((number, found))

        async with anyio.create_task_group() as group:
            for _ in range(CLIENTS):
                group.start_soon(client)

    with closing(Snapshot(workspace, answering=answering)) as snapshot:
        anyio.run(play, snapshot)
    assert different == []


def test_a_lent_catalog_is_its_borrowers_alone_and_sees_one_moment(workspace: Workspace, tmp_path: Path) -> None:
    own = make_index(tmp_path, 3)
    with closing(Connections.of_file(own.catalog_path)) as readers:
        with readers.lend() as first, readers.lend() as second:
            assert first is not second
            before = first.counts()
            with own.writing() as (writer, _):
                put(own, writer, "late.py", "python", ["late words"])
                assert first.counts() == before
                assert first.file(b"late.py") is None
        with readers.lend() as catalog:
            assert catalog.counts().files == before.files + 1


def test_connections_are_kept_for_the_next_and_closed_by_their_owner(workspace: Workspace) -> None:
    opened: list[Catalog] = []
    closed: list[Catalog] = []

    class Counted(Catalog):
        def close(self) -> None:
            closed.append(self)
            super().close()

    def open_catalog() -> Catalog:
        opened.append(Counted(workspace.catalog_path, writable=False))
        return opened[-1]

    with closing(Connections(open_catalog, most_kept=2)) as readers:
        with readers.lend(), readers.lend(), readers.lend():
            assert len(opened) == 3
        assert len(closed) == 1
        with readers.lend():
            assert len(opened) == 3
        readers.shrink()
        assert len(closed) == 3
        with pytest.raises(StoreError), readers.lend():
            raise CorruptIndex("damaged")
        assert len(closed) == len(opened) == 4
        with readers.lend():
            readers.close()
    assert len(closed) == len(opened) == 5


def test_a_query_ends_when_nobody_waits(readers: Connections) -> None:
    asked: list[bool] = []

    def look() -> bool:
        asked.append(True)
        return False

    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(QuestionStopped), readers.lend(lambda: len(asked) > 3 or look()) as catalog:
        list(catalog._rows(endless))
    with readers.lend() as catalog:
        assert catalog.counts().files


def test_so_many_questions_work_at_a_time_and_a_waiting_one_can_be_cancelled() -> None:
    at_work = most = 0
    lock = threading.Lock()
    go = threading.Event()

    def work(stopped: Callable[[], bool]) -> int:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        go.wait(30)
        with lock:
            at_work -= 1
        return 1

    async def play() -> None:
        answering = Answering()
        async with anyio.create_task_group() as group:
            for _ in range(3 * AT_ONCE):
                group.start_soon(answering.run, work)
            while at_work < AT_ONCE:
                await anyio.sleep(0.001)
            began = time.monotonic()
            with anyio.move_on_after(0.01) as scope:
                await answering.run(work)
            assert scope.cancelled_caught
            assert time.monotonic() - began < 20
            go.set()

    anyio.run(play)
    assert most == AT_ONCE


def test_a_question_holds_its_room_while_it_is_answered() -> None:
    held: list[int] = []

    @asynccontextmanager
    async def room(size_bytes: int) -> AsyncIterator[None]:
        held.append(size_bytes)
        yield
        held.remove(size_bytes)

    async def play() -> None:
        answering = Answering(room)
        assert await answering.run(lambda _: list(held), room_bytes=1 << 20) == [1 << 20]
        assert await answering.run(lambda _: list(held)) == held == []

    anyio.run(play)


def test_cancelling_ends_the_work_and_waits_for_it() -> None:
    ended = False
    begun = threading.Event()

    def work(stopped: Callable[[], bool]) -> None:
        nonlocal ended
        begun.set()
        while not stopped():
            time.sleep(0.001)
        ended = True
        raise QuestionStopped("stopped")

    async def play() -> None:
        answering = Answering()
        async with anyio.create_task_group() as group:
            group.start_soon(answering.run, work)
            await anyio.to_thread.run_sync(begun.wait)
            group.cancel_scope.cancel()
        assert ended
        with pytest.raises(QuestionStopped):
            await answering.run(work, lambda: True)

    anyio.run(play)
