"""What the language server's modules take, and that the types loaded leanly read and write the same messages."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from lowtide.serve.server import EDITOR_BYTES

MEASURE = """
import asyncio, linecache, json
import numpy, lowtide.serve.daemon
from lowtide.system.memory import own_anonymous_bytes, use_one_arena
use_one_arena()
before = own_anonymous_bytes()
import lowtide_lsp.server
from lowtide_lsp.transport import shared_converter
shared_converter()
grown = own_anonymous_bytes() - before
from lsprotocol import types
makers = [vars(cls)["__init__"] for cls in vars(types).values() if hasattr(cls, "__attrs_attrs__")]
print(json.dumps({
    "grown": grown,
    "classes": len(makers),
    "most_names": max(len(maker.__globals__) for maker in makers),
    "sources": sum(str(name).startswith("<attrs generated methods lsprotocol.types") for name in linecache.cache),
}))
"""

SAME = """
import sys, json
if sys.argv[1] == "as they are":
    import lsprotocol.types
from lowtide_lsp.transport import shared_converter
from lsprotocol import types
converter = shared_converter()
told = []
for method, params in json.load(sys.stdin):
    kind = types.METHOD_TO_TYPES[method][0]
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    try:
        typed = converter.structure(message, kind)
        told.append(json.dumps(converter.unstructure(typed), sort_keys=True))
    except Exception as error:
        told.append(type(error).__name__)
first, second = types.Position(1, 2), types.Position(1, 3)
told.append([first < second, first == types.Position(1, 2), types.Range(first, second) == types.Range(first, second)])
print(json.dumps(told))
"""

PLACE = {"textDocument": {"uri": "file:///a.py"}, "position": {"line": 3, "character": 2**31 - 1}}
MESSAGES: list[tuple[str, Any]] = [
    (
        "initialize",
        {
            "processId": None,
            "rootUri": None,
            "capabilities": {
                "general": {"positionEncodings": ["utf-8"]},
                "window": {"workDoneProgress": True},
                "textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": True}},
            },
            "workspaceFolders": [{"uri": "file:///w", "name": "w"}],
        },
    ),
    ("textDocument/references", {**PLACE, "context": {"includeDeclaration": True}}),
    ("textDocument/hover", PLACE),
    ("textDocument/hover", {**PLACE, "position": {"line": -1, "character": "x"}}),
    ("workspace/symbol", {"query": "a"}),
    (
        "textDocument/didChange",
        {"textDocument": {"uri": "file:///a", "version": 2}, "contentChanges": [{"text": "a"}]},
    ),
    ("workspace/didChangeWorkspaceFolders", {"event": {"added": [{"uri": "file:///a", "name": "a"}], "removed": []}}),
]


def told_by(script: str, *arguments: str, given: str = "") -> Any:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], input=given, capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is what Linux counts")
def test_an_editor_costs_what_is_kept_for_it_and_no_more() -> None:
    """96 MiB hold the model beside it."""
    told = told_by(MEASURE)
    assert told["classes"] > 500
    assert told["most_names"] < 100, "each class had a copy of all names of the module"
    assert told["sources"] == 0
    assert told["grown"] <= EDITOR_BYTES <= 11 << 20


def test_types_that_were_loaded_leanly_read_and_write_the_same() -> None:
    given = json.dumps(MESSAGES)
    assert told_by(SAME, "lean", given=given) == told_by(SAME, "as they are", given=given)
