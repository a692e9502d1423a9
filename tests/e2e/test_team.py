"""A team's index from end to end: a real daemon asks a gateway over TLS, for commands and agents."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.agents.client import Agent
from tests.e2e.daemons import with_daemon as with_daemon
from tests.e2e.harness import Lowtide, python_module, until
from tests.team_engine import MemoryEngine
from tests.team_setup import SOURCES, pushed, repository, serving, token
from tests.tls import make_certificates

from lowtide.paths import Places
from lowtide.serve.client import Client
from lowtide.team.engine import Found

MIB = 1 << 20
MOST_MIB = 3
QUESTION = "send a request again after a timeout"
PATIENCE_S = 150.0
"""A gateway that was too slow three times, as on a busy machine, is asked again after a rest."""


class Engine(MemoryEngine):
    """Waits before it answers where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()

    def with_words(self, stems: Sequence[str], repositories: Sequence[str], limit: int) -> list[Found]:
        self.go.wait(60)
        return super().with_words(stems, repositories, limit)


@pytest.fixture
def engine(tmp_path: Path, lowtide: Lowtide) -> Iterator[Engine]:
    """An engine that others have pushed to, behind a gateway by TLS that the user's configuration names."""
    made = Engine()
    lowtide.environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}  # whatever the machine has
    with serving(made) as address:
        pushed(repository(tmp_path / "theirs", "one", SOURCES), address, tmp_path)
    tls = make_certificates(tmp_path)
    with serving(made, tls) as url:
        configured = lowtide.home / "config" / "config.toml"
        configured.parent.mkdir(parents=True)
        (configured.parent / "team-token").write_text(token("all"))
        team = {"url": url, "token_file": "team-token", "certificates": str(tls.authority)}
        configured.write_text("[team]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in team.items()))
        yield made
        made.go.set()


@pytest.fixture
def modules(tree: Callable[..., Path]) -> Path:
    return tree({f"pkg/module{n}.py": python_module(n, 4) for n in range(6)})


def test_commands_and_agents_find_what_is_not_here(
    engine: Engine, lowtide: Lowtide, modules: Path, tree: Callable[..., Path]
) -> None:
    lowtide.run("index", modules)

    def found() -> list[dict[str, Any]]:
        hits = lowtide.json("search", QUESTION, modules)["hits"]
        return [hit for hit in hits if hit["repository"]]

    (hit, *_) = until(found, PATIENCE_S)
    assert (hit["name"], hit["path"], hit["repository"]) == ("RetryPolicy", "retry.py", "example.org/team/one")
    assert lowtide.run("search", "--format", "vimgrep", QUESTION, modules).stdout.count("retry.py") == 0

    other = tree({"other.py": python_module(50, 2)}, "other")
    lowtide.run("index", other)

    def several() -> list[str]:
        hits = lowtide.json("search", QUESTION, modules, other)["hits"]
        return [hit["name"] for hit in hits if hit["repository"]]

    named = until(several, PATIENCE_S)
    assert named.count("RetryPolicy") == 1, "the team is asked once"

    with Agent(lowtide, modules) as agent:
        text = until(lambda: _told(agent.call("search", query=QUESTION)), PATIENCE_S)
    assert "[not here: example.org/team/one, of today, commit " in text


def _told(text: str) -> str:
    return text if "RetryPolicy" in text else ""


def test_a_slow_network_costs_the_teams_hits_and_says_so(engine: Engine, lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    engine.go.clear()
    answer = lowtide.json("search", "compute the figure of a part", modules)
    assert answer["hits"]
    assert not [hit for hit in answer["hits"] if hit["repository"]]
    assert answer["degraded"] == "without the team's index: it does not answer in time"


def test_the_team_costs_a_daemon_a_little_memory(engine: Engine, lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    home = Places(lowtide.home / "config", lowtide.home / "cache", lowtide.home / "run")
    with_team = 0

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
        until(lambda: ask(0, team=True), PATIENCE_S)
        for number in range(40):
            with_team += bool(ask(number, team=True))
        more = anonymous_bytes(pid) - without
    finally:
        client.close()
    assert with_team
    assert more <= MOST_MIB * MIB, f"{more / MIB:.1f} MiB"


def anonymous_bytes(pid: int) -> int:
    """As the kernel counts them."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (line,) = [line for line in rollup.splitlines() if line.startswith("Anonymous:")]
    return int(line.split()[1]) << 10
