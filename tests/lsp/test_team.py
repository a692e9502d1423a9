"""The team's hits in an editor: among those of this machine where it asks for them, marked, and no files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from tests.lsp.wire import FakeService, connected

from lowtide.answers import Hit
from lowtide.serve.team import TeamAnswer
from lowtide.team.messages import RemoteHit

COMMIT = "4f2a9c01d3be5a1f0c7e8b6d2a4c3f1e5d7b9a80"
URL = "https://github.com/team/app/blob/x/a%20b/retry.py#L12-L40"
REMOTE = RemoteHit(
    repository="github.com/team/app",
    commit=COMMIT,
    age_s=86400.4,
    url=URL,
    path="a b/retry.py",
    language="python",
    start_line=11,
    end_line=39,
    kind=5,
    name="RetryPolicy",
    container="",
    signature="class RetryPolicy:",
    symbol_line=11,
    bm25=9.0,
    cosine=0.8,
)


def own(name: str, cosine: float) -> Hit:
    signals = {"bm25": 1.0, "cosine": cosine}
    return Hit(f"{name}.py", 1, 9, "function", name, "", cosine, f"def {name}():", signals, False, False, 0, 1)


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def test_the_teams_hits_lie_among_the_own_and_say_whose_they_are(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.hits = [own("wait", 0.9), own("other", 0.1)]
        service.team = TeamAnswer([REMOTE], "2 of 3 repositories by words alone")
        async with connected(service) as connection:
            await connection.wire.initialize(tmp_path)
            answer = await connection.wire.result("lowtide/search", {"query": "retry policy", "team": True})
        hits = answer["hits"]
        assert sorted(hit["name"] for hit in hits) == ["RetryPolicy", "other", "wait"]
        assert [hit["name"] for hit in hits if hit["remote"] is None] == ["wait", "other"], "each side keeps its order"
        assert answer["degraded"] == "2 of 3 repositories by words alone"
        (hit,) = (hit for hit in hits if hit["remote"])
        assert hit["remote"] == {
            "repository": "github.com/team/app",
            "commit": COMMIT,
            "path": "a b/retry.py",
            "ageS": 86400,
            "url": URL,
        }
        assert hit["uri"] == f"lowtide-remote://github.com/team/app/a%20b/retry.py?{COMMIT[:12]}-12-40"
        assert (hit["kind"], hit["snippet"], hit["snippetLine"]) == ("class", "class RetryPolicy:", 11)
        assert (hit["range"]["start"]["line"], hit["range"]["end"]["line"]) == (11, 40)

    run(main)


def test_the_best_of_both_are_answered(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.hits = [own("wait", 0.2), own("other", 0.1)]
        service.team = TeamAnswer([msgspec.structs.replace(REMOTE, cosine=0.9)])
        async with connected(service) as connection:
            await connection.wire.initialize(tmp_path)
            question = {"query": "retry policy", "team": True, "limit": 2}
            answer = await connection.wire.result("lowtide/search", question)
        assert [hit["name"] for hit in answer["hits"]] == ["RetryPolicy", "wait"]

    run(main)


def test_who_does_not_ask_for_them_gets_files_alone(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.hits = [own("wait", 0.9)]
        service.team = TeamAnswer([REMOTE])
        async with connected(service) as connection:
            await connection.wire.initialize(tmp_path)
            answer = await connection.wire.result("lowtide/search", {"query": "retry policy"})
        assert [(hit["name"], hit["remote"]) for hit in answer["hits"]] == [("wait", None)]
        assert service.asked_team == 0

    run(main)
