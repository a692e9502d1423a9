"""Words to bags of tokens: the fast way to feed a static model, which only asks which tokens a text has and how often.

A text's bag is the bag of its words, so each distinct word is cut into WordPiece tokens once and remembered. The
vocabulary is the first part of that memory (most words are one token); the words of several tokens are a bounded second
part, thrown away together when it is full.

Invariant: the bag of `split_words(text)` equals the tokens that the tokenizers library gives for `text` with the same
`tokenizer.json`.
Invariant: memory is bounded: the vocabulary, `limit_words` remembered words, and arrays of one batch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from lowtide.errors import ModelError

_WORD_PATTERN = r"[\p{L}\p{Nl}\p{No}]+|[0-9]+|(?:(?![0-9])\p{Nd})+"
_CONTINUES = "##"
WORDS_KEPT = 8_192
"""Words of several tokens that are remembered where whole trees are embedded."""
_BYTES_PER_WORD = 190
"""A remembered word: its string (about 60 bytes), its share of the dictionary, and its tokens."""


class Bags(msgspec.Struct, frozen=True):
    """The distinct tokens of some texts, text after text.

    `lengths` (texts,) int64 counts each text's distinct tokens; `tokens` int64 and `weights` float32 (1 + ln of the
    token's count in its text) have one entry for each.
    """

    lengths: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


class CacheStatistics(msgspec.Struct, frozen=True):
    """How the memory of words fares: `words` of at most `limit_words` held, in about `bytes`."""

    words: int
    limit_words: int
    bytes: int
    hits: int
    misses: int
    evictions: int

    @property
    def limit_bytes(self) -> int:
        """About what it takes at most."""
        return self.limit_words * _BYTES_PER_WORD


class _Numbers(dict[str, int]):
    """Word to number: below `size` a token, else `size` + the place of a remembered word of several tokens."""

    __slots__ = ("_reach", "forget", "longest", "misses", "offsets", "pieces", "size", "unknown")

    def __init__(self, vocabulary: dict[str, int], unknown: int, longest: int) -> None:
        super().__init__(vocabulary)
        self.size = max(vocabulary.values()) + 1
        self.unknown = unknown
        self.longest = longest
        self._reach = _reach_of(vocabulary)
        self.forget: list[str] = []
        # The first remembered word is the empty one, of no token: an empty text has an empty bag.
        self[""] = self.size
        self.offsets = [0, 0]
        self.pieces: list[int] = []
        self.misses = 0

    def __missing__(self, word: str) -> int:
        self.misses += 1
        if len(word) > self.longest:
            return self.unknown
        pieces = self._cut(word)
        number = self.unknown
        if pieces is not None:
            number = self.size + len(self.offsets) - 1
            self.pieces.extend(pieces)
            self.offsets.append(len(self.pieces))
        self[word] = number
        self.forget.append(word)
        return number

    def _cut(self, word: str) -> list[int] | None:
        """WordPiece: the longest token that begins the rest, again and again; None when some rest has none.

        Remembered words are no tokens: they are numbered from `size`, or have the unknown token's number.
        """
        pieces: list[int] = []
        start, length = 0, len(word)
        while start < length:
            prefix = _CONTINUES if start else ""
            longest = self._reach.get(prefix + word[start], 0)
            for end in range(min(length, start + longest), start, -1):
                token = self.get(prefix + word[start:end])
                if token is not None and token < self.size and token != self.unknown:
                    break
            else:
                return None
            pieces.append(token)
            start = end
        return pieces

    def clear_words(self) -> int:
        for word in self.forget:
            del self[word]
        forgotten = len(self.forget)
        self.forget, self.offsets, self.pieces = [], [0, 0], []
        return forgotten


def _reach_of(vocabulary: dict[str, int]) -> dict[str, int]:
    """How many characters the longest token has that begins with a character, or goes on with it: no more need be
    tried."""
    reach: dict[str, int] = {}
    for token in vocabulary:
        begins = len(_CONTINUES) if token.startswith(_CONTINUES) else 0
        first, length = token[: begins + 1], len(token) - begins
        if length > reach.get(first, 0):
            reach[first] = length
    return reach


class WordBags:
    """Makes bags of texts that are already words."""

    def __init__(self, vocabulary: dict[str, int], unknown: int, longest: int, limit_words: int = WORDS_KEPT) -> None:
        self._numbers = _Numbers(vocabulary, unknown, longest)
        self._limit_words = limit_words
        self._offsets = self._pieces = np.zeros(0, np.int64)
        self._seen = 0
        self._evictions = 0

    def bags(self, texts: Sequence[str]) -> Bags:
        """The bags of `texts`, each words joined by single spaces (as `split_words` gives them)."""
        words = " ".join(texts).split(" ") if texts else []
        counts = np.fromiter((text.count(" ") + 1 for text in texts), np.int64, len(texts))
        numbers = np.fromiter(map(self._numbers.__getitem__, words), np.int64, len(words))
        rows = np.repeat(np.arange(len(texts)), counts)
        self._seen += len(words)
        tokens, rows = self._expand(numbers, rows)
        bags = _count(tokens, rows, len(texts), self._numbers.size)
        if len(self._numbers.forget) > self._limit_words:
            self._evictions += self._numbers.clear_words()
            self._offsets = self._pieces = np.zeros(0, np.int64)
        return bags

    def statistics(self) -> CacheStatistics:
        """Hits are words found in the vocabulary or the memory."""
        held, misses = len(self._numbers.forget), self._numbers.misses
        return CacheStatistics(
            held, self._limit_words, held * _BYTES_PER_WORD, self._seen - misses, misses, self._evictions
        )

    def _expand(
        self, numbers: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Replace the numbers of remembered words by their tokens; the order within a text does not matter."""
        size = self._numbers.size
        several = np.flatnonzero(numbers >= size)
        if not len(several):
            return numbers, rows
        if len(self._offsets) != len(self._numbers.offsets):
            self._offsets = np.array(self._numbers.offsets, np.int64)
            self._pieces = np.array(self._numbers.pieces, np.int64)
        offsets, pieces = self._offsets, self._pieces
        places = numbers[several] - size
        lengths = offsets[places + 1] - offsets[places]
        ends = np.cumsum(lengths)
        positions = np.arange(ends[-1]) + np.repeat(offsets[places] - (ends - lengths), lengths)
        single = numbers < size
        return (
            np.concatenate([numbers[single], pieces[positions]]),
            np.concatenate([rows[single], np.repeat(rows[several], lengths)]),
        )


def _count(tokens: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], texts: int, size: int) -> Bags:
    if not len(tokens):
        return Bags(np.zeros(texts, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    keys = rows * size + tokens
    keys = np.sort(keys.astype(np.int32)) if texts * size < 1 << 31 else np.sort(keys)
    firsts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    counts = np.diff(firsts, append=len(keys))
    rows, distinct = np.divmod(keys[firsts].astype(np.int64), size)
    weights = (1.0 + np.log(counts)).astype(np.float32)
    return Bags(np.bincount(rows, minlength=texts), distinct, weights)


def read_vocabulary(tokenizer: Path) -> tuple[dict[str, int], int, int]:
    """(token to id, id of the unknown token, longest word in characters) of a `tokenizer.json` made for Lowtide's
    words.

    Raises ModelError when the file is not a WordPiece tokenizer over the words of `lowtide.work.words`.
    """
    remedy = "use the tokenizer.json that came with the model"
    try:
        described = json.loads(tokenizer.read_text("utf-8"))
        model, split = described["model"], described["pre_tokenizer"]
        vocabulary: dict[str, int] = model["vocab"]
        unknown, longest = vocabulary[model["unk_token"]], int(model["max_input_chars_per_word"])
        kind = (model["type"], model["continuing_subword_prefix"], split["type"], split["pattern"].get("Regex"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"model file {tokenizer}", f"not a WordPiece tokenizer ({error!r})", remedy) from error
    if kind != ("WordPiece", _CONTINUES, "Split", _WORD_PATTERN):
        raise ModelError(
            f"model file {tokenizer}", f"a static model's tokenizer splits words as Lowtide does, not {kind}", remedy
        )
    return vocabulary, unknown, longest
