"""Questions that read files find what is on the disk, also what the index has not heard of yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.worker.services import Asker, serving

from lowtide.index import comparing, shared
from lowtide.models import FileStat
from lowtide.serve.api import HANDLERS
from lowtide.serve.service import Service
from lowtide.system.tree.walk import walk


async def found(service: Service, root: Path, text: str, **more: Any) -> tuple[set[str], str]:
    """The files with a line that has `text`, and how the answer stands to the disk."""
    params = {"rootUri": root.as_uri(), "text": text, **more}
    answer = await HANDLERS["lowtide/findText"](service, Asker(), params)
    return {f"{hit['path']}:{hit['start_line']}" for hit in answer["hits"]}, answer["freshness"]["state"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    for number in range(100):
        (made / f"file{number:02}.py").write_text(f"def function_{number}():\n    return lantern_{number}\n")
    return made


def change(root: Path) -> set[str]:
    """Many edits, more than a question waits for; returns where `freshword` stands then."""
    for number in range(70):
        with (root / f"file{number:02}.py").open("a") as file:
            file.write("# freshword\n")
    (root / "file80.py").unlink()
    (root / "below").mkdir()
    (root / "below/new.go").write_text("package below\n// freshword of a new file\n")
    (root / "wide.txt").write_text("one\nfreshword\n", "utf-16")
    # What the index leaves out is not found either.
    (root / "packed.py").write_bytes(b"freshword\n\0\0\1" * 50)
    (root / "made.py").write_text("# @generated, do not edit\nfreshword = 1\n")
    (root / ".gitignore").write_text("left_out.py\n")
    (root / "left_out.py").write_text("freshword = 1\n")
    return {f"file{number:02}.py:3" for number in range(70)} | {"below/new.go:2", "wide.txt:2"}


async def ask_all(service: Service, root: Path, there: set[str]) -> None:
    used = await HANDLERS["lowtide/references"](service, Asker(), {"rootUri": root.as_uri(), "name": "freshword"})
    assert {f"{each['path']}:{each['line']}" for each in used["refs"]} == there
    assert await found(service, root, "freshword", limit=500) == (there, "current")
    assert await found(service, root, r"fresh\w+ of", regex=True) == ({"below/new.go:2"}, "current")
    assert (await found(service, root, "freshword", limit=500, languages=["go"]))[0] == {"below/new.go:2"}
    assert (await found(service, root, "freshword", globs=["*.txt"]))[0] == {"wide.txt:2"}
    assert (await found(service, root, "lantern_80"))[0] == set()
    assert (await found(service, root, "lantern_90"))[0] == {"file90.py:2"}


def test_what_waits_to_be_indexed_is_found(tmp_path: Path, root: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            await service.pause()
            there = change(root)
            await ask_all(service, root, there)
            # Of what is in no definition as far as is known, it is said that something may lack.
            assert (await found(service, root, "freshword", kinds=["function"]))[1] == "incomplete"
            await service.resume()
            await service.wait_idle(root)
            await ask_all(service, root, there)

    anyio.run(main)


def test_what_was_written_before_the_workspace_was_opened_is_found(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def late(*arguments: Any, **more: Any) -> Iterator[FileStat]:
        go.wait(60)
        return walk(*arguments, **more)

    async def main() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
        there = change(root)
        monkeypatch.setattr(shared, "walk", late)  # the comparison hangs: a slow disk
        async with serving(tmp_path / "home") as service:
            try:
                await ask_all(service, root, there)
            finally:
                go.set()

    anyio.run(main)


def test_a_workspace_whose_first_index_has_only_begun_is_looked_through(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with serving(tmp_path / "home") as service:
            await service.pause()
            await service.open_workspace(root, "test")
            with anyio.fail_after(60):
                while (await found(service, root, "lantern_7"))[1] != "current":
                    await anyio.sleep(0.01)
            assert await found(service, root, "lantern_77") == ({"file77.py:2"}, "current")
            monkeypatch.setattr(comparing, "MOST_DIFFERING", 50)
            assert (await found(service, root, "lantern_77"))[1] == "incomplete", "too much differs to be read"
            assert await found(service, root, "lantern_7,") == (set(), "incomplete")

    anyio.run(main)
