"""The rules of docs/architecture.md, read from the imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "daemon" / "lowtide"
SERVER = ROOT / "lsp" / "lowtide_lsp"

ONLY = {
    "sqlite3": {"store/catalog.py"},
    "usearch": {"store/vectors/vectors.py"},
    "numkong": {"store/vectors/vectors.py"},
    "watchdog": {"system/watch/watch.py"},
    "psutil": {"system/memory.py"},
    "tree_sitter": {"work/parse/parse.py"},
    "onnxruntime": {"work/model/embed.py"},
    "tokenizers": {"work/model/embed.py"},
}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, also inside functions, absolute names only."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            module = node.module or ""
            yield module, node.lineno
            for alias in node.names:
                yield f"{module}.{alias.name}", node.lineno


def files(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


@pytest.mark.parametrize("library", sorted(ONLY))
def test_library_is_imported_only_by_its_owner(library: str) -> None:
    found = {
        str(path.relative_to(ENGINE))
        for path in files(ENGINE)
        for name, _ in imports(path)
        if name == library or name.startswith((f"{library}.", f"{library}_"))
    }
    assert found <= ONLY[library]


def test_engine_knows_nothing_of_lsp() -> None:
    for path in files(ENGINE):
        for name, line in imports(path):
            assert name.split(".")[0] not in {"pygls", "lsprotocol", "lowtide_lsp"}, f"{path}:{line}"


def test_core_is_pure() -> None:
    for path in files(ENGINE / "core"):
        for name, line in imports(path):
            top = name.split(".")[0]
            allowed = (
                top in sys.stdlib_module_names
                or name.startswith(("lowtide.core", "lowtide.models"))
                or name == "lowtide"
            )
            assert allowed, f"{path}:{line} imports {name}"
            assert top not in {"os", "io", "socket", "subprocess", "asyncio", "threading", "time"}, (
                f"{path}:{line} imports {name}"
            )


def test_core_never_awaits() -> None:
    for path in files(ENGINE / "core"):
        tree = ast.parse(path.read_text("utf-8"))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Await | ast.AsyncFunctionDef)], path


def test_models_use_the_standard_library_only() -> None:
    for name, _ in imports(ENGINE / "models.py"):
        assert name.split(".")[0] in sys.stdlib_module_names


def test_workers_import_neither_the_store_nor_an_event_loop() -> None:
    """A worker is small, and knows no catalog; what it needs of vectors are values and distances."""
    for path in files(ENGINE / "work"):
        for name, line in imports(path):
            of_store = name.startswith("lowtide.store") and not name.startswith(
                ("lowtide.store.vectors", "lowtide.store.rows")
            )
            loop = name.startswith(("anyio", "asyncio", "click", "rich", "multiprocessing"))
            forbidden = of_store or loop
            assert not forbidden, f"{path}:{line} imports {name}"


def test_folders_above_the_packages_are_no_packages() -> None:
    assert not (ROOT / "daemon" / "__init__.py").exists()
    assert not (ROOT / "lsp" / "__init__.py").exists()


TASKS = ENGINE / "tasks.py"
GROUPS = {"create_task_group", "TaskGroup", "BaseExceptionGroup", "ExceptionGroup"}


def test_task_groups_are_made_in_one_place() -> None:
    """Elsewhere an error would leave as part of an ExceptionGroup, and pass by whoever waits for its type."""
    for path in [*files(ENGINE), *files(SERVER)]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            made = (
                node.func if isinstance(node, ast.Call) else node.type if isinstance(node, ast.ExceptHandler) else None
            )
            named = list(ast.walk(made)) if made else []
            names = {each.id for each in named if isinstance(each, ast.Name)}
            names |= {each.attr for each in named if isinstance(each, ast.Attribute)}
            bare = bool(names & GROUPS) or isinstance(node, ast.TryStar)
            assert path == TASKS or not bare, f"{path}:{getattr(node, 'lineno', 0)}: use lowtide.tasks"


def test_files_stay_small() -> None:
    for package in (ENGINE, SERVER):
        for path in files(package):
            assert len(path.read_text("utf-8").splitlines()) <= 600, f"{path}: split it"


def test_commands_that_ask_the_daemon_load_no_engine() -> None:
    """Each question in a terminal, and each of an agent's, begins with these imports."""
    code = (
        "import sys, lowtide.cli.app, lowtide.cli.search, lowtide.cli.symbols, lowtide.cli.index, lowtide.serve.client;"
        "print(*({'numpy', 'anyio', 'asyncio', 'psutil', 'sqlite3', 'lowtide.serve.host'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_pattern_repeats_a_group_possessively() -> None:
    """`(...)*+`, `++`, `?+`: Python before 3.11.5 matches them wrongly when the inside of the group backtracks."""
    repeated = re.compile(r"(?<!\\)\)(?:[*+?]|\{[\d,]+\})\+")
    for path in [*files(ENGINE), *files(SERVER)]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and len(node.value) < 2_000:
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                found = repeated.search(text)
                assert found is None or text.count(" ") > 8, f"{path}:{node.lineno}: {text[:80]}"
