"""What the daemon and a worker say to each other: length-prefixed msgpack frames over the worker's stdin and stdout.

Invariant: a worker has one task in flight; it answers each task with exactly one `Done`, after any number of `Started`
and at most one `Ask`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import BinaryIO, get_args

import msgspec

import lowtide

HEADER = struct.Struct("<I")
MAX_FRAME_BYTES = 1 << 30
HASH_BYTES = 16
BLOCK_SYMBOLS = 1024
"""Symbols unpacked at a time: half a megabyte of tuples."""
_CHUNK = struct.Struct("<5q")
_COMPRESSION = 1
"""zlib's fastest level."""


SymbolColumns = tuple[str, int, str, int, int, int, int, int, int, str, str]
"""The fields of models.Symbol, in order."""
ChunkColumns = tuple[int, int, int, int, int]
"""The fields of models.Chunk, in order."""


SegmentColumns = tuple[str, str, int, int, int, int, int]
"""The fields of store.rows.Segment, in order."""


DOCUMENTS = "documents"
"""In place of a model: the worker that reads open texts, and keeps their trees."""
LEXICAL = "lexical"
"""In place of a model: the worker that writes the lexical index."""
NO_MODELS = ("", DOCUMENTS, LEXICAL)
"""Workers that load no model."""


class _Message(msgspec.Struct, array_like=True, tag=True, frozen=True, gc=False):
    pass


class IndexTask(_Message, frozen=True):
    """Read, parse, chunk and embed some files of one root.

    `embed`: make vectors. `ask`: first ask which chunks have no vector yet. `lines_only`: do not parse, chunk by lines
    (for a file whose syntax tree does not fit). `deadline_s` of CPU time bounds each file's query.
    """

    root: bytes
    paths: list[bytes]
    known_hashes: list[bytes]
    settings: dict[str, bool | int]
    deadline_s: float
    embed: bool
    ask: bool
    lines_only: bool
    batch_size: int
    model: str
    """The model's folder."""
    recipe: str
    """Part of each content address: vectors of different models never mix."""
    sizes: list[int] = []
    """What each file had, in bytes, when the lease was measured by it; empty when nobody looked."""


class EmbedTask(_Message, frozen=True):
    """Embed chunks of a file that was parsed in another worker; the file is read again and must have the same hash."""

    root: bytes
    path: bytes
    size_bytes: int
    content_hash: bytes
    spans: list[tuple[int, int]]
    names: list[str]
    """Each chunk's qualified name."""
    settings: dict[str, bool | int]
    batch_size: int
    model: str


class EncodeTask(_Message, frozen=True):
    """Embed texts: queries, or with `document` code to find its like."""

    texts: list[str]
    model: str
    document: bool = False


class GraphTask(_Message, frozen=True):
    """Build a graph segment named `target` of the first of `pieces` equal parts of others in the same folder: of their
    ids above `after_id`. `dead`: sorted ids, int64, to leave out."""

    folder: str
    sources: list[SegmentColumns]
    target: str
    dead: bytes
    pieces: int = 1
    after_id: int = 0


class PieceTask(_Message, frozen=True):
    """Build the list segment `target` in `folder` from rows `first` to `stop` of a source (`sources.open_source`)."""

    folder: str
    target: str
    source: str
    first: int
    stop: int
    element: str


class TruthTask(_Message, frozen=True):
    """Find the true nearest of those rows to the source's queries, and write them to `target`."""

    target: str
    source: str
    first: int
    stop: int
    query_count: int


class LexicalTask(_Message, frozen=True):
    """Write the generation `target` of the lexical index in `folder`: `source`, without the files whose first chunks
    are `dead`, and with others.

    `check`: read all of `source` first, and compare its checksums.
    """

    folder: str
    source: SegmentColumns | None
    target: str
    check: bool
    files: list[tuple[int, bytes, str, bytes]]
    """Of each its first chunk, path, language and words (`FileResult.words`)."""
    dead: list[int]


class DocumentTask(_Message, frozen=True):
    """Find the definitions of a text that an editor has open; with `chunks`, its chunks too.

    `key` names the text from one version to the next; with `keep`, its tree is kept for the next. `path`: the file's
    name, empty when it has none; `language`: what the editor calls its language.
    """

    key: str
    path: bytes
    language: str
    text: bytes
    deadline_s: float
    chunks: bool
    keep: bool


class Want(_Message, frozen=True):
    """The answer to `Ask`: indices of the chunks to embed."""

    indices: list[int]


UNCHANGED = "unchanged"
"""The `reason` of an indexed file whose content is the one that was known: nothing of it was read anew."""


class FileResult(_Message, frozen=True):
    """What one file became, packed: the daemon unpacks a file at the time when it is written, and a block at a time.

    Results wait in the daemon as a few byte strings each, not as very many small objects: they take a fraction of the
    memory, and leave none of it in pieces.
    """

    size_bytes: int
    mtime_ns: int
    inode: int
    ctime_ns: int
    content_hash: bytes
    language: str
    encoding: str
    lines: int
    status: str
    reason: str
    rule: str
    symbol_count: int = 0
    symbols: list[bytes] = []
    """Blocks of at most BLOCK_SYMBOLS symbols: see `symbol_rows`."""
    chunks: bytes = b""
    """Five int64 a chunk: see `chunk_rows`."""
    hashes: bytes = b""
    """16 bytes a chunk: the content address of its vector."""
    words: bytes = b""
    """zlib of the msgpack of `FileWords`. It is kept as it is until the lexical index has taken it in."""

    @property
    def chunk_count(self) -> int:
        """How many chunks the file has."""
        return len(self.hashes) // HASH_BYTES


class Outline(_Message, frozen=True):
    """The definitions of an open text, and its chunks where they were asked for."""

    language: str
    symbols: list[SymbolColumns]
    chunks: list[ChunkColumns]


class Started(_Message, frozen=True):
    """The worker begins file number `index` of its task: whatever kills it now is that file's doing.

    Of a piece: `index` rows are read. It is told again when what no file is to blame for (a grammar's loading) is done.
    """

    index: int
    cpu_s: float
    """CPU time of the worker so far: its deadline counts from there."""


class Ask(_Message, frozen=True):
    """16-byte content addresses of the chunks of the task, joined."""

    hashes: bytes


class Ready(_Message, frozen=True):
    """The worker can take a task. `build` is its `BUILD`: of another one it would not understand what it is told."""

    pid: int
    build: str


class Done(_Message, frozen=True):
    """A task's result. `vectors`: int8 rows, joined, for the chunks named in `vector_rows` (in order over all
    files)."""

    files: list[FileResult]
    vectors: bytes
    vector_rows: list[int]
    dims: int
    cpu_s: float
    error: str = ""
    error_kind: str = ""
    segment: SegmentColumns | None = None
    outline: Outline | None = None
    figures: dict[str, float] = {}
    """What the task measured of itself, in seconds."""


class Embedding(_Message, frozen=True):
    """So many chunks are being embedded: no single file is to blame."""

    count: int
    cpu_s: float


def _build() -> str:
    """Names the version and the shape of every message."""
    messages = (message for kind in (Request, Reply, FileResult | Outline) for message in get_args(kind))
    shapes = sorted(f"{message.__name__}{message.__annotations__}" for message in messages)
    return f"{lowtide.__version__}-{zlib.crc32(repr(shapes).encode()):08x}"


Request = IndexTask | EmbedTask | EncodeTask | GraphTask | PieceTask | TruthTask | LexicalTask | DocumentTask | Want
Reply = Ready | Started | Ask | Embedding | Done

BUILD = _build()
"""A daemon and a worker of different builds do not work together: one of them has been replaced."""

_encoder = msgspec.msgpack.Encoder()
request_decoder = msgspec.msgpack.Decoder(Request)
reply_decoder = msgspec.msgpack.Decoder(Reply)
_symbols_decoder = msgspec.msgpack.Decoder(list[SymbolColumns])


class FileWords(msgspec.Struct, array_like=True, frozen=True):
    """The words of a file: of each chunk, of each chunk's qualified name, of the path; all split. `kinds`: of each
    chunk the kind of its definition, 0 for none; empty where that was not kept. `further`: different words that the
    chunks may lack."""

    words: list[str]
    names: list[str]
    path_words: str
    kinds: list[int] = []
    further: list[str] = []


_words_decoder = msgspec.msgpack.Decoder(FileWords)


def pack_symbols(symbols: Sequence[SymbolColumns]) -> list[bytes]:
    """Blocks for FileResult.symbols."""
    return [_encoder.encode(symbols[start : start + BLOCK_SYMBOLS]) for start in range(0, len(symbols), BLOCK_SYMBOLS)]


def symbol_rows(file: FileResult) -> Iterator[SymbolColumns]:
    """The symbols of `file`, unpacked block by block."""
    for block in symbol_blocks(file):
        yield from block


def symbol_blocks(file: FileResult) -> Iterator[list[SymbolColumns]]:
    """The same, a list a block; all but the last have BLOCK_SYMBOLS."""
    for block in file.symbols:
        yield _symbols_decoder.decode(block)


def pack_chunks(chunks: Iterable[ChunkColumns]) -> bytes:
    """Bytes for FileResult.chunks."""
    return b"".join(_CHUNK.pack(*row) for row in chunks)


def chunk_rows(file: FileResult) -> Iterator[tuple[int, ...]]:
    """The chunks of `file`, as ChunkColumns, one by one."""
    return _CHUNK.iter_unpack(file.chunks)


def chunk_row(file: FileResult, number: int) -> tuple[int, ...]:
    """One chunk of `file`, as ChunkColumns."""
    return _CHUNK.unpack_from(file.chunks, number * _CHUNK.size)


def qualified_name(symbol: SymbolColumns) -> str:
    """The name with what contains it, `container.name`."""
    name, container = symbol[0], symbol[2]
    return f"{container}.{name}" if container else name


def symbols_at(file: FileResult, numbers: Iterable[int]) -> dict[int, SymbolColumns]:
    """Some symbols of `file`, by their numbers."""
    found: dict[int, SymbolColumns] = {}
    for block, wanted in groupby(sorted(numbers), lambda number: number // BLOCK_SYMBOLS):
        rows = _symbols_decoder.decode(file.symbols[block])
        found |= {number: rows[number % BLOCK_SYMBOLS] for number in wanted}
    return found


def pack_words(
    words: Sequence[str], names: Sequence[str], path_words: str, kinds: Sequence[int] = (), further: Sequence[str] = ()
) -> bytes:
    """Bytes for FileResult.words."""
    return zlib.compress(_encoder.encode((words, names, path_words, kinds, further)), _COMPRESSION)


def words_of(packed: bytes) -> FileWords:
    """What `pack_words` packed."""
    return _words_decoder.decode(zlib.decompress(packed))


def frame(message: Request | Reply) -> bytes:
    """The bytes of one message, with its length in front."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body)) + body


def read_frame(stream: BinaryIO) -> bytes | None:
    """The body of the next frame; None at the end of the stream (also in the middle of a frame)."""
    head = stream.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    (length,) = HEADER.unpack(head)
    if length > MAX_FRAME_BYTES:
        return None
    body = stream.read(length)
    return body if len(body) == length else None
