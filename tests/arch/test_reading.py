"""Who opens files: what is read to answer or to index goes through `system/beneath.py`, and all else is named here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tests.arch.test_rules import ENGINE, SERVER, files

OPENERS = {
    "system/beneath.py": "the one door for what a workspace, git or the user's configuration holds",
    "store/catalog.py": "the index's own files",
    "store/segment_file.py": "the index's own files",
    "store/durable.py": "the index's own files",
    "store/lexical/engine.py": "the index's own files",
    "store/lexical/generation.py": "the index's own files",
    "store/vectors/vector_segments.py": "the index's own files",
    "system/lock.py": "the index's own files",
    "paths.py": "the index's own files",
    "index/workspace.py": "the index's own files",
    "index/git_stamps.py": "the index's own files",
    "index/bundle_vectors.py": "a bundle's own files",
    "index/sharing.py": "a bundle that is fetched",
    "store/bundle_file.py": "a bundle's own files",
    "store/columns.py": "a bundle's own files",
    "bulk/manifest.py": "a bulk store's own files",
    "bulk/pieces.py": "a bulk store's own files",
    "bulk/sources.py": "vectors of a file that the user names",
    "languages/lines.py": "the package's own files",
    "read/concepts.py": "the package's own file",
    "languages/queries.py": "the package's own files",
    "work/encodings.py": "the package's own files",
    "work/model/model_folder.py": "a model's files",
    "work/model/static_model.py": "a model's files",
    "work/model/onnx_weights.py": "a model's files",
    "work/model/bags.py": "a model's files",
    "cli/model.py": "a model's files",
    "system/memory.py": "the kernel's files",
    "system/watch/mounts.py": "the kernel's files",
    "system/watch/inotify.py": "the kernel's files",
    "system/cpu.py": "the kernel's files",
    "system/footprint.py": "the kernel's files",
    "serve/diagnose.py": "the kernel's files",
    "work/__main__.py": "its own pipes, and the kernel's files",
    "system/watch/watch.py": "/dev/null, to see whether descriptors are left",
    "cli/app.py": "/dev/null",
    "cli/__init__.py": "/dev/null",
    "serve/client.py": "the daemon's log",
    "serve/daemon.py": "the daemon's log",
    "serve/daemon_lock.py": "the daemon's lock, and the kernel's files",
    "serve/daemon_socket.py": "the folder of the daemon's socket",
    "cli/daemon.py": "the daemon's log",
    "serve/bug_report.py": "the daemon's log, and the package's own files",
    "mcp/install.py": "an agent's configuration",
    "lowtide_lsp/main.py": "its own pipes",
}
"""Modules that open files by themselves, and which. None of them reads a file of a workspace."""

_MODULES = {"os", "io", "codecs", "tokenize", "gzip", "bz2", "lzma", "tarfile", "zipfile", "shelve", "wave"}
_METHODS = {
    "read_bytes",
    "read_text",
    "write_bytes",
    "write_text",
    "fromfile",
    "memmap",
    "copyfile",
    "copy2",
    "getlines",
}
_MODE = re.compile(r"[rwxa][bt+]*")


def opens(path: Path) -> list[int]:
    """The lines where a module opens a file by itself."""
    return sorted(
        node.lineno
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and _opens(node)
    )


def _opens(call: ast.Call) -> bool:
    called = call.func
    if isinstance(called, ast.Name):
        return called.id == "open"
    if not isinstance(called, ast.Attribute):
        return False
    if called.attr in _METHODS:
        return True
    if called.attr not in ("open", "fdopen"):
        return False
    if isinstance(called.value, ast.Name) and called.value.id in _MODULES:
        return True
    # `Path.open`, told from other things that are opened by what it is given.
    first = call.args[0] if call.args else None
    is_mode = isinstance(first, ast.Constant) and isinstance(first.value, str) and _MODE.fullmatch(first.value)
    return bool(is_mode) or any(word.arg in ("mode", "encoding", "buffering", "errors") for word in call.keywords)


def name_of(path: Path) -> str:
    return str(path.relative_to(ENGINE if ENGINE in path.parents else SERVER.parent))


def test_files_are_opened_by_those_who_may() -> None:
    modules = {name_of(path): opens(path) for path in [*files(ENGINE), *files(SERVER)]}
    strangers = [f"{name}:{lines[0]}" for name, lines in modules.items() if lines and name not in OPENERS]
    assert not strangers, "read by system/beneath.py (Root, open_plain), or say in OPENERS what is opened"
    assert not [name for name in OPENERS if not modules.get(name)], "opens nothing any more: take it off the list"


@pytest.mark.parametrize(
    "text",
    [
        "with open(name) as file: ...",
        "os.open(name, flags)",
        "Path(name).read_bytes()",
        "name.open('rb')",
        "name.open(encoding='utf-8')",
        "io.open(name)",
        "numpy.fromfile(name)",
        "os.fdopen(handle)",
    ],
)
def test_each_way_to_open_a_file_is_seen(tmp_path: Path, text: str) -> None:
    (tmp_path / "module.py").write_text(text)
    assert opens(tmp_path / "module.py") == [1]


def test_what_is_no_file_may_be_opened(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("root.open(name, 10)\nsession.documents.open(uri, path)\nstore.open()\n")
    assert opens(tmp_path / "module.py") == []
