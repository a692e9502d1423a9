"""An index folder that Lowtide did not make is refused with a word, and nothing in it is opened, followed or
deleted."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.test_damage import QUESTIONS, fill

from lowtide.errors import ForeignIndex, StoreError
from lowtide.index.report import describe_workspace
from lowtide.index.workspace import REBUILT, Workspace
from lowtide.models import FileStat, Reason
from lowtide.store.catalog import Catalog

COMMANDS: dict[str, Callable[[Workspace], object]] = {**QUESTIONS, "index": lambda workspace: write(workspace)}


def write(workspace: Workspace) -> None:
    with workspace.writing():
        pass


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    file = tmp_path / "precious.txt"
    file.write_text("do not touch")
    return file


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "tree").mkdir()
    made = Workspace(tmp_path / "tree", tmp_path / "index")
    with made.writing() as (catalog, _):
        fill(catalog)
    return made


def poison(workspace: Workspace, script: str) -> None:
    with closing(sqlite3.connect(workspace.catalog_path)) as raw:
        raw.executescript(script)


def assert_refused(workspace: Workspace, precious: Path) -> None:
    before = {path.name: os.lstat(path).st_ino for path in workspace.folder.iterdir()}
    for name, command in COMMANDS.items():
        with pytest.raises(ForeignIndex) as told:
            command(workspace)
        assert str(workspace.folder) in str(told.value), name
        assert "lowtide clear" in told.value.remedy, name
    assert str(workspace.folder) in describe_workspace(workspace).error
    after = {path.name: os.lstat(path).st_ino for path in workspace.folder.iterdir()}
    assert before.items() <= after.items()
    assert precious.read_text() == "do not touch"


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM vectors; END",
        "CREATE VIEW v AS SELECT 1",
        "ALTER TABLE files RENAME TO kept; CREATE VIEW files AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 "
        "FROM c)"
        " SELECT x AS id FROM c",
        "CREATE TABLE more (a)",
        "CREATE INDEX more ON files (hex(path))",
        "DROP TABLE runs",
        "DROP TABLE runs; CREATE TABLE runs (id INTEGER PRIMARY KEY, ended_at_ns AS (hex(figures)), figures TEXT)",
        "PRAGMA application_id = 7",
        "INSERT INTO segments VALUES ('../precious.txt', 'names', 1, 2, 2, 12, 0)",
        "INSERT INTO segments VALUES ('/etc/passwd', 'flat', 1, 2, 2, 12, 0)",
        "INSERT INTO segments VALUES ('lock', 'flat', 1, 2, 2, 12, 0)",
        "INSERT INTO segments VALUES ('vectors-0000000000000001.seg', 'flat', -5, 2, 2, 12, 0)",
        "INSERT INTO segments VALUES ('vectors-0000000000000001.seg', 'lists', 1, 2, 2, 12, 0)",
    ],
)
def test_catalog_that_lowtide_did_not_make_is_refused(workspace: Workspace, precious: Path, script: str) -> None:
    poison(workspace, script)
    if "segments" in script:
        # What needs no segment may answer; nothing that names one does.
        before = {path.name for path in workspace.folder.iterdir()}
        for command in (QUESTIONS["symbols"], write):
            with pytest.raises(ForeignIndex):
                command(workspace)
        assert before <= {path.name for path in workspace.folder.iterdir()}
        assert precious.read_text() == "do not touch"
    else:
        assert_refused(workspace, precious)


@pytest.mark.parametrize("name", ["catalog.sqlite", "catalog.sqlite-wal", "lock", "root", "damaged", "config"])
@pytest.mark.parametrize("kind", ["link", "device", "pipe", "folder"])
def test_links_pipes_and_devices_are_refused_unopened_and_clear_follows_none(
    workspace: Workspace, precious: Path, name: str, kind: str
) -> None:
    path = workspace.folder / name
    path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert_refused(workspace, precious)
    if name == "config":
        with pytest.raises(StoreError, match="config"):
            workspace.clear()
        assert os.path.lexists(path)
    else:
        workspace.clear()
        assert not workspace.folder.exists()
        write(workspace)
    assert precious.read_text() == "do not touch"


def test_lock_that_is_a_file_elsewhere_too_is_refused(workspace: Workspace, precious: Path) -> None:
    (workspace.folder / "lock").unlink()
    os.link(precious, workspace.folder / "lock")
    with pytest.raises(ForeignIndex):
        write(workspace)
    assert precious.read_text() == "do not touch"


def test_folder_that_is_a_link_is_refused_and_cleared_as_a_link(workspace: Workspace, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(workspace.folder, elsewhere)
    elsewhere.chmod(0o755)
    workspace.folder.symlink_to(elsewhere)
    for command in (QUESTIONS["symbols"], write):
        with pytest.raises(ForeignIndex):
            command(workspace)
    assert elsewhere.stat().st_mode & 0o777 == 0o755
    workspace.clear()
    assert (elsewhere / "catalog.sqlite").exists()
    assert not os.path.lexists(workspace.folder)


def test_an_older_catalog_of_ours_is_none_the_less_ours(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    shutil.copy(Path(__file__).parents[1] / "data" / "formats" / "catalog-1.sqlite", path)
    Catalog(path, writable=True).close()
    with closing(Catalog(path, writable=False)) as reader:
        assert reader.counts().files == 1


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../precious.txt", "a/../../precious.txt", "./m7.py", "a//b", "a\0b"]
)
def test_paths_that_lead_out_are_in_no_answer_and_told(workspace: Workspace, precious: Path, path: str) -> None:
    for number in range(60):
        (workspace.root / f"m{number}.py").write_text("def alpha(): pass\n")
    with closing(sqlite3.connect(workspace.catalog_path)) as raw, raw:
        raw.execute("UPDATE files SET path = ? WHERE path = ?", (path.encode(), b"m7.py"))
    assert QUESTIONS["symbols"](workspace) == []
    assert workspace.is_marked
    (workspace.folder / "damaged").unlink()
    assert QUESTIONS["search"](workspace) == []
    assert workspace.is_marked
    assert "outside of the workspace" in describe_workspace(workspace).damage
    with workspace.writing() as (catalog, mended):
        assert mended == [REBUILT]
        fill(catalog)
    assert describe_workspace(workspace).damage == ""


def test_folders_that_are_left_out_whole_are_no_damage(workspace: Workspace) -> None:
    with workspace.writing() as (catalog, _):
        catalog.write([], [FileStat(b"a/node_modules/", 0, 0, 0, Reason.VENDORED, "by its name")], [])
    assert describe_workspace(workspace).damage == ""
