"""A team's index: pushed by one, asked by others through the gateway, with an engine in memory and with milvus-lite."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tests.e2e.soak import git
from tests.team_engine import MemoryEngine
from tests.team_setup import QUESTIONS, SOURCES, ask, gate, index, names, places_of, pushed, repository, serving, write

from lowtide.answers import Answer
from lowtide.config.settings import Config
from lowtide.errors import ConfigError, LowtideError
from lowtide.read.request import SearchRequest
from lowtide.read.snapshot import Embedding, Snapshot
from lowtide.serve.host import Host
from lowtide.system.address import parse_url
from lowtide.system.memory import own_anonymous_bytes
from lowtide.system.web import Connection
from lowtide.team.access import Access
from lowtide.team.engine import Engine
from lowtide.team.gateway import Gateway
from lowtide.team.http import MOST_CONNECTIONS, Server
from lowtide.team.messages import MOST_BODY_BYTES, Commit
from lowtide.team.push import push
from lowtide.team.remote import Gate, GatewayError
from lowtide.work.model.model_folder import default_model, read_model

HAS_MILVUS = importlib.util.find_spec("pymilvus") is not None and importlib.util.find_spec("milvus_lite") is not None


@pytest.fixture(params=["memory", pytest.param("milvus", marks=pytest.mark.skipif(not HAS_MILVUS, reason="no Milvus"))])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "memory":
        yield MemoryEngine()
        return
    from lowtide.team.milvus import MilvusEngine

    made = MilvusEngine(str(tmp_path / "team.db"), "t", read_model(default_model()).dims, exact=True)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def url(engine: Engine) -> Iterator[str]:
    with serving(engine) as address:
        yield address


def test_what_is_pushed_is_found_and_pushed_once(url: str, tmp_path: Path) -> None:
    root = repository(tmp_path, "one", SOURCES)
    first = pushed(root, url, tmp_path)
    assert (first.repository, first.uploaded, first.already_there) == ("example.org/team/one", first.places, False)
    assert first.places >= len(SOURCES)

    again = pushed(root, url, tmp_path)
    assert (again.uploaded, again.already_there) == (0, True)

    answer = ask(url, "all", tmp_path, "send a request again after a timeout")
    hit = answer.hits[0]
    assert (hit.name, hit.path, hit.repository) == ("RetryPolicy", "retry.py", "example.org/team/one")
    assert (hit.commit, answer.degraded) == (first.commit, "")
    assert 0 <= hit.age_s < 3600


def test_of_the_next_commit_only_what_is_new_travels_and_the_old_is_let_go(url: str, tmp_path: Path) -> None:
    root = repository(tmp_path, "one", SOURCES)
    first = pushed(root, url, tmp_path)
    (root / "cart.py").unlink()
    (root / "tree.py").rename(root / "walk.py")
    write(root, {"retry.py": ("class GiveUpPolicy", "When a request is not sent any more.", "attempts")})
    second = pushed(root, url, tmp_path)
    assert 0 < second.uploaded < first.places
    answer = ask(url, "all", tmp_path, "sum of the prices in a shopping cart")
    assert "cart_total" not in names(answer)
    assert {hit.commit for hit in answer.hits} == {second.commit}
    assert "GiveUpPolicy" in names(ask(url, "all", tmp_path, "when a request is not sent any more"))
    third_root = root / "cache.py"
    third_root.write_text(third_root.read_text() + "\n# more\n")
    git(root, "commit", "-qam", "three")
    assert pushed(root, url, tmp_path).uploaded >= 1


def test_a_pusher_that_was_killed_changes_nothing_and_is_begun_again(
    url: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path, "one", SOURCES)
    first = pushed(root, url, tmp_path)
    write(root, {"queue.py": ("class JobQueue", "What is to be done, the most urgent first.", "push pop")})

    class Killed(BaseException):
        pass

    asked = Gate.ask

    def die(self: Gate, path: str, *given: object) -> object:
        if path == "/v1/commit":
            raise Killed
        return asked(self, path, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Gate, "ask", die)
    with pytest.raises(Killed):
        pushed(root, url, tmp_path)
    monkeypatch.undo()
    answer = ask(url, "all", tmp_path, "the most urgent job first")
    assert {hit.commit for hit in answer.hits} == {first.commit}
    assert "JobQueue" not in names(answer)

    again = pushed(root, url, tmp_path)
    assert again.uploaded == 0  # it had travelled
    assert ask(url, "all", tmp_path, "the most urgent job first").hits[0].name == "JobQueue"


def test_a_commit_that_lacks_places_is_refused(url: str, tmp_path: Path) -> None:
    commit = Commit("example.org/team/one", "a" * 40, "r", 1, 3, 0.0)
    with gate(url, "ci", tmp_path) as opened, pytest.raises(GatewayError, match="0 of 3 places") as caught:
        opened.ask("/v1/commit", commit, dict)
    assert caught.value.status == 409


def test_who_may_see_and_who_may_push(url: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        pushed(repository(tmp_path, name, SOURCES), url, tmp_path)
    query = "send a request again"
    seen = {
        who: {hit.repository for hit in ask(url, who, tmp_path, query).hits} for who in ("all", "ann", "bob", "nobody")
    }
    one, two = "example.org/team/one", "example.org/team/two"
    assert seen == {"all": {one, two}, "ann": {one}, "bob": set(), "nobody": set()}
    assert {hit.repository for hit in ask(url, "all", tmp_path, query, one).hits} == {two}
    assert ask(url, "ann", tmp_path, query, one).hits == []
    for who, status in (("all", 403), ("ann", 403), ("bob", 403), ("stranger", 401)):
        workspace = index(tmp_path / "one", tmp_path / "home")
        (tmp_path / "one" / "cart.py").write_text(f"def {who}(): ...\n")
        git(tmp_path / "one", "commit", "-qam", who)
        with gate(url, who, tmp_path) as opened, pytest.raises(GatewayError) as caught:
            push(workspace, opened)
        assert caught.value.status == status


def test_ranking_is_that_of_this_machine(url: str, tmp_path: Path) -> None:
    root = repository(tmp_path, "one", SOURCES)
    pushed(root, url, tmp_path)
    workspace = index(root, tmp_path / "home")

    async def local(query: str) -> Answer:
        async with Host(places_of(tmp_path / "home"), Config((256 << 20) + own_anonymous_bytes())) as host:
            snapshot = await anyio.to_thread.run_sync(Snapshot, workspace)
            try:
                embedding = Embedding(host.encode_query, host.model.recipe, None)
                return await snapshot.search(SearchRequest(query), embedding)
            finally:
                snapshot.close()

    for query in QUESTIONS:
        here = anyio.run(local, query)
        there = ask(url, "all", tmp_path, query)
        assert there.hits[0].name == here.hits[0].name, query
        cosines = {hit.name: hit.signals.get("cosine") for hit in here.hits}
        for hit in there.hits:
            assert hit.cosine == pytest.approx(cosines[hit.name], abs=1e-3)
        bm25 = {hit.name: hit.signals.get("bm25") for hit in here.hits}
        both = [name for name in names(there) if bm25.get(name)]
        told = {hit.name: hit.bm25 for hit in there.hits}
        assert sorted(both, key=lambda name: -(bm25[name] or 0)) == sorted(both, key=lambda name: -(told[name] or 0))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[tuple[MemoryEngine, str]]:
    made = MemoryEngine()
    with serving(made) as address:
        yield made, address


# -- the gateway's door -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"{" * 100_000,
        b'{"repository": "a\\" or id != \\"", "ids": []}',
        b'{"repository": "a", "ids": ["x"]}',
        b'{"repository": "a", "ids": ["' + b"0" * 32 + b'\\" or"]}',
    ],
)
def test_a_message_that_is_none_is_refused(memory: tuple[MemoryEngine, str], tmp_path: Path, body: bytes) -> None:
    made = gate(memory[1], "ci", tmp_path)
    with Connection(parse_url(memory[1])[0], 30.0) as connection:
        assert connection.ask("POST", "/v1/missing", made._headers(), body).status == 400


def test_a_body_without_end_and_a_path_without_answer_are_refused(
    memory: tuple[MemoryEngine, str], tmp_path: Path
) -> None:
    made = gate(memory[1], "ci", tmp_path)
    too_long = {**made._headers(), "Content-Length": str(MOST_BODY_BYTES + 1)}
    for path, headers, status in (("/v1/missing", too_long, 413), ("/v2/x", made._headers(), 404)):
        with Connection(parse_url(memory[1])[0], 30.0) as connection:
            assert connection.ask("POST", path, headers).status == status


def test_more_who_connect_than_there_is_room_for_do_not_stop_it(
    memory: tuple[MemoryEngine, str], tmp_path: Path
) -> None:
    made = gate(memory[1], "ci", tmp_path)
    kept = []
    for _ in range(MOST_CONNECTIONS // 2):
        connection = Connection(parse_url(memory[1])[0], 30.0)
        assert connection.ask("POST", "/v1/commits", made._headers(), b"{}").status == 200
        kept.append(connection)
    for connection in kept:
        connection.close()


def test_it_is_not_served_to_others_without_tls() -> None:
    with pytest.raises(ConfigError, match="TLS"):
        Server(("0.0.0.0", 0), Gateway(MemoryEngine()), Access([]), None)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "[a]\nsha256 = 'short'\nrepositories = []",
        "[a]\nsha256 = 7",
        "[a]\nother = 1",
        "[",
        "[a]\nsha256 = 'x'",
    ],
)
def test_a_file_of_tokens_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(text)
    with pytest.raises(LowtideError, match=r"tokens\.toml"):
        Access.from_file(file)


def test_a_file_of_tokens(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    digest = hashlib.sha256(b"sesame").hexdigest()
    file.write_text(f"[ann]\nsha256 = '{digest}'\nrepositories = ['example.org/a/*']\n")
    access = Access.from_file(file)
    found = access.grant_of("sesame")
    assert found is not None
    assert (found.name, found.may_push) == ("ann", False)
    assert [found.allows(name) for name in ("example.org/a/b", "example.org/ab", "example.org/b/a")] == [
        True,
        False,
        False,
    ]
    assert access.grant_of("Sesame") is None
