"""HTTP/1.1, as much of it as asking one server needs: a request, its answer, a connection that is used again.

Written on sockets, because importing http.client costs a daemon seven MiB (measured), and this nothing.

Invariant: whatever a server sends, a line, the head, a chunk's size and the time that an answer takes are bounded; a
body is read as far as who asks wants it, and not a byte more is kept.
Invariant: plain HTTP is spoken to this machine alone; anything else is HTTPS, with the certificate checked.
Threads: a Connection is one thread's.
Source: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lowtide.closing import Closing
from lowtide.system.address import Origin
from lowtide.system.proxy import STATUS, WebError, open_tunnel, proxy_for
from lowtide.system.way import STRAIGHT, Way

CONNECT_S = 5.0
MOST_LINE_BYTES = 16 << 10
MOST_HEADERS = 100
MOST_REDIRECTS = 5
_BLOCK_BYTES = 64 << 10
_NO_BODY = (204, 304)


class Response:
    """An answer: its status, its headers (names in lower case), and its body as it is read."""

    def __init__(self, connection: Connection, status: int, headers: Mapping[str, str], *, has_body: bool) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection
        self._is_chunked = has_body and "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length", "")
        self.length: int | None = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
        """Bytes of the body, where the server says so."""
        if self._is_chunked:
            self.length = None
        self._left: int | None = (0 if self._is_chunked else self.length) if has_body else 0
        self._ended = self._left == 0 and not self._is_chunked
        if self._ended:
            connection.has_answered()

    def read(self, count: int) -> bytes:
        """The next bytes of the body, at most `count`; none at its end. WebError, also when it is cut."""
        if self._is_chunked and self._left == 0 and not self._ended:
            self._begin_chunk()
        if self._ended:
            return b""
        data = self._connection.take(count if self._left is None else min(count, self._left))
        if self._left is None:
            self._ended = not data  # to the end of the connection
        elif not data:
            raise WebError(f"{self._connection.origin} has cut its answer", f"{self._left:,} bytes are missing")
        else:
            self._left -= len(data)
            self._end_block()
        return data

    def whole(self, most_bytes: int) -> bytes:
        """The whole body. WebError, also when it is longer."""
        pieces, size = [], 0
        while piece := self.read(_BLOCK_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > most_bytes:
                raise WebError(f"{self._connection.origin} answers too much", f"more than {most_bytes:,} bytes")
        return b"".join(pieces)

    def _end_block(self) -> None:
        if self._left:
            return
        if self._is_chunked:
            self._connection.take_line()  # what ends a chunk
        else:
            self._ended = True
            self._connection.has_answered()

    def _begin_chunk(self) -> None:
        size = self._connection.take_line().partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", size):
            raise WebError(f"{self._connection.origin} says what is no HTTP", "the size of a chunk")
        self._left = int(size, 16)
        if self._left == 0:
            for _ in range(MOST_HEADERS):
                if not self._connection.take_line():
                    break
            self._ended = True
            self._connection.has_answered()


class Connection(Closing):
    """A connection to one server, made when it is needed, and again when the server has closed it. Close it."""

    def __init__(self, origin: Origin, timeout_s: float, way: Way = STRAIGHT) -> None:
        """`timeout_s`: how long a request may take to its head, and then each piece of the body."""
        self.origin = origin
        self._way = way
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._ready = b""
        self._keeps = False
        self._deadline_s = 0.0

    def close(self) -> None:
        """Let go of it."""
        taken, self._socket, self._ready = self._socket, None, b""
        if taken is not None:
            taken.close()

    def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Response:
        """Send a request; the answer, of which only the head has been read. WebError."""
        host = f"[{self.origin.host}]" if ":" in self.origin.host else self.origin.host
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}:{self.origin.port}", "User-Agent: lowtide"]
        lines += [f"{name}: {_one_line(value)}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(body)}"] if body or method in ("POST", "PUT") else []
        message = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
        used_before = self._socket is not None and self._keeps
        try:
            return self._ask(method, message)
        except _Closed:
            if not used_before:
                raise WebError(f"{self.origin} has closed the connection", "before it answered") from None
            return self._ask_again(method, message)

    def _ask_again(self, method: str, message: bytes) -> Response:
        """A connection that is kept may be closed by the server at any moment: that is no failure of the request."""
        try:
            return self._ask(method, message)
        except _Closed:
            raise WebError(f"{self.origin} has closed the connection", "before it answered") from None

    def _ask(self, method: str, message: bytes) -> Response:
        if self._socket is None or not self._keeps:
            self.close()
            self._socket = self._connect()
        self._keeps = False
        self._ready = b""
        self._deadline_s = time.monotonic() + self._timeout_s
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(message)
            found = self._head(method)
        except (TimeoutError, WebError, _Closed):
            self.close()
            raise
        except OSError as error:
            self.close()
            raise _Closed from error
        return found

    def _head(self, method: str) -> Response:
        while True:
            first = self.take_line(is_first=True)
            status = STATUS.fullmatch(first)
            if status is None:
                raise WebError(f"{self.origin} says what is no HTTP", repr(first[:60]))
            headers: dict[str, str] = {}
            while line := self.take_line():
                if len(headers) >= MOST_HEADERS:
                    raise WebError(f"{self.origin} says what is no HTTP", "too many headers")
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.strip().lower()] = value.strip()
            if not status[1].startswith(b"1"):
                break
        self._will_keep = headers.get("connection", "").lower() != "close" and first.startswith(b"HTTP/1.1")
        has_body = method != "HEAD" and int(status[1]) not in _NO_BODY
        return Response(self, int(status[1]), headers, has_body=has_body)

    def has_answered(self) -> None:
        """The answer was read to its end: another request may follow."""
        self._keeps = self._will_keep and not self._ready

    def _connect(self) -> socket.socket:
        (_, host, port), timeout_s = self.origin, min(CONNECT_S, self._timeout_s)
        if not self.origin.is_secure:
            return self._reach(host, port, str(self.origin))
        tls, proxy = _tls(self._way.certificates), proxy_for(host, port, self._way)
        made = self._reach(proxy.host, proxy.port, str(proxy)) if proxy else self._reach(host, port, str(self.origin))
        try:
            if proxy is not None:
                open_tunnel(made, proxy, host, port, timeout_s)
            made.settimeout(timeout_s)
            return tls.wrap_socket(made, server_hostname=host)
        except BaseException as error:
            made.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                what = f"the certificate of {self.origin} is not trusted"
                remedy = "name those that vouch for it as `certificates`, or in SSL_CERT_FILE"
                raise WebError(what, error.verify_message, remedy) from error
            if isinstance(error, OSError):
                raise self._unreached(str(self.origin), error) from error
            raise

    def _reach(self, host: str, port: int, name: str) -> socket.socket:
        try:
            return socket.create_connection((host, port), min(CONNECT_S, self._timeout_s))
        except OSError as error:
            raise self._unreached(name, error) from error

    def _unreached(self, name: str, error: OSError) -> WebError:
        why = error.strerror or str(error)
        return WebError(f"{name} cannot be reached", why, "look at the address, and the network")

    def take(self, count: int) -> bytes:
        """The next bytes, at most `count`; none when the server has closed. WebError when they do not come in time."""
        if not self._ready:
            self._deadline_s = time.monotonic() + self._timeout_s
            self._ready = self._receive()
        data, self._ready = self._ready[:count], self._ready[count:]
        return data

    def take_line(self, *, is_first: bool = False) -> bytes:
        """The next line, without its end. WebError."""
        while (end := self._ready.find(b"\n")) < 0:
            if len(self._ready) > MOST_LINE_BYTES:
                raise WebError(f"{self.origin} says what is no HTTP", "a line that does not end")
            more = self._receive()
            if not more:
                if is_first and not self._ready:
                    raise _Closed
                raise WebError(f"{self.origin} has cut its answer", "in the middle of a line")
            self._ready += more
        line, self._ready = self._ready[:end], self._ready[end + 1 :]
        return line.removesuffix(b"\r")

    def _receive(self) -> bytes:
        left_s = self._deadline_s - time.monotonic()
        if self._socket is None or left_s <= 0:
            raise self._too_late()
        try:
            self._socket.settimeout(left_s)
            return self._socket.recv(_BLOCK_BYTES)
        except TimeoutError:
            raise self._too_late() from None
        except ConnectionError:
            return b""
        except OSError as error:
            raise WebError(f"{self.origin} cannot be heard", error.strerror or str(error)) from error

    def _too_late(self) -> WebError:
        return WebError(f"{self.origin} does not answer", f"not within {self._timeout_s:g} s", "try again later")


class _Closed(Exception):
    """The server has closed the connection before it said anything."""


def _one_line(value: str) -> str:
    if "\r" in value or "\n" in value:
        raise WebError("a header cannot be sent", "it has more than one line")
    return value


_contexts: dict[Path | None, tuple[int, ssl.SSLContext]] = {}


def _tls(certificates: Path | None = None) -> ssl.SSLContext:
    """One for all that trust the same: the certificates of the machine take two MiB. WebError."""
    try:
        written_ns = certificates.stat().st_mtime_ns if certificates else 0
        known = _contexts.get(certificates)
        if known is not None and known[0] == written_ns:
            return known[1]
        context = ssl.create_default_context(cafile=certificates)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise WebError(f"the certificates {certificates} cannot be read", why, "name a file in PEM format") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with suppress(NotImplementedError):
        context.set_alpn_protocols(["http/1.1"])
    _contexts[certificates] = written_ns, context
    return context
