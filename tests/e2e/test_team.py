"""A team's index from end to end: a real daemon asks a gateway over TLS, for commands and agents."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.agents.client import Agent
from tests.e2e.daemons import with_daemon as with_daemon
from tests.e2e.harness import Lowtide, python_module
from tests.team_engine import MemoryEngine
from tests.team_setup import SOURCES, pushed, repository, serving, token
from tests.tls import make_certificates

from lowtide.paths import Places
from lowtide.serve.client import Client, start_word
from lowtide.team.engine import Found

MIB = 1 << 20
MOST_MIB = 3
QUESTION = "send a request again after a timeout"


class Engine(MemoryEngine):
    """Waits before it answers where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()

    def with_words(self, stems: Sequence[str], repositories: Sequence[str], limit: int) -> list[Found]:
        self.go.wait(60)
        return super().with_words(stems, repositories, limit)


PATIENT = """
import sys
from lowtide.cli.started import run_started
from lowtide.serve import team
from lowtide.serve.client import START_WORDS
team.WAIT_S = team.LONGEST_S = 120.0
sys.exit(run_started([*START_WORDS, "1"]))
"""
"""A daemon to which no gateway is too slow, however busy the machine is."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """An engine that others have pushed to, behind a gateway by TLS."""

    engine: Engine
    settings: dict[str, str]

    def configured_in(self, home: Path) -> None:
        """As the user's configuration names it."""
        folder = home / "config"
        folder.mkdir(parents=True)
        (folder / "team-token").write_text(token("all"))
        lines = (f"{key} = {json.dumps(value)}\n" for key, value in self.settings.items())
        (folder / "config.toml").write_text("[team]\n" + "".join(lines))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("team")
    engine = Engine()
    with serving(engine) as address:
        pushed(repository(folder / "theirs", "one", SOURCES), address, folder)
    tls = make_certificates(folder)
    with serving(engine, tls) as url:
        yield Gateway(engine, {"url": url, "token_file": "team-token", "certificates": str(tls.authority)})
        engine.go.set()


@pytest.fixture
def asking(gateway: Gateway, lowtide: Lowtide) -> Lowtide:
    """A home whose daemon asks the gateway, and waits for it as daemons do."""
    lowtide.environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}  # whatever the machine has
    gateway.configured_in(lowtide.home)
    return lowtide


@pytest.fixture
def patient(asking: Lowtide) -> Iterator[Lowtide]:
    """The same, with a daemon that waits for however long it takes."""
    command = [sys.executable, "-c", PATIENT]
    with subprocess.Popen(command, env=asking.env(), stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == start_word(None)
        try:
            yield asking
        finally:
            asking.run("daemon", "stop", code=None)
            daemon.kill()


@pytest.fixture
def modules(tree: Callable[..., Path]) -> Path:
    return tree({f"pkg/module{n}.py": python_module(n, 4) for n in range(6)})


def test_commands_and_agents_find_what_is_not_here(patient: Lowtide, modules: Path, tree: Callable[..., Path]) -> None:
    patient.run("index", modules)
    hits = patient.json("search", QUESTION, modules)["hits"]
    (hit, *_) = [hit for hit in hits if hit["repository"]]
    assert (hit["name"], hit["path"], hit["repository"]) == ("RetryPolicy", "retry.py", "example.org/team/one")
    assert patient.run("search", "--format", "vimgrep", QUESTION, modules).stdout.count("retry.py") == 0

    other = tree({"other.py": python_module(50, 2)}, "other")
    patient.run("index", other)
    hits = patient.json("search", QUESTION, modules, other)["hits"]
    named = [hit["name"] for hit in hits if hit["repository"]]
    assert named.count("RetryPolicy") == 1, "the team is asked once"

    with Agent(patient, modules) as agent:
        text = agent.call("search", query=QUESTION)
    assert "[not here: example.org/team/one, of today, commit " in text


def test_a_slow_network_costs_the_teams_hits_and_says_so(gateway: Gateway, asking: Lowtide, modules: Path) -> None:
    asking.run("index", modules)
    gateway.engine.go.clear()
    try:
        answer = asking.json("search", "compute the figure of a part", modules)
    finally:
        gateway.engine.go.set()
    assert answer["hits"]
    assert not [hit for hit in answer["hits"] if hit["repository"]]
    assert answer["degraded"] == "without the team's index: it does not answer in time"


def test_the_team_costs_a_daemon_a_little_memory(patient: Lowtide, modules: Path) -> None:
    patient.run("index", modules)
    home = Places(patient.home / "config", patient.home / "cache", patient.home / "run")

    def ask(number: int, *, team: bool) -> int:
        question = {"query": f"{QUESTION} {number}", "rootUri": modules.as_uri(), "team": team}
        hits = client.ask("lowtide/find", question)["hits"]
        return sum(bool(hit.get("repository")) for hit in hits)

    client = Client.connect(home, start=False)
    try:
        pid = client.ask("lowtide/version", {})["pid"]
        for number in range(40):
            ask(number, team=False)
        without = anonymous_bytes(pid)
        with_team = [ask(number, team=True) for number in range(40)]
        more = anonymous_bytes(pid) - without
    finally:
        client.close()
    assert all(with_team)
    assert more <= MOST_MIB * MIB, f"{more / MIB:.1f} MiB"


def anonymous_bytes(pid: int) -> int:
    """As the kernel counts them."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (line,) = [line for line in rollup.splitlines() if line.startswith("Anonymous:")]
    return int(line.split()[1]) << 10
