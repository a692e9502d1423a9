"""The gateway: who asks is told what they may know, by the ranker that every Lowtide has.

Invariant: access is decided here and nowhere else: a repository that a token does not allow is asked for by nobody.
Invariant: a commit is answered from when its manifest is there, and from nothing of it before; the one before stays
until then, and its places a commit longer, for who is in the middle of a question.
Threads: any number at once; it holds nothing but the manifests, for a moment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

from lowtide.errors import LowtideError
from lowtide.team.access import Grant
from lowtide.team.engine import Engine, EngineError
from lowtide.team.messages import (
    MOST_AGE_S,
    Chunks,
    Commit,
    Missing,
    Place,
    Places,
    Question,
    RemoteAnswer,
    RemoteHit,
    web_address,
)
from lowtide.team.ranking import ranked

log = logging.getLogger(__name__)

REMEMBER_S = 2.0
"""So long manifests are remembered: a question need not ask for them."""
FEWEST_CANDIDATES = 50
MORE_CANDIDATES = 4
"""Times the hits that are wanted: chunks of commits that were let go are found too."""


class NotAllowed(LowtideError):
    """This token does not allow it."""

    kind = "not-allowed"


class Incomplete(LowtideError):
    """A commit whose places are not all there."""

    kind = "incomplete"


class Gateway:
    """See the module."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._manifests: list[Commit] = []
        self._known_s = float("-inf")
        self._before: dict[str, str] = {}

    def manifests(self, grant: Grant) -> list[Commit]:
        """The commits that a token may see."""
        return [each for each in self._all() if grant.allows(each.repository)]

    def _all(self, *, anew: bool = False) -> list[Commit]:
        with self._lock:
            now_s = time.monotonic()
            if anew or now_s - self._known_s > REMEMBER_S:
                self._manifests = self._engine.manifests()
                self._known_s = now_s
            return list(self._manifests)

    # -- pushing ------------------------------------------------------------------------------------------------

    def missing(self, grant: Grant, asked: Missing) -> list[str]:
        """Those of the chunks that the repository does not have. NotAllowed, EngineError."""
        _check_push(grant, asked.repository)
        there = self._engine.which(asked.repository, asked.ids)
        return [each for each in asked.ids if each not in there]

    def put_chunks(self, grant: Grant, sent: Chunks) -> None:
        """NotAllowed, EngineError."""
        _check_push(grant, sent.repository)
        self._engine.put_chunks(sent.repository, sent.chunks)

    def put_places(self, grant: Grant, sent: Places) -> None:
        """NotAllowed, EngineError."""
        _check_push(grant, sent.repository)
        self._engine.put_places(sent.repository, sent.commit, sent.first, sent.places)

    def commit(self, grant: Grant, manifest: Commit) -> None:
        """Answer from this commit from now on. NotAllowed, Incomplete, EngineError."""
        _check_push(grant, manifest.repository)
        count = self._engine.count_places(manifest.repository, manifest.commit)
        if count != manifest.places:
            why = f"{count:,} of {manifest.places:,} places are there"
            raise Incomplete("the commit is not complete", why, "push it again")
        before = [each.commit for each in self._all(anew=True) if each.repository == manifest.repository]
        self._engine.commit(manifest)
        self._all(anew=True)
        try:
            self._engine.let_go(manifest.repository, list(dict.fromkeys((manifest.commit, *before))))
        except EngineError as error:
            log.warning("event=not-let-go repository=%r why=%r", manifest.repository, str(error))

    # -- questions ----------------------------------------------------------------------------------------------

    def search(self, grant: Grant, question: Question) -> RemoteAnswer:
        """The best places of what the token allows, best first. EngineError."""
        without = set(question.without)
        manifests = {each.repository: each for each in self.manifests(grant) if each.repository not in without}
        if not manifests:
            return RemoteAnswer([])
        limit = max(FEWEST_CANDIDATES, MORE_CANDIDATES * question.limit)
        same = [name for name, each in manifests.items() if each.recipe == question.recipe]
        dense = self._engine.nearest(question.vector, same, limit) if question.vector and same else []
        words = self._engine.with_words(question.stems, list(manifests), limit) if question.stems else []
        cosines = {(each.repository, each.id): each.score for each in dense}
        bm25 = {(each.repository, each.id): each.score for each in words}
        if question.vector:
            rest = [key for key in bm25 if key not in cosines and key[0] in same]
            cosines.update(self._engine.cosines(question.vector, rest))
        keys = list(dict.fromkeys((*cosines, *bm25)))
        found = self._placed(keys, manifests)
        hits = []
        for repository, place in found:
            key = (repository, place.id)
            hits.append(self._hit(manifests[repository], place, bm25.get(key), cosines.get(key)))
        others = len(manifests) - len(same)
        degraded = f"{others} of {len(manifests)} repositories by words alone: another model" if others else ""
        return RemoteAnswer(ranked(question.query, hits)[: question.limit], degraded)

    def _placed(self, keys: Sequence[tuple[str, str]], manifests: dict[str, Commit]) -> list[tuple[str, Place]]:
        by_repository: dict[str, list[str]] = {}
        for repository, chunk in keys:
            by_repository.setdefault(repository, []).append(chunk)
        return [
            (repository, place)
            for repository, chunks in by_repository.items()
            for place in self._engine.places(repository, manifests[repository].commit, chunks)
        ]

    def _hit(self, manifest: Commit, place: Place, bm25: float | None, cosine: float | None) -> RemoteHit:
        url = manifest.web.replace("{path}", quote(place.path))
        url = url.replace("{start}", str(place.start_line + 1)).replace("{end}", str(place.end_line + 1))
        return RemoteHit(
            repository=manifest.repository,
            commit=manifest.commit,
            age_s=min(MOST_AGE_S, max(0.0, self._clock() - manifest.committed_s)),
            url=web_address(url),
            path=place.path,
            language=place.language,
            start_line=place.start_line,
            end_line=place.end_line,
            kind=place.kind,
            name=place.name,
            container=place.container,
            signature=place.signature,
            symbol_line=place.symbol_line,
            bm25=bm25,
            cosine=cosine,
        )


def _check_push(grant: Grant, repository: str) -> None:
    if not grant.may_push or not grant.allows(repository):
        raise NotAllowed("this token may not push to it", repository, "ask who runs the gateway")
