"""The texts that editors have open, inside the worker that is kept for them: text -> definitions, or chunks.

Each task brings the whole text, so nothing is lost with the worker; what is kept of the text before only saves time.

Invariant: what a file would not give to the index for being a private key, an open text does not give either.
Invariant: what is kept is bounded in bytes of text, the least recently used goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from time import process_time

from lowtide import languages, wire
from lowtide.work import keys, sniff
from lowtide.work.parse import chunk, parse

MOST_TEXT_BYTES = 3 << 20
"""Of all texts whose trees are kept: their trees take some thirty times that."""

_kept: OrderedDict[str, parse.Reading] = OrderedDict()


def read(task: wire.DocumentTask) -> wire.Done:
    """The definitions of a text, or with `chunks` its chunks too. A text without a grammar has neither definition nor
    tree."""
    cpu = process_time()
    language = (
        languages.language_for(task.path, task.text[: languages.HEAD_BYTES]) if task.path else None
    ) or languages.language_called(task.language)
    symbols: list[wire.SymbolColumns] = []
    chunks: list[wire.ChunkColumns] = []
    text = sniff.with_line_feeds(task.text)
    spans = keys.key_spans(text)
    text = keys.blank(text, spans)
    if language is None:
        _kept.pop(task.key, None)
        chunks = chunk.chunk_lines(text) if task.chunks else []
    elif task.chunks:
        parsed = parse.parse(text, language, task.deadline_s)
        symbols, chunks = parsed.symbols, parsed.chunks
    else:
        symbols, reading = parse.parse_again(text, language, task.deadline_s, _kept.pop(task.key, None))
        if task.keep and reading is not None:
            _keep(task.key, reading)
    if (spans and not keys.may_lose_a_part(task.path, text, spans)) or keys.is_bare_key(task.path, text):
        chunks = []
    chunks = [
        row for row in chunks if keys.holds_none(row[0], row[1], spans) and not chunk.is_filler(text, row[0], row[1])
    ]
    outline = wire.Outline(language.name if language else "", symbols, chunks)
    return wire.Done([], b"", [], 0, process_time() - cpu, outline=outline)


def _keep(key: str, reading: parse.Reading) -> None:
    _kept[key] = reading
    size = sum(len(kept.source) for kept in _kept.values())
    while size > MOST_TEXT_BYTES and _kept:
        size -= len(_kept.popitem(last=False)[1].source)
