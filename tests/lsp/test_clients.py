"""With pytest-lsp's clients, which check every message against the specification: as Neovim, VS Code and Emacs say
hello."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytest_lsp = pytest.importorskip("pytest_lsp")
from lsprotocol import types  # noqa: E402


@pytest.mark.parametrize("profile", ["neovim", "visual_studio_code", "emacs"])
def test_an_editors_profile(profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    for number in range(30):
        (root / f"tides_{number}.py").write_text(
            f"class Table{number}:\n    '''😀'''; y = 1\n    def gauge(self): ...\n"
        )
    monkeypatch.setenv("LOWTIDE_HOME", str(tmp_path / "home"))
    asyncio.run(asyncio.wait_for(_talk(profile, root), 90))


async def _talk(profile: str, root: Path) -> None:
    client: Any = pytest_lsp.make_test_lsp_client()
    seen: list[str] = []

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None:
        seen.extend(registration.method for registration in params.registrations)

    @client.feature("lowtide/statusChanged")
    def changed(params: Any) -> None:
        seen.append(params.state)

    await client.start_io(sys.executable, "-m", "lowtide.cli", "lsp", "--stdio", "--embedded")
    capabilities = pytest_lsp.client_capabilities(profile)
    initialized = await client.initialize_session(
        types.InitializeParams(
            capabilities=capabilities,
            process_id=os.getpid(),
            root_uri=root.as_uri(),
            workspace_folders=[types.WorkspaceFolder(root.as_uri(), "tree")],
        )
    )
    assert initialized.capabilities.workspace_symbol_provider
    uri = (root / "tides_1.py").as_uri()
    item = types.TextDocumentItem(uri, "python", 1, (root / "tides_1.py").read_text("utf-8"))
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    edit = types.TextDocumentContentChangePartial(
        range=types.Range(types.Position(3, 0), types.Position(3, 0)), text="def late(): ...\n"
    )
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(2, uri), [edit])
    )
    outline = await client.text_document_document_symbol_async(
        types.DocumentSymbolParams(types.TextDocumentIdentifier(uri))
    )
    assert [symbol.name for symbol in outline or []][-1] == "late"
    while not (found := await client.workspace_symbol_async(types.WorkspaceSymbolParams("Table29"))):
        await asyncio.sleep(0.02)
    assert found[0].name == "Table29"
    hover = await client.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(0, 8))
    )
    assert hover is not None
    await client.shutdown_session()
    await client.stop()
    assert "error" not in " ".join(seen)
