"""Definition, references and hover by name: what stands under the cursor, looked up in the index.

Invariant: a name is all that is known; two things of one name are both answered, the likelier first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from lowtide.buffers import split_lines
from lowtide.core.positions import Units, from_bytes
from lowtide.errors import PathError
from lowtide.models import display_path
from lowtide.overlaid import search
from lowtide.overlaid import symbols as find_symbols
from lowtide.search import Mode
from lowtide_lsp import convert

if TYPE_CHECKING:
    from lowtide_lsp.session import Session

Json = dict[str, Any]
MOST_DEFINITIONS = 50
MOST_REFERENCES = 2000
CHUNKS = 300
"""Chunks that hold the name's words, the likeliest first: their files are looked through for the name."""
_WORD_BYTE = rb"[A-Za-z0-9_$\x80-\xff]"


async def named(session: Session, path: Path | None, line: bytes, column: int) -> list[tuple[Path, Json]]:
    """Definitions of the name at a place, the likeliest first: what qualifies it, then near ones."""
    name, qualifier, _, _ = convert.word_at(line, column)
    if not name:
        return []
    found = await find_symbols(
        session.service, session.documents, name, roots=session.roots, limit=200, near=[path] if path else []
    )
    exact = [(root, symbol) for root, symbol in found if symbol["name"] == name]
    suffix = path.suffix if path else ""

    def rank(pair: tuple[Path, Json]) -> tuple[bool, bool, bool, float]:
        root, symbol = pair
        inside = bool(qualifier) and qualifier.lower() in symbol["container"].lower().split(".")
        same_file = path is not None and root in path.parents and str(path.relative_to(root)) == symbol["path"]
        return not inside, Path(symbol["path"]).suffix != suffix, not same_file, -symbol["score"]

    return sorted(exact, key=rank)[:MOST_DEFINITIONS]


async def definitions(session: Session, path: Path | None, line: bytes, column: int) -> list[Json]:
    """`Location`s of the name's definitions."""
    found = await named(session, path, line, column)

    def locate() -> list[Json]:
        places = []
        for root, symbol in found:
            uri, document = session.uri_of(root, symbol["path"])
            lines = session.lines_of(root, symbol, document)
            places.append(convert.symbol_location(uri, symbol, lines, session.documents.units))
        return places

    return await anyio.to_thread.run_sync(locate)


async def hover_text(session: Session, path: Path | None, line: bytes, column: int) -> Json | None:
    """Signature, documentation and origin of the likeliest definition."""
    found = await named(session, path, line, column)
    if not found:
        return None
    _, symbol = found[0]
    language = convert.fence_language(symbol["path"])
    qualified = f"{symbol['container']}.{symbol['name']}" if symbol["container"] else symbol["name"]
    parts = [f"```{language}\n{symbol['signature'] or qualified}\n```"]
    if symbol["doc"]:
        parts.append(symbol["doc"])
    others = f", and {len(found) - 1} more of this name" if len(found) > 1 else ""
    where = f"{symbol['kind']} `{qualified}` in `{symbol['path']}:{symbol['line']}`{others}"
    parts.append(f"{where} · found by name (Lowtide)")
    if not _takes_markdown(session):
        parts[0] = symbol["signature"] or qualified
        return {"contents": {"kind": "plaintext", "value": "\n\n".join(parts).replace("`", "")}}
    return {"contents": {"kind": "markdown", "value": "\n\n".join(parts)}}


def _takes_markdown(session: Session) -> bool:
    text = session.capabilities.text_document
    formats = text.hover.content_format if text and text.hover else None
    return not formats or any(getattr(kind, "value", kind) == "markdown" for kind in formats)


async def references(
    session: Session, path: Path | None, line: bytes, column: int, include_declaration: bool
) -> list[Json]:
    """`Location`s where the name stands as a whole word, comments and strings too, in the likeliest files."""
    name, _, _, _ = convert.word_at(line, column)
    if not name:
        return []
    definition_places: set[tuple[str, int, int]] = set()
    if not include_declaration:
        for root, symbol in await named(session, path, line, column):
            definition_places.add((str(convert.real_name(root, symbol["path"])), *symbol["name_range"]))
    files: dict[Path, tuple[Path, str]] = {}
    for root in session.roots:
        try:
            ((_, answer),) = await search(
                session.service, session.documents, name, roots=[root], mode=Mode.LEXICAL, limit=CHUNKS
            )
        except PathError:
            continue  # no index yet
        shown = [hit.path for hit in answer.hits]
        shown += [
            display_path(os.fsencode(open_path.relative_to(root))) for open_path in session.documents.changed(root)
        ]
        for shown_path in shown:
            files[convert.real_name(root, shown_path)] = (root, shown_path)
    if path is not None and path not in files:
        root = next((root for root in session.roots if root in path.parents), path.parent)
        files[path] = (root, display_path(os.fsencode(path.relative_to(root))))
    pattern = re.compile(rb"(?<!%b)%b(?!%b)" % (_WORD_BYTE, re.escape(name.encode()), _WORD_BYTE))
    stopped = anyio.Event()
    try:
        return await anyio.to_thread.run_sync(
            _find_all, session, files, pattern, definition_places, stopped.is_set, abandon_on_cancel=True
        )
    finally:
        stopped.set()


def _find_all(
    session: Session, files: dict[Path, tuple[Path, str]], pattern: re.Pattern[bytes],
    without: set[tuple[str, int, int]], cancelled: Callable[[], bool],
) -> list[Json]:  # fmt: skip
    found: list[Json] = []
    units = session.documents.units
    for place, (root, shown) in files.items():
        if cancelled() or len(found) >= MOST_REFERENCES:
            break
        uri, document = session.uri_of(root, shown)
        lines = _lines(document.buffer.text() if document else None, place)
        for number, line in enumerate(lines):
            for match in pattern.finditer(line):
                if (str(place), number, from_bytes(line, match.start(), Units.UTF32)) in without:
                    continue
                start = {"line": number, "character": from_bytes(line, match.start(), units)}
                end = {"line": number, "character": from_bytes(line, match.end(), units)}
                found.append({"uri": uri, "range": {"start": start, "end": end}})
    return found[:MOST_REFERENCES]


def _lines(text: bytes | None, path: Path) -> Sequence[bytes]:
    if text is None:
        try:
            if path.stat().st_size > convert.MOST_FILE_BYTES:
                return []
            text = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        except OSError:
            return []
    return split_lines(text)
