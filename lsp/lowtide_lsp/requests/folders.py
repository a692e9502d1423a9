"""A client's folders and settings as they change."""

from __future__ import annotations

from lsprotocol import types

from lowtide_lsp.session import Session


async def did_change_folders(session: Session, params: types.DidChangeWorkspaceFoldersParams) -> None:
    """Folders have been added to the window, or taken out."""
    event = params.event
    await session.change_folders([folder.uri for folder in event.added], [folder.uri for folder in event.removed])


async def did_change_configuration(session: Session, params: types.DidChangeConfigurationParams) -> None:
    """The user's settings in this editor."""
    await session.change_settings(params.settings)


def did_change_watched_files(session: Session, params: types.DidChangeWatchedFilesParams) -> None:
    """Nothing to do: Lowtide watches by itself, with every editor alike."""
