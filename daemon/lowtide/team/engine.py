"""What the gateway asks of the engine that holds a team's chunks, places and manifests.

Invariant: the gateway decides who may ask what; an engine is told which repositories to look in, and looks in no other.
Invariant: each write can be done again without harm: a pusher that was killed begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from lowtide.errors import LowtideError
from lowtide.team.messages import Chunk, Commit, Place


class EngineError(LowtideError):
    """The engine cannot be reached, or does not do what it is asked."""

    kind = "engine"


class Found(NamedTuple):
    """A chunk of a repository that came near, and how near."""

    repository: str
    id: str
    score: float


class Engine(Protocol):
    """Threads: any number at once. Errors of all: EngineError."""

    def manifests(self) -> list[Commit]:
        """The commit of each repository that is answered from."""

    def commit(self, manifest: Commit) -> None:
        """From now on the repository is answered from this commit."""

    def which(self, repository: str, ids: Sequence[str]) -> set[str]:
        """Those of the chunks that the repository has."""

    def put_chunks(self, repository: str, chunks: Sequence[Chunk]) -> None:
        """Add chunks."""

    def put_places(self, repository: str, commit: str, first: int, places: Sequence[Place]) -> None:
        """Add places of a commit, numbered from `first` on."""

    def count_places(self, repository: str, commit: str) -> int:
        """How many places of a commit there are."""

    def nearest(self, vector: bytes, repositories: Sequence[str], limit: int) -> list[Found]:
        """The chunks nearest to an int8 vector, by cosine."""

    def with_words(self, stems: Sequence[str], repositories: Sequence[str], limit: int) -> list[Found]:
        """The chunks that hold any of the stems, by BM25."""

    def cosines(self, vector: bytes, chunks: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], float]:
        """How near these (repository, chunk) come to a vector."""

    def places(self, repository: str, commit: str, ids: Sequence[str]) -> list[Place]:
        """Where chunks stand in a commit."""

    def let_go(self, repository: str, keep: Sequence[str]) -> None:
        """Remove the places of all commits but these, and the chunks that no place of theirs names."""

    def close(self) -> None:
        """Let go of it."""
