"""The manifest of a bulk store: which pieces are complete, in one small file that is replaced as a whole.

Invariant: the file is written to a temporary name, synced and renamed, and its folder synced: it is the old one or the
new.
Invariant: one that is damaged, of another version or for other vectors reads as none, and everything is made anew.
"""

from __future__ import annotations

import json
import os
import secrets
import zlib
from pathlib import Path
from typing import Self

import msgspec
from msgspec.structs import astuple, replace

from lowtide.store.durable import TEMPORARY_SUFFIX, mapped_errors, sync_folder
from lowtide.store.rows import Segment
from lowtide.store.vectors.list_segment import Element

NAME = "manifest.json"
_FORMAT = 1


class Piece(msgspec.Struct, frozen=True):
    """One complete piece."""

    number: int
    segment: Segment

    @staticmethod
    def new_name(number: int) -> str:
        """A file name that was never used."""
        return f"piece-{number:05d}-{secrets.token_hex(6)}.seg"


class Manifest(msgspec.Struct, frozen=True):
    """What is built, from what, and in which pieces: piece n holds the rows from n times `piece_rows`."""

    source: str
    element: Element
    count: int
    piece_rows: int
    pieces: tuple[Piece, ...] = ()

    @classmethod
    def read(cls, folder: Path, source: str, element: Element) -> Self | None:
        """That of `folder`; None when there is none for these vectors."""
        try:
            text = (folder / NAME).read_bytes()
            head, _, body = text.partition(b"\n")
            values = json.loads(body)
            if int(head, 16) != zlib.crc32(body) or values["format"] != _FORMAT:
                return None
            if values["source"] != source or values["element"] != element:
                return None
            pieces = tuple(Piece(number, Segment(*columns)) for number, columns in values["pieces"])
            return cls(source, element, values["count"], values["piece_rows"], pieces)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def with_piece(self, piece: Piece) -> Self:
        """The same with one more piece."""
        return replace(self, pieces=tuple(sorted((*self.pieces, piece), key=lambda each: each.number)))

    def write(self, folder: Path) -> None:
        """Replace the file. StoreError when the disk does not take it."""
        body = json.dumps(
            {
                "format": _FORMAT,
                "source": self.source,
                "element": str(self.element),
                "count": self.count,
                "piece_rows": self.piece_rows,
                "pieces": [(piece.number, astuple(piece.segment)) for piece in self.pieces],
            }
        ).encode()
        path = folder / NAME
        temporary = folder / f"{NAME}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
        with mapped_errors(path):
            fd = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with open(fd, "wb") as file:
                file.write(b"%08x\n" % zlib.crc32(body) + body)
                file.flush()
                os.fsync(fd)
            os.replace(temporary, path)
            sync_folder(folder)
