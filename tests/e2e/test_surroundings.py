"""Started in odd places: without standard input, a current folder, a home or a language, it works or says what to
do."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.daemons import with_daemon as with_daemon
from tests.e2e.harness import Lowtide


@pytest.fixture
def root(tree: Callable[..., Path]) -> Path:
    return tree({"lamp.py": "def lantern_room():\n    return 1\n"})


def shell(lowtide: Lowtide, script: str, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `script`, in which "$@" is the command."""
    return subprocess.run(
        ["sh", "-c", script, "sh", *lowtide.command(*arguments)],
        env={**lowtide.env(), **more},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("closed", ["<&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_with_standard_streams_closed_nothing_takes_their_place(lowtide: Lowtide, root: Path, closed: str) -> None:
    done = shell(lowtide, f'"$@" {closed}', "--json", "index", root)
    assert done.returncode == 0, done
    if ">&- 2" not in closed:
        assert json.loads(done.stdout)["files"]["indexed"] == 1
    assert done.stderr == ""
    again = shell(lowtide, f'"$@" {closed}', "--json", "symbols", "lantern", root)
    assert again.returncode == 0
    assert lowtide.json("daemon", "status")["running"]


def test_an_editor_that_gives_no_input_gets_no_server(lowtide: Lowtide) -> None:
    done = shell(lowtide, '"$@" <&-', "lsp")
    assert (done.returncode, done.stdout) == (1, "")


def test_without_a_current_folder_it_asks_for_one(lowtide: Lowtide, root: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    script = f'mkdir {gone} && cd {gone} && rmdir {gone} && "$@"'
    asked = shell(lowtide, script, "index")
    assert asked.returncode == 3
    assert asked.stderr.startswith("lowtide: the current folder is gone")
    assert "name a folder" in asked.stderr
    assert shell(lowtide, script, "index", root).returncode == 0
    assert "lantern_room" in shell(lowtide, script, "symbols", "lantern", root).stdout


def test_with_neither_a_home_nor_a_user_it_says_what_to_set(lowtide: Lowtide) -> None:
    code = (
        "import pwd, sys\ndef nobody(uid): raise KeyError(uid)\npwd.getpwuid = nobody\n"
        "from lowtide.cli import main\nsys.argv = ['lowtide', 'status']\nmain()"
    )
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "LOWTIDE_HOME")}
    environment = {name: value for name, value in kept.items() if not name.startswith("XDG_")}
    done = subprocess.run([lowtide.command()[0], "-c", code], env=environment, cwd="/", capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("lowtide: no home folder: HOME is not set")
    assert "LOWTIDE_HOME" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_in_a_home_that_cannot_be_written_it_says_so(lowtide: Lowtide, root: Path) -> None:
    (lowtide.home / "file").write_text("")
    for arguments in (["index", root], ["daemon", "start"]):
        done = shell(lowtide, '"$@"', *arguments, LOWTIDE_HOME=str(lowtide.home / "file" / "home"))
        assert done.returncode == 1
        assert "set LOWTIDE_HOME to another folder" in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("language", [{"LANG": "", "LC_ALL": ""}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_without_a_language_names_are_shown_all_the_same(
    lowtide: Lowtide, tree: Callable[..., Path], language: dict[str, str]
) -> None:
    root = tree({"naïve 日本.py": "def lantern_room():\n    return 1\n"})
    assert shell(lowtide, '"$@"', "index", root, **language).returncode == 0
    done = shell(lowtide, '"$@"', "symbols", "lantern", root, **language)
    assert done.returncode == 0, done.stderr
    assert "lantern_room" in done.stdout
