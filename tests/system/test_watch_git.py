"""What git does, as it really does it, is one thing to look at."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lowtide.config.settings import IndexSettings
from lowtide.core.debounce import Debounce
from lowtide.core.hints import Hints
from lowtide.system.tree.walk import folders
from lowtide.system.watch.watch import Timing, Watcher

FILES = 400


def git(*arguments: str, cwd: Path, editor: str = "true") -> None:
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
        "GIT_SEQUENCE_EDITOR": editor,
        "GIT_EDITOR": editor,
    }
    subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, env=environment)


class Runner:
    """Does what a workspace does with hints, in real time: runs what is due, one run after the other."""

    def __init__(self, root: Path, timing: Timing | None = None) -> None:
        self.runs: list[Hints] = []
        self._debounce = Debounce()
        self._changed = threading.Condition()
        self._stopped = False
        self.watcher = Watcher(root, partial(folders, root, IndexSettings()), self._wake, timing=timing)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Runner:
        self.watcher.start()
        self._thread.start()
        self.settle()
        self.runs.clear()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()
        self.watcher.stop()

    def _wake(self) -> None:
        with self._changed:
            self._debounce.add(self.watcher.take(), time.monotonic())
            self._changed.notify_all()

    def _run(self) -> None:
        with self._changed:
            while not self._stopped:
                due_s = self._debounce.due_s(time.monotonic())
                if due_s == 0 and (hints := self._debounce.take(time.monotonic())):
                    self.runs.append(hints)
                    self._debounce.finished(0.01)
                    self._changed.notify_all()
                else:
                    self._changed.wait(due_s)

    def settle(self) -> None:
        """Until nothing is left to do."""
        with self._changed:
            while not self.watcher.caught_up() or self._debounce:
                self._changed.wait(0.01)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two branches, all files different."""
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    git("init", "-q", "-b", "main", cwd=root)
    for branch in ("main", "other"):
        if branch == "other":
            git("checkout", "-qb", "other", cwd=root)
        for number in range(FILES):
            (root / f"src/{number}.py").write_text(f"{branch} = {number}\n")
        (root / f"{branch}.py").write_text("x = 1\n")
        git("add", "-A", cwd=root)
        git("commit", "-qm", branch, cwd=root)
    return root


def changed(runs: list[Hints]) -> set[bytes]:
    return {path for hints in runs for path in hints.paths}


EVERY = {b"src/%d.py" % number for number in range(FILES)}


def test_a_branch_switch_is_one_run(repository: Path) -> None:
    with Runner(repository) as runner:
        for branch in ("main", "other"):
            git("checkout", "-q", branch, cwd=repository)
            runner.settle()
            assert len(runner.runs) == 1
            assert changed(runner.runs) >= EVERY
            runner.runs.clear()


def test_a_stash_and_its_return_are_a_run_each(repository: Path) -> None:
    with Runner(repository) as runner:
        for number in range(FILES):
            (repository / f"src/{number}.py").write_text(f"edited = {number}\n")
        runner.settle()
        runner.runs.clear()
        for step in ("push", "pop"):
            git("stash", step, cwd=repository)
            runner.settle()
            assert len(runner.runs) == 1, step
            assert changed(runner.runs) >= EVERY
            runner.runs.clear()


def test_a_rebase_of_many_commits_is_one_run(repository: Path) -> None:
    git("checkout", "-q", "-b", "topic", "main", cwd=repository)
    for number in range(25):
        (repository / f"topic{number}.py").write_text(f"x = {number}\n")
        git("add", "-A", cwd=repository)
        git("commit", "-qm", f"topic {number}", cwd=repository)
    git("checkout", "-q", "main", cwd=repository)
    (repository / "more.py").write_text("x = 1\n")
    git("add", "-A", cwd=repository)
    git("commit", "-qm", "more", cwd=repository)
    git("checkout", "-q", "topic", cwd=repository)
    with Runner(repository) as runner:
        git("rebase", "--force-rebase", "main", cwd=repository)
        runner.settle()
        assert len(runner.runs) == 1
        assert changed(runner.runs) >= {b"more.py", *(b"topic%d.py" % number for number in range(25))}


def test_asking_for_the_status_is_nothing(repository: Path) -> None:
    with Runner(repository) as runner:
        os.utime(repository / "main.py" if (repository / "main.py").exists() else repository / "other.py")
        runner.settle()
        runner.runs.clear()
        git("status", cwd=repository)
        runner.settle()
        assert not runner.runs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, where git finds its settings."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME", "GIT_CONFIG_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    return home


def rescans(runner: Runner, change: Callable[[], object]) -> None:
    """Wait until everything is looked at for this change."""
    runner.settle()
    runner.runs.clear()
    time.sleep(0.02)
    change()
    end = time.monotonic() + 20
    while not any(hints.rescan for hints in list(runner.runs)):
        assert time.monotonic() < end, "nobody has noticed"
        time.sleep(0.02)


def test_rules_that_stand_outside_of_a_workspace_are_noticed_when_they_change(home: Path, repository: Path) -> None:
    def set_in(*scope: str, file: str) -> Callable[[], object]:
        environment = {key: value for key, value in os.environ.items() if key != "GIT_CONFIG_GLOBAL"}
        return lambda: subprocess.run(
            ["git", "config", *scope, "core.excludesFile", file], cwd=repository, check=True, env=environment
        )

    def write(file: Path, text: str) -> Callable[[], object]:
        file.parent.mkdir(parents=True, exist_ok=True)
        return lambda: file.write_text(text)

    with Runner(repository, Timing(root_s=0.05)) as runner:
        rescans(runner, write(home / ".config/git/ignore", "*.tmp\n"))
        rescans(runner, write(home / ".config/git/config", "[core]\n\texcludesFile = ~/first\n"))
        rescans(runner, write(home / "first", "*.one\n"))
        rescans(runner, set_in("--global", file="~/second"))
        rescans(runner, write(home / "second", "*.two\n"))
        rescans(runner, set_in(file=str(home / "third")))
        rescans(runner, write(home / "third", "*.three\n"))
        rescans(runner, write(home / "third", "*.four and more\n"))
        rescans(runner, (home / "third").unlink)
        rescans(runner, write(repository / ".git/config", f"[include]\n\tpath = {home}/more\n"))
        rescans(runner, write(home / "more", "[core]\n\texcludesFile = ~/fourth\n"))


def test_other_settings_of_git_have_nothing_looked_at_again(home: Path, repository: Path) -> None:
    (home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
    (home / "mine").write_text("*.tmp\n")
    with Runner(repository, Timing(root_s=0.05)) as runner:
        for number in range(4):
            git("config", "branch.main.description", f"number {number}", cwd=repository)
            time.sleep(0.1)
        (home / "mine").write_text("*.tmp2\n")
        while not runner.runs:
            time.sleep(0.02)
        runner.settle()
        assert len([hints for hints in runner.runs if hints.rescan]) == 1
