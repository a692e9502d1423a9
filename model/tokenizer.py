"""Train the model's WordPiece tokenizer on the words of the sources.

Invariant: the tokenizer splits raw text exactly as `lowtide.work.words` does (its normalizer and pre-tokenizer spell
the same rules), so that tokens of words and tokens of text are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CAMEL = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s(?![a-z]))|_"
LONGEST_WORD = 40
"""Characters; a longer run is no word (hexadecimal, base64) and has no token."""


def empty_tokenizer() -> Tokenizer:
    """A tokenizer with Lowtide's word rules and no vocabulary yet."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(Regex(CAMEL), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex(r"[\p{L}\p{Nl}\p{No}]+|[0-9]+|(?:(?![0-9])\p{Nd})+"), "removed", invert=True
    )
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def train(texts: Iterable[str], vocabulary: int, target: Path) -> Tokenizer:
    """Train on `texts` (words or raw text) and write `tokenizer.json` to `target`; ids 0 and 1 are [PAD] and [UNK]."""
    tokenizer = empty_tokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        min_frequency=6,
        special_tokens=["[PAD]", "[UNK]"],
        show_progress=False,
        limit_alphabet=300,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(target), pretty=False)
    return tokenizer
