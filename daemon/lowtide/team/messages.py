"""What the daemon, `lowtide push` and the gateway say to each other: JSON objects, checked by their types.

Invariant: every list and text that comes in is bounded here.
"""

from __future__ import annotations

import re
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
MOST_URL = 1 << 16
MOST_AGE_S = 1e12
_WEB = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(?:[/?#][^\x00-\x1f\x7f-\x9f]*)?", re.IGNORECASE)
"""An address that people can be sent to, without a user and a password."""

Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
"""Of a chunk: the hash of recipe, content version and all its text."""
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._/-]{1,200}$")]
"""Of a repository: host and path."""
Revision = Annotated[str, msgspec.Meta(pattern="^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
Text = Annotated[str, msgspec.Meta(max_length=4096)]
Line = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
Signal = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
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

    repository: Name
    commit: Revision
    age_s: Annotated[float, msgspec.Meta(ge=0, le=MOST_AGE_S)]
    url: Annotated[str, msgspec.Meta(max_length=MOST_URL)]
    path: Text
    language: Text
    start_line: Line
    end_line: Line
    kind: Annotated[int, msgspec.Meta(ge=0, le=255)]
    name: Text
    container: Text
    signature: Text
    symbol_line: Annotated[int, msgspec.Meta(ge=-1, lt=1 << 31)]
    bm25: Signal | None
    cosine: Signal | None


class RemoteAnswer(msgspec.Struct, frozen=True):
    """The best places, best first; `degraded` says what the answer lacks."""

    hits: Annotated[list[RemoteHit], msgspec.Meta(max_length=MOST_HITS)]
    degraded: Annotated[str, msgspec.Meta(max_length=1000)] = ""


def web_address(url: str) -> str:
    """The address if people can be sent there, else nothing: a pusher may have named anything."""
    return url if len(url) <= MOST_URL and _WEB.fullmatch(url) else ""


def sound(answer: RemoteAnswer) -> RemoteAnswer:
    """Without the hits whose path leads out of their repository, and without addresses that are none of the web."""
    hits = [
        msgspec.structs.replace(hit, url=web_address(hit.url))
        for hit in answer.hits
        if hit.path and "\0" not in hit.path and not hit.path.startswith("/") and ".." not in hit.path.split("/")
    ]
    return RemoteAnswer(hits, answer.degraded)


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
