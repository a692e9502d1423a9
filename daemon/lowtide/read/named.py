"""Chunks that a question names: by the very name of a definition that they hold, or as a place in a stack trace.

A chunk is stored with one definition, and holds others: small ones of a class, the class of which it is the head.
What was asked for by name is found through the index of symbols, and its chunk is answered as that definition.

Invariant: bounded, whatever is asked: so many names, so many definitions of each, so many frames.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from lowtide.core.asked import Asked, Frame, Name
from lowtide.core.match import Band
from lowtide.core.rank_features import query_stems, stems
from lowtide.core.symbol_rank import is_held, split_query
from lowtide.models import SymbolKind, display_path
from lowtide.read.filters import Selection, Stopped
from lowtide.read.segment_set import Segments
from lowtide.store.catalog import Catalog
from lowtide.store.rows import ChunkRow, SymbolPlace

MOST_DEFINITIONS = 24
"""Of one name."""
_LOOKED_AT = 400
"""Definitions of a name of which the best are chosen."""
_MOST_FOLDERS = 24
"""Around a file that a frame names."""
FURTHER_FRAME = 0.85
"""What a frame counts of the one within it."""

_OUTER_KINDS = (SymbolKind.CLASS, SymbolKind.INTERFACE, SymbolKind.STRUCT, SymbolKind.ENUM, SymbolKind.MODULE)


class Named(msgspec.Struct, frozen=True):
    """A chunk as the definition that was asked for, and how surely it is a place that was pasted."""

    row: ChunkRow
    frame: float = 0.0


def named_chunks(
    catalog: Catalog,
    segments: Segments,
    asked: Asked,
    selection: Selection | None,
    kinds: Sequence[SymbolKind],
    stopped: Stopped,
) -> dict[int, Named]:
    """By chunk what `asked` names, of `selection` where there is one, and of `kinds` unless they are none."""
    found: dict[int, Named] = {}
    wanted: dict[int, None] = {}
    for name in (*asked.names, *asked.guessed):
        if stopped():
            break
        wanted.update(dict.fromkeys(_definitions(catalog, segments, name, kinds, stopped)))
    for row in catalog.chunks_of_symbols(list(wanted)):
        known = found.get(row.chunk_id)
        if (selection is None or row.chunk_id in selection.chunks) and (
            known is None or _is_better(asked, row, known.row)
        ):
            found[row.chunk_id] = Named(row)
    for rank, frame in enumerate(asked.frames):
        for row in _of_frame(catalog, frame):
            if selection is None or row.chunk_id in selection.chunks:
                named = found.get(row.chunk_id, Named(row))
                found[row.chunk_id] = replace(named, frame=max(named.frame, FURTHER_FRAME**rank))
    return found


def share_named(name: str, said: frozenset[str]) -> float:
    """How much of a name these stems say, from 0 to 1."""
    words = stems(name)
    return sum(word in said for word in words) / max(1, len(words))


def of_kind(catalog: Catalog, row: ChunkRow, kinds: Sequence[SymbolKind], asked: Asked) -> ChunkRow:
    """The chunk as the definition of these kinds in it that the question names most of; as it is when it has none."""
    said = frozenset(query_stems(asked.gist))

    def key(each: ChunkRow) -> tuple[float, int]:
        return share_named(each.name, said), -each.symbol_start_line

    return max(catalog.definitions_in(row, kinds), key=key, default=row)


def _definitions(
    catalog: Catalog, segments: Segments, name: Name, kinds: Sequence[SymbolKind], stopped: Stopped
) -> list[int]:
    """The best definitions of a name: in what it is to stand in, by capitals, by kind."""
    ids = [number for number, _ in segments.search_names(name.own, _LOOKED_AT, kinds, stopped, float(Band.EXACT))]
    outer = [part.lower() for part in name.outer]

    def key(place: SymbolPlace) -> tuple[bool, bool, bool, bool, bytes, int]:
        path = display_path(place.path)
        return (
            bool(outer) and split_query(place.container.lower())[-len(outer) :] != outer,
            bool(outer) and not is_held(place.container, path, outer),
            place.name != name.own,
            place.kind not in _OUTER_KINDS,
            place.path,
            place.name_line,
        )

    places = sorted(catalog.symbol_places(ids), key=key)
    return [place.symbol_id for place in places[:MOST_DEFINITIONS]]


def _is_better(asked: Asked, row: ChunkRow, known: ChunkRow) -> bool:
    """Of two definitions in one chunk: the one whose capitals agree, then the one around, which comes first."""
    own = {name.own for name in (*asked.names, *asked.guessed)}
    return (row.name in own, -row.symbol_start_line) > (known.name in own, -known.symbol_start_line)


def _of_frame(catalog: Catalog, frame: Frame) -> list[ChunkRow]:
    """The chunk at the frame's line, in the file that the end of its path leads to."""
    parts = [part for part in frame.path.split("/") if part not in ("", ".")][-_MOST_FOLDERS:]
    for first in range(len(parts)):
        file = catalog.file(os.fsencode("/".join(parts[first:])))
        if file is not None:
            rows = catalog.chunks_of_file(file.file_id)
            return [row for row in rows if row.start_line < frame.line <= row.end_line + 1][:1]
    return []
