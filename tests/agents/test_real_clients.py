"""Real clients against `lowtide mcp`: the official Python SDK in each era of the protocol; the official inspector."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.session import ClientRequestContext
from tests.agents.conftest import Tree
from tests.e2e.harness import Lowtide

INSPECTOR = "LOWTIDE_TEST_INSPECTOR"
"""Names the inspector's command, where it is installed: `npx --yes @modelcontextprotocol/inspector`."""


@asynccontextmanager
async def connected(
    lowtide: Lowtide, folder: Path, mode: str, roots: list[Path] | None = None
) -> AsyncIterator[Client]:
    """A session of the SDK's, which works in `roots`."""

    async def list_roots(context: ClientRequestContext) -> types.ListRootsResult:
        return types.ListRootsResult.model_validate({"roots": [{"uri": root.as_uri()} for root in roots or ()]})

    server = StdioServerParameters(
        command=sys.executable, args=["-m", "lowtide.cli", "mcp"], env=lowtide.env(), cwd=str(folder)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK's own, of what it deprecates
        async with Client(server, mode=mode, list_roots_callback=list_roots if roots is not None else None) as client:
            yield client


def text_of(result: Any) -> str:
    assert not result.is_error, result
    text: str = result.content[0].text
    return text


@pytest.mark.parametrize(
    ("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")]
)
def test_the_sdk_lists_and_calls_every_tool(lowtide: Lowtide, modules: Path, mode: str, version: str) -> None:
    lowtide.run("index", modules)

    async def main() -> None:
        async with connected(lowtide, modules, mode) as client:
            assert client.protocol_version == version
            listed = await client.list_tools()
            assert [tool.name for tool in listed.tools] == ["search", "symbols", "references", "status"]
            for tool in listed.tools:
                assert tool.annotations is not None
                assert tool.annotations.read_only_hint
                assert tool.annotations.destructive_hint is False
            asked: dict[str, dict[str, Any]] = {
                "search": {"query": "grow the size of a holder", "terms": ["Holder5", "grow"], "limit": 3},
                "symbols": {"name": "Holder5", "code": True},
                "references": {"name": "LIMIT_5"},
                "status": {},
            }
            texts = {name: text_of(await client.call_tool(name, arguments)) for name, arguments in asked.items()}
            assert "Holder5" in texts["search"]
            assert "class Holder5:\n    def __init__(self, size):" in texts["symbols"]
            assert "[in compute_part_5_0]" in texts["references"]
            assert "20 files" in texts["status"]
            result = await client.call_tool("search", {"query": ""})
            assert result.is_error
            with pytest.raises(MCPError):
                await client.call_tool("no_such_tool", {})

    anyio.run(main)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_the_sdks_folders_are_asked_for(lowtide: Lowtide, tree: Tree, tmp_path: Path, mode: str) -> None:
    shop, till = (
        tree({"a.py": "def in_shop():\n    pass\n"}, "shop"),
        tree({"b.py": "def in_till():\n    pass\n"}, "till"),
    )

    async def main() -> None:
        async with connected(lowtide, tmp_path, mode, [shop, till]) as client:
            wanted = [f"root: {till}", "b.py:1 function in_till: def in_till():"]
            with anyio.fail_after(60):
                while text_of(await client.call_tool("symbols", {"name": "in_till"})).splitlines() != wanted:
                    await anyio.sleep(0.05)

    anyio.run(main)


def test_many_calls_of_the_sdk_at_once_and_some_given_up(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)

    async def main() -> None:
        async with connected(lowtide, modules, "2026-07-28") as client:
            texts: dict[int, str] = {}

            async def ask(number: int) -> None:
                texts[number] = text_of(await client.call_tool("symbols", {"name": f"Holder{number}", "limit": 1}))

            async with anyio.create_task_group() as group:
                for number in range(20):
                    group.start_soon(ask, number)
            assert all(f"class Holder{number}" in texts[number] for number in range(20))
            with anyio.move_on_after(0.001):
                await client.call_tool("search", {"query": "grow the size"})
            await ask(7)

    anyio.run(main)


@pytest.mark.skipif(INSPECTOR not in os.environ, reason=f"{INSPECTOR} names no inspector")
def test_the_inspector_lists_and_calls(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    command = os.environ[INSPECTOR].split()
    assert shutil.which(command[0])

    def inspect(*arguments: str) -> dict[str, Any]:
        out = subprocess.run(
            [*command, "--cli", sys.executable, "-m", "lowtide.cli", "mcp", *arguments],
            capture_output=True,
            text=True,
            cwd=modules,
            env=lowtide.env(),
            timeout=240,
            check=True,
        )
        value: dict[str, Any] = json.loads(out.stdout)
        return value

    assert [tool["name"] for tool in inspect("--method", "tools/list")["tools"]] == [
        "search",
        "symbols",
        "references",
        "status",
    ]
    called = inspect("--method", "tools/call", "--tool-name", "symbols", "--tool-arg", "name=Holder5")
    assert "class Holder5" in called["content"][0]["text"]
