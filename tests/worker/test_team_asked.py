"""The team's index as the daemon asks it: beside its own, for a moment, and seldom when it stays down."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.team_engine import MemoryEngine
from tests.team_setup import SOURCES, places_of, pushed, repository, serving, token

from lowtide.config.settings import TeamSettings
from lowtide.core import breaker
from lowtide.core.breaker import FAILURES
from lowtide.models import Mode
from lowtide.read.request import SearchRequest
from lowtide.serve import team
from lowtide.serve.team import Team, TeamAnswer
from lowtide.team.engine import EngineError, Found
from lowtide.team.messages import Commit


def team_asks(url: str, folder: Path, home: Path, times: int = 1, query: str = "retry") -> list[TeamAnswer]:
    file = folder / "token"
    file.write_text(token("all"))

    async def play() -> list[TeamAnswer]:
        asking = Team(places_of(home))
        settings = TeamSettings(url, file)
        with closing(asking):
            return [await asking.ask(settings, SearchRequest(query, Mode.LEXICAL), b"", "r") for _ in range(times)]

    return anyio.run(play)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[tuple[MemoryEngine, str]]:
    made = MemoryEngine()
    with serving(made) as address:
        yield made, address


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, a gateway is not too slow."""
    monkeypatch.setattr(team, "WAIT_S", 60.0)
    monkeypatch.setattr(team, "LONGEST_S", 60.0)


def test_what_is_checked_out_here_is_not_asked_for(
    memory: tuple[MemoryEngine, str], tmp_path: Path, patient: None
) -> None:
    root = repository(tmp_path, "one", SOURCES)
    pushed(root, memory[1], tmp_path)
    assert [hit.name for hit in team_asks(memory[1], tmp_path, tmp_path / "elsewhere")[0].hits] == ["RetryPolicy"]
    assert team_asks(memory[1], tmp_path, tmp_path / "home")[0] == TeamAnswer()


def test_an_engine_that_is_down_costs_a_word(memory: tuple[MemoryEngine, str], tmp_path: Path, patient: None) -> None:
    pushed(repository(tmp_path, "one", SOURCES), memory[1], tmp_path)
    memory[0].is_down = True
    (told,) = team_asks(memory[1], tmp_path, tmp_path / "elsewhere")
    assert told.hits == []
    assert told.degraded.startswith("without the team's index: ")


def test_a_gateway_that_is_slow_or_down_is_waited_for_a_moment_and_then_seldom_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team, "LONGEST_S", 60.0)  # so that it is the wait that ends
    monkeypatch.setattr(breaker, "FIRST_REST_S", 600.0)

    class Slow(MemoryEngine):
        asked = 0
        go = threading.Event()

        def manifests(self) -> list[Commit]:
            self.asked += 1
            self.go.wait(120)
            return super().manifests()

    engine = Slow()
    with serving(engine) as address:
        try:
            answers = team_asks(address, tmp_path, tmp_path / "home", times=20)
            assert {answer.degraded for answer in answers} == {"without the team's index: it does not answer in time"}
            assert engine.asked <= FAILURES, "most were not asked at all"
        finally:
            engine.go.set()
    down = team_asks("http://127.0.0.1:1", tmp_path, tmp_path / "home", times=20)
    assert all("cannot be reached" in answer.degraded for answer in down)


def test_questions_that_nobody_waits_for_neither_pile_up_nor_count_against_the_gateway(
    tmp_path: Path, patient: None
) -> None:
    """An editor asks with every key, and drops the question before."""

    class Slow(MemoryEngine):
        asked = 0
        heard, go = threading.Semaphore(0), threading.Event()

        def with_words(self, stems: Sequence[str], repositories: Sequence[str], limit: int) -> list[Found]:
            self.asked += 1
            self.heard.release()
            self.go.wait(120)
            return super().with_words(stems, repositories, limit)

    engine = Slow()
    pushing = MemoryEngine()
    with serving(pushing) as address:
        pushed(repository(tmp_path, "one", SOURCES), address, tmp_path)
    engine.chunks, engine.by_commit, engine.known = pushing.chunks, pushing.by_commit, pushing.known
    file = tmp_path / "token"
    file.write_text(token("all"))

    async def type_on(address: str) -> TeamAnswer:
        asking, settings = Team(places_of(tmp_path / "elsewhere")), TeamSettings(address, file)
        with closing(asking):
            answers: list[TeamAnswer] = []

            async def ask() -> None:
                answers.append(await asking.ask(settings, SearchRequest("retry", Mode.LEXICAL), b"", "r"))

            for number in range(3 * team.MOST_AT_ONCE):
                async with anyio.create_task_group() as group:
                    group.start_soon(ask)
                    if number < team.MOST_AT_ONCE:
                        await anyio.to_thread.run_sync(engine.heard.acquire)
                    else:
                        await anyio.lowlevel.checkpoint()
                    group.cancel_scope.cancel()
            assert engine.asked == team.MOST_AT_ONCE
            assert answers
            assert all("busy" in answer.degraded for answer in answers)
            engine.go.set()
            while not (answer := await asking.ask(settings, SearchRequest("retry", Mode.LEXICAL), b"", "r")).hits:
                assert "busy" in answer.degraded
                await anyio.sleep(0.01)
            return answer

    with serving(engine) as address:
        try:
            answer = anyio.run(type_on, address)
        finally:
            engine.go.set()
    assert [hit.name for hit in answer.hits] == ["RetryPolicy"]


def test_other_settings_begin_anew_whatever_the_gateway_before_has_done(
    memory: tuple[MemoryEngine, str], tmp_path: Path, patient: None
) -> None:
    pushed(repository(tmp_path, "one", SOURCES), memory[1], tmp_path)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(token("all"))
    wrong.write_text("nobody's")

    async def play() -> None:
        with closing(Team(places_of(tmp_path / "elsewhere"))) as asking:

            async def ask(url: str, file: Path) -> TeamAnswer:
                return await asking.ask(TeamSettings(url, file), SearchRequest("retry", Mode.LEXICAL), b"", "r")

            for url, file in (("http://127.0.0.1:1", right), (memory[1], wrong)):
                for _ in range(FAILURES + 1):
                    assert (await ask(url, file)).degraded
                assert [hit.name for hit in (await ask(memory[1], right)).hits] == ["RetryPolicy"]

    anyio.run(play)


def test_an_answer_that_comes_after_a_change_counts_for_the_settings_before(tmp_path: Path, patient: None) -> None:
    heard, go = threading.Event(), threading.Event()

    class Held(MemoryEngine):
        def manifests(self) -> list[Commit]:
            heard.set()
            go.wait(120)
            raise EngineError("the engine before is down")

    file = tmp_path / "token"
    file.write_text(token("all"))

    async def play(before: str) -> None:
        with closing(Team(places_of(tmp_path / "elsewhere"))) as asking:

            async def ask(url: str) -> TeamAnswer:
                return await asking.ask(TeamSettings(url, file), SearchRequest("retry", Mode.LEXICAL), b"", "r")

            async def ask_before() -> None:
                assert "the engine before is down" in (await ask(before)).degraded

            async with anyio.create_task_group() as group:
                group.start_soon(ask_before)
                await anyio.to_thread.run_sync(heard.wait)
                for _ in range(FAILURES):
                    assert "cannot be reached" in (await ask("http://127.0.0.1:1")).degraded
                go.set()
            assert "cannot be reached" in (await ask("http://127.0.0.1:1")).degraded, "at rest, with its own reason"

    with serving(Held()) as address:
        try:
            anyio.run(play, address)
        finally:
            go.set()
