"""Where things are kept, and to whom they belong."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lowtide.errors import ConfigError, StoreError
from lowtide.paths import ROOT_FILE, Places


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("LOWTIDE_HOME", str(tmp_path / "home"))
    return Places.from_environment()


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_lowtide_home_moves_everything_and_nothing_is_made(tmp_path: Path, places: Places) -> None:
    for path in (places.config_file, places.cache, places.runtime):
        assert tmp_path / "home" in path.parents
    assert not (tmp_path / "home").exists()


def test_lowtide_home_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOWTIDE_HOME", "here")
    assert Places.from_environment().cache == tmp_path / "here" / "cache"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the XDG folders are those of Linux")
def test_without_it_the_platforms_folders_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOWTIDE_HOME", raising=False)
    for name in ("CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder(tmp_path / "RUNTIME")))
    (tmp_path / "RUNTIME").chmod(0o700)
    found = Places.from_environment()
    assert found.config_file == tmp_path / "CONFIG" / "lowtide" / "config.toml"
    assert found.cache == tmp_path / "CACHE" / "lowtide"
    assert found.runtime == tmp_path / "RUNTIME" / "lowtide"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the XDG folders are those of Linux")
def test_runtime_folder_that_others_can_enter_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOWTIDE_HOME", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    tmp_path.chmod(0o777)
    assert tmp_path not in Places.from_environment().runtime.parents


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_without_a_home_nothing_is_made_in_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    for name in ("LOWTIDE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)

    def no_entry(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", no_entry)
    with pytest.raises(ConfigError, match="no home folder") as caught:
        Places.from_environment()
    assert "LOWTIDE_HOME" in caught.value.remedy


def test_index_folder_belongs_to_the_real_path_of_the_root(tmp_path: Path, places: Places) -> None:
    root = folder(tmp_path / "My Project!")
    (tmp_path / "link").symlink_to(root)
    found = places.index_folder(root)
    assert found.name.startswith("My-Project-")
    for same in (tmp_path / "link", root / "..", tmp_path / "My Project!" / "."):
        expected = places.index_folder(tmp_path) if same.name == ".." else found
        assert places.index_folder(same) == expected
    assert places.index_folder(folder(tmp_path / "other" / "My Project!")) != found
    assert not found.exists()


@pytest.mark.parametrize("name", [b"\xff\xfe", b"..x", b"-", "ünï".encode(), b"a" * 200, b"new\nline"])
def test_any_root_has_a_folder_of_a_plain_name(places: Places, tmp_path: Path, name: bytes) -> None:
    root = folder(tmp_path / os.fsdecode(name))
    made = places.index_folder(root, create=True)
    assert made.name.isascii()
    assert made.name[0].isalnum()
    assert len(made.name) < 60
    assert places.list_indexes() == [(root, made)]
    assert places.index_folder(Path("/")).name.startswith("root-")


def test_index_folder_is_the_users_alone(tmp_path: Path, places: Places) -> None:
    old = os.umask(0)
    try:
        made = places.index_folder(folder(tmp_path / "r"), create=True)
    finally:
        os.umask(old)
    assert (mode(made), mode(made.parent), mode(made / ROOT_FILE)) == (0o700, 0o700, 0o600)
    made.chmod(0o777)
    places.index_folder(tmp_path / "r", create=True)
    assert mode(made) == 0o700
    assert sorted(path.name for path in made.iterdir()) == [ROOT_FILE]


def test_mark_that_was_cut_off_is_written_anew(tmp_path: Path, places: Places) -> None:
    made = places.index_folder(folder(tmp_path / "r"), create=True)
    (made / ROOT_FILE).write_bytes(b"/tm")
    places.index_folder(tmp_path / "r", create=True)
    assert places.list_indexes() == [(tmp_path / "r", made)]


def test_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path, places: Places) -> None:
    (tmp_path / "home").write_text("a file stands here")
    with pytest.raises(StoreError) as caught:
        places.index_folder(folder(tmp_path / "r"), create=True)
    assert caught.value.why == "Not a directory"
    assert "LOWTIDE_HOME" in caught.value.remedy


def test_folder_where_the_mark_cannot_be_written_says_what_to_do(tmp_path: Path, places: Places) -> None:
    made = places.index_folder(folder(tmp_path / "r"), create=True)
    (made / ROOT_FILE).unlink()
    (made / ROOT_FILE).mkdir()
    with pytest.raises(StoreError, match="cannot write to"):
        places.index_folder(tmp_path / "r", create=True)
    assert [path.name for path in made.iterdir()] == [ROOT_FILE]


def test_folder_of_another_user_is_not_used(tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "r")
    places.index_folder(root, create=True)
    stranger = os.geteuid() + 4321
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    with pytest.raises(StoreError, match="another user owns it"):
        places.index_folder(root, create=True)


def test_root_is_the_nearest_index_else_the_repository_else_the_folder(tmp_path: Path, places: Places) -> None:
    inner = folder(tmp_path / "repo" / "a" / "b")
    file = inner / "c.py"
    file.write_text("x")
    assert places.find_root(inner) == inner
    assert places.find_root(file) == inner
    subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
    assert places.find_root(inner) == tmp_path / "repo"
    places.index_folder(tmp_path, create=True)
    assert places.find_root(inner) == tmp_path
    places.index_folder(inner.parent, create=True)
    assert places.find_root(file) == places.find_index_root(inner) == inner.parent
    (tmp_path / "link").symlink_to(inner)
    assert places.find_root(tmp_path / "link") == inner.parent


def test_indexes_are_listed_by_root(tmp_path: Path, places: Places) -> None:
    assert places.list_indexes() == []
    made = [(root, places.index_folder(root, create=True)) for root in (folder(tmp_path / "b"), folder(tmp_path / "a"))]
    (places.cache / "indexes" / "stray").mkdir()
    assert places.list_indexes() == sorted(made)


def test_free_space_is_told_before_anything_is_made(places: Places) -> None:
    assert places.free_disk_bytes() > 0


def test_indexes_are_tagged_as_a_cache_for_those_who_make_backups(tmp_path: Path) -> None:
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
    made = places.index_folder(folder(tmp_path / "r"), create=True)
    tag = places.cache / "CACHEDIR.TAG"
    assert tag.read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    assert places.list_indexes() == [(tmp_path / "r", made)]


def test_a_linked_work_tree_answers_for_itself_and_not_the_one_it_lies_in(places: Places, tmp_path: Path) -> None:
    main, linked = tmp_path / "shop", tmp_path / "shop" / ".trees" / "till"
    folder(main / ".git" / "worktrees" / "till")
    folder(linked / "src")
    (linked / ".git").write_text(f"gitdir: {main}/.git/worktrees/till\n")
    places.index_folder(main, create=True)
    assert places.find_root(main / "src") == main
    assert places.find_root(linked / "src") == linked
    places.index_folder(linked / "src", create=True)
    assert places.find_root(linked / "src") == linked / "src"


def test_a_submodule_and_a_folder_over_work_trees_are_as_they_are_indexed(places: Places, tmp_path: Path) -> None:
    over = tmp_path / "code"
    for name, git in (("shop/lib", "../.git/modules/lib"), ("till", "../shop/.git/worktrees/till")):
        folder(over / name)
        (over / name / ".git").write_text(f"gitdir: {git}\n")
    places.index_folder(over, create=True)
    assert places.find_root(over / "shop" / "lib") == over
    assert places.find_root(over / "till") == over


def test_indexes_made_at_once_do_not_disturb_each_other(tmp_path: Path, places: Places) -> None:
    """Each marks the folder of all caches, and only the first one has to."""
    for number in range(20):
        each = places._replace(cache=tmp_path / f"cache{number}")
        barrier = threading.Barrier(8)

        def make(index: int, each: Places = each, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(60)
            each.index_folder(tmp_path / f"root{index}", create=True)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make, range(8)))
        assert len(each.list_indexes()) == 8
        assert [path.name for path in each.cache.iterdir() if path.name.endswith(".new")] == []
