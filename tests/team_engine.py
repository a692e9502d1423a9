"""An engine in memory, for tests of the gateway that need no Milvus."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lowtide.team.engine import EngineError, Found
from lowtide.team.messages import Chunk, Commit, Place

K1, B = 1.2, 0.75


class MemoryEngine:
    """See `lowtide.team.engine.Engine`. `is_down`: it fails at everything."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[str, str], Chunk] = {}
        self.by_commit: dict[tuple[str, str], dict[int, Place]] = {}
        self.known: dict[str, Commit] = {}
        self.is_down = False

    def _look(self) -> None:
        if self.is_down:
            raise EngineError("the engine cannot be reached", "it is down", "look whether it runs")

    def manifests(self) -> list[Commit]:
        self._look()
        return list(self.known.values())

    def commit(self, manifest: Commit) -> None:
        self._look()
        self.known[manifest.repository] = manifest

    def which(self, repository: str, ids: Sequence[str]) -> set[str]:
        self._look()
        return {each for each in ids if (repository, each) in self.chunks}

    def put_chunks(self, repository: str, chunks: Sequence[Chunk]) -> None:
        self._look()
        self.chunks.update({(repository, chunk.id): chunk for chunk in chunks})

    def put_places(self, repository: str, commit: str, first: int, places: Sequence[Place]) -> None:
        self._look()
        self.by_commit.setdefault((repository, commit), {}).update(dict(enumerate(places, first)))

    def count_places(self, repository: str, commit: str) -> int:
        self._look()
        return len(self.by_commit.get((repository, commit), {}))

    def _in(self, repositories: Sequence[str]) -> list[tuple[tuple[str, str], Chunk]]:
        self._look()
        return [(key, chunk) for key, chunk in self.chunks.items() if key[0] in set(repositories)]

    def nearest(self, vector: bytes, repositories: Sequence[str], limit: int) -> list[Found]:
        found = [Found(*key, _cosine(vector, chunk.vector)) for key, chunk in self._in(repositories)]
        return sorted(found, key=lambda each: -each.score)[:limit]

    def with_words(self, stems: Sequence[str], repositories: Sequence[str], limit: int) -> list[Found]:
        documents = [(key, Counter(chunk.stems.split())) for key, chunk in self._in(repositories)]
        mean = sum(count.total() for _, count in documents) / max(1, len(documents))
        holding = {stem: sum(stem in count for _, count in documents) for stem in stems}
        found = []
        for key, count in documents:
            score = 0.0
            for stem in stems:
                if times := count[stem]:
                    rare = math.log(1 + (len(documents) - holding[stem] + 0.5) / (holding[stem] + 0.5))
                    score += rare * times * (K1 + 1) / (times + K1 * (1 - B + B * count.total() / mean))
            if score:
                found.append(Found(*key, score))
        return sorted(found, key=lambda each: -each.score)[:limit]

    def cosines(self, vector: bytes, chunks: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], float]:
        self._look()
        return {key: _cosine(vector, self.chunks[key].vector) for key in chunks if key in self.chunks}

    def places(self, repository: str, commit: str, ids: Sequence[str]) -> list[Place]:
        self._look()
        return [place for place in self.by_commit.get((repository, commit), {}).values() if place.id in set(ids)]

    def let_go(self, repository: str, keep: Sequence[str]) -> None:
        self._look()
        for key in [key for key in self.by_commit if key[0] == repository and key[1] not in keep]:
            del self.by_commit[key]
        used = {place.id for key, each in self.by_commit.items() if key[0] == repository for place in each.values()}
        for key in [key for key in self.chunks if key[0] == repository and key[1] not in used]:
            del self.chunks[key]

    def close(self) -> None:
        pass


def _cosine(one: bytes, other: bytes) -> float:
    left, right = (np.frombuffer(each, np.int8).astype(float) for each in (one, other))
    return float(left @ right / max(1e-9, np.linalg.norm(left) * np.linalg.norm(right)))
