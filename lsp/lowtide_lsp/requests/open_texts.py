"""Open, change, save, close: the texts that lie over what is on the disk."""

from __future__ import annotations

from lsprotocol import types

from lowtide_lsp.session import Session


def did_open(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    """A text is the editor's from now on."""
    item = params.text_document
    language = str(getattr(item.language_id, "value", item.language_id))
    document = session.documents.open(item.uri, session.place(item.uri), language, item.version, item.text)
    session.opened(document)
    session.say_refused(item.uri)


def did_change(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    """Edits in order, each in the text that the one before has made."""
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


def did_save(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """Nothing to do: the folder is watched, and the open text holds until it is closed."""


def did_close(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    """What is on the disk holds again."""
    session.documents.close(params.text_document.uri)
    session.opened(None)
