"""The rules of docs/architecture.md, read from the imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "daemon" / "lowtide"
SERVER = ROOT / "lsp" / "lowtide_lsp"

PYTHON_FOLDERS = ("daemon", "lsp", "bench", "model", "tests", "docs")
MOST_LINES_OF_A_FUNCTION = 80
MOST_LINES_OF_A_FILE = 500

ONLY = {
    "sqlite3": {"store/catalog.py"},
    "usearch": {"store/vectors/vectors.py"},
    "re2": {"read/text_match.py"},
    "numkong": {"store/vectors/vectors.py"},
    "watchdog": {"system/watch/watch.py"},
    "psutil": {"system/memory.py"},
    "tantivy": {"store/lexical/engine.py"},
    "tree_sitter": {"work/parse/grammar.py"},
    "pymilvus": {"team/milvus.py"},
    "onnxruntime": {"work/model/embed.py"},
    "tokenizers": {"work/model/embed.py"},
}


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """A file's syntax, read once for all tests."""
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


@cache
def imports(path: Path) -> tuple[tuple[str, int], ...]:
    """Every module that a file imports, also inside functions, absolute names only."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in nodes(path):
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
                or top == "msgspec"  # its structs do nothing
                or name == "lowtide"
            )
            assert allowed, f"{path}:{line} imports {name}"
            assert top not in {"os", "io", "socket", "subprocess", "asyncio", "threading", "time"}, (
                f"{path}:{line} imports {name}"
            )


def test_core_never_awaits() -> None:
    for path in files(ENGINE / "core"):
        assert not [node for node in nodes(path) if isinstance(node, ast.Await | ast.AsyncFunctionDef)], path


def test_models_use_the_standard_library_only() -> None:
    for name, _ in imports(ENGINE / "models.py"):
        assert name.split(".")[0] in sys.stdlib_module_names


STORE = {"store", "store/lexical", "store/names", "store/vectors"}
SYSTEM = {"system", "system/tree", "system/watch"}
WORK = {"work", "work/parse", "work/model"}
BELOW_SERVE = {"config", "languages", "core", *STORE, *SYSTEM, "pool"}
LAYERS: dict[str, set[str]] = {
    "": set(),
    "languages": set(),
    "core": set(),
    "system": {"core"},
    "config": {"languages", "system"},
    "store": {"core"},
    "store/lexical": {"core", "store"},
    "store/names": {"core", "store"},
    "store/vectors": {"core", "store"},
    "system/tree": {"core", "config", "languages", "system"},
    "system/watch": {"core", "system", "system/tree"},
    "work": {"languages", "system", "core", *WORK},
    "work/parse": {"languages", "core", *WORK},
    "work/model": WORK,
    "pool": {"core", "system"},
    "bulk": {"config", "core", "pool", "system", *STORE},
    "index": BELOW_SERVE,
    "read": BELOW_SERVE,
    "read/unsaved": {*BELOW_SERVE, "read"},
    "team": {*BELOW_SERVE, "index", "read"},
    "serve": {*BELOW_SERVE, "index", "read", "read/unsaved", "team"},
    "mcp": set(),
    "cli": {*BELOW_SERVE, "serve", "bulk", "mcp", "team"},
}
"""Which folders the files of a folder may import, beside their own and the ground (the files of `lowtide/` itself)."""
BY_NAME: dict[str, set[str]] = {
    "work": {
        "store/rows.py",
        "store/lexical/engine.py",
        "store/lexical/generation.py",
        "store/vectors/vector_segments.py",
        "bulk/pieces.py",
    },
    "pool": {"work/model/encoder.py"},
    "read": {"index/workspace.py", "work/keys.py", "work/words.py", "work/sniff.py"},
    "read/unsaved": {"work/words.py", "work/model/encoder.py"},
    "index": {"work/model/model_folder.py"},
    "serve": {
        "work/model/encoder.py",
        "work/model/model_folder.py",
        "work/model/static_model.py",
    },
    "team": {"work/words.py"},
    "mcp": {"serve/client.py", "serve/daemon_lock.py", "serve/rpc.py", "system/beneath.py"},
    "cli": {
        "work/model/model_folder.py",
        "index/bundles.py",
        "index/forecast.py",
        "index/inventory.py",
        "index/report.py",
        "index/sharing.py",
        "index/workspace.py",
        "read/explain.py",
    },
}
"""And the single files of other folders that they share with them."""


def modules() -> dict[str, Path]:
    """Every module of the engine by its name."""
    found = {}
    for path in files(ENGINE):
        parts = path.relative_to(ENGINE).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(("lowtide", *parts))] = path
    return found


def folder_of(path: Path) -> str:
    """Its folder below the package, "" for the ground; a language's own folder counts as `languages`."""
    folder = str(path.relative_to(ENGINE).parent)
    return "" if folder == "." else folder.split("/")[0] if folder.startswith("languages/") else folder


def edges() -> Iterator[tuple[Path, Path, int]]:
    """Which file imports which, and in which line; a package's own file when a name of it is imported."""
    known = modules()
    for path in known.values():
        seen: set[Path] = set()
        for name, line in imports(path):
            target = known.get(name) if name != "lowtide" else None
            is_package = target is not None and target.name == "__init__.py" and target.parent.name != "languages"
            if target is not None and not is_package and target not in seen and target != path:
                seen.add(target)
                yield path, target, line


def test_every_folder_imports_only_what_lies_below_it() -> None:
    """By folder, so that a new file is covered the day it is born; a folder that is not named may import nothing."""
    wrong = []
    for path, target, line in edges():
        own, other = folder_of(path), folder_of(target)
        is_named = str(target.relative_to(ENGINE)) in BY_NAME.get(own, set())
        if other not in ("", own) and other not in LAYERS.get(own, set()) and not is_named:
            wrong.append(f"{path.relative_to(ENGINE)}:{line} imports {target.relative_to(ENGINE)}")
    assert not wrong, "\n".join(wrong)


def test_every_folder_has_its_layer_and_no_other_is_named() -> None:
    assert {folder_of(path) for path in files(ENGINE)} == set(LAYERS)


def test_what_is_shared_by_name_is_there_and_used() -> None:
    used = {(folder_of(path), str(target.relative_to(ENGINE))) for path, target, _ in edges()}
    assert {(folder, name) for folder, names in BY_NAME.items() for name in names} <= used


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other (Tarjan), largest first."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(group)

    for node in graph:
        if node not in order:
            visit(node)
    return sorted(found, key=len, reverse=True)


def test_no_files_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for path, target, _ in edges():
        if path.name != "__init__.py" and target.name != "__init__.py":
            graph.setdefault(str(path.relative_to(ENGINE)), set()).add(str(target.relative_to(ENGINE)))
    assert circles(graph) == []


def test_no_wings_import_each_other_in_a_circle() -> None:
    """A folder's own subfolders are one wing with it, but for `read` and `system`, whose parts have an order."""
    graph: dict[str, set[str]] = {}
    for path, target, _ in edges():
        own, other = (
            folder.replace("work/parse", "work").replace("work/model", "work")
            for folder in (folder_of(path), folder_of(target))
        )
        if own != other and str(target.relative_to(ENGINE)) not in BY_NAME.get(folder_of(path), set()):
            graph.setdefault(own, set()).add(other)
    assert circles(graph) == []


def test_the_language_server_sees_one_door() -> None:
    """What it may import of the engine: what clients ask, open texts, the ground, and by name what these speak of."""
    allowed = {
        "serve/api.py",
        "serve/params.py",
        "serve/session.py",
        "serve/questions.py",
        "serve/service.py",
        "serve/workspaces.py",
        "serve/rpc.py",
        "serve/intake.py",
        "serve/daemon.py",  # `lsp --embedded` is a daemon of its own
        "serve/app.py",
        "config/settings.py",
        "system/beneath.py",
        "index/attending.py",
        "read/filters.py",
        "read/request.py",
        "read/references.py",
        "read/answer.py",
        "read/text_pieces.py",
        "serve/team.py",
        "team/messages.py",
        "team/ranking.py",
    }
    known = modules()
    wrong = []
    for path in files(SERVER):
        for name, line in imports(path):
            target = known.get(name)
            if target is None or target.name == "__init__.py":
                continue
            is_fine = folder_of(target) in ("", "core", "read/unsaved") or str(target.relative_to(ENGINE)) in allowed
            if not is_fine:
                wrong.append(f"{path.relative_to(SERVER)}:{line} imports {target.relative_to(ENGINE)}")
    assert not wrong, "\n".join(wrong)


def test_workers_import_no_event_loop() -> None:
    """A worker is small: what it needs of an index are values and distances."""
    for path in files(ENGINE / "work"):
        for name, line in imports(path):
            loop = name.startswith(("anyio", "asyncio", "click", "rich", "multiprocessing"))
            assert not loop, f"{path}:{line} imports {name}"


def test_folders_above_the_packages_are_no_packages() -> None:
    assert not (ROOT / "daemon" / "__init__.py").exists()
    assert not (ROOT / "lsp" / "__init__.py").exists()


TASKS = ENGINE / "tasks.py"
GROUPS = {"create_task_group", "TaskGroup", "BaseExceptionGroup", "ExceptionGroup"}


def test_task_groups_are_made_in_one_place() -> None:
    """Elsewhere an error would leave as part of an ExceptionGroup, and pass by whoever waits for its type."""
    for path in [*files(ENGINE), *files(SERVER)]:
        for node in nodes(path):
            made = (
                node.func if isinstance(node, ast.Call) else node.type if isinstance(node, ast.ExceptHandler) else None
            )
            named = list(ast.walk(made)) if made else []
            names = {each.id for each in named if isinstance(each, ast.Name)}
            names |= {each.attr for each in named if isinstance(each, ast.Attribute)}
            bare = bool(names & GROUPS) or isinstance(node, ast.TryStar)
            assert path == TASKS or not bare, f"{path}:{getattr(node, 'lineno', 0)}: use lowtide.tasks"


def test_files_stay_small() -> None:
    for folder in PYTHON_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            is_ours = "data" not in path.relative_to(ROOT).parts  # samples are what others write
            count = len(path.read_text("utf-8").splitlines())
            assert not is_ours or count <= MOST_LINES_OF_A_FILE, f"{path} has {count} lines: split it along its ideas"


def test_functions_can_be_held_in_the_head() -> None:
    """And have at most 20 ways through them: ruff's C901, from which nothing is excepted."""
    long = [
        f"{path}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines: split it"
        for package in (ENGINE, SERVER)
        for path in files(package)
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert not long, "\n".join(long)


def test_no_rule_of_the_linter_is_lifted_for_what_is_too_complex() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    assert "C901" in settings["select"]
    assert settings["mccabe"]["max-complexity"] <= 20
    assert "C901" not in [
        *settings["ignore"],
        *(code for codes in settings["per-file-ignores"].values() for code in codes),
    ]
    lifted = re.compile(r"#\s*(?:ruff:\s*)?no" + r"qa(?!:)|#.*no" + r"qa.*C901", re.IGNORECASE)
    for folder in PYTHON_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            assert not lifted.search(path.read_text("utf-8")), path


def test_commands_that_ask_the_daemon_load_no_engine() -> None:
    """Each question in a terminal, and each of an agent's, begins with these imports."""
    code = (
        "import sys, lowtide.cli.app, lowtide.cli.search, lowtide.cli.symbols, lowtide.cli.index, lowtide.serve.client;"
        "import lowtide.cli.list, lowtide.cli.clear;"
        "print(*({'numpy', 'anyio', 'asyncio', 'psutil', 'sqlite3', 'lowtide.serve.host'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_pattern_repeats_a_group_possessively() -> None:
    """`(...)*+`, `++`, `?+`: Python before 3.11.5 matches them wrongly when the inside of the group backtracks."""
    repeated = re.compile(r"(?<!\\)\)(?:[*+?]|\{[\d,]+\})\+")
    for path in [*files(ENGINE), *files(SERVER)]:
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and len(node.value) < 2_000:
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                found = repeated.search(text)
                assert found is None or text.count(" ") > 8, f"{path}:{node.lineno}: {text[:80]}"


def test_the_formatter_is_told_nothing() -> None:
    """What needs it has too many parameters: make a value of them."""
    told = re.compile("# fmt" + ": (?:skip|off)")
    for folder in PYTHON_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            assert not told.search(path.read_text("utf-8")), path


def test_what_the_daemon_imports_of_the_team_brings_no_engine() -> None:
    """The client of Milvus takes 79 MiB: it is the gateway's alone."""
    code = (
        "import sys, lowtide.serve.service, lowtide.team.push;"
        "print(*({'pymilvus', 'grpc', 'http.client', 'http.server', 'lowtide.team.gateway'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


DATACLASSES = {
    "daemon/lowtide/config/settings.py": "two configurations that differ in who set the budget are equal",
    "daemon/lowtide/cli/options.py": "the options that were given are told from the others by their names",
}
"""Files that have one, and what it does that a struct does not."""


def test_values_are_structs_and_not_dataclasses() -> None:
    """A dataclass writes and compiles its methods at each start, half a millisecond each: a third of the daemon's."""
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("daemon", "lsp")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
        if any(alias.name == "dataclass" for alias in node.names)
    }
    assert found == set(DATACLASSES)
