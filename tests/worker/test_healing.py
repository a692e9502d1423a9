"""A service whose index is damaged, removed or replaced under it heals by itself, says so, and answers as before."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.e2e.harness import python_module
from tests.store.test_damage import overwrite_pages
from tests.worker.services import Asker, run, serving, until

from lowtide.errors import CorruptIndex, LowtideError, RootAway
from lowtide.index.report import describe_workspace
from lowtide.read.request import SearchRequest
from lowtide.serve import api
from lowtide.serve.service import Service

QUERY = "compute the third figure of part 2"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    for number in range(5):
        (root / f"module{number}.py").write_text(python_module(number))
    return root


async def hits(service: Service, root: Path) -> list[tuple[str, int, float]]:
    """Nothing while the answer says itself that something is missing."""
    ((_, answer),) = await service.search(SearchRequest(QUERY), [root])
    if answer.degraded is not None:
        return []
    return [(hit.path, hit.start_line, round(hit.score, 6)) for hit in answer.hits]


async def answered(service: Service, root: Path, seconds: float = 120.0) -> list[tuple[str, int, float]]:
    """The hits, once all is indexed again."""
    with anyio.fail_after(seconds):
        while True:
            try:
                await service.wait_idle(root)
                if found := await hits(service, root):
                    return found
            except LowtideError:
                pass
            await anyio.sleep(0.02)


async def opened(service: Service, root: Path) -> list[tuple[str, int, float]]:
    await service.open_workspace(root, "test")
    await service.wait_idle(root)
    return await hits(service, root)


@pytest.mark.parametrize("table", ["chunks", "symbols"])
def test_damage_met_by_a_question_is_told_and_built_anew_by_itself(tree: Path, tmp_path: Path, table: str) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            before = await opened(service, tree)
            live = service.live(tree)
            assert live is not None
            service.readers.close_idle()
            assert overwrite_pages(live.workspace.catalog_path, table)
            with pytest.raises(CorruptIndex) as told:
                await hits(service, tree)
            assert "built anew" in told.value.remedy
            assert await answered(service, tree) == before
            report = await api.index(service, Asker(), {"rootUri": tree.as_uri()})
            assert any("built anew" in message for message in report["messages"])
            assert report["files"]["unchanged"] == 5
            assert not live.workspace.is_marked
            report = await api.index(service, Asker(), {"rootUri": tree.as_uri()})
            assert not report["messages"], "it is told once"

    run(play)


def test_damage_of_a_closed_workspace_is_told_and_mended_by_the_next_index(tree: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            before = await opened(service, tree)
            await service.close_workspace(tree, "test")
            workspace = service.host.workspace(tree)
            assert overwrite_pages(workspace.catalog_path, "chunks")
            with pytest.raises(CorruptIndex) as told:
                await service.files_with(tree, "compute_part_2_3", 9)
            assert told.value.remedy
            report = await api.index(service, Asker(), {"rootUri": tree.as_uri()})
            assert any("built anew" in message for message in report["messages"])
            assert report["files"]["indexed"] == 5
            assert await hits(service, tree) == before

    run(play)


def test_damaged_segment_is_made_anew_by_itself(tree: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            before = await opened(service, tree)
            live = service.live(tree)
            assert live is not None
            segments = set(live.workspace.folder.glob("*.seg"))
            damage_segments(live.workspace.folder)
            ((_, answer),) = await service.search(SearchRequest(QUERY), [tree])
            assert "by meaning is missing" in (answer.degraded or ""), "only they held the vectors"
            assert answer.hits
            assert await answered(service, tree) == before
            await until(lambda: not live.workspace.has_damaged_segments and live.quiescent)
            assert not segments & set(live.workspace.folder.glob("*.seg"))
            assert await hits(service, tree) == before
            assert any("made anew" in message for message in live.messages)

    run(play)


def damage_segments(folder: Path) -> None:
    for segment in folder.glob("*.seg"):
        data = bytearray(segment.read_bytes())
        data[400] ^= 0x10
        segment.write_bytes(data)


def test_damage_that_only_the_index_command_meets_is_mended_when_it_ends(tree: Path, tmp_path: Path) -> None:
    """It is found at the end of a run: what was lost is indexed by another, and the first is not the answer."""

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            before = await opened(service, tree)
            await service.close_workspace(tree, "test")
            damage_segments(service.host.workspace(tree).folder)
            report = await api.index(service, Asker(), {"rootUri": tree.as_uri()})
            assert report["files"]["indexed"] == 5
            assert report["vectors"] > 0
            assert any("made anew" in message for message in report["messages"])
            assert await hits(service, tree) == before

    run(play)


def test_damage_that_was_met_before_costs_no_second_run(tree: Path, tmp_path: Path) -> None:
    """The first run makes it anew, whoever looks after the index before that has begun."""

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await opened(service, tree)
            await service.close_workspace(tree, "test")
            workspace = service.host.workspace(tree)
            damage_segments(workspace.folder)
            workspace.report_damaged_segments()
            await service.open_workspace(tree, "test")
            live = service.live(tree)
            assert live is not None
            while live.completed_runs == 0:
                service.look_after()
                await anyio.lowlevel.checkpoint()
            await service.wait_idle(tree)
            assert live.runs == 1
            assert live.files_indexed == 5
            assert not workspace.has_damaged_segments

    run(play)


def test_damaged_words_are_made_anew_by_themselves(tree: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            before = await opened(service, tree)
            live = service.live(tree)
            assert live is not None
            folder = live.workspace.folder
            await until(lambda: len(list(folder.glob("lexical-????????????????"))) == 1)
            await hits(service, tree)
            (generation,) = folder.glob("lexical-*")
            for path in generation.glob("*.idx"):
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 0x10
                path.write_bytes(data)
            ((_, answer),) = await service.search(SearchRequest(QUERY), [tree])
            assert answer.degraded is not None
            assert "damaged" in answer.degraded
            await until(lambda: not generation.exists() and live.quiescent)
            assert await answered(service, tree) == before
            await until(lambda: not live.workspace.has_damaged_segments)
            assert any("made anew" in message for message in live.messages)

    run(play)


@pytest.mark.parametrize("what", ["folder", "catalog", "lock", "catalog replaced"])
def test_index_removed_or_replaced_under_the_service_is_there_again_by_itself(
    tree: Path, tmp_path: Path, what: str
) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            before = await opened(service, tree)
            live = service.live(tree)
            assert live is not None
            folder = live.workspace.folder
            runs = live.completed_runs
            if what == "folder":
                shutil.rmtree(folder)
            elif what == "lock":
                (folder / "lock").unlink()
            elif what == "catalog":
                (folder / "catalog.sqlite").unlink()
            else:
                (tmp_path / "noise").write_bytes(b"\xa5" * 100_000)
                os.replace(tmp_path / "noise", folder / "catalog.sqlite")
            # Nobody asks: it is looked after all the same, and the lock is held again.
            await until(lambda: live.completed_runs > runs and live.quiescent and live.error is None)
            assert (folder / "lock").read_text().strip() == str(os.getpid())
            assert await answered(service, tree) == before
            (tree / "later.py").write_text("def found_later():\n    return 1\n")
            await until(lambda: live.counts.files == 6)
            ((_, symbol),) = await service.symbols("found_later", roots=[tree], limit=1)
            assert symbol.path == "later.py"
            assert any("built anew" in message for message in live.messages) or what == "lock"

    run(play)


def test_unmounted_workspace_keeps_its_index_and_says_so(tree: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            symbols = (
                len(await service.symbols("compute", roots=[tree], limit=200)) if await opened(service, tree) else 0
            )
            assert symbols
            live = service.live(tree)
            assert live is not None
            tree.rename(tmp_path / "away")
            tree.mkdir()  # as an empty mount point
            answer = await api.symbols(service, Asker(), {"rootUri": tree.as_uri(), "query": "compute"})
            assert answer["freshness"]["state"] != "current"
            if not answer["symbols"]:  # the first to ask
                assert "is not there" in answer["freshness"]["reason"]
            with pytest.raises(RootAway) as told:
                await api.index(service, Asker(), {"rootUri": tree.as_uri()})
            assert "its index is kept" in str(told.value)
            assert len(await service.symbols("compute", roots=[tree], limit=200)) == symbols
            await until(lambda: "kept" in service.status([tree]).workspaces[0].error)
            assert service.status([tree]).workspaces[0].damage == ""
            entry = describe_workspace(service.host.workspace(tree))
            assert ("kept" in entry.error, entry.damage, entry.symbols) == (True, "", live.counts.symbols)
            for ask in (api.symbols, api.search):  # and not only: nothing was found
                answer = await ask(service, Asker(), {"rootUri": tree.as_uri(), "query": "compute part 3"})
                assert answer["freshness"]["state"] == "unwatched"
                assert f"{tree} is not there" in answer["freshness"]["reason"]
            tree.rmdir()
            (tmp_path / "away").rename(tree)
            report = await api.index(service, Asker(), {"rootUri": tree.as_uri()})
            assert (report["files"]["unchanged"], report["files"]["removed"]) == (5, 0)
            assert not report["messages"]
            # A folder that is emptied is another matter.
            for file in tree.iterdir():
                file.unlink()
            report = await api.index(service, Asker(), {"rootUri": tree.as_uri()})
            await until(lambda: live.quiescent and live.counts.files == 0)

    run(play)


def test_a_root_swapped_for_a_link_is_not_followed(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for number in range(20):
        (outside / f"stranger{number}.py").write_text(f"def stranger_{number}(): ...\n")

    async def play() -> None:
        async with serving(tmp_path) as service:
            await service.open_workspace(tree, "test")
            await service.wait_idle(tree)
            before = service.status([tree]).workspaces[0].files
            tree.rename(tmp_path / "away")
            tree.symlink_to(outside)
            live = service.live(tmp_path / "away") or next(iter(service.workspaces))
            await until(lambda: isinstance(live.error, RootAway))
            assert "its index is kept" in str(live.error)
            entry = service.status().workspaces[0]
            assert (entry.files, entry.skipped) == (before, 0)

    run(play)
