"""Many workspaces in one daemon: few are indexed at once, all come to their end, and those at rest cost next to
nothing."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from pathlib import Path

import anyio
import pytest
from msgspec import UNSET
from tests.worker.services import run, serving, until

from lowtide.answers import SymbolHit
from lowtide.core.ladder import Step
from lowtide.core.leads import leading
from lowtide.index import resting
from lowtide.read import readers
from lowtide.read.request import SearchRequest
from lowtide.read.symbols import best_symbols
from lowtide.serve import questions

MIB = 1 << 20
COUNT = 7


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    made = []
    for number in range(COUNT):
        root = tmp_path / f"tree{number}"
        root.mkdir()
        for part in range(4):
            (root / f"part{part}.py").write_text(f"def figure_{number}_{part}(value):\n    return value + {part}\n")
        made.append(root)
    return made


def open_files(home: Path) -> list[str]:
    """What this process has open below `home`, but for the locks."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if path.startswith(str(home)) and not path.endswith("/lock"):
            found.append(path)
    return found


def test_one_after_the_other_and_all_of_them(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never more whole runs than there are turns, and those that wait say how many come before them."""
    home = tmp_path / "home"
    most_busy, seen_before = 0, set[int]()

    async def play() -> None:
        nonlocal most_busy
        async with serving(home, 128) as service:
            monkeypatch.setattr(service.host.turns, "_most", lambda: 1)
            for root in roots:
                await service.open_workspace(root, "test")
            with anyio.fail_after(120):
                while any(entry.incomplete for entry in service.workspaces):
                    most_busy = max(most_busy, sum(entry.busy for entry in service.workspaces))
                    for entry in service.status().workspaces:
                        if entry.before is not UNSET:
                            assert entry.state == "waiting"
                            seen_before.add(entry.before)
                    await anyio.sleep(0.005)
            assert sum(entry.counts.files for entry in service.workspaces) == 4 * COUNT
            assert not any(entry.before is not UNSET for entry in service.status().workspaces)

    run(play)
    assert most_busy <= 2, "one, and one beside a long one"
    assert {1, 2} <= seen_before


def test_what_somebody_asks_for_is_indexed_before_the_others(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home", 128) as service:
            monkeypatch.setattr(service.host.turns, "_most", lambda: 1)
            for root in roots:
                await service.open_workspace(root, "test")
            service.set_open_files("test", [roots[-1] / "part0.py"])
            await until(lambda: any(entry.completed_runs for entry in service.workspaces if entry.root == roots[-1]))
            done = sum(entry.completed_runs > 0 for entry in service.workspaces)
            assert done <= COUNT // 2

    run(play)


def test_at_rest_it_has_no_catalog_open_and_an_edit_is_found_all_the_same(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resting, "REST_S", 0.05)
    home = tmp_path / "home"

    async def play() -> None:
        async with serving(home, 128) as service:
            for root in roots[:3]:
                await service.open_workspace(root, "test")
            await until(lambda: all(entry.completed_runs for entry in service.workspaces))
            await until(lambda: not [path for path in open_files(home) if "catalog" in path])
            for number in range(2):
                (roots[1] / "late.py").write_text(f"def late_arrival_{number}():\n    return 1\n")

                async def is_found(name: str = f"late_arrival_{number}") -> bool:
                    return any(symbol.name == name for _, symbol in await service.symbols(name))

                with anyio.fail_after(60):
                    while not await is_found():
                        await anyio.sleep(0.02)
                service.readers.close_idle()
                await until(lambda: not [path for path in open_files(home) if "catalog" in path])
            assert service.live(roots[1]).error is None  # type: ignore[union-attr]

    run(play)


def test_whoever_opens_a_catalog_at_rest_leaves_it_open_for_a_moment_alone(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking for graphs to build opened the catalogs of all folders for good: 20 MiB of 150."""
    monkeypatch.setattr(resting, "REST_S", 0.05)
    home = tmp_path / "home"

    async def play() -> None:
        async with serving(home, 128) as service:
            for root in roots:
                await service.open_workspace(root, "test")
            await until(lambda: all(entry.completed_runs and entry.quiescent for entry in service.workspaces))
            for entry in service.workspaces:
                assert entry._graphs is not None
                assert not await entry._graphs.build_next()
                await entry._count()
            assert [path for path in open_files(home) if "catalog" in path]
            await until(lambda: not [path for path in open_files(home) if "catalog" in path])

    run(play)


def test_of_idle_catalogs_few_are_open_those_used_last(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resting, "REST_S", 3600.0)
    monkeypatch.setattr(resting, "MOST_OPEN", 2)
    home = tmp_path / "home"

    def open_roots() -> set[str]:
        return {path for path in open_files(home) if path.endswith("catalog.sqlite")}

    async def play() -> None:
        async with serving(home, 128) as service:
            for root in roots:
                await service.open_workspace(root, "test")
            await until(lambda: all(entry.completed_runs and entry.quiescent for entry in service.workspaces))
            service.readers.close_idle()
            await until(lambda: len(open_roots()) <= 2)
            entry = service.live(roots[0])
            assert entry is not None

            async def is_open_when_used_last() -> bool:
                await entry._count()
                await service.host.catalogs.look(time.monotonic())
                return len(now_open := open_roots()) <= 2 and str(entry.workspace.catalog_path) in now_open

            with anyio.fail_after(60):
                # Memory that runs short for a moment, or a turn that is waited for, closes all that rest.
                while not await is_open_when_used_last():
                    await anyio.sleep(0.01)

    run(play)


def test_a_workspace_at_rest_is_one_task(roots: list[Path], tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home", 128) as service:
            before = len(asyncio.all_tasks())
            for root in roots:
                await service.open_workspace(root, "test")
            await until(lambda: all(entry.completed_runs and entry.quiescent for entry in service.workspaces))
            await until(lambda: len(asyncio.all_tasks()) <= before + COUNT)

    run(play)


def test_what_closed_workspaces_held_is_given_back(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a spell of work: else what they held stays with the allocator until the next one."""
    shrunk: list[int] = []

    async def play() -> None:
        async with serving(tmp_path / "home", 128) as service:
            for root in roots[:2]:
                await service.open_workspace(root, "test")
            await until(lambda: all(entry.completed_runs and entry.quiescent for entry in service.workspaces))
            await until(lambda: not service.monitor._worked)

            async def shrink() -> None:
                shrunk.append(len(service.workspaces))

            monkeypatch.setattr(service, "shrink", shrink)
            for root in roots[:2]:
                await service.close_workspace(root, "test")
            await until(lambda: shrunk)

    run(play)
    assert shrunk == [0]


def test_an_index_removed_while_it_rests_is_made_anew(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resting, "REST_S", 0.05)
    home = tmp_path / "home"

    async def play() -> None:
        async with serving(home, 128) as service:
            await service.open_workspace(roots[0], "test")
            entry = service.live(roots[0])
            assert entry is not None
            await until(lambda: entry.completed_runs and not [p for p in open_files(home) if "catalog" in p])
            entry.workspace.catalog_path.unlink()
            (roots[0] / "late.py").write_text("def late_arrival():\n    return 1\n")
            await until(lambda: entry.completed_runs > 1 and entry.counts.files == 5)

    run(play)


def test_embedding_is_taken_up_again_with_the_room_that_questions_have_taken(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[tuple[int, bool]] = []

    async def play() -> None:
        async with serving(tmp_path / "home", 128) as service:
            host = service.host
            await service.open_workspace(roots[0], "test")
            await until(lambda: all(entry.completed_runs for entry in service.workspaces))
            await service.search(SearchRequest("figure"), [roots[0]])
            monkeypatch.setattr(
                host, "_set_footing", lambda: held.append((len(service.readers), host.static_model is not None))
            )
            host.regain()
            host.ladder.set_floor(Step.LEXICAL_ONLY, "test", 0.0)
            host.regain()
            assert held == [(1, True), (0, False)]
            ((_, answer),) = await service.search(SearchRequest("figure"), [roots[0]])
            assert answer.degraded is None, "it is only opened again"

    run(play)


def test_of_many_folders_those_that_have_nothing_among_the_best_are_not_searched(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading texts and comparing them word by word was half of what each folder took."""
    request = SearchRequest("figure_3_1")

    async def play() -> None:
        async with serving(tmp_path / "home", 128) as service:
            for root in roots:
                await service.open_workspace(root, "test")
            await until(lambda: all(entry.completed_runs and entry.quiescent for entry in service.workspaces))
            assert not await service.passed_over(request, roots), "they are few"
            monkeypatch.setattr(questions, "FEW_ROOTS", 2)
            monkeypatch.setattr(questions, "leading", partial(leading, most_places=2))
            over = await service.passed_over(request, roots)
            assert roots[3] not in over
            assert len(over) >= COUNT - 2
            assert not any(answer.hits or answer.degraded for answer in over.values())
            whole = {hit.name: hit for _, answer in await service.search(request, roots) for hit in answer.hits}
            left = [root for root in roots if root not in over]
            fewer = {hit.name: hit for _, answer in await service.search(request, left) for hit in answer.hits}
            assert fewer["figure_3_1"] == whole["figure_3_1"]
            assert whole["figure_3_1"].score == max(hit.score for hit in whole.values())

    run(play)


def test_symbols_of_many_folders_are_cut_to_the_best_after_each(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred of each of 150 folders were held at once: 15 MiB."""
    seen: list[int] = []

    def look(found: list[tuple[Path, SymbolHit]], query: str, limit: int) -> list[tuple[Path, SymbolHit]]:
        seen.append(len(found))
        return best_symbols(found, query, limit)

    async def play() -> None:
        async with serving(tmp_path / "home", 128) as service:
            for root in roots:
                await service.open_workspace(root, "test")
            await until(lambda: all(entry.completed_runs and entry.quiescent for entry in service.workspaces))
            whole = await service.symbols("figure", limit=1000)
            monkeypatch.setattr(questions, "best_symbols", look)
            assert await service.symbols("figure", limit=3) == whole[:3]

    run(play)
    assert len(seen) == COUNT
    assert max(seen) <= 6


def test_asking_all_keeps_few_of_them_open(roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MOST_OPEN", 2)
    monkeypatch.setattr(resting, "REST_S", 0.05)

    async def play() -> None:
        async with serving(tmp_path / "home", 128) as service:
            for root in roots:
                await service.open_workspace(root, "test")
            await until(lambda: all(entry.completed_runs for entry in service.workspaces))
            for _ in range(2):
                found = await service.symbols("figure")
                assert len({root for root, _ in found}) == COUNT
                assert len(service.readers) <= 2
            await service.symbols("figure", roots=[roots[0]])
            opened = service.readers.opened_count
            await service.symbols("figure", roots=[roots[0]])
            assert service.readers.opened_count == opened, "the one used last stays open"

    run(play)
