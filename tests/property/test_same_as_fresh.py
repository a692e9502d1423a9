"""Whatever a tree has been through, its index equals a fresh one row by row, vectors too."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import anyio
import pytest
from tests.e2e.contents import differences, read_contents
from tests.e2e.harness import python_module

from lowtide.config.settings import Config
from lowtide.index.shared import Stay
from lowtide.paths import Places
from lowtide.serve.app import opened
from lowtide.status import IndexReport
from lowtide.system.memory import own_anonymous_bytes

ENVIRONMENT = {
    **os.environ,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, env=ENVIRONMENT, check=True, capture_output=True)


def index(root: Path, home: Path) -> IndexReport:
    async def play() -> IndexReport:
        places = Places(home / "config", home / "cache", home / "run")
        async with opened(places, Config((256 << 20) + own_anonymous_bytes()), Stay.BRIEF) as service:
            return await service.index(root, "test")

    return anyio.run(play)


class Tree:
    """A repository of two branches, and what may happen to it."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root, self.chance, self.count = root, chance, 0
        git(root, "init", "-q", "-b", "main")
        for number in range(12):
            self.write(root / f"pkg{number % 3}" / f"m{number}.py", python_module(number, 3))
        (root / "notes.md").write_text("# Notes\n\nWhat is to be done.\n")
        self.commit()
        git(root, "branch", "other")

    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*.py") if ".git" not in path.parts)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self) -> None:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", "x")

    def step(self) -> None:
        self.count += 1
        path = self.chance.choice(self.files())
        what = self.chance.choice(("edit", "copy", "rename", "rename folder", "delete", "switch", "touch"))
        if what == "edit":
            path.write_text(path.read_text().replace("total", f"sum_{self.count}"))
        elif what == "copy":
            self.write(self.root / f"copy{self.count}" / path.name, path.read_text())
        elif what == "rename":
            path.rename(path.with_name(f"renamed{self.count}.py"))
        elif what == "rename folder" and path.parent != self.root:
            path.parent.rename(path.parent.with_name(f"moved{self.count}"))
        elif what == "delete" and len(self.files()) > 6:
            path.unlink()
        elif what == "switch":
            self.commit()
            git(self.root, "checkout", "-q", "main" if self.chance.random() < 0.5 else "other")
        else:
            path.touch()


@pytest.mark.parametrize("seed", [1, 2])
def test_every_history_ends_as_a_fresh_index(tmp_path: Path, seed: int) -> None:
    (tmp_path / "tree").mkdir()
    tree = Tree(tmp_path / "tree", random.Random(seed))
    index(tree.root, tmp_path / "home")
    for _ in range(4):
        for _ in range(5):
            tree.step()
        index(tree.root, tmp_path / "home")
    index(tree.root, tmp_path / "fresh")
    (grown,), (fresh,) = ((tmp_path / home).glob("**/catalog.sqlite") for home in ("home", "fresh"))
    assert differences(read_contents(grown), read_contents(fresh)) == []


def test_a_moved_folder_embeds_nothing_and_a_copied_index_reads_but_indexes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for number in range(8):
        (root / "before" / "deep").mkdir(parents=True, exist_ok=True)
        (root / "before" / "deep" / f"m{number}.py").write_text(python_module(number, 3))
    vectors = index(root, tmp_path / "home").vectors
    (root / "before").rename(root / "after")
    report = index(root, tmp_path / "home")
    assert (report.files.indexed, report.files.removed, report.vectors) == (8, 8, vectors)
    shutil.copytree(root, tmp_path / "copy")
    shutil.rmtree(root)
    (tmp_path / "copy").rename(root)
    report = index(root, tmp_path / "home")
    assert (report.files.indexed, report.files.unchanged, report.vectors) == (0, 8, vectors)


def test_same_size_and_time_but_other_content_is_seen(tmp_path: Path) -> None:
    root, path = tmp_path / "tree", tmp_path / "tree" / "a.py"
    root.mkdir()
    path.write_text("def same_aaa(): ...\n")
    index(root, tmp_path / "home")
    before = path.stat()
    path.write_text("def same_bbb(): ...\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_ino == before.st_ino
    assert index(root, tmp_path / "home").files.indexed == 1
    path.chmod(0o600)
    report = index(root, tmp_path / "home")
    assert (report.files.indexed, report.files.unchanged) == (0, 1), "another ctime costs a look, no more"
