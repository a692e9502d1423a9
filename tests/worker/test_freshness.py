"""What is called current holds what was written: never while a run that looks at it is still at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.worker.services import serving

from lowtide.index import attending, shared
from lowtide.index.attending import Patience, freshness_of
from lowtide.index.comparing import compare_quickly
from lowtide.index.indexing import HAND_OVER_S
from lowtide.index.live import LiveWorkspace
from lowtide.models import FileStat
from lowtide.status import Standing
from lowtide.system.tree.walk import walk


def test_an_answer_is_current_only_when_what_was_just_written_is_in(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "first.py").write_text("def first():\n    pass\n")

    async def main() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            live = service.live(root)
            assert live is not None
            for number in range(12):
                path = root / ("first.py" if number % 2 else f"written{number}.py")
                path.write_text(f"def written_{number}_just_now():\n    return {number}\n")
                with anyio.fail_after(60):
                    while not freshness_of(live).is_current:
                        live.hurry()
                        await anyio.sleep(0.001)
                found = await service.symbols(f"written_{number}_just_now", roots=[root], limit=1)
                assert [symbol.name for _, symbol in found] == [f"written_{number}_just_now"]

    anyio.run(main)


def test_with_a_daemon_and_without_the_same_files_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    for number in range(3):
        (root / f"file{number}.py").write_text(f"def function_{number}():\n    return {number}\n")
    (root / "packed.py").write_bytes(b"\0\1\2" * 1000)  # only its content tells that it is no source

    async def main() -> None:
        async with serving(tmp_path / "home") as service:

            def quick() -> tuple[int, int]:
                fresh = compare_quickly(service.host.workspace(root), service.host.config)
                return fresh.indexed, fresh.total

            def told(live: LiveWorkspace) -> tuple[int, int]:
                fresh = freshness_of(live)
                return fresh.indexed, fresh.total

            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            live = service.live(root)
            assert live is not None
            assert told(live) == (3, 3)
            assert await anyio.to_thread.run_sync(quick) == (3, 3)
            await service.pause()
            (root / "file0.py").unlink()
            (root / "file1.py").write_text("def changed():\n    return 11\n")
            (root / "file3.py").write_text("def added():\n    return 3\n")
            (root / "packed.py").touch()
            with anyio.fail_after(60):
                while live.waiting < 4:
                    await live.changed.wait()
            assert told(live) == await anyio.to_thread.run_sync(quick)
            await service.resume()
            await service.wait_idle(root)
            assert told(live) == await anyio.to_thread.run_sync(quick) == (3, 3)

    anyio.run(main)


def test_the_first_question_after_a_start_waits_for_the_few_files_that_the_comparison_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as for the comparison itself, and not only as long as for a file that was saved while it was watched."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "first.py").write_text("def first():\n    pass\n")
    monkeypatch.setattr(attending, "BRIEF_S", 0.001)
    monkeypatch.setattr(attending, "OPENING_S", 60.0)

    async def main() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            service.host.workspace(root).remember_comparison(5.0)  # the machine was busy then: it is small all the same
        (root / "second.py").write_text("def written_before_the_start():\n    pass\n")
        async with serving(tmp_path / "home") as service:
            fresh = await service.attend(root, Patience.BRIEF)
            found = await service.symbols("written_before_the_start", roots=[root])
            assert [symbol.name for _, symbol in found] == ["written_before_the_start"]
            assert fresh.is_current

    anyio.run(main)


def test_what_has_changed_is_in_before_the_walk_that_found_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, names = tmp_path / "tree", [f"file{number}.py" for number in range(8)]
    root.mkdir()
    for name in names:
        (root / name).write_text("def before():\n    pass\n")
    seen, ended = threading.Event(), []

    def slowly(*arguments: Any, **more: Any) -> Iterator[FileStat]:
        for each in walk(*arguments, **more):
            yield each
            time.sleep(HAND_OVER_S)  # as on a busy disk
        ended.append(not seen.wait(20))

    async def main() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
        (root / names[1]).write_text("def written_while_nobody_watched():\n    pass\n")
        (root / names[2]).unlink()
        monkeypatch.setattr(shared, "walk", slowly)
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            with anyio.fail_after(60):
                while not await service.symbols("written_while_nobody_watched", roots=[root]):
                    await anyio.sleep(0.01)
                while len(await service.symbols("before", roots=[root])) > len(names) - 2:
                    await anyio.sleep(0.01)
            assert not ended, "it has waited for the end of the walk"
            seen.set()
            await service.wait_idle(root)

    anyio.run(main)


def test_a_first_run_says_from_its_beginning_on_how_many_files_there_are_and_so_does_one_that_was_cancelled(
    tmp_path: Path,
) -> None:
    root, total = tmp_path / "tree", 600
    root.mkdir()
    for number in range(total):
        (root / f"file{number}.py").write_text(f"def function_{number}():\n    return {number}\n")

    async def main() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            live = service.live(root)
            assert live is not None
            with anyio.fail_after(60):
                while not live.file_count.files:  # nobody has asked for it
                    await anyio.sleep(0.001)
            await service.cancel()
            with anyio.fail_after(60):
                while service.status().state != "idle":
                    await live.changed.wait()
            (said,) = service.status().workspaces
            fresh = said.freshness
            assert said.incomplete
            assert isinstance(fresh, Standing)
            assert (fresh.state, fresh.total) == ("incomplete", total)
            assert fresh.indexed < total

    anyio.run(main)
