"""The standard requests and notifications.

Invariant: a handler changes the session only before its first await, so that what came later is seen later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread
from lsprotocol import types

import lowtide
from lowtide.core.positions import to_bytes
from lowtide.read.unsaved.answers import symbols as find_symbols
from lowtide.read.unsaved.documents import language_of
from lowtide_lsp import convert
from lowtide_lsp.names import definitions, hover_text, references
from lowtide_lsp.protocol import Experimental
from lowtide_lsp.session import Session

Json = dict[str, Any]


def register(session: Session) -> None:
    """Give the session's server its handlers."""
    session.protocol.announce = _announce
    feature = session.server.feature

    @feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        session.begin(params)

    @feature(types.INITIALIZED)
    async def initialized(params: types.InitializedParams) -> None:
        await session.started()

    @feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        language = str(getattr(item.language_id, "value", item.language_id))
        document = session.documents.open(item.uri, session.place(item.uri), language, item.version, item.text)
        session.opened(document)
        session.say_refused(item.uri)

    @feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        changes = []
        for change in params.content_changes:
            span = None
            if isinstance(change, types.TextDocumentContentChangePartial):
                start, end = change.range.start, change.range.end
                span = ((start.line, start.character), (end.line, end.character))
            changes.append((span, change.text))
        if session.documents.change(params.text_document.uri, params.text_document.version, changes):
            session.edited()
            session.say_refused(params.text_document.uri)

    @feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        """Nothing to do: the folder is watched, and the open text holds until it is closed."""

    @feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        session.documents.close(params.text_document.uri)
        session.opened(None)

    @feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def did_change_folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        event = params.event
        await session.change_folders([folder.uri for folder in event.added], [folder.uri for folder in event.removed])

    @feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        await session.change_settings(params.settings)

    @feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        """Nothing to do: Lowtide watches by itself, with every editor alike."""

    @feature(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    async def cancel_progress(params: types.WorkDoneProgressCancelParams) -> None:
        await session.progress.cancel(params.token)

    @feature(types.WORKSPACE_SYMBOL)
    async def workspace_symbol(params: types.WorkspaceSymbolParams) -> list[Json]:
        found = await find_symbols(
            session.service,
            session.documents,
            params.query[:256],
            roots=session.roots,
            limit=session.settings.symbol_limit,
            near=session.open_paths,
        )
        return await anyio.to_thread.run_sync(workspace_symbols, session, found)

    @feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def document_symbol(params: types.DocumentSymbolParams) -> list[convert.DocumentSymbol] | list[Json]:
        uri = params.text_document.uri
        document = session.documents.get(uri) or await session.read_closed(uri)
        rows = await session.documents.symbols(document)
        tree = convert.outline(rows, document.buffer.lines, session.documents.units)
        return tree if _knows_trees(session.capabilities) else convert.flat(tree, uri)

    @feature(types.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: types.DefinitionParams) -> list[Json] | None:
        asked = await _asked(session, params)
        if asked is None or not session.settings.gives_definition(asked[0]):
            return None
        return await definitions(session, asked[1], asked[2], asked[3])

    @feature(types.TEXT_DOCUMENT_REFERENCES)
    async def find_references(params: types.ReferenceParams) -> list[Json] | None:
        asked = await _asked(session, params)
        if asked is None or not session.settings.gives_references(asked[0]):
            return None
        return await references(
            session, asked[1], asked[2], asked[3], params.context.include_declaration, params.partial_result_token
        )

    @feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> Json | None:
        asked = await _asked(session, params)
        if asked is None or not session.settings.gives_hover(asked[0]):
            return None
        return await hover_text(session, asked[1], asked[2], asked[3])


def _announce(result: types.InitializeResult) -> types.InitializeResult:
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


def _knows_trees(capabilities: types.ClientCapabilities) -> bool:
    text = capabilities.text_document
    symbol = text.document_symbol if text else None
    return bool(symbol and symbol.hierarchical_document_symbol_support)


def workspace_symbols(session: Session, found: Sequence[tuple[Path, Json]]) -> list[Json]:
    """`WorkspaceSymbol`s. Blocking: columns of lines that are not ASCII are counted in the files."""
    answers, seen = [], set()
    for root, symbol in found:
        place = (symbol["name"], f"{root}/{symbol['path']}", *symbol["name_range"])
        if place in seen:
            continue  # of a folder inside another
        seen.add(place)
        uri, document = session.uri_of(root, symbol["path"])
        lines = session.lines_of(root, symbol, document)
        answers.append(convert.workspace_symbol(uri, symbol, lines, session.documents.units))
    return answers


async def _asked(
    session: Session, params: types.DefinitionParams | types.ReferenceParams | types.HoverParams
) -> tuple[str, Path | None, bytes, int] | None:
    """Language, path, line and byte of a place; None when there is no such place."""
    uri = params.text_document.uri
    document = session.documents.get(uri) or await session.read_closed(uri)
    line = document.buffer.line(params.position.line)
    column = to_bytes(line, params.position.character, session.documents.units)
    language = language_of(document)
    return language.name if language else document.language, document.path, line, column
