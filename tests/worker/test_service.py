"""The service in one process: what it indexes, what clients see of it, and what it refuses."""

from __future__ import annotations

import os
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from msgspec.structs import replace
from tests.e2e.harness import python_module
from tests.e2e.soak import git
from tests.worker.services import Asker, run, serving, until

from lowtide.core.symbol_rank import RECENT_BONUS
from lowtide.errors import ConfigError, PathError, RefusedError, UsageError
from lowtide.index.live import LiveWorkspace
from lowtide.read.definitions import Place
from lowtide.read.request import SearchRequest
from lowtide.read.unsaved import answers
from lowtide.read.unsaved.answers import symbols as find_symbols
from lowtide.read.unsaved.documents import Documents
from lowtide.serve import monitor
from lowtide.serve.api import HANDLERS
from lowtide.status import Status
from lowtide.system.memory import Pressure

MIB = 1 << 20
ROOMY = Pressure(8 << 30, 16 << 30)
SHORT = Pressure(400 * MIB, 16 << 30)
CRITICAL = Pressure(20 * MIB, 16 << 30)


def _has_run(live: LiveWorkspace, count: int) -> bool:
    return live.completed_runs >= count


def test_a_file_saved_fifty_times_is_indexed_once_or_twice(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            live = service.live(modules)
            assert live is not None
            before = live.files_indexed
            target = modules / "pkg0" / "module0.py"
            for number in range(50):
                target.write_text(f"def rewritten_{number}():\n    return {number}\n")
                await anyio.sleep(0.02)

            async def found() -> bool:
                return bool([s for _, s in await service.symbols("rewritten_49") if s.name == "rewritten_49"])

            with anyio.fail_after(20):
                while not await found():
                    await anyio.sleep(0.02)
            await service.wait_idle(modules)
            assert (
                live.files_indexed - before <= 6
            )  # at 50 saves a second: a second of saving, and what a slow machine adds

    run(play)


def test_renaming_embeds_nothing(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            live = service.live(modules)
            assert live is not None
            await live._count()
            before = live.counts.vectors
            (modules / "pkg0").rename(modules / "renamed")
            live.rescan()
            await service.wait_idle(modules)
            await live._count()
            assert live.counts.vectors == before
            ((_, symbol),) = await service.symbols("Holder0", limit=1)
            assert symbol.path == "renamed/module0.py"

    run(play)


@pytest.mark.parametrize("query", ["c", "comp", "cp1", "part", "Holder1", "holder7.grow", "", "gro"])
def test_the_best_symbols_of_several_workspaces_are_those_of_each(modules: Path, tmp_path: Path, query: str) -> None:
    other = tmp_path / "other" / "deep" / "tests"
    other.mkdir(parents=True)
    for number in range(20):
        (other / f"more{number}.py").write_text(python_module(number, 10))

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            roots = [tmp_path / "other", modules]  # the better ones come last
            for root in roots:
                await service.open_workspace(root, "test")
                await service.wait_idle(root)
            for limit in (1, 7, 60):
                alone = [found for root in roots for found in await service.symbols(query, roots=[root], limit=limit)]
                best = sorted((symbol.score for _, symbol in alone), reverse=True)[:limit]
                together = await service.symbols(query, roots=roots, limit=limit)
                assert [symbol.score for _, symbol in together] == pytest.approx(best, abs=RECENT_BONUS)
                assert len(together) == len(best)

    run(play)


def test_there_is_nothing_to_clear_where_nothing_was_indexed(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            with pytest.raises(PathError, match="no index for"):
                await service.clear(modules)

    run(play)


@pytest.mark.parametrize(("query", "file"), [("Parser.parse", "src/reader.py"), ("probe", "tests/test_reader.py")])
def test_a_symbol_ranks_the_same_before_and_while_its_file_is_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, file: str
) -> None:
    monkeypatch.setattr(answers, "FIRST_S", 60.0)  # how soon a busy machine parses is not the question here
    texts = {
        "src/reader.py": "class Parser:\n    def parse(self):\n        return 1\n",
        "src/other.py": "class IfParserHelper:\n    def parse(self): ...\n\nclass Parser2:\n    def parse(self): ...\n",
        "src/probe.py": "def probe():\n    return 3\n",
        "tests/test_reader.py": "def probe():\n    return 2\n",
    }
    tree = tmp_path / "tree"
    for number, (name, text) in enumerate(texts.items()):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1e9 + number, 1e9 + number))
    path = tree / file

    async def play() -> None:
        async with serving(tmp_path / "home") as service, anyio.create_task_group() as group:
            await service.open_workspace(tree, "test")
            await service.wait_idle(tree)
            documents = Documents(service.documents, "test", group)

            async def ranked() -> list[tuple[str, float]]:
                found = await find_symbols(service, documents, query, roots=[tree], limit=9, near=[path])
                return [(symbol.path, symbol.score) for _, symbol in found]

            before = await ranked()
            assert len(before) >= 2
            documents.open(path.as_uri(), path, "python", 1, texts[file])
            assert await ranked() == before
            documents.change(path.as_uri(), 2, [(None, texts[file] + "\n# edited\n")])
            assert await ranked() == before
            group.cancel_scope.cancel()

    run(play)


def test_unused_clients_leave_nothing_open(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "one")
            await service.open_workspace(modules, "two")
            await service.drop_client("one")
            assert service.live(modules) is not None
            await service.drop_client("two")
            assert service.live(modules) is None
            await service.open_workspace(modules, "three")
            await service.wait_idle(modules)
            assert service.status().workspaces[0].files == 60

    run(play)


def test_status_is_told_when_it_changes_and_not_too_often(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        told: list[tuple[float, Status]] = []
        async with serving(tmp_path / "home") as service:
            end = service.subscribe(lambda status: told.append((time.monotonic(), status)))
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            await until(lambda: told and told[-1][1].state == "idle" and told[-1][1].workspaces[0].files == 60)
            count = len(told)
            end()
            service.monitor.touch()
            await anyio.sleep(0.7)
            assert len(told) == count
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(told)]
        assert all(gap > 0.4 for gap in gaps)

    run(play)


def test_memory_tree_adds_up_to_what_the_kernel_says(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            await service.search(SearchRequest("compute a figure"))
            tree = service.memory()
            assert tree.bytes == sum(child.bytes for child in tree.children)
            daemon = next(child for child in tree.children if child.name.startswith("daemon"))
            assert daemon.bytes == sum(part.bytes for part in daemon.children)
            assert daemon.children[-1].name == "unattributed"
            cache = next(part for part in daemon.children if part.name == "question cache")
            assert (cache.misses, cache.hits) == (1, 0)
            await service.search(SearchRequest("compute a figure"))
            cache = next(part for part in service.memory().children[0].children if part.name == "question cache")
            assert (cache.misses, cache.hits) == (1, 1)

    run(play)


def test_a_daemon_told_to_begin_anew_is_not_idle_before_it_has(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            live = service.live(modules)
            assert live is not None
            before, states = live.completed_runs, set()
            await service.reindex(modules, force=True)
            with anyio.fail_after(60):
                while live.completed_runs == before:
                    states.add(service.status().state)
                    await anyio.lowlevel.checkpoint()
            assert "indexing" in states
            assert "idle" not in states

    run(play)


def test_every_cache_of_the_daemon_tells_its_limit_and_how_it_fares(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            for number in range(900):
                word = "".join(chr(ord("a") + number // 26**place % 26) for place in range(3))
                await service.search(SearchRequest(f"compute zq{word}xk vq{word}xk wq{word}xk", limit=1))
            parts = {part.name: part for part in service.memory().children[0].children}
            caches = [parts[name] for name in ("question cache", "words cache", "open texts cache")]
            told = [cache.as_json() for cache in caches]
            assert all(cache["bytes"] <= cache["limitBytes"] for cache in told)
            assert all({"hits", "misses", "evictions"} <= set(cache) for cache in told)
            assert told[0]["evictions"] > 0
            assert told[1]["evictions"] > 0

    run(play)


def test_what_cannot_be_done_is_said(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            before = service.status().memory.budget_bytes
            with pytest.raises(PathError):
                await service.open_workspace(tmp_path / "missing", "test")
            with pytest.raises(PathError):
                await service.search(SearchRequest("anything"), [modules])
            with pytest.raises(UsageError):
                await service.search(SearchRequest("  "))
            with pytest.raises(ConfigError):
                await service.set_budget(5 * MIB, "a test")
            assert service.status().memory.budget_bytes == before

    run(play)


def test_what_is_wrong_with_a_place_is_said_of_an_open_workspace_too(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle()
            asked = {"rootUri": modules.as_uri(), "path": "pkg0/module0.py"}
            with pytest.raises(PathError, match=r"no text at pkg0/module0\.py:99999: the file has no such lines"):
                await HANDLERS["lowtide/similarTo"](service, Asker(), {**asked, "line": 99_999})
            with pytest.raises(PathError, match=r"cannot read none\.py"):
                await HANDLERS["lowtide/similarTo"](service, Asker(), {**asked, "path": "none.py", "line": 1})

    run(play)


def test_the_whole_machine_is_refused_by_the_service_itself(tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            (tmp_path / "link").symlink_to("/proc")
            for root in (Path("/"), Path("/proc"), Path("/sys/kernel"), Path("/dev"), Path.home(), tmp_path / "link"):
                with pytest.raises(RefusedError, match="will not index"):
                    await service.open_workspace(root, "test")
                with pytest.raises(RefusedError):
                    await service.plan(root)
                for method in ("lowtide/index", "lowtide/plan"):
                    with pytest.raises(RefusedError):
                        await HANDLERS[method](service, Asker(), {"rootUri": root.as_uri(), "consent": "yes"})
            assert service.workspaces == ()

    run(play)


def test_with_the_users_consent_a_home_folder_is_indexed(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(modules))

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            question = {"rootUri": modules.as_uri()}
            with pytest.raises(RefusedError):
                await HANDLERS["lowtide/index"](service, Asker(), question)
            report = await HANDLERS["lowtide/index"](service, Asker(), {**question, "consent": True})
            assert report["files"]["indexed"]

    run(play)


def test_a_root_that_disappears_and_comes_back_is_followed(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            modules.rename(tmp_path / "away")
            live = service.live(modules)
            assert live is not None
            await until(lambda: live.watch_state is None or live.watch_state.mode == "gone" or live.error is not None)
            (tmp_path / "away").rename(modules)
            (modules / "fresh.py").write_text("def came_back():\n    return 1\n")

            async def found() -> bool:
                return bool([s for _, s in await service.symbols("came_back") if s.name == "came_back"])

            with anyio.fail_after(30):
                while not await found():
                    await anyio.sleep(0.05)

    run(play)


def test_a_second_work_tree_of_a_repository_embeds_only_what_differs(modules: Path, tmp_path: Path) -> None:
    git(modules, "init", "-q")
    git(modules, "add", "-A")
    git(modules, "commit", "-qm", "all")
    git(modules, "worktree", "add", "-q", str(tmp_path / "second"))
    second = tmp_path / "second"
    (second / "fresh.py").write_text("def only_here(value):\n    return value * 3\n" * 3)

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            asked: list[int] = []
            original = service.host.pool.run

            async def run(worker: Any, task: Any, **more: Any) -> Any:
                outcome = await original(worker, task, **more)
                asked.append(len(outcome.done.vector_rows))
                return outcome

            service.host.pool.run = run  # type: ignore[method-assign]
            await service.open_workspace(second, "test")
            await service.wait_idle(second)
            live, first = service.live(second), service.live(modules)
            assert live is not None
            assert first is not None
            assert live.counts.vectors > first.counts.vectors
            assert 0 < sum(asked) <= 3
            ((_, answer),) = await service.search(SearchRequest("compute the third figure"), [second])
            assert answer.degraded is None
            assert answer.hits

    run(play)


def test_a_clock_that_jumps_leads_to_a_new_look_at_everything(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumped_s = 0.0
    real = time.time
    monkeypatch.setattr(monitor, "PUBLISH_S", 0.01)
    monkeypatch.setattr(monitor, "TICK_S", 0.01)

    async def play() -> None:
        nonlocal jumped_s
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            live = service.live(modules)
            assert live is not None
            monkeypatch.setattr("lowtide.serve.monitor.time.time", lambda: real() + jumped_s)
            for count, jump_s in enumerate((3600.0, -86_400.0), live.completed_runs + 1):
                jumped_s = jump_s
                await until(partial(_has_run, live, count))
                await service.wait_idle(modules)

    run(play)


def test_what_is_paused_while_it_is_opened_is_counted_before_it_is_quiescent(modules: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(modules, "test")
            await service.wait_idle(modules)
            await service.close_workspace(modules, "test")
            await service.pause()
            await service.open_workspace(modules, "test")
            assert not service.status().quiescent
            await service.wait_idle(modules)
            status = service.status()
            assert (status.quiescent, status.workspaces[0].files) == (True, 60)

    run(play)


def test_a_configuration_that_was_corrected_is_read_at_once(modules: Path, tmp_path: Path) -> None:
    config = modules / ".lowtide.toml"

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            caller = Asker()
            index = partial(HANDLERS["lowtide/index"], service, caller, {"rootUri": modules.as_uri()})
            find = partial(HANDLERS["lowtide/symbols"], service, caller)
            await index()
            await service.close_workspace(modules, caller.client)
            for _ in range(3):  # each failure is tried again later than the one before
                config.write_text("[index]\nmax_file_size = 'many'\n")
                with pytest.raises(ConfigError, match="max_file_size"):
                    await index()
                config.unlink()
                await index()
                await service.close_workspace(modules, caller.client)
            config.write_text("[index]\nmax_file_size = 'many'\n")
            question = {"rootUri": modules.as_uri(), "query": "Holder7"}
            answer = await find(question)
            assert answer["symbols"]
            assert "max_file_size" in answer["freshness"]["reason"]
            config.unlink()
            for _ in range(2):  # the next one may end before all is compared
                answer = await find(question)
                assert "max_file_size" not in answer["freshness"]["reason"]

    run(play)


def test_a_status_that_differs_in_being_at_rest_alone_is_a_new_one(modules: Path, tmp_path: Path) -> None:
    """An editor waits for this word, and nothing else may change with it."""

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            status = service.status()
            assert monitor._essence(status) != monitor._essence(replace(status, quiescent=not status.quiescent))

    run(play)


def test_an_index_that_has_just_been_begun_answers_with_how_far_it_is(modules: Path, tmp_path: Path) -> None:
    root, caller = {"rootUri": modules.as_uri()}, Asker()
    asked: list[tuple[str, dict[str, Any], str]] = [
        ("lowtide/find", {"query": "compute_part_0_1"}, "hits"),
        ("lowtide/findText", {"text": "compute_part_0_1"}, "hits"),
        ("lowtide/symbols", {"query": "compute_part_0_1"}, "symbols"),
        ("lowtide/references", {"name": "LIMIT_0"}, "refs"),
    ]

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            opening = service.host.opening
            held = [object() for _ in range(int(opening.total_tokens))]
            for each in held:
                await opening.acquire_on_behalf_of(each)  # nothing is made yet, and nobody has to be quick to see it
            await service.open_workspace(modules, "test")
            for method, params, found in asked:
                answer = await HANDLERS[method](service, caller, root | params)
                assert (answer[found], answer["freshness"]["state"]) == ([], "indexing"), method
            assert [found.hits for _, found in await service.similar(None, "def compute(): ...")] == [()]
            assert await service.files_with(modules, "LIMIT_0", 10) == ([], False)
            assert await service.definitions(modules, [Place(b"pkg0/module0.py", 1, 1, "a", "")], 100) == [None]
            for each in held:
                opening.release_on_behalf_of(each)
            await service.wait_idle(modules)
            for method, params, found in asked:
                answer = await HANDLERS[method](service, caller, root | params)
                assert answer[found], method
                assert answer["freshness"]["state"] == "current"

    run(play)
