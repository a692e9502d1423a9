"""What a process without room for one more open file finds: an error that passes, and no damage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from tests.store.indexes import absorb, make_index

from lowtide.errors import CorruptSegment, StoreError
from lowtide.index.upkeep import maintain
from lowtide.store.durable import raise_for_now
from lowtide.store.lexical.engine import _mapped

OPENS = """
import json, os, resource, sys
from pathlib import Path
from lowtide.errors import LowtideError
from lowtide.index.workspace import Workspace
from lowtide.read.snapshot import Snapshot

workspace = Workspace(Path(sys.argv[1]), Path(sys.argv[2]))
Snapshot(workspace).close()
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
held, told = len(os.listdir("/proc/self/fd")), []
for more in range(16):
    resource.setrlimit(resource.RLIMIT_NOFILE, (held + more, most))
    try:
        snapshot = Snapshot(workspace)
        lexical = snapshot._segments.lexical
        lexical.candidates(["parse"], None, 5)
        found = [*snapshot._segments.lacks, *lexical.reasons]
        snapshot.close()
    except LowtideError as error:
        found = [type(error).__name__]
    told.append(found)
    assert not workspace.has_damaged_segments, found
print(json.dumps(told))
"""


def test_a_sound_index_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    workspace = make_index(tmp_path, 3)

    async def bring_in() -> None:
        with workspace.writing() as (catalog, _):
            absorb(workspace, catalog)
            await maintain(workspace, catalog)

    anyio.run(bring_in)
    command = [sys.executable, "-c", OPENS, str(workspace.root), str(workspace.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert ["StoreError"] in told, "the limit was never felt"
    assert told[-1] == []
    assert all(found in (["StoreError"], []) for found in told), told


@pytest.mark.parametrize("number", [23, 24, 12])
def test_what_passes_is_told_by_its_number(number: int) -> None:
    with pytest.raises(StoreError, match="cannot open the index file a now") as told:
        raise_for_now(OSError(number, ""), Path("a"))
    assert "ulimit -n" in told.value.remedy


@pytest.mark.parametrize("error", [OSError(5, ""), ValueError("24"), CorruptSegment("it is damaged", "byte 24", "")])
def test_what_does_not_pass_is_left_to_who_knows_more(error: Exception) -> None:
    raise_for_now(error, Path("a"))


@pytest.mark.parametrize(
    "said", ['IoError { io_error: Os { code: 24, message: "Too many open files" } }', "it failed (os error 23)"]
)
def test_the_words_engine_is_understood(said: str) -> None:
    with pytest.raises(StoreError, match="now"), _mapped(Path("lexical")):
        raise ValueError(said)
    with pytest.raises(CorruptSegment), _mapped(Path("lexical")):
        raise ValueError("code: 2, a file that is not there")
