"""The lexical index of one snapshot: an open generation with the delta of what it does not hold yet, asked as one.

Scores are BM25 (k1 = 1.2, b = 0.75) over all chunks: those of the delta are reckoned as Tantivy does, with how many
chunks of both hold a word.

Invariant: never changes; what it finds may have gone since, and whoever asks looks in the catalog for what is there.
Invariant: what a question costs is bounded: terms, answers, the text of the delta that is looked through.
Threads: any number search at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lowtide.core.lexical import Term, choose_terms
from lowtide.store.id_set import IdSet
from lowtide.store.lexical.delta import Matches, WordDelta
from lowtide.store.lexical.engine import MOST_PART, Narrowing, Reader, folded, stem_of
from lowtide.store.lexical.generation import Checked, check
from lowtide.store.rows import Segment

K1, B = 1.2, 0.75
SPARE = 64
"""Asked for beside the limit: what has gone since falls out."""
MORE_FACTOR = 8
"""So much more is asked for when too little of it was in the set."""
MOST_ASKED = 1 << 17
"""Answers of Tantivy's that are looked through for one question."""


class Within(msgspec.Struct, frozen=True):
    """What candidates must be in: `chunks` decides; what `narrow` tells of it saves looking."""

    chunks: IdSet
    narrow: Narrowing


class LexicalIndex:
    """Words to chunks and files. `folder` is that of the index; `row` names the generation, None where there is none
    yet."""

    def __init__(
        self,
        folder: Path,
        row: Segment | None,
        delta: WordDelta,
        before: LexicalIndex | None = None,
        *,
        is_lost: bool = False,
        reasons: Sequence[str] = (),
    ) -> None:
        """CorruptSegment when the generation is not sound. `is_lost`: files that were in one are in none now.
        `reasons`: what it lacks, for people."""
        self.reasons = tuple(reasons)
        self.row = row
        self.is_complete = not is_lost and not delta.is_cut
        """Whether every file that is indexed is in it."""
        self.delta = delta
        self.checked: Checked | None = None
        self._folder = folder / row.name if row else None
        self._reader: Reader | None = None
        if row is not None and self._folder is not None:
            same = before is not None and before.row == row and before.is_as_opened
            known = before.checked if before else None
            self.checked = known if same else check(self._folder, row, known)
            self._reader = before._reader if same and before else None

    @property
    def is_as_opened(self) -> bool:
        """Whether nobody has written to a file of it, or removed one, since it was checked."""
        return self.checked is None or self._folder is None or self.checked.is_as_checked(self._folder)

    @property
    def anonymous_bytes(self) -> int:
        return self.delta.anonymous_bytes

    @property
    def mapped_bytes(self) -> int:
        """The size of the mapped files; only what was read lately is in memory."""
        return self.row.size_bytes if self.row and self._reader else 0

    def release(self) -> None:
        """Close the maps: the next question opens them again."""
        self._reader = None

    def shrink(self) -> None:
        """Forget what is kept from one question to the next."""
        self.delta.shrink()

    def _open(self) -> Reader | None:
        reader = self._reader
        if reader is None and self._folder is not None:
            if not self.is_as_opened and self.row is not None:
                self.checked = check(self._folder, self.row)
            reader = self._reader = Reader(self._folder)
        return reader

    def candidates(
        self, words: Sequence[str], within: Within | None, limit: int, look: Callable[[], None] = lambda: None
    ) -> list[tuple[int, float]]:
        """(chunk id, BM25) of the chunks that hold any of the words, best first. `look` is called now and then, and may
        raise."""
        reader = self._open()
        stems = list(dict.fromkeys(stem for word in words if (stem := stem_of(word))))
        known = {stem_of(word): word for word in reversed(words)}
        counts = {stem: reader.count(stem) if reader else 0 for stem in stems}
        # What is pending is looked through word by word: only for those that would be asked, as far as is known.
        worth = [term.stem for term in choose_terms([Term(known[stem], stem, max(1, counts[stem])) for stem in stems])]
        terms, matches = self._count_pending(worth, known, counts, look)
        if not terms and len(worth) < len(stems):
            worth = stems
            terms, matches = self._count_pending(worth, known, counts, look)
        if not terms:
            return []
        asked = [term.stem for term in terms]
        scored = self._search(reader, asked, within, limit, look) if reader else []
        chosen = {term.stem: self._idf(term.count) for term in terms}
        mean = self._mean_length(matches.lengths)
        for chunk_id, occurring in matches.counts.items():
            if within is None or chunk_id in within.chunks:
                norm = K1 * (1 - B + B * matches.lengths[chunk_id] / mean)
                pairs = zip(worth, occurring, strict=True)
                score = sum(chosen[stem] * n * (K1 + 1) / (n + norm) for stem, n in pairs if n and stem in chosen)
                if score:
                    scored.append((chunk_id, score))
        scored.sort(key=lambda each: (-each[1], each[0]))
        return scored[: limit + SPARE]

    def holds_any(self, words: Sequence[str], look: Callable[[], None] = lambda: None) -> bool:
        """Whether any chunk holds one of the words, in any of its forms. `look` is called now and then, and may
        raise."""
        reader = self._open()
        stems = list(dict.fromkeys(stem for word in words if (stem := stem_of(word))))
        if reader is not None and any(reader.count(stem) for stem in stems):
            return True
        return bool(self.delta.find(stems, look).counts)

    def _count_pending(
        self, stems: Sequence[str], known: dict[str, str], counts: dict[str, int], look: Callable[[], None]
    ) -> tuple[list[Term], Matches]:
        """The terms to ask for of these stems, by how many chunks have each, pending ones too; and the pending ones."""
        matches = self.delta.find(stems, look)
        there = {stem: counts[stem] for stem in stems}
        for occurring in matches.counts.values():
            for stem, times in zip(stems, occurring, strict=True):
                there[stem] += times > 0
        return choose_terms([Term(known[stem], stem, there[stem]) for stem in stems]), matches

    def _search(
        self, reader: Reader, stems: Sequence[str], within: Within | None, limit: int, look: Callable[[], None]
    ) -> list[tuple[int, float]]:
        asked = limit + SPARE
        narrow = within.narrow if within else Narrowing()
        if narrow.files is not None and not narrow.files:
            return []
        while True:
            look()
            found = reader.search(stems, asked, narrow)
            kept = found if within is None else [each for each in found if each[0] in within.chunks]
            if len(kept) >= limit or len(found) < asked or asked >= MOST_ASKED:
                return kept
            asked = min(MOST_ASKED, asked * MORE_FACTOR)

    def _idf(self, count: int) -> float:
        total = self.chunks
        return math.log(1 + (total - min(count, total) + 0.5) / (min(count, total) + 0.5))

    @property
    def chunks(self) -> int:
        """How many chunks it knows words of, about: those of files that have changed since too."""
        held = self.checked.listing.held - self.checked.listing.deleted if self.checked else 0
        return max(1, held + self.delta.chunks)

    def _mean_length(self, lengths: dict[int, int]) -> float:
        if self.checked and self.checked.listing.added:
            return max(1.0, self.checked.listing.tokens / self.checked.listing.added)
        return max(1.0, sum(lengths.values()) / max(1, len(lengths)))

    def count_files(self, word: str) -> int:
        """How many files hold a word, as it is, about: those that have changed since too, without what is pending."""
        reader = self._open()
        return reader.count_files(word) if reader else 0

    def files_with_part(
        self, text: str, begins: bool, ends: bool, limit: int, look: Callable[[], None] = lambda: None
    ) -> list[int]:
        """The files with a word that has `text`, lower case ASCII, in it: at its beginning if it `begins`, at its end
        if it `ends`; by the ids of their first chunks. At most `limit` of those that are not pending; some may have
        gone since."""
        if len(text) > MOST_PART:
            text, ends = text[:MOST_PART], False
        found = self.delta.files_with_part(text, begins, ends, look)
        reader = self._open()
        if reader is not None:
            look()
            found += reader.files_with_part(text, begins, ends, limit)
        return found

    def files_with_words(self, words: Sequence[str], limit: int, look: Callable[[], None] = lambda: None) -> list[int]:
        """The files that hold all of these words, as they are, by the ids of their first chunks; more than `limit` at
        most by one for each that has gone since."""
        asked = list(dict.fromkeys(word for each in words for word in folded(each).split()))
        if not asked:
            return []
        found = self.delta.files_with(asked, look)
        reader = self._open()
        if reader is not None:
            found += reader.files_with(asked, limit)
        return found
