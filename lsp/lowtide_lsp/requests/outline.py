"""`textDocument/documentSymbol`: the definitions of one text, as a tree where the client knows trees."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from lowtide_lsp import convert
from lowtide_lsp.session import Session


async def document_symbol(
    session: Session, params: types.DocumentSymbolParams
) -> list[convert.DocumentSymbol] | list[dict[str, Any]]:
    """Of an open text as it is now, else of the file."""
    uri = params.text_document.uri
    document = session.documents.get(uri) or await session.read_closed(uri)
    rows = await session.documents.symbols(document)
    tree = convert.outline(rows, document.buffer.lines, session.documents.units)
    return tree if _knows_trees(session.capabilities) else convert.flat(tree, uri)


def _knows_trees(capabilities: types.ClientCapabilities) -> bool:
    text = capabilities.text_document
    symbol = text.document_symbol if text else None
    return bool(symbol and symbol.hierarchical_document_symbol_support)
