"""What stands at a place of a text: for the questions that ask by a name under the cursor."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lsprotocol import types

from lowtide.core.positions import to_bytes
from lowtide.read.unsaved.documents import language_of
from lowtide_lsp.session import Session


class Place(NamedTuple):
    """A byte of a line of a text; `path` is None for a text that is no file."""

    language: str
    path: Path | None
    line: bytes
    column: int


async def place_of(
    session: Session, params: types.DefinitionParams | types.ReferenceParams | types.HoverParams
) -> Place:
    """The place that a request names. PathError for a file that is not there."""
    uri = params.text_document.uri
    document = session.documents.get(uri) or await session.read_closed(uri)
    line = document.buffer.line(params.position.line)
    column = to_bytes(line, params.position.character, session.documents.units)
    language = language_of(document)
    return Place(language.name if language else document.language, document.path, line, column)
