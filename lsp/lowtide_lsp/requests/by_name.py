"""Definition, references and hover by name: what stands under the cursor, looked up in the index.

Invariant: a name is all that is known; two things of one name are both answered, the likelier first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from lsprotocol import types

from lowtide.answers import SymbolHit
from lowtide.core.positions import Units, from_bytes, line_end
from lowtide.core.spelling import NameAt, standing_alone
from lowtide.core.symbol_rank import folders_between
from lowtide.errors import NoIndex
from lowtide.models import display_path
from lowtide.read.text_pieces import Piece, TooLong, read_pieces
from lowtide.read.unsaved.answers import symbols as find_symbols
from lowtide_lsp import convert

if TYPE_CHECKING:
    from lowtide_lsp.session import Session

Json = dict[str, Any]
Found = list[tuple[Path, SymbolHit]]
MOST_DEFINITIONS = 50
MOST_REFERENCES = 2000
MOST_FILES = 10_000
"""Files whose words have the name are looked through, of each folder."""
FILES_AT_ONCE = 64
_File = tuple[Path, Path, str]
"""A file: its path, its root, and its name there as shown."""


async def named(session: Session, path: Path | None, line: bytes, column: int) -> list[tuple[Path, SymbolHit]]:
    """Definitions of the name at a place, the likeliest first: what qualifies it, then near ones."""
    return (await _named(session, path, convert.names_under(line, column, str(path or ""))))[1]


async def _named(
    session: Session, path: Path | None, under: Sequence[NameAt]
) -> tuple[str, list[tuple[Path, SymbolHit]]]:
    """The spelling that is defined, the one that stands there if none is, and its definitions."""
    for spelling in under:
        if found := await _spelt(session, path, spelling.name, spelling.qualifier):
            return spelling.name, found
    return under[0].name if under else "", []


async def _spelt(session: Session, path: Path | None, name: str, qualifier: str) -> list[tuple[Path, SymbolHit]]:
    found = await find_symbols(
        session.service,
        session.documents,
        name,
        roots=session.roots,
        limit=200,
        near=[path] if path else [],
        details_of=name,
    )
    exact = [(root, symbol) for root, symbol in found if symbol.name == name]
    suffix = path.suffix if path else ""

    def rank(pair: tuple[Path, SymbolHit]) -> tuple[bool, bool, bool, float]:
        root, symbol = pair
        inside = bool(qualifier) and qualifier.lower() in symbol.container.lower().split(".")
        same_file = path is not None and root in path.parents and str(path.relative_to(root)) == symbol.path
        return not inside, Path(symbol.path).suffix != suffix, not same_file, -symbol.score

    return sorted(exact, key=rank)[:MOST_DEFINITIONS]


async def definitions(session: Session, path: Path | None, line: bytes, column: int) -> list[Json]:
    """`Location`s of the name's definitions."""
    found = await named(session, path, line, column)

    def locate() -> list[Json]:
        places = []
        for root, symbol in found:
            uri, document = session.uri_of(root, symbol.path)
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
    language = convert.fence_language(symbol.path)
    parts = [f"```{language}\n{symbol.signature or symbol.qualified}\n```"]
    if symbol.doc:
        parts.append(symbol.doc)
    others = f", and {len(found) - 1} more of this name" if len(found) > 1 else ""
    where = f"{symbol.kind} `{symbol.qualified}` in `{symbol.path}:{symbol.line}`{others}"
    parts.append(f"{where} · found by name (Lowtide)")
    if not _takes_markdown(session):
        parts[0] = symbol.signature or symbol.qualified
        return {"contents": {"kind": "plaintext", "value": "\n\n".join(parts).replace("`", "")}}
    return {"contents": {"kind": "markdown", "value": "\n\n".join(parts)}}


def _takes_markdown(session: Session) -> bool:
    text = session.capabilities.text_document
    formats = text.hover.content_format if text and text.hover else None
    return not formats or any(getattr(kind, "value", kind) == "markdown" for kind in formats)


async def references(
    session: Session, path: Path | None, line: bytes, column: int, include_declaration: bool, token: str | int | None
) -> list[Json]:
    """`Location`s where the name stands as a whole word, comments and strings too.

    Looked for in every file whose words have it, by the lexical index, nearest first, and in what is open. With a
    `token`, they are told as they are found, and the answer is empty. What a limit cuts off is logged in the editor.
    """
    name, defined = await _named(session, path, convert.names_under(line, column, str(path or "")))
    if not name:
        return []
    without: set[tuple[str, int, int]] = set()
    if not include_declaration:
        for root, symbol in defined:
            without.add((str(convert.real_name(root, symbol.path)), *symbol.name_range))
    files, is_cut = await _files_with(session, path, name)
    spelt = name.encode("utf-8", "replace")
    pattern_in = cache(lambda language: standing_alone(spelt, language))
    found: list[Json] = []
    for start in range(0, len(files), FILES_AT_ONCE):
        stopped = anyio.Event()
        try:
            some, too_long = await anyio.to_thread.run_sync(
                _find_all,
                session,
                files[start : start + FILES_AT_ONCE],
                pattern_in,
                without,
                stopped.is_set,
                abandon_on_cancel=True,
            )
        finally:
            stopped.set()
        is_cut = is_cut or too_long or len(found) + len(some) > MOST_REFERENCES
        some = some[: MOST_REFERENCES - len(found)]
        if token is not None and some:
            session.protocol.notify(types.PROGRESS, {"token": token, "value": some})
        found += some
        if is_cut and len(found) == MOST_REFERENCES:
            break
    if is_cut:
        text = (
            f"lowtide: references of {name}: {len(found)} are shown, there may be more: {MOST_REFERENCES} in "
            f"{MOST_FILES} files are the most"
        )
        session.log_message(types.MessageType.Info, text)
    return [] if token is not None else found


async def _files_with(session: Session, path: Path | None, name: str) -> tuple[list[_File], bool]:
    """The files to look through, the one that was asked in first, then those near it; and whether these are not all."""
    files: dict[Path, _File] = {}
    if path is not None:
        root = next((root for root in session.roots if root in path.parents), path.parent)
        files[path] = (path, root, display_path(os.fsencode(path.relative_to(root))))
    is_cut = False
    for root in session.roots:
        try:
            names, more = await session.service.files_with(root, name, MOST_FILES)
        except NoIndex:
            names, more = [], False  # no index yet
        is_cut = is_cut or more
        shown = [
            display_path(os.fsencode(open_path.relative_to(root)))
            for open_path in await session.documents.searchable(root, session.service.index_settings(root))
        ]
        for each in (*shown, *map(display_path, names)):
            place = convert.real_name(root, each)
            files.setdefault(place, (place, root, each))
    near = path.parent.parts if path is not None else ()

    def distance(file: _File) -> tuple[bool, int]:
        return file[0] != path, folders_between(near, file[0].parts[:-1])

    return sorted(files.values(), key=distance), is_cut


def _find_all(
    session: Session,
    files: Sequence[_File],
    pattern_in: Callable[[str], re.Pattern[bytes]],
    without: set[tuple[str, int, int]],
    cancelled: Callable[[], bool],
) -> tuple[list[Json], bool]:
    """What is found; and whether there may be more, behind what is looked through of one file."""
    found: list[Json] = []
    is_cut = False
    units = session.documents.units
    for place, root, shown in files:
        uri, document = session.uri_of(root, shown)
        pattern = pattern_in(convert.fence_language(shown))
        pieces = _whole(document.buffer.text()) if document else read_pieces(root, convert.name_in(root, shown), units)
        try:
            for piece in pieces:
                if cancelled() or len(found) > MOST_REFERENCES:
                    return found, is_cut
                if pattern.search(piece.text) is None:
                    continue
                for number, line in enumerate(piece.lines(), piece.first_line):
                    goes_on = number == piece.first_line
                    before, characters = (piece.units, piece.characters) if goes_on else (0, 0)
                    for match in pattern.finditer(line):
                        at = characters + from_bytes(line, match.start(), Units.UTF32)
                        if (str(place), number, at) in without:
                            continue
                        start = {"line": number, "character": before + from_bytes(line, match.start(), units)}
                        end = {"line": number, "character": before + from_bytes(line, match.end(), units)}
                        found.append({"uri": uri, "range": {"start": start, "end": end}})
        except TooLong:
            is_cut = True
        except OSError:
            continue  # gone, or no plain file any more
    return found, is_cut


def _whole(text: bytes) -> Iterator[Piece]:
    yield Piece(0, 0, 0, text, line_end(text))
