"""The gateway before a real engine in a process of its own, which is stopped and killed, as pushers are."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e.harness import until
from tests.team_setup import SOURCES, ask, gate, index, names, pushed, repository, serving

from lowtide.team.engine import Found
from lowtide.team.push import push
from lowtide.team.remote import GatewayError
from lowtide.work.model.model_folder import default_model, read_model

HAS_MILVUS = importlib.util.find_spec("pymilvus") is not None and importlib.util.find_spec("milvus_lite") is not None
pytestmark = pytest.mark.skipif(not HAS_MILVUS, reason="no Milvus: pip install 'lowtide[serve-test]'")
QUESTION = "send a request again after a timeout"

if TYPE_CHECKING:
    from lowtide.team.milvus import MilvusEngine


class Lite:
    """`milvus-lite`'s server over a folder, at a port that stays the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(self.folder)]
        place = ["--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen([*command, *place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._listens)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "it has ended"
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Lite]:
    made = Lite(tmp_path / "engine")
    made.start()
    try:
        yield made
    finally:
        made.kill()


def engine_at(uri: str) -> MilvusEngine:
    from lowtide.team.milvus import MilvusEngine

    return MilvusEngine(uri, "t", read_model(default_model()).dims, exact=True)


@contextmanager
def told_of_searches(engine: MilvusEngine) -> Iterator[threading.Event]:
    """Set once a question has got to the engine."""
    begun, search = threading.Event(), engine.nearest

    def nearest(vector: bytes, repositories: Sequence[str], limit: int) -> list[Found]:
        begun.set()
        return search(vector, repositories, limit)

    engine.nearest = nearest  # type: ignore[method-assign]
    yield begun


def test_an_engine_that_is_killed_in_mid_question_costs_that_one(lite: Lite, tmp_path: Path) -> None:
    engine = engine_at(lite.uri)
    with closing(engine), serving(engine) as url, told_of_searches(engine) as begun:
        pushed(repository(tmp_path, "one", SOURCES), url, tmp_path)
        assert names(ask(url, "all", tmp_path, QUESTION))[0] == "RetryPolicy"
        begun.clear()
        caught: list[BaseException] = []

        def question() -> None:
            try:
                ask(url, "all", tmp_path, QUESTION, timeout_s=60.0)
            except GatewayError as error:
                caught.append(error)

        lite.signal(signal.SIGSTOP)
        asking = threading.Thread(target=question)
        asking.start()
        assert begun.wait(60)
        lite.kill()
        asking.join(60)
        (error,) = caught
        assert isinstance(error, GatewayError)
        assert error.status == 502
        lite.start()
        until(lambda: _answers(url, tmp_path))


def _answers(url: str, folder: Path) -> bool:
    try:
        return names(ask(url, "all", folder, QUESTION))[:1] == ["RetryPolicy"]
    except GatewayError:
        return False


def test_an_engine_that_says_nothing_is_not_waited_for_without_end(lite: Lite, tmp_path: Path) -> None:
    from lowtide.team.milvus import ASK_S

    engine = engine_at(lite.uri)
    with closing(engine), serving(engine) as url:
        pushed(repository(tmp_path, "one", SOURCES), url, tmp_path)
        lite.signal(signal.SIGSTOP)
        began_s = time.monotonic()
        with pytest.raises(GatewayError) as caught:
            ask(url, "all", tmp_path, QUESTION, timeout_s=60.0)
        assert time.monotonic() - began_s < 8 * ASK_S
        assert caught.value.status == 502
        lite.signal(signal.SIGCONT)
        until(lambda: _answers(url, tmp_path))


def test_a_pusher_that_is_killed_before_the_manifest_changes_nothing(lite: Lite, tmp_path: Path) -> None:
    """A process of its own, killed while the gateway holds its last message back."""
    engine = engine_at(lite.uri)
    held, go = threading.Event(), threading.Event()
    put = engine.commit

    def commit(manifest: Any) -> None:
        if held.is_set():
            put(manifest)
            return
        held.set()
        go.wait(60)
        raise AssertionError("the pusher is gone")

    with closing(engine), serving(engine) as url:
        root = repository(tmp_path, "one", SOURCES)
        first = pushed(root, url, tmp_path)
        (root / "queue.py").write_text('def drain():\n    """Take all that waits out of the queue."""\n    return []\n')
        _commit(root)
        workspace = index(root, tmp_path / "home")
        engine.commit = commit  # type: ignore[method-assign]
        gate(url, "ci", tmp_path).close()
        home = {"LOWTIDE_HOME": str(tmp_path / "home"), "LOWTIDE_EMBEDDED": "1"}
        command = [sys.executable, "-m", "lowtide.cli", "push", url, str(root), "--token-file"]
        pusher = subprocess.Popen([*command, str(tmp_path / "token-ci")], env={**os.environ, **home})
        try:
            until(lambda: held.is_set() or pusher.poll() is not None)
            assert pusher.poll() is None, "it has ended by itself"
        finally:
            pusher.kill()
            pusher.wait()
            go.set()
        answer = ask(url, "all", tmp_path, "take what waits out of the queue")
        assert {hit.commit for hit in answer.hits} == {first.commit}
        assert "drain" not in names(answer)
        with gate(url, "ci", tmp_path) as opened:
            assert push(workspace, opened).uploaded == 0, "what had travelled is there"
        assert names(ask(url, "all", tmp_path, "take what waits out of the queue"))[0] == "drain"


def _commit(root: Path) -> None:
    from tests.e2e.soak import git

    git(root, "add", "-A")
    git(root, "commit", "-qm", "more")
