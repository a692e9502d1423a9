"""A first index takes code before texts and texts before data, and holds at last what it always held."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.contents import differences, read_contents
from tests.e2e.harness import python_module
from tests.worker.services import run, serving, until

from lowtide.core.ladder import Step
from lowtide.core.order import Wave
from lowtide.index import held, indexing, shared
from lowtide.index.indexing import BATCH_FILES
from lowtide.models import FileStat
from lowtide.system.tree.walk import walk


def tree(root: Path) -> Path:
    """By path, all data comes before the texts and these before the code."""
    for number in range(120):
        path = root / "conf" / "locale" / f"l{number}" / "app.po"
        path.parent.mkdir(parents=True)
        path.write_text(f'msgid "one {number}"\nmsgstr "eins {number}"\n' * 20)
    for number in range(30):
        (root / f"guide{number}.md").write_text(f"# Chapter {number}\n\nHow it is done, part {number}.\n")
        (root / f"z{number}.py").write_text(python_module(number, 3))
    return root


def indexed(home: Path) -> list[str]:
    """Paths in the order in which they were written."""
    (catalog,) = home.glob("**/catalog.sqlite")
    with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as db:
        return [bytes(path).decode() for (path,) in db.execute("SELECT path FROM files ORDER BY id")]


def index(root: Path, home: Path) -> None:
    async def play() -> None:
        async with serving(home) as service:
            service.host.ladder.set_floor(Step.ONE_WORKER, "one at a time", 0.0)
            await service.index(root, "test")

    run(play)


def test_code_is_written_before_texts_and_texts_before_data(tmp_path: Path) -> None:
    index(tree(tmp_path / "tree"), tmp_path / "home")
    endings = [path.rpartition(".")[2] for path in indexed(tmp_path / "home")]
    begun = endings.index("py")
    assert begun <= BATCH_FILES, "what a worker began with while no code was known"
    assert endings[begun:] == ["py"] * 30 + ["md"] * 30 + ["po"] * (120 - begun)


def test_the_index_equals_the_one_that_was_made_in_the_order_of_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(tmp_path / "tree")
    index(root, tmp_path / "home")
    monkeypatch.setattr(held, "wave_of", lambda *_: Wave.CODE)
    index(root, tmp_path / "plain")
    assert indexed(tmp_path / "plain") == sorted(indexed(tmp_path / "home"))
    (ordered,), (plain,) = ((tmp_path / name).glob("**/catalog.sqlite") for name in ("home", "plain"))
    assert differences(read_contents(ordered), read_contents(plain)) == []


@pytest.mark.parametrize("most_bytes", [held.MOST_BYTES, 1])
def test_data_is_indexed_while_the_walk_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_bytes: int) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    for number in range(300):
        (root / f"{number:03}.json").write_text(f'{{"price": {number}}}\n')
    goes_on = threading.Event()

    def hanging(*arguments: Any, **named: Any) -> Iterator[FileStat]:
        for number, stat in enumerate(walk(*arguments, **named)):
            if number == 290:
                goes_on.wait(60)
            yield stat

    monkeypatch.setattr(shared, "walk", hanging)
    monkeypatch.setattr(indexing, "Held", lambda: held.Held(most_bytes))

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            await until(lambda: service.status().workspaces[0].files > 100)
            goes_on.set()
            await until(lambda: service.status().workspaces[0].files == 300)

    run(play)


@pytest.mark.parametrize("is_late", [False, True])
def test_what_an_editor_has_open_comes_first_and_then_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    root, goes_on = tree(tmp_path / "tree"), threading.Event()
    for number in range(100):
        (root / "conf" / f"z{number}.py").write_text(python_module(number, 3))
    (root / "conf" / "m.json").write_text('{"price": 1}\n')

    def hanging(*arguments: Any, **named: Any) -> Iterator[FileStat]:
        if named["only"] is None:
            goes_on.wait(60)
        return walk(*arguments, **named)

    monkeypatch.setattr(shared, "walk", hanging)

    async def play() -> None:
        async with serving(tmp_path / "home") as service:
            service.host.ladder.set_floor(Step.ONE_WORKER, "one at a time", 0.0)
            if not is_late:
                service.set_open_files("test", [root / "conf" / "m.json"])
            await service.open_workspace(root, "test")
            if is_late:
                await until(lambda: service.status().workspaces[0].state == "scanning")
                service.set_open_files("test", [root / "conf" / "m.json"])
            await until(lambda: service.status().workspaces[0].files == 101)
            goes_on.set()
            await until(lambda: service.status().workspaces[0].files == 281)

    run(play)
    written = indexed(tmp_path / "home")
    assert written[0] == "conf/m.json"
    assert {path for path in written if path.startswith("conf/z")} == set(written[1:101])
