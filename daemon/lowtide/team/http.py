"""The gateway over HTTP: one function a path; a token with each request.

Invariant: nothing of a body is read before its length is known and its token is; what goes wrong is one line of JSON.
Threads: one a connection, so many at most; the others wait to be accepted.
"""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lowtide.errors import ConfigError, LowtideError
from lowtide.team.access import Access, Grant
from lowtide.team.gateway import Gateway, Incomplete, NotAllowed
from lowtide.team.messages import (
    MOST_BODY_BYTES,
    BadMessage,
    Chunks,
    Commit,
    Missing,
    Places,
    Question,
    decode,
)

log = logging.getLogger(__name__)
M = TypeVar("M")

MOST_CONNECTIONS = 64
IDLE_S = 60.0
_STATUS: dict[type[LowtideError], int] = {NotAllowed: 403, Incomplete: 409, BadMessage: 400}


def _routes(gateway: Gateway) -> dict[str, Callable[[Grant, bytes], Any]]:
    def read(kind: type[M], answer: Callable[[Grant, M], Any]) -> Callable[[Grant, bytes], Any]:
        return lambda grant, body: answer(grant, decode(body, kind))

    def keep(kind: type[M], take: Callable[[Grant, M], None]) -> Callable[[Grant, bytes], Any]:
        def answer(grant: Grant, body: bytes) -> dict[str, Any]:
            take(grant, decode(body, kind))
            return {}

        return answer

    return {
        "/v1/missing": read(Missing, lambda grant, asked: {"missing": gateway.missing(grant, asked)}),
        "/v1/chunks": keep(Chunks, gateway.put_chunks),
        "/v1/places": keep(Places, gateway.put_places),
        "/v1/commit": keep(Commit, gateway.commit),
        "/v1/search": read(Question, gateway.search),
        "/v1/commits": lambda grant, _: {"commits": gateway.manifests(grant)},
    }


class Server(ThreadingHTTPServer):
    """Serves until `shutdown`. `address`: where it is to be found."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, place: tuple[str, int], gateway: Gateway, access: Access, certificate: tuple[Path, Path] | None
    ) -> None:
        """`certificate`: its file and its key's; without one only this machine may be served. ConfigError."""
        if certificate is None and place[0] not in ("127.0.0.1", "localhost", "::1"):
            raise ConfigError(f"will not serve {place[0]} without TLS", "", "give --certificate and --key")
        self.routes = _routes(gateway)
        self.access = access
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(place, _Handler)
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
            self._tls.load_cert_chain(*certificate)

    @property
    def address(self) -> str:
        """Its URL."""
        host, port = self.server_address[:2]
        return f"{'https' if self._tls else 'http'}://{host!s}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, when there is room."""
        self._room.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The handshake too is the thread's: who stalls it stalls no other."""
        try:
            request.settimeout(IDLE_S)
            if self._tls is not None:
                request = self._tls.wrap_socket(request, server_side=True)
            super().process_request_thread(request, client_address)
        except OSError as error:
            log.info("event=connection-failed why=%r", str(error))
            self.shutdown_request(request)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no fault."""
        log.info("event=connection-ended", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    timeout = IDLE_S

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def do_POST(self) -> None:
        """A token, a body of a known length, an answer."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        grant = self.server.access.grant_of(token.strip()) if scheme.lower() == "bearer" else None
        length = self.headers.get("Content-Length", "")
        if grant is None:
            self._refuse(401, "token", "no token that is known")
        elif not length.isdigit() or int(length) > MOST_BODY_BYTES:
            self._refuse(413, "length", f"a body has at most {MOST_BODY_BYTES:,} bytes, and says how many")
        elif (answer := self.server.routes.get(self.path)) is None:
            self._refuse(404, "path", "there is nothing at this path")
        else:
            self._send(*self._answer(grant, answer, self.rfile.read(int(length))))

    def _answer(self, grant: Grant, answer: Callable[[Grant, bytes], Any], body: bytes) -> tuple[int, bytes]:
        try:
            return 200, msgspec.json.encode(answer(grant, body))
        except LowtideError as error:
            status = _STATUS.get(type(error), 502)
            log.info("event=refused path=%r who=%r status=%d why=%r", self.path, grant.name, status, str(error))
            return status, json.dumps({"error": error.kind, "message": error.message}).encode()
        except Exception:
            log.exception("event=failed path=%r who=%r", self.path, grant.name)
            return 500, json.dumps({"error": "internal", "message": "see the gateway's log"}).encode()

    def _refuse(self, status: int, kind: str, message: str) -> None:
        self.close_connection = True  # its body is not read
        self._send(status, json.dumps({"error": kind, "message": message}).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
