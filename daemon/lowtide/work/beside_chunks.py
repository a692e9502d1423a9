"""Words of a text that no chunk has whole: of the chunks that are left out, and where a chunk ends inside a word.

A long line of data gives one chunk, what holds a private key none, and a notebook is chunked without its outputs. Exact
search reads the file itself and shows lines of all of these: so the file must be known by their words, too.

Invariant: a word of the text, of up to `_SEAM_BYTES`, is in some chunk or in what is told here; other words may be.
Invariant: what is told is not much longer than the text, in pieces of bounded size; what is remembered is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lowtide.work.parse.chunk import ChunkRow
from lowtide.work.words import split_words

_SEAM_BYTES = 1024
"""On both sides of a place where words are cut: more than is ever looked for of one."""
_BLOCK_BYTES = 32 << 10
"""Text split at once; the next one begins two seams before its end, so that a word there is whole in either."""
_MOST_KNOWN = 1 << 14
"""Words remembered, so that few are told twice: some 1.5 MiB."""
_IS_WORD = bytes(byte >= 0x80 or chr(byte).isalnum() for byte in range(256))

_Region = tuple[int, int]


def words_beside(text: bytes, rows: Sequence[ChunkRow], kept: Sequence[bool]) -> list[str]:
    """The different words of `text` that the chunks that are kept may lack; `rows`: all of its chunks."""
    regions: list[_Region] = []
    for row, is_kept in zip(rows, kept, strict=True):
        start = row[0]
        if 0 < start < len(text) and _IS_WORD[text[start - 1]] and _IS_WORD[text[start]]:
            regions.append((max(0, start - _SEAM_BYTES), min(len(text), start + _SEAM_BYTES)))
        if not is_kept:
            regions.append((start, row[1]))
    return list(_words_of(text, _joined(regions))) if regions else []


def all_words(text: bytes) -> list[str]:
    """The different words of a text of which the chunks are a view."""
    return list(_words_of(text, [(0, len(text))]))


def _joined(regions: list[_Region]) -> list[_Region]:
    joined: list[_Region] = []
    for start, end in sorted(regions):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _words_of(text: bytes, regions: Sequence[_Region]) -> Iterator[str]:
    known: set[str] = set()
    for first, end in regions:
        start = first
        while start < end:
            stop = min(end, start + _BLOCK_BYTES)
            block = text[_at_character(text, start) : _at_character(text, stop)]
            words = set(split_words(block, (0, len(block)))[0].split(" ")) - known
            words.discard("")
            if words:
                yield " ".join(sorted(words))
            if len(known) + len(words) > _MOST_KNOWN:
                known.clear()
            known |= words
            start = stop - 2 * _SEAM_BYTES if stop < end else end


def _at_character(text: bytes, place: int) -> int:
    """Where the character begins that the byte at `place` is of."""
    while 0 < place < len(text) and text[place] & 0xC0 == 0x80:
        place -= 1
    return place
