"""An index of an older version, while it is made one of this: nobody waits for that, and everybody is told."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import anyio
import pytest
from tests.worker.services import run, serving, until

from lowtide.errors import LockHeld
from lowtide.index import workspace as index_workspace
from lowtide.index.workspace import CONVERTS
from lowtide.read.request import SearchRequest
from lowtide.store import chunk_kinds, conversion

CATALOG = Path(__file__).resolve().parents[1] / "data" / "formats" / "catalog-4.sqlite"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "a.py").write_text("def alpha():\n    return 1\n")
    return folder


def test_a_question_is_told_and_status_too(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on, home = threading.Event(), tmp_path / "home"
    known = conversion.CONVERSIONS[4]

    def slow(db: chunk_kinds.Connection) -> None:
        assert may_go_on.wait(60)
        known(db)

    monkeypatch.setattr(index_workspace, "CONVERTING_S", 0.1)

    async def play() -> None:
        async with serving(home) as service:
            await service.index(root, "test")
            folder = service.host.workspace(root).folder
        for path in folder.iterdir():
            if path.name not in ("root", "lock"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copy(CATALOG, folder / "catalog.sqlite")
        (folder / "catalog.sqlite").chmod(0o600)
        monkeypatch.setitem(conversion.CONVERSIONS, 4, slow)
        async with serving(home) as service:
            try:
                await service.open_workspace(root, "test")
                await until(lambda: service.status().workspaces[0].messages == (CONVERTS,))
                for ask in (service.symbols("alpha"), service.search(SearchRequest("alpha"))):
                    with anyio.fail_after(30), pytest.raises(LockHeld, match="cannot be read yet") as told:
                        await ask
                    assert told.value.why == CONVERTS
            finally:
                may_go_on.set()
            await until(lambda: all(entry.completed_runs and entry.quiescent for entry in service.workspaces))
            assert [symbol.name for _, symbol in await service.symbols("alpha")] == ["alpha"]
            assert CONVERTS not in service.status().workspaces[0].messages

    run(play)
