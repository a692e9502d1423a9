"""A new work tree or clone begins with the index of another one of the same repository, and is then its own."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.e2e.contents import Contents, differences, read_contents
from tests.e2e.soak import git

from lowtide.config.settings import Config
from lowtide.index import comparing, seeding
from lowtide.index.report import check_index
from lowtide.index.shared import Stay
from lowtide.index.workspace import Workspace
from lowtide.models import FileStat
from lowtide.paths import Places
from lowtide.serve.app import opened
from lowtide.status import IndexReport
from lowtide.system.memory import own_anonymous_bytes
from lowtide.system.tree import walk as tree_walk
from lowtide.system.tree.repository import Kinship, repository_at, same_repository

FILES = 60


@pytest.fixture
def main_tree(tmp_path: Path) -> Path:
    root = tmp_path / "main"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    for number in range(FILES):
        part = "def part_{0}_{1}(x):\n    '''Part {1} of {0}.'''\n    return x + {1}\n\n\n"
        text = "".join(part.format(number, n) for n in range(8))
        (root / f"m{number}.py").write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


def places_of(home: Path) -> Places:
    return Places(home / "config", home / "cache", home / "run")


def index(root: Path, home: Path) -> IndexReport:
    async def play() -> IndexReport:
        places = places_of(home)
        async with opened(places, Config((256 << 20) + own_anonymous_bytes()), Stay.BRIEF) as service:
            return await service.index(root, "test")

    return anyio.run(play)


def contents(root: Path, home: Path) -> Contents:
    """What a sound index says of its files."""
    workspace = Workspace(root, places_of(home).index_folder(root))
    with closing(workspace.reading()) as catalog:
        assert check_index(workspace, catalog) == ""
    return read_contents(workspace.catalog_path)


def test_a_work_tree_takes_all_that_its_sibling_has_made(main_tree: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert index(main_tree, home).files.indexed == FILES
    other = tmp_path / "other"
    git(main_tree, "worktree", "add", "-q", str(other), "-b", "topic")
    (other / "m3.py").write_text("def only_here(): ...\n")
    (other / "m4.py").unlink()

    report = index(other, home)

    assert (report.files.indexed, report.files.unchanged, report.files.removed) == (1, FILES - 2, 1)
    index(other, tmp_path / "fresh")
    assert differences(contents(other, home), contents(other, tmp_path / "fresh")) == []


@pytest.mark.parametrize("is_clone", [False, True])
def test_files_that_git_knows_to_be_the_same_are_not_read(main_tree: Path, tmp_path: Path, is_clone: bool) -> None:
    """But those are that differ on either side from what git has, or from what was indexed."""
    home, other = tmp_path / "home", tmp_path / "other"
    (main_tree / "m1.py").write_text("def other_than_git_has(): ...\n")
    index(main_tree, home)
    (main_tree / "m2.py").write_text("def not_indexed(): ...\n")
    git(main_tree, "commit", "-q", "-m", "two", "m2.py")
    if is_clone:
        git(tmp_path, "clone", "-q", str(main_tree), str(other))
    else:
        git(main_tree, "worktree", "add", "-q", str(other), "-b", "topic")
    (other / "m3.py").write_text("def only_here(): ...\n")
    later = time.time() + 10  # git looked after the moment in which the files were made
    for file in (main_tree / ".git", other / ".git" if is_clone else main_tree / ".git" / "worktrees" / "other"):
        os.utime(file / "index", (later, later))

    report = index(other, home)

    assert (report.files.indexed, report.files.unchanged) == (3, FILES - 3)
    assert report.source_bytes == sum((other / name).stat().st_size for name in ("m1.py", "m2.py", "m3.py"))
    index(other, tmp_path / "fresh")
    assert differences(contents(other, home), contents(other, tmp_path / "fresh")) == []


def test_a_copy_says_how_many_files_there_are(main_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No walk of its own counts them."""
    home, clone = tmp_path / "home", tmp_path / "clone"
    walked: list[Path] = []

    def walk(root: Path, *rest: Any, **more: Any) -> Iterator[FileStat]:
        walked.append(root)
        return tree_walk.walk(root, *rest, **more)

    monkeypatch.setattr(comparing, "walk", walk)
    index(main_tree, home)
    assert walked == [main_tree]
    git(tmp_path, "clone", "-q", str(main_tree), str(clone))

    assert index(clone, home).files.unchanged == FILES

    assert walked == [main_tree]


def test_a_clone_takes_it_too_and_each_can_be_removed(main_tree: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    index(main_tree, home)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(main_tree), str(clone))
    assert index(clone, home).files.indexed == 0
    places = places_of(home)
    folders = [places.index_folder(root) for root in (main_tree, clone)]
    shared = [{path.stat().st_ino for path in folder.glob("*.seg")} for folder in folders]
    assert shared[0] & shared[1], "immutable files lie on the disk once"

    Workspace(main_tree, folders[0]).clear()

    assert len(contents(clone, home)["files"]) == FILES


def test_free_pages_of_the_sibling_are_not_copied(main_tree: Path, tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    index(main_tree, home)
    git(main_tree, "worktree", "add", "-q", str(other), "-b", "topic")
    sibling, workspace = (Workspace(root, places_of(home).index_folder(root)) for root in (main_tree, other))
    with closing(sqlite3.connect(sibling.catalog_path, isolation_level=None)) as db:
        db.executemany("INSERT INTO vector_data VALUES (?, zeroblob(4000))", [(1_000_000 + n,) for n in range(400)])
        db.execute("DELETE FROM vector_data WHERE id >= 1000000")
        assert db.execute("PRAGMA freelist_count").fetchone()[0] >= 400
    workspace.folder.mkdir(parents=True)

    assert seeding.begin_from(lambda _: [sibling], workspace) is not None

    with closing(sqlite3.connect(workspace.catalog_path)) as db:
        assert db.execute("PRAGMA freelist_count").fetchone()[0] <= 4
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_what_was_left_out_by_its_content_is_so_in_the_copy(main_tree: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (main_tree / "sound").write_bytes(bytes(range(256)) * 4)
    git(main_tree, "add", "-A")
    git(main_tree, "commit", "-qm", "two")
    first = index(main_tree, home)
    other = tmp_path / "other"
    git(main_tree, "worktree", "add", "-q", str(other), "-b", "topic")

    for root in (other, main_tree):
        for path in root.iterdir():
            if path.is_file():
                os.utime(path, (1, 1))
        report = index(root, home)

        assert (report.files.indexed, report.files.unchanged) == (0, FILES)
        assert (report.files.skipped, report.skipped_by_reason) == (first.files.skipped, first.skipped_by_reason)


@pytest.mark.parametrize("harm", ["marked", "catalog", "segment gone", "foreign"])
def test_a_sibling_that_is_unfit_is_passed_by(main_tree: Path, tmp_path: Path, harm: str) -> None:
    home = tmp_path / "home"
    index(main_tree, home)
    folder = places_of(home).index_folder(main_tree)
    if harm == "marked":
        Workspace(main_tree, folder).report_damage()
    elif harm == "catalog":
        (folder / "catalog.sqlite").write_bytes(b"nothing" * 1000)
    elif harm == "segment gone":
        for path in folder.glob("*.seg"):
            path.unlink()
    else:
        os.symlink("/etc/hostname", folder / "names-0123456789abcdef.seg")
    other = tmp_path / "other"
    git(main_tree, "worktree", "add", "-q", str(other), "-b", "topic")
    assert index(other, home).files.indexed == FILES
    assert len(contents(other, home)["files"]) == FILES


def test_a_copy_that_was_killed_half_way_leaves_nothing(
    main_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    index(main_tree, home)
    other = tmp_path / "other"
    git(main_tree, "worktree", "add", "-q", str(other), "-b", "topic")

    class Killed(BaseException):
        """As if the process had ended here."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(os, "rename", die)
    monkeypatch.setattr(seeding, "sweep", lambda _: None)
    folder = places_of(home).index_folder(other)
    with pytest.raises(Killed):
        index(other, home)
    monkeypatch.undo()
    assert (folder / "catalog.sqlite.seed").exists()
    assert index(other, home).files.indexed == 0
    assert not (folder / "catalog.sqlite.seed").exists()
    Workspace(other, folder).clear()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("one", "other", "kinship"),
    [
        ("https://example.org/team/app.git", "git@example.org:team/app", Kinship.CLONE),
        ("https://user:word@example.org/team/app/", "ssh://git@Example.org:22/team/app.git", Kinship.CLONE),
        ("https://example.org/team/app", "https://example.org/team/other", None),
        ("", "", None),
    ],
)
def test_clones_know_each_other_by_where_they_come_from(
    tmp_path: Path, one: str, other: str, kinship: Kinship | None
) -> None:
    found = []
    for name, url in (("a", one), ("b", other)):
        root = tmp_path / name
        root.mkdir()
        git(root, "init", "-q")
        if url:
            git(root, "remote", "add", "origin", url)
        repository = repository_at(os.fsencode(root))
        assert repository is not None
        found.append(repository)
    assert same_repository(found[0], found[1]) is kinship
