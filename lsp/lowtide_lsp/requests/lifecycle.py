"""`initialize`, `initialized`, and the cancel button of a progress bar."""

from __future__ import annotations

from lsprotocol import types

import lowtide
from lowtide_lsp.protocol import Experimental
from lowtide_lsp.session import Session


def initialize(session: Session, params: types.InitializeParams) -> None:
    """What the client can do, and its folders."""
    session.begin(params)


async def initialized(session: Session, params: types.InitializedParams) -> None:
    """From now on the client may be asked."""
    await session.started()


async def cancel_progress(session: Session, params: types.WorkDoneProgressCancelParams) -> None:
    """The user has pressed Cancel."""
    await session.progress.cancel(params.token)


def announce(result: types.InitializeResult) -> types.InitializeResult:
    """The capabilities that pygls does not work out by itself."""
    capabilities = result.capabilities
    capabilities.text_document_sync = types.TextDocumentSyncOptions(
        open_close=True, change=types.TextDocumentSyncKind.Incremental, save=types.SaveOptions(include_text=False)
    )
    capabilities.workspace = types.WorkspaceOptions(
        workspace_folders=types.WorkspaceFoldersServerCapabilities(supported=True, change_notifications=True)
    )
    capabilities.execute_command_provider = None
    capabilities.experimental = {"lowtide": Experimental(lowtide.__version__)}
    return result
