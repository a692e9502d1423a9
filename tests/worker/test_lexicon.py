"""The words of files reach the lexical index, also when no worker had room for them at first."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import anyio
import pytest
from tests.worker.test_seeding import index, places_of

from lowtide.config.settings import Config
from lowtide.errors import WorkerOverBudget
from lowtide.index import lexicon
from lowtide.index.shared import Stay
from lowtide.index.workspace import Workspace
from lowtide.serve.app import opened
from lowtide.store.rows import Segment
from lowtide.system.memory import own_anonymous_bytes


def test_words_for_which_there_was_no_room_are_brought_in_later_and_keep_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is told once; the workspace is at rest meanwhile, and the next try comes by itself, later each time."""
    (tmp_path / "tree").mkdir()
    for number in range(20):
        (tmp_path / "tree" / f"m{number}.py").write_text(f"def part_{number}(x):\n    return x + {number}\n")
    write = lexicon.Lexicon._write
    failures: list[float] = []
    rests: list[float] = []

    async def no_room_at_first(self: lexicon.Lexicon, block: lexicon._Block, target: str) -> Segment:
        rests.append(self._rest_s)
        if len(failures) < 2:
            failures.append(anyio.current_time())
            raise WorkerOverBudget("a worker ended", "an allocation passed its limit")
        return await write(self, block, target)

    monkeypatch.setattr(lexicon.Lexicon, "_write", no_room_at_first)
    monkeypatch.setattr(lexicon, "RETRY_S", 0.5)
    monkeypatch.setattr(lexicon, "LEAST_SCALE", 1.0)

    async def play() -> None:
        config = Config((256 << 20) + own_anonymous_bytes())
        async with opened(places_of(tmp_path / "home"), config, Stay.LONG) as service:
            report = await service.index(tmp_path / "tree", "test")
            assert report.files.indexed == 20
            workspace = Workspace(tmp_path / "tree", places_of(tmp_path / "home").index_folder(tmp_path / "tree"))
            with anyio.fail_after(60):
                while True:
                    with closing(workspace.reading()) as catalog:
                        if catalog.lexical_segment() is not None and not catalog.pending_bytes():
                            break
                    await anyio.sleep(0.05)

    anyio.run(play)
    assert len(failures) == 2
    assert rests[:3] == [0.5, 1.0, 2.0]
    assert index(tmp_path / "tree", tmp_path / "home").files.indexed == 0
