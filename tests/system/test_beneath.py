"""What is read beneath a root: only plain files, only inside, only so much; the same with openat2 and without."""

from __future__ import annotations

import os
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from lowtide.system import beneath
from lowtide.system.beneath import CannotRead, Refusal, Root, is_beneath, open_plain, read_beneath

SECRET = b"what lies outside\n"


@pytest.fixture(params=["openat2", "by-steps"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "by-steps":
        monkeypatch.setattr(beneath, "has_openat2", lambda: False)
    elif not beneath.has_openat2():
        pytest.skip("this kernel, or this container, has no openat2")
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.py").write_bytes(SECRET)
    root = tmp_path / "root"
    (root / "in" / "deep").mkdir(parents=True)
    (root / "in" / "deep" / "a.py").write_bytes(b"0123456789")
    return root


@pytest.fixture
def root(folder: Path) -> Iterator[Root]:
    with Root(folder) as opened:
        yield opened


def refusal(root: Root, path: bytes) -> Refusal:
    with pytest.raises(CannotRead) as caught:
        root.read(path, 100)
    assert caught.value.why
    return caught.value.refusal


def test_a_part_is_read_and_it_is_told_whether_more_follows(root: Root, folder: Path) -> None:
    path = b"in/deep/a.py"
    parts = [root.read(path, most, offset) for most, offset in [(4, 0), (4, 6), (100, 3), (10, 0), (5, 20)]]
    assert [(part.data, part.has_more) for part in parts] == [
        (b"0123", True),
        (b"6789", False),
        (b"3456789", False),
        (b"0123456789", False),
        (b"", False),
    ]
    assert {part.info.st_ino for part in parts} == {(folder / "in/deep/a.py").stat().st_ino}
    assert all(part.is_steady for part in parts)


def test_a_file_is_read_in_pieces_up_to_what_was_said(root: Root) -> None:
    with root.open(b"in/deep/a.py", 7) as file:
        assert [file.read(4), file.read(4), file.read(4)] == [b"0123", b"456", b""]
        assert file.is_cut
    with root.open(b"in/deep/a.py", 7) as file, pytest.raises(CannotRead) as caught:
        file.whole()
    assert caught.value.refusal is Refusal.TOO_LARGE
    with root.open(b"in/deep/a.py", 10) as file:
        assert file.whole() == b"0123456789"


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/",
        b"/etc/passwd",
        b"..",
        b"../outside/a.py",
        b"in/../../outside/a.py",
        b"in/deep/..",
        b"./in/deep/a.py",
        b"in//deep/a.py",
        b"in/deep/a.py/",
        b"in/deep/a.py\0",
        b"in/deep/none.py",
        b"in/deep/a.py/more",
        b"x" * 300,
        b"in/" * 2000 + b"a",
    ],
)
def test_a_path_that_is_none_of_a_file_beneath_is_not_there(root: Root, path: bytes) -> None:
    assert refusal(root, path) is Refusal.MISSING


def test_no_link_is_followed_wherever_it_leads(root: Root, folder: Path) -> None:
    links = {"out": "../outside", "in/inner": "deep", "loop": "loop", "zero": "/dev/zero", "gone": "nowhere"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (folder / "in" / "deep" / "b.py").symlink_to("a.py")
    for path in (b"out/a.py", b"in/inner/a.py", b"in/deep/b.py", b"loop", b"loop/a", b"zero", b"gone", b"out"):
        assert refusal(root, path) is Refusal.LINK, path
    with pytest.raises(CannotRead):
        root.open_folder(b"out")


def test_nobody_waits_for_what_is_no_plain_file(root: Root, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "socket"))
        for path in (b"pipe", b"socket", b"in"):
            assert refusal(root, path) is Refusal.NOT_PLAIN, path
    with Root(b"/dev") as devices:
        assert refusal(devices, b"zero") is Refusal.NOT_PLAIN


def test_nothing_outside_is_read_while_a_folder_is_swapped_for_a_link(root: Root, folder: Path) -> None:
    inside, aside, link = folder / "in" / "deep", folder / "aside", folder / "link"
    link.symlink_to("../outside")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            inside.rename(aside)
            link.rename(inside)
            inside.rename(link)
            aside.rename(inside)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen: set[bytes | Refusal] = set()
    try:
        for _ in range(3000):
            try:
                seen.add(root.read(b"in/deep/a.py", 100).data)
            except CannotRead as error:
                seen.add(error.refusal)
    finally:
        done.set()
        swapping.join()
    assert SECRET not in seen
    assert seen <= {b"0123456789", Refusal.MISSING, Refusal.LINK}


def test_a_file_without_end_costs_what_was_asked_for(root: Root, folder: Path) -> None:
    with (folder / "huge").open("wb") as file:
        file.truncate(1 << 40)
    tracemalloc.start()
    part = root.read(b"huge", 1000, 1 << 39)
    with root.open(b"huge", 1 << 30) as opened, pytest.raises(CannotRead):
        opened.whole()
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (part.data, part.has_more) == (bytes(1000), True)
    assert taken < 100_000


def test_a_small_file_takes_no_room_for_all_that_it_might_have(root: Root) -> None:
    tracemalloc.start()
    assert root.read(b"in/deep/a.py", 64 << 20).data == b"0123456789"
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 100_000


def test_a_file_that_tells_nothing_of_its_size_is_read_to_its_end() -> None:
    with open_plain(Path("/proc/self/status"), 1 << 20, follow=True) as file:
        assert file.info.st_size == 0
        assert b"Name:" in file.content().data
    with open_plain(Path("/proc/self/status"), 20, follow=True) as file:
        content = file.content()
        assert (len(content.data), content.has_more) == (20, True)


def test_a_root_that_is_gone_or_has_become_a_link_holds_nothing(folder: Path) -> None:
    with Root(folder / "none") as root:
        assert refusal(root, b"a.py") is Refusal.MISSING
    link = folder.parent / "link"
    link.symlink_to(folder)
    with pytest.raises(CannotRead):
        read_beneath(link, b"in/deep/a.py", 10)
    with Root(folder) as root:
        folder.rename(folder.parent / "moved")
        assert root.read(b"in/deep/a.py", 3).data == b"012"  # the folder itself, by whatever name


def test_what_the_user_names_may_be_a_link_to_a_plain_file(folder: Path) -> None:
    (folder / "link").symlink_to("in/deep/a.py")
    os.mkfifo(folder / "pipe")
    with open_plain(folder / "link", 100, follow=True) as file:
        assert file.whole() == b"0123456789"
    cases: list[tuple[bytes | Path, bool, Refusal]] = [
        (folder / "link", False, Refusal.LINK),
        (folder / "pipe", True, Refusal.NOT_PLAIN),
        (folder, True, Refusal.NOT_PLAIN),
        (Path("/dev/zero"), True, Refusal.NOT_PLAIN),
        (folder / "none", True, Refusal.MISSING),
        (b"a\0b", True, Refusal.MISSING),
    ]
    for path, follow, expected in cases:
        with pytest.raises(CannotRead) as caught:
            open_plain(path, 100, follow=follow)
        assert caught.value.refusal is expected, path


def test_every_descriptor_is_given_back(root: Root, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("in")
    before = set(os.listdir("/proc/self/fd"))
    for path in (b"in/deep/a.py", b"pipe", b"link/deep/a.py", b"in/none/a", b"in/deep", b"../x"):
        try:
            read_beneath(folder, path, 10)
        except CannotRead:
            continue
    assert set(os.listdir("/proc/self/fd")) == before


def test_only_plain_relative_paths_are_beneath() -> None:
    assert all(map(is_beneath, (b"a", b"a/b.c", b"..a", b"a..", b"a/...b", b"\xff/ \n", b".a/.b")))
    assert not any(map(is_beneath, (b"", b".", b"..", b"a/.", b"/a", b"a/", b"a//b", b"a/../b", b"a\0")))
