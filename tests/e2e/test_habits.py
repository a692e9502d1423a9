"""What people expect of a command line: help, completion, a list of what there is, and answers to slips."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from tests.e2e.harness import Lowtide

from lowtide.cli import lsp, mcp
from lowtide.cli.app import COMMANDS
from lowtide.cli.own_readers import lsp_command, mcp_command

Tree = Callable[..., Path]


def test_help_is_a_command_too(lowtide: Lowtide) -> None:
    assert lowtide.run("help").stdout == lowtide.run("--help").stdout
    for name in COMMANDS:
        said = lowtide.run("help", name).stdout
        assert said.startswith("Usage: lowtide "), name
        assert name in said.split("\n")[0]
    assert "daemon start" in lowtide.run("help", "daemon", "start").stdout
    assert "Usage: lowtide mcp install" in lowtide.run("help", "mcp", "install").stdout
    assert "no command 'serach'" in lowtide.run("help", "serach", code=2).stderr


def test_the_manual_page_can_be_read(lowtide: Lowtide) -> None:
    page = lowtide.run("help", "--man").stdout
    assert page.startswith(".TH LOWTIDE 1")
    if shutil.which("groff") is not None:
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True)
        assert done.stderr == ""
        assert "--regex" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(lowtide: Lowtide, shell: str) -> None:
    script = lowtide.run("completion", shell).stdout
    assert "_LOWTIDE_COMPLETE" in script
    if shutil.which(shell) is not None:
        assert subprocess.run([shell, "-n"], input=script, text=True).returncode == 0


def test_commands_options_and_their_values_are_completed(lowtide: Lowtide) -> None:
    def offered(words: str) -> list[str]:
        lowtide.environment = {
            "_LOWTIDE_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        return [line.partition(",")[2] for line in lowtide.run(code=None).stdout.splitlines() if line]

    assert offered("lowtide sy") == ["symbols"]
    assert "--regex" in offered("lowtide search --re")
    assert offered("lowtide search -t pyt") == ["python"]
    assert "method" in offered("lowtide symbols -k me")
    assert offered("lowtide completion z") == ["zsh"]
    assert offered("lowtide mcp ") == ["install", "print"]
    assert offered("lowtide mcp install c") == ["claude-code", "codex", "cursor"]
    assert offered("lowtide mcp print --pro") == ["--project"]
    assert offered("lowtide lsp --cl") == ["--clientProcessId"]
    assert offered("lowtide help comp") == ["completion"]
    assert offered("lowtide help mcp i") == ["install"]
    assert offered("lowtide help index ") == []


def test_indexes_are_listed_and_removed_together(lowtide: Lowtide, tree: Tree) -> None:
    roots = [tree({"a.py": "a = 1\n"}, name) for name in ("one", "two", "three")]
    for root in roots:
        lowtide.json("index", root)
    shutil.rmtree(roots[1])
    listed = lowtide.json("list")["indexes"]
    assert {(Path(each["root"]).name, each["there"]) for each in listed} == {
        ("one", True),
        ("two", False),
        ("three", True),
    }
    assert all(each["size_bytes"] > 0 and each["last_used"].endswith("+00:00") for each in listed)
    said = lowtide.run("list").stdout
    assert "3 indexes, " in said
    assert "lowtide clear --gone" in said
    cleared = lowtide.json("clear", "--gone")
    assert [Path(each["root"]).name for each in cleared["cleared"]] == ["two"]
    assert cleared["freed_bytes"] > 0
    assert lowtide.run("clear", "--gone").stdout == "0 indexes removed, 0 B freed\n"
    assert "leave the others out" in lowtide.run("clear", "--all", "--gone", code=2).stderr
    assert "2 indexes removed" in lowtide.run("clear", "--all").stdout
    assert lowtide.json("list") == {"indexes": []}
    assert lowtide.run("list").stdout == "0 indexes, 0 B\n"


@pytest.mark.parametrize("embedded", ["1", "0"])
def test_the_index_of_a_folder_that_is_gone_is_removed_by_its_path(lowtide: Lowtide, tree: Tree, embedded: str) -> None:
    roots = [tree({"a.py": "def lantern():\n    pass\n"}, name) for name in ("one", "two")]
    lowtide.environment["LOWTIDE_EMBEDDED"] = embedded
    try:
        for root in roots:
            lowtide.json("index", root)
        shutil.rmtree(roots[0])
        roots[1].rename(roots[1].with_name("three"))
        for root in roots:
            assert lowtide.json("clear", root)["freed_bytes"] > 0
        assert lowtide.json("list") == {"indexes": []}
        assert "check the spelling" in lowtide.run("clear", roots[0], code=3).stderr
    finally:
        if embedded == "0":
            lowtide.run("daemon", "stop", code=None)


def test_a_glob_may_be_a_whole_path(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"a/one.py": "def lantern():\n    return 1\n", "b/two.py": "def lantern():\n    return 2\n"})
    lowtide.json("index", root)
    found = lowtide.json("search", "lantern", root, "-g", f"{root}/b")["hits"]
    assert {hit["path"] for hit in found} == {"b/two.py"}
    assert "outside of" in lowtide.run("search", "lantern", root, "-g", "/etc/passwd", code=2).stderr


def test_what_an_error_of_a_path_says_is_so(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"a.py": "a = 1\n"})
    lowtide.json("index", root)
    said = lowtide.run("export", root / "nowhere/x", root, code=3).stderr
    assert f"no such folder: {root}/nowhere" in said
    assert f"{root} is a folder" in lowtide.run("export", root, root, code=3).stderr
    assert lowtide.run("why", "/etc/passwd").stdout.startswith("/etc/passwd: ")


def test_what_to_add_by_hand_is_shown_on_lines(lowtide: Lowtide, tmp_path: Path) -> None:
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".cursor/mcp.json").write_text("{bad")
    said = lowtide.run("mcp", "install", "cursor", "--project", cwd=tmp_path, code=2).stderr
    assert '\n  "mcpServers": {\n' in said
    assert "\\x0a" not in said


def test_the_daemon_removes_what_it_holds(lowtide: Lowtide, tree: Tree) -> None:
    roots = [tree({"a.py": "def lantern():\n    pass\n"}, name) for name in ("one", "two")]
    lowtide.environment["LOWTIDE_EMBEDDED"] = "0"
    try:
        for root in roots:
            lowtide.json("index", root)
        lowtide.json("search", "lantern", roots[0])
        assert len(lowtide.json("clear", "--all")["cleared"]) == 2
        assert lowtide.json("list") == {"indexes": []}
        daemon = next(check for check in lowtide.json("doctor", code=None)["checks"] if check["name"] == "daemon")
        assert daemon["detail"].endswith("MiB")
        assert ", budget " in daemon["detail"]
    finally:
        lowtide.run("daemon", "stop", code=None)


def test_status_outside_of_a_workspace_shows_what_there_is(lowtide: Lowtide, tree: Tree, tmp_path: Path) -> None:
    root = tree({"a.py": "a = 1\n"})
    lowtide.json("index", root)
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    said = lowtide.run("status", cwd=outside).stdout
    assert f"no index for {outside}; these are all of yours:" in said
    assert f"  {root}\n    1 file, 1 symbol, " in said
    assert "these are all" not in lowtide.run("status", cwd=root).stdout


def test_each_option_that_is_told_of_is_taken() -> None:
    """By the commands that read their arguments themselves."""
    for command, arguments in ((lsp_command(), lsp.Arguments), (mcp_command(), mcp.Arguments)):
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        for each in (command, *inner):
            for option in each.params:
                if isinstance(option, click.Option):
                    for name in option.opts:
                        arguments([str(command.name), f"{name}=7" if not option.is_flag else name])


def test_uses_are_shown_file_by_file_and_of_which_name(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"a.py": "def lantern():\n    return 1\n", "b.py": "from a import lantern\nlantern()\n"})
    lowtide.json("index", root)
    shown = lowtide.run("refs", "lantern", root)
    assert shown.stdout == (
        "a.py\n      1  def lantern():  definition\n\nb.py\n      1  from a import lantern\n      2  lantern()\n"
    )
    assert shown.stderr == ""
    assert lowtide.run("refs", "def lantern():", root).stdout == shown.stdout
    meant = lowtide.run("refs", "light a lantern", root)
    assert meant.stdout.startswith("a.py\n")
    assert meant.stderr == "of the name `lantern`; `lowtide search --exact` looks for a text\n"
    none = lowtide.run("refs", "light a fire", root).stderr
    assert none == "nothing found of the name `fire`; `lowtide search --exact` looks for a text\n"
    assert lowtide.json("refs", "light a lantern", root)["name"] == "lantern"


def test_watching_into_a_pipe_says_a_line_a_change(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"a.py": "a = 1\n"})
    lowtide.environment["LOWTIDE_EMBEDDED"] = "0"
    try:
        lowtide.json("index", root)
        watching = lowtide.start("status", "--watch")
        assert watching.stdout is not None
        assert " MiB of " in watching.stdout.readline()
        watching.stdout.close()
        assert watching.wait(60) == 0, "nobody reads it any more"
        assert watching.stderr is not None
        assert watching.stderr.read() == ""
        watching.stderr.close()
    finally:
        lowtide.run("daemon", "stop", code=None)


@pytest.mark.parametrize("how", ["option", "environment", "file"])
def test_a_budget_without_a_unit_is_asked_about(lowtide: Lowtide, how: str) -> None:
    arguments: list[str] = []
    if how == "option":
        arguments = ["--budget", "300"]
    elif how == "environment":
        lowtide.environment["LOWTIDE_BUDGET"] = "300"
    else:
        file = lowtide.home / "config" / "config.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("budget = 300\n")
    said = lowtide.run(*arguments, "status", code=2).stderr
    assert "did you mean 300MiB?" in said


def test_short_options_are_those_of_ripgrep(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"a/one.py": "def lantern_room():\n    return 1\n", "b/two.go": "package b\n\nfunc lanternRoom() {}\n"})
    lowtide.json("index", root)
    assert {hit["path"] for hit in lowtide.json("search", "lantern room", root, "-t", "go")["hits"]} == {"b/two.go"}
    assert {hit["path"] for hit in lowtide.json("search", "lantern room", root, "-g", "!b")["hits"]} == {"a/one.py"}
    assert len(lowtide.json("search", "lantern room", root, "-m", "1", "-k", "function")["hits"]) == 1
    assert len(lowtide.json("symbols", "lantern", root, "-m1", "-k", "function")["symbols"]) == 1
    said = lowtide.run("symbols", "lanternRoom", root, "-m", "1", "--format", "vimgrep").stdout
    assert said == f"{root}/b/two.go:3:6:lanternRoom function: func lanternRoom()\n"
    first = lowtide.run("search", "lantern room", "-m", "1", "--format", "vimgrep", cwd=root).stdout.split(":")
    assert (root / first[0]).exists()
    assert "one way" in lowtide.run("search", "x", root, "--json", "--format", "vimgrep", code=2).stderr


def test_what_is_said_of_a_place_is_so(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"a.py": "def lantern():\n    return 1\n"})
    lowtide.json("index", root)
    assert lowtide.run("why", ".", cwd=root).stdout.startswith(".: folder")
    for embedded in ("0", "1"):
        lowtide.environment["LOWTIDE_EMBEDDED"] = embedded
        try:
            long = lowtide.run("why", root / ("n" * 100_000))
        finally:
            lowtide.run("daemon", "stop", code=None)
        assert "missing" in long.stdout
        assert len(long.stdout) < 5000
        assert long.stderr == ""
    error = lowtide.json("import", root / "nofile.lowtide", root, code=1)["error"]
    assert "no such file" in error["message"]
    root.rename(root.with_name("elsewhere"))
    for question in (("search", "lantern"), ("symbols", "lantern"), ("refs", "lantern")):
        error = lowtide.json(*question, root, code=3)["error"]
        assert error["message"].endswith("; its index is kept")
        assert f"lowtide clear {root}" in error["remedy"]
