"""All that a command prints goes through `cli/console.py`, which makes visible what others wrote."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CLI = Path(__file__).resolve().parents[2] / "daemon" / "lowtide" / "cli"
OWNER = "console.py"
ALLOWED = {
    "lsp.py": {"sys.stdout.write", "sys.stderr.write"},  # of the standard library alone, and it uses `visible` itself
    "mcp.py": {"sys.stdout.write", "sys.stderr.write"},  # the same
    "bare.py": {"sys.stdout.write"},  # the same, for both, by `visible_json`
    "app.py": {"click.echo"},  # the help
}
PRINTING = {
    "print",
    "pprint",
    "input",
    "sys.stdout.write",
    "sys.stderr.write",
    "sys.stdout.buffer.write",
    "traceback.print_exc",
    "traceback.print_exception",
    "traceback.print_stack",
    "click.echo",
    "click.secho",
    "click.style",
    "click.prompt",
    "click.confirm",
    "click.echo_via_pager",
    "click.progressbar",
    "rich.print",
    "Console",
    "rich.console.Console",
}


def calls(file: Path) -> Iterator[tuple[str, int]]:
    """The dotted name of everything that a file calls, and the line."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


@pytest.mark.parametrize("file", sorted(CLI.glob("*.py")), ids=lambda file: file.name)
def test_a_command_prints_by_the_console_alone(file: Path) -> None:
    if file.name == OWNER:
        return
    found = [
        f"{file.name}:{line} calls {name}"
        for name, line in calls(file)
        if name in PRINTING - ALLOWED.get(file.name, set())
    ]
    assert found == []
