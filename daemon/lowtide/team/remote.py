"""The team's index as the daemon asks it: one gateway, over HTTPS.

Invariant: an answer that is late or does not come costs a question its `degraded`, and no more; a gateway that stays
down is hardly asked.
Threads: `ask` and the pusher's requests, any number at once, each in a thread of its caller's.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TypeVar

import msgspec

from lowtide.closing import Closing
from lowtide.errors import LowtideError
from lowtide.system.address import parse_url
from lowtide.system.beneath import open_plain
from lowtide.system.way import STRAIGHT, Way
from lowtide.system.web import Connection
from lowtide.team.messages import Question, RemoteAnswer, decode, encode, sound

T = TypeVar("T")

MOST_ANSWER_BYTES = 4 << 20
MOST_TOKEN_BYTES = 4096
MOST_KEPT = 2
"""Connections that are kept for the next question."""


class GatewayError(LowtideError):
    """The gateway refuses, or fails."""

    kind = "gateway"

    def __init__(self, what: str, why: str = "", remedy: str = "", *, status: int) -> None:
        super().__init__(what, why, remedy)
        self.status = status


class _Told(msgspec.Struct):
    error: str = ""
    message: str = ""


class Gate(Closing):
    """A gateway, with what lets in."""

    def __init__(self, url: str, token_file: Path | None, timeout_s: float, way: Way = STRAIGHT) -> None:
        """ConfigError for an address that is none."""
        self._origin, path = parse_url(url)
        self._path = path.rstrip("/")
        self._token_file = token_file
        self._timeout_s = timeout_s
        self._way = way
        self._lock = threading.Lock()
        self._kept: list[Connection] = []
        self._is_closed = False

    def ask(self, path: str, message: msgspec.Struct | None, kind: type[T], most_bytes: int = MOST_ANSWER_BYTES) -> T:
        """Its answer. WebError, GatewayError, BadMessage; CannotRead for the token's file."""
        body = encode(message) if message is not None else b"{}"
        with self._lock:
            connection = self._kept.pop() if self._kept else Connection(self._origin, self._timeout_s, self._way)
        try:
            response = connection.ask("POST", f"{self._path}{path}", self._headers(), body)
            data = response.whole(most_bytes)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            is_kept = not self._is_closed and len(self._kept) < MOST_KEPT
            if is_kept:
                self._kept.append(connection)
        if not is_kept:
            connection.close()
        if response.status != 200:
            remedy = "see [team] token_file" if response.status in (401, 403) else "ask who runs the gateway"
            why = _told(data) or f"status {response.status}"
            raise GatewayError(f"{self._origin} refuses", why, remedy, status=response.status)
        return decode(data, kind)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._token_file is not None:
            with open_plain(self._token_file, MOST_TOKEN_BYTES, follow=True) as file:
                headers["Authorization"] = "Bearer " + file.whole().decode("latin-1").strip()
        return headers

    def search(self, question: Question) -> RemoteAnswer:
        """The best places of the team's repositories. Errors as `ask`."""
        return sound(self.ask("/v1/search", question, RemoteAnswer))

    def close(self) -> None:
        """Let go of what is kept, and of what is still being asked when it has its answer."""
        with self._lock:
            kept, self._kept, self._is_closed = self._kept, [], True
        for connection in kept:
            connection.close()


def _told(data: bytes) -> str:
    """What a refusal says of itself."""
    try:
        return msgspec.json.decode(data, type=_Told).message[:200]
    except msgspec.MsgspecError:
        return ""
