"""The walk: what comes, in which order, and why the rest does not."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.walked import by_path, make

from lowtide.config.settings import IndexSettings
from lowtide.models import FileStat, Reason
from lowtide.system.tree.walk import explain, walk

DEFAULTS = IndexSettings()
pytestmark = pytest.mark.usefixtures("no_global_ignores")


def test_files_come_sorted_by_the_bytes_of_their_whole_path(tmp_path: Path) -> None:
    files = ["a.c", "a/b", "a/z/x", "a-b", "a0", "a", "ab/c", "é", "Z", "a b/c", "a/.x"]
    make(tmp_path, {path: "x" for path in files if path != "a"})
    found = list(by_path(tmp_path))
    assert found == sorted(found) == sorted(os.fsencode(path) for path in files if path != "a")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sets(st.lists(st.text("aA.-0é \n", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join), max_size=12)
)
def test_any_tree_comes_sorted_and_whole(tmp_path_factory: pytest.TempPathFactory, paths: set[str]) -> None:
    root = tmp_path_factory.mktemp("tree")
    made = set()
    for path in paths:
        if any(part.strip(".") == "" for part in path.split("/")):
            continue
        target = root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("x")
        except OSError:  # a file stands where another needs a folder
            continue
        made.add(os.fsencode(path))
    assert list(by_path(root)) == sorted(made)


def test_candidate_carries_what_the_file_system_says(tmp_path: Path) -> None:
    file = make(tmp_path, {"s/a.py": "four"}) / "s/a.py"
    info = file.stat()
    assert by_path(tmp_path)[b"s/a.py"] == FileStat(
        b"s/a.py", 4, info.st_mtime_ns, info.st_ino, ctime_ns=info.st_ctime_ns
    )


def test_names_of_any_bytes_come_as_they_are(tmp_path: Path) -> None:
    names = [b"new\nline", b"\xff\xfe.py", b"tab\t", b"quote'\"", b"back\\slash", b"-rf"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_text("x")
    assert list(by_path(tmp_path)) == sorted(names)


def test_links_are_told_apart_and_never_followed(tmp_path: Path) -> None:
    root = make(tmp_path / "r", {"a.c": "x", "d/b.c": "x"})
    outside = make(tmp_path / "out", {"o.c": "x"})
    (tmp_path / "r-twin").mkdir()
    links = {
        "to-file": "a.c",
        "to-folder": "d",
        "up/loop": "..",
        "self": "self",
        "gone": "nothing",
        "out-file": str(outside / "o.c"),
        "out-folder": "../out",
        "twin": "../r-twin",
        "top": ".",
    }
    (root / "up").mkdir()
    for name, target in links.items():
        (root / name).symlink_to(target)
    found = by_path(root)
    inside = {"to-file", "to-folder", "up/loop", "self", "gone", "top"}
    for name, target in links.items():
        expected = Reason.SYMLINK if name in inside else Reason.SYMLINK_OUT
        assert (found[name.encode()].reason, found[name.encode()].rule) == (expected, f"a link to {target}")
    assert len(found) == len(links) + 2


def test_what_is_no_file_is_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    os.mkfifo(tmp_path / ".gitignore")
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d/CACHEDIR.TAG")
    server = socket.socket(socket.AF_UNIX)
    try:
        here = os.getcwd()
        os.chdir(tmp_path)
        server.bind("s.py")
        os.chdir(here)
        found = by_path(tmp_path)
    finally:
        server.close()
    assert {path: stat.rule for path, stat in found.items()} == {
        b".gitignore": "a named pipe",
        b"d/CACHEDIR.TAG": "a named pipe",
        b"pipe.py": "a named pipe",
        b"s.py": "a socket",
    }
    assert {stat.reason for stat in found.values()} == {Reason.NOT_A_FILE}


def test_gitignore_that_is_a_link_is_not_obeyed(tmp_path: Path) -> None:
    root = make(tmp_path / "r", {"rules": "*\n", "a.c": "x"})
    (root / ".gitignore").symlink_to("rules")
    assert list(by_path(root)) == [b".gitignore", b"a.c", b"rules"]


def test_tree_deeper_than_any_path_ends_with_an_unreadable_folder(tmp_path: Path) -> None:
    (tmp_path / "z.c").write_text("x")
    here = os.open(tmp_path, os.O_RDONLY)
    opened = [here]
    made = 0
    try:
        for _ in range(40):
            os.mkdir(b"n" * 200, dir_fd=opened[-1])
            opened.append(os.open(b"n" * 200, os.O_RDONLY, dir_fd=opened[-1]))
            made += 1
        found = list(walk(tmp_path, DEFAULTS))
        assert found[-1].path == b"z.c"
        assert found[0].path.endswith(b"n/")
        assert (found[0].reason, found[0].rule) == (Reason.UNREADABLE, "File name too long")
        why = explain(tmp_path, b"/".join([b"n" * 200] * 40), DEFAULTS)
        assert why is not None
        assert why.reason is Reason.UNREADABLE
    finally:
        for parent in reversed(opened[:-1]):
            os.close(opened.pop())
            os.rmdir(b"n" * 200, dir_fd=parent)
        os.close(here)


def test_hundreds_of_levels_are_walked(tmp_path: Path) -> None:
    path = tmp_path
    opened = [os.open(tmp_path, os.O_RDONLY)]
    try:
        for _ in range(600):
            os.mkdir("d", dir_fd=opened[-1])
            opened.append(os.open("d", os.O_RDONLY, dir_fd=opened[-1]))
            if len(opened) > 2:
                os.close(opened.pop(0))
        os.close(os.open("a.c", os.O_CREAT | os.O_WRONLY, dir_fd=opened[-1]))
    finally:
        for fd in opened:
            os.close(fd)
    assert list(by_path(path)) == [b"d/" * 600 + b"a.c"]
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


@pytest.fixture
def plain_user() -> Iterator[Path]:
    """A folder of a user who is not root, who is the one to run the test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_what_may_not_be_read_comes_with_the_reason(plain_user: Path) -> None:
    make(plain_user, {"a/b.c": "x", "c.c": "x", "listed/d.c": "x"})
    (plain_user / "a").chmod(0)
    (plain_user / "listed").chmod(0o400)
    try:
        found = by_path(plain_user)
        assert {path: (stat.reason, stat.rule) for path, stat in found.items()} == {
            b"a/": (Reason.UNREADABLE, "Permission denied"),
            b"c.c": (None, ""),
            b"listed/d.c": (Reason.UNREADABLE, "Permission denied"),
        }
        assert explain(plain_user, b"a/b.c", DEFAULTS) == FileStat(
            b"a/b.c", 0, 0, 0, Reason.UNREADABLE, "a/: Permission denied"
        )
    finally:
        (plain_user / "a").chmod(0o700)
        (plain_user / "listed").chmod(0o700)


def test_root_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(walk(tmp_path / "nothing", DEFAULTS))
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        list(walk(tmp_path / "file", DEFAULTS))


def test_root_may_be_a_link_or_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "r", {"a.c": "x", ".gitignore": "*.o\n", "b.o": "x"})
    (tmp_path / "link").symlink_to("r")
    expected = [b".gitignore", b"a.c"]
    assert list(by_path(tmp_path / "link")) == expected
    monkeypatch.chdir(tmp_path / "r")
    assert list(by_path(Path("."))) == expected


def test_file_that_goes_while_walking_does_not_come(tmp_path: Path) -> None:
    make(tmp_path, {"a.c": "x", "b.c": "x", "d/e.c": "x"})
    found = walk(tmp_path, DEFAULTS)
    assert next(found).path == b"a.c"
    (tmp_path / "b.c").unlink()
    (tmp_path / "d/e.c").unlink()
    (tmp_path / "d").rmdir()
    rest = list(found)
    assert [(stat.path, stat.reason) for stat in rest] == [(b"d/", Reason.UNREADABLE)]


def test_cancelled_walk_ends_soon_also_among_ignored_files(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*.log\n", **{f"{number:04}.log": "" for number in range(1500)}, "z.c": "x"})
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked == 2

    assert [stat.path for stat in walk(tmp_path, DEFAULTS, cancelled)] == [b".gitignore"]


def test_abandoned_walk_leaves_no_file_open(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*.log\n", "a.log": "x", "b.c": "x", "c.c": "x"})
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "b.c"], cwd=tmp_path, check=True)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    found = walk(tmp_path, DEFAULTS)
    next(found)
    next(found)
    del found
    gc.collect()
    assert not before or len(os.listdir("/proc/self/fd")) == before


def test_memory_does_not_grow_with_the_tree(tmp_path: Path) -> None:
    def peak(folders: int) -> int:
        root = tmp_path / str(folders)
        for folder in range(folders):
            (root / f"f{folder:04}").mkdir(parents=True)
            for file in range(20):
                os.close(os.open(root / f"f{folder:04}/{file}.c", os.O_CREAT | os.O_WRONLY))
        tracemalloc.start()
        count = sum(1 for _ in walk(root, DEFAULTS))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == folders * 20
        return most

    peak(5)
    assert peak(200) - peak(20) < 40_000


def test_a_folder_that_is_swapped_for_a_link_while_it_is_walked_is_not_listed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, name in ((root / "d", "inside.py"), (outside, "outside.py")):
        folder.mkdir(parents=True)
        (folder / name).write_text("x = 1\n")
    (outside / ".gitignore").write_text("z.py\n")
    (root / "a.py").write_text("x = 1\n")
    (root / "z.py").write_text("x = 1\n")
    walking = walk(root, IndexSettings())
    assert next(walking).path == b"a.py"
    (root / "d").rename(root / "moved")
    (root / "d").symlink_to(outside)
    left = [(stat.path, stat.reason) for stat in walking]
    assert left == [(b"d/", Reason.UNREADABLE), (b"z.py", None)]
    assert [(stat.path, stat.reason) for stat in walk(root, IndexSettings())][1] == (b"d", Reason.SYMLINK_OUT)


def test_a_walk_gives_back_its_descriptors(tmp_path: Path) -> None:
    for name in ("a.py", "b/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    before = len(os.listdir("/proc/self/fd"))
    assert len(list(walk(tmp_path, IndexSettings()))) == 2
    walking = walk(tmp_path, IndexSettings())
    next(walking)
    walking.close()  # type: ignore[attr-defined]
    with pytest.raises(OSError):
        list(walk(tmp_path / "none", IndexSettings()))
    assert len(os.listdir("/proc/self/fd")) == before
