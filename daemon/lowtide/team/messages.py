"""What the daemon, `lowtide push` and the gateway say to each other: JSON objects, checked by their types.

Invariant: every list and text that comes in is bounded here.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from lowtide.errors import LowtideError

MOST_BODY_BYTES = 32 << 20
MOST_IDS = 20_000
MOST_CHUNKS = 1_000
MOST_PLACES = 2_000
MOST_REPOSITORIES = 10_000
MOST_HITS = 200
MOST_WORDS_BYTES = 60_000
"""Of one chunk's stems, as the engine takes them."""

Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
"""Of a chunk: the hash of recipe, content version and all its text."""
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._/-]{1,200}$")]
"""Of a repository: host and path."""
Revision = Annotated[str, msgspec.Meta(pattern="^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
Text = Annotated[str, msgspec.Meta(max_length=4096)]
Line = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
T = TypeVar("T")


class Missing(msgspec.Struct, frozen=True):
    """Which of these chunks does the repository not have?"""

    repository: Name
    ids: Annotated[list[Id], msgspec.Meta(max_length=MOST_IDS)]


class Chunk(msgspec.Struct, frozen=True):
    """`vector`: int8 components; `stems`: the words that BM25 counts, joined by spaces."""

    id: Id
    vector: Annotated[bytes, msgspec.Meta(min_length=1, max_length=4096)]
    stems: Annotated[str, msgspec.Meta(max_length=MOST_WORDS_BYTES)]


class Chunks(msgspec.Struct, frozen=True):
    """Chunks that were missing."""

    repository: Name
    chunks: Annotated[list[Chunk], msgspec.Meta(max_length=MOST_CHUNKS)]


class Place(msgspec.Struct, frozen=True):
    """Where a chunk stands in a commit. Lines count from 0; `symbol_line` is -1 without a definition."""

    id: Id
    path: Text
    language: Text
    start_line: Line
    end_line: Line
    kind: Annotated[int, msgspec.Meta(ge=0, le=255)]
    name: Text
    container: Text
    signature: Text
    symbol_line: Annotated[int, msgspec.Meta(ge=-1, lt=1 << 31)]


class Places(msgspec.Struct, frozen=True):
    """Some of a commit's places, numbered from `first` on."""

    repository: Name
    commit: Revision
    first: Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]
    places: Annotated[list[Place], msgspec.Meta(max_length=MOST_PLACES)]


class Commit(msgspec.Struct, frozen=True):
    """The manifest of a repository: from when it is there, this commit is what is answered from."""

    repository: Name
    commit: Revision
    recipe: Text
    content_version: int
    places: Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]
    committed_s: float
    """When the commit was made, in seconds since 1970."""
    web: Text = ""
    """An address with `{path}`, `{start}` and `{end}` in it, where people can read the code."""


class Question(msgspec.Struct, frozen=True):
    """A question: its text, its words, its vector (int8, of `recipe`), and the repositories that are not asked."""

    query: Annotated[str, msgspec.Meta(max_length=32 << 10)]
    stems: Annotated[list[Text], msgspec.Meta(max_length=128)]
    recipe: Text
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_HITS)]
    vector: Annotated[bytes, msgspec.Meta(max_length=4096)] = b""
    without: Annotated[list[Text], msgspec.Meta(max_length=MOST_REPOSITORIES)] = []


class RemoteHit(msgspec.Struct, frozen=True):
    """A place that answers, with what was found of it on each side."""

    repository: str
    commit: str
    age_s: float
    url: str
    path: str
    language: str
    start_line: int
    end_line: int
    kind: int
    name: str
    container: str
    signature: str
    symbol_line: int
    bm25: float | None
    cosine: float | None


class RemoteAnswer(msgspec.Struct, frozen=True):
    """The best places, best first; `degraded` says what the answer lacks."""

    hits: Annotated[list[RemoteHit], msgspec.Meta(max_length=MOST_HITS)]
    degraded: str = ""


class BadMessage(LowtideError):
    """A message that is none of these."""

    kind = "message"


def encode(message: msgspec.Struct) -> bytes:
    """As it travels."""
    return msgspec.json.encode(message)


def decode(data: bytes, kind: type[T]) -> T:
    """BadMessage for anything but a message of this kind."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise BadMessage("a message cannot be read", str(error)[:200], "use the same version on both sides") from None
