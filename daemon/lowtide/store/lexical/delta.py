"""The words of files that the lexical index does not hold yet, searched as they are.

Invariant: a file's words stay packed until they are asked for; few are kept unpacked, and only so much is taken in at
all, and ranked: `is_cut` and `ranks_all` tell when that is not everything.
Invariant: never changed once it is made; the next one takes over what the one before has.
Threads: any number search at once: what is kept unpacked is only added to, one whole entry at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from lowtide.store.lexical.engine import document_text, folded, stem_of
from lowtide.store.pending_words import PendingWordRows
from lowtide.wire import words_of

KEPT_BYTES = 4 << 20
"""Of text kept unpacked, 0.6 MiB packed: unpacking takes twice as long as looking through it."""
RANKED_BYTES = 512 << 10
"""Packed, of the files written last, that a question's words are counted in: 35 ms of CPU time, 54 the first time.
What is more waits for the lexical index; while somebody asks, less is left pending."""
MOST_PACKED_BYTES = 8 << 20
"""Packed, that is kept at all: so much is looked through for whole words and for parts of words."""


class _Text(msgspec.Struct, frozen=True):
    """The chunks of a file, each as it is counted, with a space around each word; where each begins, and its tokens.
    `further`: words that the file has besides, which count for no chunk."""

    text: bytes
    further: bytes
    starts: Sequence[int]
    lengths: Sequence[int]

    @property
    def size_bytes(self) -> int:
        return len(self.text) + len(self.further)

    def has(self, word: bytes) -> bool:
        return word in self.text or word in self.further


class Matches(msgspec.Struct, frozen=True):
    """Where the words asked for occur: of each chunk that has any, how often each, and how many tokens it has."""

    counts: dict[int, list[int]] = msgspec.field(default_factory=dict)
    lengths: dict[int, int] = msgspec.field(default_factory=dict)

    def add(self, first_chunk_id: int, text: _Text, at: int, number: int, count: int) -> None:
        """Word `number` of `count` stands at byte `at` of a file."""
        row = bisect_right(text.starts, at) - 1
        counts = self.counts.get(first_chunk_id + row)
        if counts is None:
            counts = self.counts[first_chunk_id + row] = [0] * count
            self.lengths[first_chunk_id + row] = text.lengths[row]
        counts[number] += 1


class WordDelta:
    """Pending words by file, each named by its first chunk."""

    def __init__(self) -> None:
        self._packed: dict[int, bytes] = {}
        self._texts: dict[int, _Text] = {}
        self._kept_bytes = 0
        self.chunks = 0
        self.size_bytes = 0
        self.is_cut = False
        """Whether there was too much to take in."""

    @classmethod
    def read(
        cls, catalog: PendingWordRows, before: WordDelta | None = None, most_bytes: int = MOST_PACKED_BYTES
    ) -> WordDelta:
        """What is pending at this moment of the catalog; what `before` has is not read again."""
        delta = cls()
        places, delta.is_cut = catalog.pending_places(most_bytes)
        for file_id, first, chunks in places:
            known = before._packed.get(first) if before else None
            packed = catalog.packed_words(file_id) if known is None else known
            delta._packed[first] = packed
            delta.chunks += chunks
            delta.size_bytes += len(packed)
            if before and (text := before._texts.get(first)):
                delta._texts[first] = text
                delta._kept_bytes += text.size_bytes
        return delta

    def __len__(self) -> int:
        return len(self._packed)

    @property
    def anonymous_bytes(self) -> int:
        return self.size_bytes + self._kept_bytes

    @property
    def ranks_all(self) -> bool:
        """Whether `find` looks at all that is pending."""
        return not self.is_cut and self.size_bytes <= RANKED_BYTES

    def shrink(self) -> None:
        """Keep nothing unpacked."""
        self._texts = {}
        self._kept_bytes = 0

    def find(self, stems: Sequence[str], look: Callable[[], None]) -> Matches:
        """Chunks with any word of these stems, of the files written last. `look` is called between two files, and may
        raise."""
        wanted = [(number, stem, beginning) for number, stem in enumerate(stems) for beginning in _beginnings(stem)]
        known: dict[bytes, str] = {}
        matches = Matches()
        for first, text in self._all(look, RANKED_BYTES):
            for number, stem, beginning in wanted:
                for at, word in _words_from(text.text, beginning):
                    found = known.get(word)
                    if found is None:
                        found = known[word] = stem_of(word.decode())
                    if found == stem:
                        matches.add(first, text, at, number, len(stems))
        return matches

    def files_with(self, words: Sequence[str], look: Callable[[], None]) -> list[int]:
        """The files that hold all these words, as they are."""
        wanted = [b" %b " % folded(word).encode() for word in words]
        return [first for first, text in self._all(look) if all(map(text.has, wanted))]

    def files_with_part(self, text: str, begins: bool, ends: bool, look: Callable[[], None]) -> list[int]:
        """The files with a word that has `text` in it: at its beginning, at its end."""
        wanted = b"%b%b%b" % (b" " if begins else b"", text.encode(), b" " if ends else b"")
        return [first for first, file in self._all(look) if file.has(wanted)]

    def _all(self, look: Callable[[], None], most_bytes: int = MOST_PACKED_BYTES) -> Iterable[tuple[int, _Text]]:
        """The files written last first; one is always there."""
        left = most_bytes
        for number, (first, packed) in enumerate(self._packed.items()):
            left -= len(packed)
            if number and left < 0:
                return
            look()
            text = self._texts.get(first)
            if text is None:
                text = _unpack(packed)
                if self._kept_bytes + text.size_bytes <= KEPT_BYTES:
                    self._texts[first] = text
                    self._kept_bytes += text.size_bytes
            yield first, text


def _words_from(text: bytes, beginning: bytes) -> Iterator[tuple[int, bytes]]:
    """Where words with this beginning stand, and the words."""
    at = text.find(beginning)
    while at >= 0:
        end = text.index(b" ", at + 1)
        yield at, text[at + 1 : end]
        at = text.find(beginning, end)


def _unpack(packed: bytes) -> _Text:
    file = words_of(packed)
    starts, lengths, pieces, at = [], [], [], 0
    for words, name in zip(file.words, file.names, strict=True):
        piece = document_text(words, name, file.path_words)
        if not piece.isascii():
            piece = folded(piece)
        data = b" %b " % piece.encode()
        pieces.append(data)
        starts.append(at)
        lengths.append(piece.count(" ") + 1)
        at += len(data)
    further = " ".join(file.further)
    if not further.isascii():
        further = folded(further)
    return _Text(b"".join(pieces), b" %b " % further.encode(), starts, lengths)


def _beginnings(stem: str) -> list[bytes]:
    """What each word of a stem begins with, one or the other, after a space.

    Porter's second stemmer for English changes at most the last two letters that it leaves, of short words the last
    when it is a vowel; three short verbs are exceptions.
    """
    kept = stem[:-2] if len(stem) > 4 else stem[:-1] if len(stem) > 1 and stem[-1] in "eiy" else stem
    return [b" " + kept.encode(), *([b" %by" % stem[:1].encode()] if stem in ("die", "lie", "tie") else [])]
