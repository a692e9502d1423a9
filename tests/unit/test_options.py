"""Options that would be ignored are refused: whoever gives one is told that it does nothing here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from lowtide import __version__
from lowtide.cli.app import OWN_READERS, app, run_app

IGNORED: Sequence[tuple[str, str]] = [
    # Of what is looked for as it stands, nothing is ranked.
    ("search --exact x --terms y", "--terms and --exact"),
    ("search --exact x --also y", "--also and --exact"),
    ("search --exact x --group definition", "--group and --exact"),
    ("search --exact x --mode hybrid", "--mode and --exact"),
    ("search --exact x --explain", "--explain"),
    ("search --exact x --batch", "--batch"),
    ("search --regex x --terms y", "--terms and --regex"),
    ("search --regex x --mode lexical", "--mode and --regex"),
    ("search --regex x --exact y", "--exact and --regex"),
    ("search --exact x -C 2 --format vimgrep", "--context and --format"),
    ("search x -C 2", "-C"),
    ("search --batch --format vimgrep", "--format and --batch"),
    ("search x --json --format vimgrep", "--format"),
    ("search x -m 1001", "too many answers"),
    ("symbols x --json --format vimgrep", "--format"),
    ("refs x --json --format vimgrep", "--format"),
    ("similar a.py:1 --json --format vimgrep", "--format"),
    # Nothing is said by nothing.
    ("search x --terms ''", "--terms is empty"),
    ("search x --terms ,", "--terms is empty"),
    ("search x --terms y --terms ''", "--terms is empty"),
    ("search x --also ''", "--also is empty"),
    ("search x -g ''", "--glob is empty"),
    ("search x -t ''", "--lang is empty"),
    ("search x -k ''", "--kind is empty"),
    ("similar a.py:1 -g ''", "--glob is empty"),
    ("symbols ''", "an empty name"),
    ("symbols ' '", "an empty name"),
    ("symbols x -k ''", "--kind is empty"),
    ("refs ''", "an empty name"),
    # One view, or one place, excludes the other.
    ("status --all .", "PATH and --all"),
    ("status --watch .", "PATH and --watch"),
    ("status --watch --all", "--all and --watch"),
    ("status --history --all", "--all and --history"),
    ("status --history --watch", "--watch and --history"),
    ("status --watch --json", "--watch"),
    ("status --watch --embedded", "--embedded"),
    ("clear --all .", "PATH, --gone and --all"),
    ("clear --all --gone", "PATH, --gone and --all"),
    ("help search --man", "COMMAND and --man"),
    ("serve --engine x --tokens y --certificate z", "--certificate and --key"),
    ("serve --engine x --tokens y --key z", "--certificate and --key"),
    ("bench vectors --input x.npy --count 5", "--count and --input"),
    ("bench vectors --input x.npy --dims 5", "--dims and --input"),
    ("bench vectors --input x.npy --seed 5", "--seed and --input"),
    ("bench vectors --plan --keep", "--keep and --plan"),
    # What has no daemon, and what has no JSON.
    *((f"daemon {verb} --embedded", "--embedded") for verb in ("start", "stop", "status", "run", "pause", "resume")),
    ("--embedded daemon logs", "--embedded"),
    ("daemon run --json", "--json"),
    ("completion bash --json", "--json"),
    ("help --json", "--json"),
    ("serve --engine x --tokens y --json", "--json"),
    ("mcp --embedded", "--embedded"),
    ("mcp --print", "which agent"),
    ("mcp print codex --json", "--json"),
]
"""A command line, and what its refusal names."""

ALONE = {
    "index": "--force --yes",
    "plan": "--yes",
    "search": "--limit --fresh",
    "symbols": "--limit --kind --fresh",
    "refs": "--limit --fresh",
    "similar": "--limit --lang --kind --fresh",
    "report": "--with-paths --lines --output",
    "import": "--force --yes",
    "push": "--token-file --web",
    "serve": "--host --port --engine-token-file --prefix --dims --exact",
    "bench vectors": "--element --queries --piece-rows --folder",
    "daemon logs": "--lines",
}
"""Options that say something whatever stands beside them."""
GLOBAL = {"budget", "as_json", "embedded", "verbose", "quiet", "version"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home of its own, in a workspace of its own; no daemon is started."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.py").write_text("x = 1\n")
    monkeypatch.setenv("LOWTIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOWTIDE_EMBEDDED", "1")
    monkeypatch.chdir(tmp_path / "tree")
    yield
    assert not list(tmp_path.glob("home/**/catalog.sqlite"))


def split(line: str) -> list[str]:
    import shlex

    return shlex.split(line)


@pytest.mark.parametrize(("line", "said"), IGNORED, ids=[line for line, _ in IGNORED])
def test_what_would_be_ignored_is_refused(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(split(line)) == 2
    out, err = capsys.readouterr()
    assert err.startswith("lowtide: ")
    assert err.count("\n") == 1
    assert said in err
    if "--json" in line:
        assert json.loads(out)["error"]["kind"] == "usage"
    else:
        assert out == ""


def test_each_command_tells_the_version_wherever_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    bare = click.Context(app)
    names = [[name] for name in app.list_commands(bare)] + [["daemon", "start"], ["bench", "vectors"], ["mcp", "print"]]
    for words in ([], *names):
        for line in ([*words, "--version"], ["--version", *words]):
            assert run_app(line) == 0
            said = capsys.readouterr().out
            assert said == f"lowtide, version {__version__}\n", line
            assert run_app([*line, "--json"]) == 0
            assert json.loads(capsys.readouterr().out) == {"version": __version__}


@pytest.mark.parametrize("line", ["mcp print codex", "mcp install nope", "mcp install", "mcp --nope", "lsp --nope"])
def test_what_reads_its_own_arguments_tells_its_errors_in_json(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["--json", *split(line)]) == 2
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert err == f"lowtide: {error['message']}; {error['remedy']}\n"
    assert error["kind"] in ("usage", "config")


@pytest.mark.parametrize("line", ["search x -q -v", "-v status -q", "-qv list", "--quiet daemon run --verbose"])
def test_more_and_less_at_once_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(split(line)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    *_, last = err.splitlines()  # below its traceback
    assert last.startswith("lowtide: --verbose and --quiet: ")


@pytest.mark.parametrize(
    "line",
    [
        "list --embedded",
        "--embedded list",
        "help --embedded",
        "completion bash --embedded",
        "model info --embedded",
        "bench vectors --plan --count 1000 --budget 4GiB --embedded",
    ],
)
def test_what_does_without_the_daemon_anyway_may_be_told_to(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(split(line)) == 0
    out, err = capsys.readouterr()
    assert "embedded" not in err
    assert out or "list" in line


def commands(found: click.Command, name: str, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(found, click.Group):
        yield name, found
        return
    for inner in found.list_commands(context):
        if inner not in OWN_READERS:
            each = found.get_command(context, inner)
            assert each is not None
            yield from commands(each, f"{name} {inner}".strip(), context)


def test_help_has_its_short_name_whoever_asked_for_it_first() -> None:
    """A process of its own: click remembers it with each command."""
    script = (
        "import click; from lowtide.cli.app import app; bare = click.Context(app)\n"
        "for words in (['refs'], ['lsp'], ['daemon', 'start'], ['mcp', 'install']):\n"
        "    command = app\n"
        "    for word in words: command = command.get_command(bare, word)\n"
        "    print(*command.get_help_option(bare).opts)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert said.stdout.split("\n")[:-1] == ["-h --help"] * 4


def test_of_each_option_it_has_been_thought_what_it_says_beside_others() -> None:
    """A new option stands in one of the two tables."""
    for name, command in commands(app, "", click.Context(app)):
        known = {word for line, _ in IGNORED if line.startswith(f"{name} ") for word in split(line)}
        known |= set(ALONE.get(name, "").split())
        for option in command.params:
            if isinstance(option, click.Option) and option.name not in GLOBAL:
                assert known & set(option.opts), f"{name} {option.opts}"
