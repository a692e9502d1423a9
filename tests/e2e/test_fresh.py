"""Whoever asks, with no editor open, gets what is on the disk now, or is told how far it is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.e2e.daemons import with_daemon as with_daemon
from tests.e2e.harness import Lowtide, python_module, until

from lowtide.paths import Places
from lowtide.serve.client import Client


@pytest.fixture
def modules(tree: Callable[..., Path]) -> Path:
    return tree({f"pkg{n % 6}/module{n}.py": python_module(n, 6) for n in range(60)})


def connect(lowtide: Lowtide) -> Client:
    return Client.connect(Places(lowtide.home / "config", lowtide.home / "cache", lowtide.home / "run"), start=False)


def asked(client: Client, root: Path, query: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.ask("lowtide/symbols", {"query": query, "rootUri": root.as_uri(), **more})
    return answer


def names(answer: dict[str, Any]) -> list[str]:
    return [symbol["name"] for symbol in answer["symbols"]]


def open_roots(client: Client) -> list[str]:
    return [entry["rootUri"] for entry in client.ask("lowtide/status", {})["workspaces"]]


def test_a_question_finds_what_was_written_and_not_what_was_deleted(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    with connect(lowtide) as client:
        assert open_roots(client) == []
        (modules / "written.py").write_text("def written_since(value):\n    return value\n")
        (modules / "pkg1" / "module1.py").unlink()
        answer = until(
            lambda: (got := asked(client, modules, "written_since"))["freshness"]["state"] == "current" and got
        )
        assert names(answer) == ["written_since"]
        assert answer["freshness"] == {"state": "current", "indexed": 60, "total": 60, "age_s": 0.0, "reason": ""}
        assert open_roots(client) == [modules.as_uri()]
        # It is watched from here on: each question sees what was written just before it.
        (modules / "pkg2" / "module2.py").unlink()
        (modules / "later.py").write_text("def written_later(value):\n    return value\n")
        assert until(lambda: names(asked(client, modules, "written_later")) == ["written_later"])
    found = lowtide.json("search", "Holder2 grow the size", modules, "--limit", "20", "--fresh")
    assert found["freshness"]["state"] == "current"
    assert found["stale_files"] == 0
    assert not {"pkg1/module1.py", "pkg2/module2.py"} & {hit["path"] for hit in found["hits"]}
    assert lowtide.run("symbols", "written_later", modules).stderr == ""


def test_why_is_a_question_too(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    (modules / "written.py").write_text("def written_since(value):\n    return value\n")
    with connect(lowtide) as client:
        assert open_roots(client) == []
        until(lambda: lowtide.json("why", modules / "written.py")["status"] == "indexed")
        assert open_roots(client) == [modules.as_uri()]


def test_why_answers_without_a_daemon_that_does(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("--embedded", "index", modules)
    lowtide.run("daemon", "start")
    with connect(lowtide) as client:
        pid = client.hello["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = lowtide.run("why", modules / "pkg1" / "module1.py")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "indexed" in answer.stdout
    assert f"process {pid}" in answer.stderr


def test_fresh_waits_for_what_is_on_the_disk(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    for number in range(200):
        (modules / f"more{number}.py").write_text(python_module(1000 + number, 6))
    answer = lowtide.json("symbols", "Holder1199", modules, "--fresh")
    assert names(answer)[0] == "Holder1199"
    assert answer["freshness"]["state"] == "current"
    assert answer["freshness"]["indexed"] == 260


def test_a_question_on_a_half_made_index_says_how_far_it_is_and_has_it_finished(
    lowtide: Lowtide, tree: Callable[..., Path]
) -> None:
    root = tree({f"pkg{n % 9}/module{n}.py": python_module(n, 20) for n in range(600)})
    lowtide.run("daemon", "start")
    process = lowtide.start("index", root)
    with connect(lowtide) as client:
        pid = client.hello["pid"]
        until(lambda: (client.ask("lowtide/status", {})["progress"] or {}).get("done", 0) > 0)
    os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    lowtide.run("daemon", "start")
    with connect(lowtide) as client:
        fresh = asked(client, root, "Holder7")["freshness"]
        assert fresh["state"] == "indexing"
        assert fresh["age_s"] is None
        assert fresh["indexed"] < 600
        ended = until(lambda: (got := asked(client, root, "Holder599"))["freshness"]["state"] == "current" and got, 120)
        assert names(ended)[0] == "Holder599"
        assert ended["freshness"]["total"] == 600


def test_words_are_said_where_people_read_them(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    lowtide.run("daemon", "pause")
    out = lowtide.run("search", "compute a figure", modules)
    assert "results so far" in out.stderr
    assert "paused" in out.stderr
    assert "results so far" not in out.stdout
    assert lowtide.json("search", "compute a figure", modules)["freshness"]["state"] == "incomplete"
    assert "paused" in lowtide.run("symbols", "Holder1", modules, "--fresh", code=1).stderr
    lowtide.run("daemon", "resume")
    assert lowtide.run("search", "compute a figure", modules, "--fresh").stderr == ""


def test_a_workspace_that_nobody_asks_is_closed(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    config = lowtide.home / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.toml").write_text("[daemon]\nidle_minutes = 0.02\n")
    with connect(lowtide) as client:
        asked(client, modules, "Holder1")
        assert open_roots(client)
        until(lambda: not open_roots(client))
        assert asked(client, modules, "Holder1")["symbols"]
        assert open_roots(client)


def test_an_index_kept_for_questions_can_be_cleared(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    lowtide.run("search", "compute a figure", modules)
    lowtide.run("clear", modules)
    assert lowtide.json("search", "compute a figure", modules, code=3)["error"]["kind"] == "path"
    assert not list(lowtide.home.glob("**/catalog.sqlite"))


def test_an_index_that_cannot_be_opened_answers_and_says_why(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    lock = lowtide.index_folder() / "lock"
    with lock.open("r+b") as held:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX)
        with connect(lowtide) as client:
            answer = until(
                lambda: (got := asked(client, modules, "Holder7"))["freshness"]["state"] == "unwatched" and got
            )
        assert names(answer)[0] == "Holder7"
        assert "in use" in answer["freshness"]["reason"]
        assert answer["freshness"]["age_s"] >= 0
    gone = modules.with_name("gone")
    modules.rename(gone)
    with connect(lowtide) as client:
        fresh = until(lambda: (got := asked(client, modules, "Holder7"))["freshness"]["state"] != "current" and got)
        assert fresh["symbols"] == []


def test_without_the_daemon_a_quick_comparison_tells(lowtide: Lowtide, modules: Path) -> None:
    lowtide.environment["LOWTIDE_EMBEDDED"] = "1"
    lowtide.run("index", modules)
    fresh = lowtide.json("symbols", "Holder7", modules)["freshness"]
    assert fresh == {"state": "current", "indexed": 60, "total": 60, "age_s": 0.0, "reason": ""}
    (modules / "written.py").write_text("def written_since(value):\n    return value\n")
    (modules / "pkg1" / "module7.py").unlink()
    found = lowtide.json("search", "Holder7 grow", modules, "--limit", "3")
    assert found["freshness"]["state"] == "incomplete"
    # As the daemon counts: of the 60 that it holds, less what is known to differ.
    assert (found["freshness"]["indexed"], found["freshness"]["total"]) == (58, 60)
    assert len(found["hits"]) == 3
    assert "pkg1/module7.py" not in {hit["path"] for hit in found["hits"]}
    assert found["stale_files"] == 1
    assert "Holder7" not in names(lowtide.json("symbols", "Holder7", modules))
    assert "`lowtide index`" in lowtide.run("symbols", "Holder8", modules).stderr
    answer = lowtide.json("symbols", "written_since", modules, "--fresh")
    assert names(answer) == ["written_since"]
    assert answer["freshness"]["state"] == "current"
