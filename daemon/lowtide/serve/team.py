"""The team's index beside the workspace's own: asked at the same time, waited for a moment, and merged.

Invariant: what is checked out here is answered from here: its repositories are not asked for.
Invariant: a question waits WAIT_S for the gateway at most, and is answered without it then, saying so.
Invariant: at most MOST_AT_ONCE requests are on their way, also those that nobody waits for any more.
Threads: the event loop's; each request works in a thread, which ends by itself when nobody waits for it any more.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial

import anyio
import anyio.to_thread
import msgspec

from lowtide.config.settings import TeamSettings
from lowtide.core.breaker import Breaker
from lowtide.errors import LowtideError
from lowtide.models import Mode
from lowtide.paths import Places
from lowtide.read.request import SearchRequest
from lowtide.store.lexical.engine import stem_of
from lowtide.system.tree.repository import repository_at
from lowtide.team.messages import MOST_HITS, Question, RemoteAnswer, RemoteHit
from lowtide.team.remote import Gate

log = logging.getLogger(__name__)

WAIT_S = 0.15
LONGEST_S = 3.0
"""A request that takes longer ends, whoever waits."""
MOST_AT_ONCE = 4
LOCAL_S = 30.0
"""So long it is remembered which repositories are checked out."""


class TeamAnswer(msgspec.Struct, frozen=True):
    """What the team's index adds; `degraded` says what it lacks."""

    hits: list[RemoteHit] = msgspec.field(default_factory=list)
    degraded: str = ""


class _Asked:
    """One gateway, as one configuration names it: its connections, and how it has fared."""

    def __init__(self, settings: TeamSettings) -> None:
        self.settings = settings
        self.breaker = Breaker()
        self.why = ""
        self._gate: Gate | None = None

    def gate(self) -> Gate:
        """ConfigError for an address that is none."""
        if self._gate is None:
            settings = self.settings
            self._gate = Gate(settings.url, settings.token_file, LONGEST_S, settings.way)
        return self._gate

    def close(self) -> None:
        """Let go of the connections."""
        if self._gate is not None:
            self._gate.close()


class Team:
    """The gateway that the user's configuration names."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._limit = anyio.CapacityLimiter(MOST_AT_ONCE)
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        """Taken for a request until it ends; the limiter's is given back when nobody waits any more."""
        self._asked = _Asked(TeamSettings())
        self._local: tuple[float, list[str]] = (float("-inf"), [])

    def close(self) -> None:
        """Let go of the connections."""
        self._asked.close()

    def _asked_by(self, settings: TeamSettings) -> _Asked:
        """Other settings begin anew: how the gateway before has fared tells nothing of this one."""
        if settings != self._asked.settings:
            self._asked.close()
            self._asked = _Asked(settings)
        return self._asked

    async def ask(self, settings: TeamSettings, request: SearchRequest, vector: bytes, recipe: str) -> TeamAnswer:
        """The team's best for a request; nothing where there is no gateway. Errors: none.

        What is narrowed to paths is of this workspace, and the team is not asked.
        """
        if not settings.url or request.narrow.globs:
            return TeamAnswer()
        began_s = time.monotonic()
        # Held while it is asked: an answer that comes after a change counts for the settings it was asked with.
        asked = self._asked_by(settings)
        if not self._room.acquire(blocking=False):
            return TeamAnswer(degraded="without the team's index: it is busy with earlier questions")
        if not asked.breaker.may_ask(began_s):
            self._room.release()
            return TeamAnswer(degraded=f"without the team's index: {asked.why or 'it is busy'}")
        answer: RemoteAnswer | None = None
        place = _Place(self._room)
        try:
            with anyio.move_on_after(WAIT_S):
                ask = partial(place.work, partial(self._ask, asked.gate(), request, vector, recipe))
                answer = await anyio.to_thread.run_sync(ask, limiter=self._limit, abandon_on_cancel=True)
            asked.why = "it does not answer in time"
        except (LowtideError, OSError) as error:
            asked.why = error.message if isinstance(error, LowtideError) else str(error)
        except BaseException:
            asked.breaker.left()  # as with each key in an editor
            raise
        finally:
            place.leave()
        if answer is None:
            asked.breaker.failed(time.monotonic())
            log.info("event=team-not-answered why=%r", asked.why)
            return TeamAnswer(degraded=f"without the team's index: {asked.why}")
        asked.breaker.succeeded()
        return TeamAnswer(_narrowed(answer.hits, request), answer.degraded)

    def _ask(self, gate: Gate, request: SearchRequest, vector: bytes, recipe: str) -> RemoteAnswer:
        """In a thread."""
        question = request.question
        words = question.words if request.mode is not Mode.SEMANTIC else ()
        sent = Question(
            query=question.gist[: 32 << 10],
            stems=list(dict.fromkeys(stem for word in words if (stem := stem_of(word)))),
            recipe=recipe,
            limit=min(MOST_HITS, request.limit),
            vector=vector if request.mode is not Mode.LEXICAL else b"",
            without=self._checked_out(),
        )
        return gate.search(sent)

    def _checked_out(self) -> list[str]:
        known_s, names = self._local
        if time.monotonic() - known_s > LOCAL_S:
            origins = {
                repository.origin
                for root, _ in self._places.list_indexes()
                if (repository := repository_at(os.fsencode(root))) is not None
            }
            names = [name[2:].decode("utf-8", "replace") for name in sorted(origins) if name.startswith(b"//")]
            self._local = (time.monotonic(), names)
        return names


class _Place:
    """Room for one request: free again when the request has ended, or when it is left before it has begun."""

    def __init__(self, room: threading.BoundedSemaphore) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._is_taken = False
        self._is_free = False

    def work(self, ask: Callable[[], RemoteAnswer]) -> RemoteAnswer | None:
        """In a thread: ask, unless nobody waits any more."""
        with self._lock:
            if self._is_free:
                return None
            self._is_taken = True
        try:
            return ask()
        finally:
            self._room.release()

    def leave(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            if not self._is_taken and not self._is_free:
                self._is_free = True
                self._room.release()


def _narrowed(hits: list[RemoteHit], request: SearchRequest) -> list[RemoteHit]:
    narrow = request.narrow
    return [
        hit
        for hit in hits
        if (not narrow.languages or hit.language in narrow.languages)
        and (not narrow.kinds or hit.kind in {int(kind) for kind in narrow.kinds})
    ]
