"""git's index: the same paths as git's own, also of a split one; nothing that is no index is waited for or believed."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from lowtide.config.settings import IndexSettings
from lowtide.system.tree.git_index import read_clean, read_entries
from lowtide.system.tree.repository import repository_at
from lowtide.system.tree.scope import Judge


def git(root: Path, *arguments: str) -> bytes:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    for number in range(300):
        file = tmp_path / f"f{number % 7}" / f"n{number}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{number}\n")
    git(tmp_path, "add", ".")
    return tmp_path


def entries(root: Path) -> list[bytes]:
    return [path for path, _ in read_entries(os.fsencode(root / ".git"), 20)]


def listed(root: Path) -> list[bytes]:
    return git(root, "ls-files", "-z").split(b"\0")[:-1]


@pytest.mark.parametrize("version", ["2", "4"])
def test_an_index_gives_what_git_lists(root: Path, version: str) -> None:
    git(root, "update-index", "--index-version", version)
    assert entries(root) == listed(root)
    assert len(entries(root)) == 300


def test_a_split_index_gives_what_git_lists_after_files_went_came_and_changed(root: Path) -> None:
    git(root, "update-index", "--split-index")
    assert list((root / ".git").glob("sharedindex.*"))
    assert entries(root) == listed(root)
    for number in (0, 1, 2, 64, 65, 130, 299):
        git(root, "rm", "-q", "--cached", f"f{number % 7}/n{number}.py")
    (root / "f3" / "n3.py").write_text("changed\n")
    for name in ("a.py", "f3/between.py", "zz.py"):
        (root / name).write_text("new\n")
    git(root, "add", "f3/n3.py", "a.py", "f3/between.py", "zz.py")
    assert len(listed(root)) == 296
    assert entries(root) == listed(root)
    git(root, "rm", "-q", "-r", "--cached", "f1", "f2", "f4", "f5")
    assert entries(root) == listed(root)


def test_what_is_no_index_is_told_and_not_waited_for(root: Path) -> None:
    index = root / ".git" / "index"
    whole = index.read_bytes()
    for data in (
        b"",
        whole[:5],
        whole[:500],
        b"DIRC" + b"\xff" * 40,
        b"DIRC\0\0\0\x02\xff\xff\xff\xff" + b"\1" * 400_000,
    ):
        index.write_bytes(data)
        with pytest.raises(ValueError):
            entries(root)
    index.unlink()
    os.mkfifo(index)
    with pytest.raises(ValueError):
        entries(root)


def test_paths_that_grow_without_end_are_not_followed(root: Path) -> None:
    data = bytearray(struct.pack(">4sII", b"DIRC", 4, 600))
    for _ in range(600):
        data += (
            struct.pack(">10I", *[0] * 6, 0o100644, 0, 0, 0) + b"\1" * 20 + b"\x0f\xff" + b"\0" + b"p" * 1_000 + b"\0"
        )
    (root / ".git" / "index").write_bytes(data)
    with pytest.raises(ValueError):
        entries(root)


def test_a_shared_index_that_is_damaged_is_told(root: Path) -> None:
    git(root, "update-index", "--split-index")
    next((root / ".git").glob("sharedindex.*")).write_bytes(b"DIRC" + bytes(range(256)) * 20)
    with pytest.raises(ValueError):
        entries(root)


def test_a_repository_whose_configuration_is_a_pipe_is_read_without_it(root: Path) -> None:
    """git itself waits for the pipe: it is given five seconds."""
    (root / ".git" / "config").unlink()
    os.mkfifo(root / ".git" / "config")
    assert repository_at(os.fsencode(root)) is not None
    Judge(os.fsencode(root), IndexSettings())


def test_a_gigabyte_of_nothing_is_no_index(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with (tmp_path / ".git" / "index").open("wb") as file:
        file.write(struct.pack(">4sII", b"DIRC", 2, 0xFFFFFFFF))
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match="without a path"):
        entries(tmp_path)


def test_which_files_are_as_their_blob(root: Path) -> None:
    index = root / ".git" / "index"
    later = index.stat().st_mtime + 10
    os.utime(index, (later, later))
    blobs = {each.path: each.blob.hex() for each in read_clean(os.fsencode(root / ".git"), 20)}
    listed = [line.split() for line in git(root, "ls-files", "-s").decode().splitlines()]
    assert blobs == {path.encode(): blob for _, blob, _, path in listed}
    for each in read_clean(os.fsencode(root / ".git"), 20):
        assert each.is_of(os.lstat(os.path.join(os.fsencode(root), each.path)))
    (root / "f3" / "n3.py").write_text("6\n")  # of the same length
    (changed,) = (each for each in read_clean(os.fsencode(root / ".git"), 20) if each.path == b"f3/n3.py")
    assert not changed.is_of(os.lstat(root / "f3" / "n3.py"))


def test_a_file_that_changed_as_git_looked_is_not_taken(root: Path) -> None:
    index, file = root / ".git" / "index", root / "f3" / "n3.py"
    os.utime(index, ns=(file.stat().st_mtime_ns, file.stat().st_mtime_ns))
    assert b"f3/n3.py" not in [each.path for each in read_clean(os.fsencode(root / ".git"), 20)]


def test_nothing_is_told_of_files_that_git_was_told_to_pass_by(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", "f3/n3.py")
    git(root, "update-index", "--skip-worktree", "f4/n4.py")
    os.utime(root / ".git" / "index", (2**31, 2**31))
    found = [each.path for each in read_clean(os.fsencode(root / ".git"), 20)]
    assert len(found) == 298
    git(root, "update-index", "--split-index")
    assert list(read_clean(os.fsencode(root / ".git"), 20)) == []
