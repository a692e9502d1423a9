"""What holds an SQLite connection is closed by whoever opened it, also when that fails halfway.

Left to the collector it keeps the log of an index from being folded in, and Python 3.13 reports it wherever it is
found.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("daemon", "lsp", "model", "bench", "tests")
SAMPLES = ROOT / "tests" / "data"
OPENERS = {"Catalog", "Connections", "Snapshot", "IndexedTree"}
"""Constructors of what is to be closed."""
MAKERS = {"sqlite3.connect", "Connections.of_file"}
METHODS = {"reading"}
"""Of a workspace, without arguments: its catalog."""
FACTORIES = {"reading", "_reader", "_writer", "_opened"}
"""Functions that open for their caller, who closes."""
THE_CONNECTION = "daemon/lowtide/store/catalog.py"
"""Where a connection becomes a Catalog: what it opens it closes itself when it fails."""


def opened_without_owner(source: str) -> Iterator[tuple[int, str]]:
    """(line, code) of what is opened, and neither in `closing(...)` nor given to the caller, nor closed on the spot."""
    tree = ast.parse(source)
    owned: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "closing":
            owned.update(node.args)
        elif isinstance(node, ast.Attribute) and node.attr == "close":
            owned.add(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name in FACTORIES:
            owned.update(each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _opens(node) and node not in owned:
            yield node.lineno, ast.unparse(node)


def _opens(call: ast.Call) -> bool:
    name = _name(call.func)
    last = name.rpartition(".")[2]
    return name in MAKERS or last in OPENERS or ("." in name and last in METHODS and not call.args)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "_"


def test_every_connection_has_an_owner() -> None:
    files = [
        path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if SAMPLES not in path.parents
    ]
    found = [
        f"{path.relative_to(ROOT)}:{line}: {code}"
        for path in files
        if str(path.relative_to(ROOT)) != THE_CONNECTION
        for line, code in opened_without_owner(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("catalog = workspace.reading()", 1),
        ("with sqlite3.connect(path) as db: db.execute('x')", 1),
        ("self._catalog = Catalog(path, writable=False)", 1),
        ("snapshot = engine.Snapshot(workspace)", 1),
        ("readers = Connections.of_file(path)", 1),
        ("with closing(workspace.reading()) as catalog: pass", 0),
        ("catalog = stack.enter_context(closing(Catalog(path, writable=False)))", 0),
        ("Catalog(path, writable=True).close()", 0),
        ("def reading(self):\n    return Catalog(self.path, writable=False)", 0),
        ("readers = Connections(workspace.reading)", 1),
    ],
)
def test_the_rule_sees_what_it_is_for(source: str, count: int) -> None:
    assert len(list(opened_without_owner(source))) == count
