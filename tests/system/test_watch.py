"""What users do to files, and what the watcher makes of it. Real files, real events."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from functools import partial
from pathlib import Path

import pytest
from tests.system.watching import HASTY, Watching, watched

from lowtide.config.settings import IndexSettings
from lowtide.core.hints import GitActivity
from lowtide.system.watch.watch import Watcher, WatchMode, WatchQuota


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name in ("a.py", "src/b.py", "src/deep/c.py", "node_modules/m/index.js", "build/out.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x = 1\n")
    (root / ".gitignore").write_text("build/\n")
    return root


def _git_is(watching: Watching, activity: GitActivity) -> bool:
    return watching.git[-1] is activity


def test_the_first_hint_is_a_rescan_given_when_the_watches_stand(tree: Path) -> None:
    woken = threading.Event()
    watcher = Watcher(tree, lambda _: iter([b"", b"src"]), woken.set)
    try:
        assert watcher.start().mode is WatchMode.WATCHING
        assert woken.is_set()
        hints = watcher.take()
        assert (hints.rescan, hints.reason) == (True, "start")
        assert not watcher.take()
    finally:
        watcher.stop()


def test_an_edit_is_hinted_and_nothing_else(tree: Path) -> None:
    with watched(tree) as watching:
        with open(tree / "src/b.py", "a") as file:
            file.write("y = 2\n")
        watching.wait_for(b"src/b.py")
        watching.catch_up()
        assert watching.paths == {b"src/b.py"}
        assert not watching.rescans


def test_a_write_is_hinted_before_the_file_is_closed(tree: Path) -> None:
    with watched(tree) as watching, open(tree / "a.py", "a") as file:
        file.write("y = 2\n")
        file.flush()
        watching.wait_for(b"a.py")


def test_reading_is_not_hinted(tree: Path) -> None:
    with watched(tree) as watching:
        for path in tree.rglob("*.py"):
            path.read_bytes()
        list(tree.rglob("*"))
        watching.catch_up()
        assert not watching.paths


def test_an_atomic_save_hints_the_file(tree: Path) -> None:
    with watched(tree) as watching:
        temporary = tree / "src/.b.py.tmp"
        temporary.write_text("y = 2\n")
        os.replace(temporary, tree / "src/b.py")
        watching.wait_for(b"src/b.py", b"src/.b.py.tmp")


def test_a_new_file_and_a_deleted_one(tree: Path) -> None:
    with watched(tree) as watching:
        (tree / "src/new.py").write_text("x = 1\n")
        (tree / "a.py").unlink()
        watching.wait_for(b"src/new.py", b"a.py")


def test_a_rename_hints_both_names(tree: Path) -> None:
    with watched(tree) as watching:
        os.rename(tree / "a.py", tree / "src/z.py")
        watching.wait_for(b"a.py", b"src/z.py")


def test_a_rename_of_case_alone_hints_both_names(tree: Path) -> None:
    with watched(tree) as watching:
        os.rename(tree / "a.py", tree / "A.py")
        watching.wait_for(b"a.py", b"A.py")


def test_a_symbolic_link_is_hinted_and_not_followed(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with watched(tree) as watching:
        os.symlink(outside, tree / "link")
        watching.wait_for(b"link")
        watching.forget()
        (outside / "x.py").write_text("x = 1\n")
        watching.catch_up()
        assert not watching.paths


def test_a_file_made_readable_is_hinted(tree: Path) -> None:
    with watched(tree) as watching:
        (tree / "a.py").chmod(0o600)
        watching.wait_for(b"a.py")


def test_folders_made_at_once_are_hinted_whole_and_watched(tree: Path) -> None:
    with watched(tree) as watching:
        os.makedirs(tree / "new/deep/deeper")
        (tree / "new/deep/deeper/x.py").write_text("x = 1\n")
        watching.wait_for(b"new/deep/deeper/x.py")
        watching.forget()
        (tree / "new/deep/deeper/y.py").write_text("x = 1\n")
        watching.wait_for(b"new/deep/deeper/y.py")
        watching.catch_up()
        assert watching.paths == {b"new/deep/deeper/y.py"}


def test_many_folders_made_while_they_are_taken_in_are_all_watched(tree: Path) -> None:
    with watched(tree) as watching:
        for number in range(150):
            (tree / f"new/{number % 10}/{number}").mkdir(parents=True)
        watching.catch_up()
        watching.forget()
        for number in range(150):
            (tree / f"new/{number % 10}/{number}/x.py").write_text("x = 1\n")
        watching.wait_for(*(b"new/%d/%d/x.py" % (number % 10, number) for number in range(150)))


def test_a_folder_moved_in_is_hinted_whole_and_watched(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "other/deep").mkdir(parents=True)
    (tmp_path / "other/deep/x.py").write_text("x = 1\n")
    with watched(tree) as watching:
        os.rename(tmp_path / "other", tree / "moved")
        watching.wait_for(b"moved/deep/x.py")
        watching.forget()
        (tree / "moved/deep/x.py").write_text("x = 2\n")
        watching.wait_for(b"moved/deep/x.py")


def test_a_folder_moved_out_is_hinted_and_watched_no_longer(tree: Path, tmp_path: Path) -> None:
    with watched(tree) as watching:
        os.rename(tree / "src", tmp_path / "out")
        watching.wait_for(b"src/b.py", b"src/deep/c.py")
        watching.forget()
        (tmp_path / "out/b.py").write_text("x = 2\n")
        (tmp_path / "out/deep/c.py").write_text("x = 2\n")
        (tree / "a.py").write_text("x = 2\n")
        watching.wait_for(b"a.py")
        watching.catch_up()
        assert watching.paths == {b"a.py"}


def test_a_folder_renamed_is_known_by_its_new_name(tree: Path) -> None:
    with watched(tree) as watching:
        os.rename(tree / "src", tree / "lib")
        watching.wait_for(b"src", b"lib")
        watching.forget()
        (tree / "lib/deep/c.py").write_text("x = 2\n")
        watching.wait_for(b"lib/deep/c.py")
        assert watching.paths == {b"lib/deep/c.py"}


def test_folders_that_change_names_with_each_other(tree: Path) -> None:
    (tree / "lib/deep").mkdir(parents=True)
    with watched(tree) as watching:
        os.rename(tree / "src", tree / "tmp")
        os.rename(tree / "lib", tree / "src")
        os.rename(tree / "tmp", tree / "lib")
        watching.wait_for(b"src", b"lib")
        watching.forget()
        (tree / "lib/deep/in_lib.py").write_text("x = 2\n")
        (tree / "src/deep/in_src.py").write_text("x = 2\n")
        watching.wait_for(b"lib/deep/in_lib.py", b"src/deep/in_src.py")
        watching.catch_up()
        assert watching.paths == {b"lib/deep/in_lib.py", b"src/deep/in_src.py"}


def test_a_folder_deleted_and_made_again_is_watched(tree: Path) -> None:
    with watched(tree) as watching:
        for _ in range(5):
            shutil.rmtree(tree / "src")
            (tree / "src/deep").mkdir(parents=True)
        watching.wait_for(b"src")
        watching.forget()
        (tree / "src/deep/x.py").write_text("x = 1\n")
        watching.wait_for(b"src/deep/x.py")


def test_ignored_and_vendored_folders_are_not_watched(tree: Path) -> None:
    with watched(tree) as watching:
        (tree / "build/out.py").write_text("x = 2\n")
        (tree / "node_modules/m/index.js").write_text("x = 2\n")
        (tree / "a.py").write_text("x = 2\n")
        watching.wait_for(b"a.py")
        watching.catch_up()
        assert watching.paths == {b"a.py"}


def test_a_new_folder_that_rules_ignore_is_not_watched(tree: Path) -> None:
    shutil.rmtree(tree / "build")
    with watched(tree) as watching:
        (tree / "build/deep").mkdir(parents=True)
        watching.catch_up()
        watching.forget()
        (tree / "build/deep/x.py").write_text("x = 1\n")
        (tree / "build/x.py").write_text("x = 1\n")
        watching.catch_up()
        assert not watching.paths


def test_rules_that_change_at_the_root_are_a_rescan_and_change_the_watches(tree: Path) -> None:
    with watched(tree) as watching:
        (tree / ".gitignore").write_text("src/\n")
        watching.wait(lambda: watching.rescans)
        watching.forget()
        (tree / "src/deep/c.py").write_text("x = 2\n")
        (tree / "build/out.py").write_text("x = 2\n")
        watching.wait_for(b"build/out.py")
        watching.catch_up()
        assert watching.paths == {b"build/out.py"}


def test_rules_that_change_in_a_folder_hint_that_folder(tree: Path) -> None:
    with watched(tree) as watching:
        (tree / "src/.lowtideignore").write_text("deep/\n")
        watching.wait_for(b"src/deep/c.py")
        watching.forget()
        (tree / "src/deep/c.py").write_text("x = 2\n")
        (tree / "src/b.py").write_text("x = 2\n")
        watching.wait_for(b"src/b.py")
        watching.catch_up()
        assert watching.paths == {b"src/b.py"}
        watching.forget()
        (tree / "src/.lowtideignore").unlink()
        watching.wait_for(b"src/deep/c.py")


def test_a_folder_that_becomes_an_environment_is_left_out_and_taken_back(tree: Path) -> None:
    with watched(tree) as watching:
        (tree / "src/pyvenv.cfg").write_text("")
        watching.wait_for(b"src/deep/c.py")
        watching.forget()
        (tree / "src/deep/c.py").write_text("x = 2\n")
        watching.catch_up()
        assert not watching.paths
        (tree / "src/pyvenv.cfg").unlink()
        watching.wait_for(b"src/deep/c.py")
        watching.forget()
        (tree / "src/deep/c.py").write_text("x = 3\n")
        watching.wait_for(b"src/deep/c.py")


def test_names_that_are_no_text_and_very_long_ones(tree: Path) -> None:
    name = os.fsencode(tree) + b"/\xff\xfe" + b"n" * 240
    with watched(tree) as watching:
        os.mkdir(name)
        watching.catch_up()
        with open(name + b"/\xe9.py", "wb") as file:
            file.write(b"x = 1\n")
        watching.wait_for(b"\xff\xfe" + b"n" * 240 + b"/\xe9.py")


def test_a_root_that_goes_and_comes_back(tree: Path, tmp_path: Path) -> None:
    with watched(tree) as watching:
        shutil.move(tree, tmp_path / "elsewhere")
        watching.wait(lambda: watching.state.mode is WatchMode.GONE and watching.rescans)
        watching.forget()
        (tmp_path / "elsewhere/a.py").write_text("x = 2\n")
        watching.catch_up()
        assert not watching.paths
        shutil.move(tmp_path / "elsewhere", tree)
        watching.wait(lambda: watching.state.mode is WatchMode.WATCHING and watching.rescans)
        watching.forget()
        (tree / "src/b.py").write_text("x = 3\n")
        watching.wait_for(b"src/b.py")


def test_a_root_whose_parent_is_renamed_is_noticed(tree: Path, tmp_path: Path) -> None:
    inner = tree / "src"
    with watched(inner) as watching:
        os.rename(tree, tmp_path / "renamed")
        watching.wait(lambda: watching.state.mode is WatchMode.GONE)


def test_a_root_put_in_the_place_of_another_is_a_rescan(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with watched(tree) as watching:
        os.rename(tree, tmp_path / "old")
        os.rename(tmp_path / "other", tree)
        watching.wait(lambda: watching.rescans)
        watching.forget()
        (tree / "new.py").write_text("x = 1\n")
        watching.wait_for(b"new.py")


def test_a_root_that_is_not_there_yet(tmp_path: Path) -> None:
    root = tmp_path / "later"
    with watched(root) as watching:
        assert watching.state.mode is WatchMode.GONE
        root.mkdir()
        watching.wait(lambda: watching.state.mode is WatchMode.WATCHING and watching.rescans)


def test_a_root_reached_by_a_link_that_is_turned_elsewhere(tree: Path, tmp_path: Path) -> None:
    link, other = tmp_path / "link", tmp_path / "other"
    other.mkdir()
    link.symlink_to(tree)
    with watched(link) as watching:
        (tree / "a.py").write_text("x = 2\n")
        watching.wait_for(b"a.py")
        watching.forget()
        link.unlink()
        link.symlink_to(other)
        watching.wait(lambda: watching.rescans)
        watching.forget()
        (other / "b.py").write_text("x = 2\n")
        watching.wait_for(b"b.py")


def test_two_watchers_of_nested_roots_do_not_disturb_each_other(tree: Path) -> None:
    with watched(tree) as outer:
        with watched(tree / "src") as inner:
            (tree / "src/deep/c.py").write_text("x = 2\n")
            outer.wait_for(b"src/deep/c.py")
            inner.wait_for(b"deep/c.py")
        outer.forget()
        (tree / "src/deep/c.py").write_text("x = 3\n")
        outer.wait_for(b"src/deep/c.py")


def test_stopping_gives_back_threads_files_and_watches(tree: Path) -> None:
    quota = WatchQuota(100)
    before = (set(threading.enumerate()), len(os.listdir("/proc/self/fd")))
    for _ in range(5):
        with watched(tree, quota=quota):
            pass
    assert (set(threading.enumerate()), len(os.listdir("/proc/self/fd"))) == before
    assert quota.count == 0


def test_hints_not_taken_stay_bounded_and_wake_once(tree: Path) -> None:
    wakes: list[int] = []
    watcher = Watcher(tree, lambda _: iter([b"", b"src"]), lambda: wakes.append(1), timing=HASTY)
    watcher.start()
    try:
        for number in range(3000):
            (tree / f"src/{number}.py").write_text("")
        (tree / "src/last.py").write_text("")
    finally:
        watcher.stop()
    assert len(wakes) == 1
    assert watcher.take().rescan, "the first hint was never taken, and says all"


def git(*arguments: str, cwd: Path) -> None:
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, env=environment)


@pytest.fixture
def repository(tree: Path) -> Path:
    git("init", "-q", "-b", "main", cwd=tree)
    git("add", "-A", cwd=tree)
    git("commit", "-qm", "one", cwd=tree)
    return tree


def test_git_that_holds_its_index_is_told_and_that_it_let_go(repository: Path) -> None:
    with watched(repository) as watching:
        lock = repository / ".git/index.lock"
        lock.touch()
        watching.wait(lambda: watching.git[-1] is GitActivity.LOCKED)
        lock.rename(repository / ".git/index")
        watching.wait(lambda: watching.git[-1] is GitActivity.IDLE)
        assert not watching.paths


def test_a_rebase_that_stops_is_told(repository: Path) -> None:
    with watched(repository) as watching:
        (repository / ".git/rebase-merge").mkdir()
        watching.wait(lambda: watching.git[-1] is GitActivity.STEPPING)
        (repository / ".git/rebase-merge").rmdir()
        watching.wait(lambda: watching.git[-1] is GitActivity.IDLE)


def test_a_lock_that_is_there_at_the_start_is_told(repository: Path) -> None:
    (repository / ".git/index.lock").touch()
    with watched(repository) as watching:
        watching.wait(lambda: watching.git[-1] is GitActivity.LOCKED)


def test_git_of_a_work_tree_of_a_submodule_and_of_a_repository_around_is_told(repository: Path, tmp_path: Path) -> None:
    git("worktree", "add", "-q", str(tmp_path / "second"), cwd=repository)
    (repository / "nested").mkdir()
    git("init", "-q", cwd=repository / "nested")
    for root, lock in (
        (tmp_path / "second", repository / ".git/worktrees/second/index.lock"),
        (repository, repository / "nested/.git/index.lock"),
        (repository / "src", repository / ".git/index.lock"),
    ):
        with watched(root) as watching:
            git_is = partial(_git_is, watching)
            lock.touch()
            watching.wait(partial(git_is, GitActivity.LOCKED))
            lock.unlink()
            watching.wait(partial(git_is, GitActivity.IDLE))


def test_a_repository_made_later_is_noticed(tree: Path) -> None:
    with watched(tree) as watching:
        git("init", "-q", cwd=tree)
        watching.wait(lambda: watching.rescans)
        watching.forget()
        (tree / ".git/index.lock").touch()
        watching.wait(lambda: watching.git[-1] is GitActivity.LOCKED)


def test_a_repository_in_the_making_is_one_when_it_has_a_head(tree: Path) -> None:
    with watched(tree) as watching:
        (tree / "src/.git").mkdir()
        watching.wait_for(b"src")
        watching.forget()
        (tree / "src/.git/HEAD").write_text("ref: refs/heads/main\n")
        watching.wait_for(b"src")
        (tree / "src/.git/index.lock").touch()
        watching.wait(lambda: watching.git[-1] is GitActivity.LOCKED)


@pytest.mark.parametrize("place", [".", "src"])
def test_rules_in_gits_own_folder_are_rules_too(repository: Path, place: str) -> None:
    root = repository / place
    (root / "scratch").mkdir()
    exclude = repository / ".git/info/exclude"
    exclude.parent.mkdir(exist_ok=True)
    with watched(root) as watching:
        exclude.write_text("scratch/\n")
        watching.wait(lambda: watching.rescans)
        watching.forget()
        (root / "scratch/x.py").write_text("x = 1\n")
        watching.catch_up()
        assert not watching.paths
        exclude.write_text("")
        watching.wait(lambda: watching.rescans)
        watching.forget()
        (root / "scratch/x.py").write_text("x = 2\n")
        watching.wait_for(b"scratch/x.py")


def test_a_branch_switch_hints_every_file_it_changes(repository: Path) -> None:
    git("checkout", "-qb", "other", cwd=repository)
    for number in range(300):
        (repository / "src" / f"{number}.py").write_text(f"x = {number}\n")
    git("add", "-A", cwd=repository)
    git("commit", "-qm", "two", cwd=repository)
    with watched(repository) as watching:
        git("checkout", "-q", "main", cwd=repository)
        watching.wait_for(*(b"src/%d.py" % number for number in range(300)))
        watching.forget()
        git("checkout", "-q", "other", cwd=repository)
        watching.wait_for(*(b"src/%d.py" % number for number in range(300)))
        watching.wait(lambda: watching.git[-1] is GitActivity.IDLE)


def test_settings_decide_what_is_watched(tree: Path) -> None:
    with watched(tree, settings=IndexSettings(exclude=("src/",), gitignore=False)) as watching:
        (tree / "src/b.py").write_text("x = 2\n")
        (tree / "build/out.py").write_text("x = 2\n")
        watching.wait_for(b"build/out.py")
        watching.catch_up()
        assert watching.paths == {b"build/out.py"}
